/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct unit *units;
static size_t count;

/* The order in which constructors run is not specified. */
void unit_add(struct unit *unit)
{
	struct unit **at = &units;

	while (*at != NULL && (*at)->line < unit->line)
		at = &(*at)->next;
	unit->next = *at;
	*at = unit;
	count++;
}

/* test_store runs the group "store". */
static const char *group_of(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *base = slash != NULL ? slash + 1 : program;

	return strncmp(base, "test_", 5) == 0 ? base + 5 : base;
}

static int run(const char *group)
{
	struct CMUnitTest tests[count];
	const struct unit *unit;
	size_t n = 0;

	for (unit = units; unit != NULL; unit = unit->next)
		tests[n++] = unit->test;
	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	(void)argc;
	if (count == 0) {
		fprintf(stderr, "%s has no tests\n", argv[0]);
		return 1;
	}
	return run(group_of(argv[0])) != 0;
}
