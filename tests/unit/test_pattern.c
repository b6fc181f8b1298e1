/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "rules/pattern_index.h"
#include "rules/pattern.h"

static struct pattern parsed(const char *text)
{
	struct ws_buf why = WS_BUF_INIT;
	struct pattern p;

	assert_true(pattern_parse(&p, ws_span_str(text), &why));
	ws_buf_fini(&why);
	return p;
}

static const struct {
	const char *pattern, *name, *values; /* NULL: does not match */
} rows[] = {
	{ "a.b", "a.b", "" },
	{ "a.b", "a.b.c", NULL },
	{ "ti.start.<d>.<t>", "ti.start.x.y", "x|y|" },
	{ "ti.start.<d>.<t>", "ti.start.x.y.z", NULL },
	{ "ti.finish.<d>.<t...>.<s>", "ti.finish.d.g.t.success", "d|g.t|success|" },
	{ "ti.finish.<d>.<t...>.<s>", "ti.finish.d.t", NULL },
	{ "operator_failures_<op>", "operator_failures_Bash", "Bash|" },
	{ "operator_failures_<op>", "operator_failures_", NULL },
	{ "<job>_start", "a_start_start", "a_start|" },
	{ "a.<x>.b", "a..b", "|" },
	{ "dr.<s:success|failed>.<d...>", "dr.failed.a.b", "failed|a.b|" },
	{ "dr.<s:success|failed>.<d...>", "dr.other.a", NULL },
	{ "<a...>.<b...>", "x.y.z", "x|y.z|" },
	{ "x.<_>.<_...>.<y>", "x.1.2.3.4", "4|" },
};

TEST(captures)
{
	struct ws_span values[PATTERN_CAPTURES_MAX];
	char got[128];
	size_t i, k, n;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern p = parsed(rows[i].pattern);
		bool fits = pattern_match(&p, ws_span_str(rows[i].name), values);

		assert_int_equal(fits, rows[i].values != NULL);
		got[0] = '\0';
		for (k = n = 0; fits && k < p.ncaptures; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s|",
			                      WS_SPAN_ARG(values[k]));
		if (fits)
			assert_string_equal(got, rows[i].values);
	}
}

TEST(covers)
{
	static const struct {
		const char *wide, *narrow;
		bool covers;
	} pairs[] = {
		{ "a.<x>", "a.b", true },      { "a.b", "a.<x>", false },
		{ "<x...>", "a.<y>.c", true }, { "a.<x...>", "a.<y...>.z", true },
		{ "a.<x>.z", "a.<y...>.z", false },
		{ "<s:a|b>", "<s:b|a>", true }, { "<s:a|b>", "<s:a|c>", false },
	};
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct pattern wide = parsed(pairs[i].wide), narrow = parsed(pairs[i].narrow);

		assert_int_equal(pattern_covers(&wide, &narrow), pairs[i].covers);
	}
}

TEST(rejected)
{
	static const char *const bad[] = { "", "a<", "a>b", "<>", "<a><b>", "<x...>y", "<a>.<a>",
		                           "<1>", "<x:a||b>", "<x: a|b>", "<x:a |b>" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ws_buf why = WS_BUF_INIT;
		struct pattern p;

		assert_false(pattern_parse(&p, ws_span_str(bad[i]), &why));
		assert_true(why.len > 0);
		ws_buf_fini(&why);
	}
}

/* The index must find every pattern that pattern_match accepts, in order. */
TEST(pattern_index_never_misses)
{
	struct arena arena = ARENA_INIT;
	struct pattern_index *m = pattern_index_new(&arena);
	struct pattern_index_scratch *scratch;
	struct pattern p[sizeof(rows) / sizeof(rows[0])];
	struct ws_span values[PATTERN_CAPTURES_MAX];
	const size_t n = sizeof(rows) / sizeof(rows[0]);
	const uint32_t *ids;
	size_t i, k, j, found;

	for (i = 0; i < n; i++) {
		p[i] = parsed(rows[i].pattern);
		assert_true(pattern_index_add(m, &p[i], (uint32_t)i));
	}
	assert_true(pattern_index_freeze(m));
	scratch = pattern_index_scratch_new(m);
	assert_non_null(scratch);
	for (i = 0; i < n; i++) {
		found = pattern_index_find(m, scratch, ws_span_str(rows[i].name), &ids);
		for (j = 1; j < found; j++)
			assert_true(ids[j - 1] < ids[j]);
		for (k = 0; k < n; k++) {
			if (!pattern_match(&p[k], ws_span_str(rows[i].name), values))
				continue;
			for (j = 0; j < found && ids[j] != k; j++)
				;
			assert_true(j < found);
		}
	}
	free(scratch);
	arena_fini(&arena);
}
