/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/mapping_files.h"

static struct ws_mapping *load(char *file, char *more, struct ws_buf *diags)
{
	char *items[] = { file, more };
	const struct conf_list list = { .items = items, .n = more != NULL ? 2 : 1 };
	struct ws_mapping *mapping = mapping_files_load(&list, NULL, diags);

	ws_buf_char(diags, '\0');
	return mapping;
}

static void builtin(void **state)
{
	char name[] = CONF_BUILTIN;
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_mapping *mapping = load(name, NULL, &diags);

	(void)state;
	if (mapping == NULL)
		fail_msg("%s", diags.ptr);
	assert_true(ws_mapping_rules(mapping) > 0);
	assert_string_equal(ws_mapping_rule(mapping, 0).file, CONF_BUILTIN);
	ws_mapping_unref(mapping);
	ws_buf_fini(&diags);
}

static void unreadable_files_are_all_named(void **state)
{
	char missing[] = "/nonexistent/a.ini", directory[] = "/";
	struct ws_buf diags = WS_BUF_INIT;

	(void)state;
	assert_null(load(missing, directory, &diags));
	assert_string_equal(diags.ptr,
	                    "/nonexistent/a.ini: cannot be read: No such file or directory\n"
	                    "/: cannot be read: Is a directory\n");
	ws_buf_fini(&diags);
}

static void bad_file_has_its_line(void **state)
{
	char name[] = "/tmp/windsock-test-XXXXXX";
	int fd = mkstemp(name);
	struct ws_buf diags = WS_BUF_INIT;
	static const char text[] = "[a]\nmatch = a.<b\n";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_null(load(name, NULL, &diags));
	assert_true(strncmp(diags.ptr, name, strlen(name)) == 0);
	assert_true(diags.ptr[strlen(name)] == ':');
	unlink(name);
	ws_buf_fini(&diags);
}

static void huge_file_is_refused(void **state)
{
	char name[] = "/tmp/windsock-test-XXXXXX";
	int fd = mkstemp(name);
	struct ws_buf diags = WS_BUF_INIT;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, MAPPING_FILE_MAX + 1), 0);
	close(fd);
	assert_null(load(name, NULL, &diags));
	assert_non_null(strstr(diags.ptr, "is larger than 4194304 bytes"));
	unlink(name);
	ws_buf_fini(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builtin),
		cmocka_unit_test(unreadable_files_are_all_named),
		cmocka_unit_test(bad_file_has_its_line),
		cmocka_unit_test(huge_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
