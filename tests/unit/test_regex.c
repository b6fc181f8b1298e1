/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rules/regex.h"

static struct regex *must_compile(const char *text)
{
	struct ws_buf why = WS_BUF_INIT;
	struct regex *re = regex_new(ws_span_str(text), &why);

	if (re == NULL)
		fail_msg("%.*s", WS_SPAN_ARG(ws_buf_text(&why)));
	return re;
}

static const struct {
	const char *text;
	const char *name;
	enum regex_result result;
	const char *first; /* the value of the first group */
} rows[] = {
	{ "(?<a>b)", "b", REGEX_YES, "b" },
	/* The whole name. */
	{ "(?<a>b)", "bb", REGEX_NO, NULL },
	{ "(?<a>b)", "ab", REGEX_NO, NULL },
	{ "(?<a>b)|bb", "bb", REGEX_YES, "" },
	{ "(?<a>b*)", "", REGEX_YES, "" },
	{ "(?<a>b)", "b\n", REGEX_NO, NULL },
	{ "(?<a>b)$", "b\n", REGEX_NO, NULL },
	/* Groups that took no part. */
	{ "(?<a>x)?y", "y", REGEX_YES, "" },
	{ "(x)(?<a>y)(z)", "xyz", REGEX_YES, "y" },
	/* Characters. */
	{ "(?<a>.)z", "\xc3\xa4z", REGEX_YES, "\xc3\xa4" },
	{ "(?<a>.*)", "\xc3", REGEX_GAVE_UP, NULL },
	/* Steps. */
	{ "(?<a>(x+)+)y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyz", REGEX_GAVE_UP, NULL },
};

TEST(matches)
{
	struct ws_span values[REGEX_CAPTURES_MAX];
	const struct ws_span *names;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct regex *re = must_compile(rows[i].text);

		assert_int_equal(regex_captures(re, &names), 1);
		assert_true(ws_span_is(names[0], "a"));
		if (regex_match(re, ws_span_str(rows[i].name), values) != rows[i].result)
			fail_msg("%s on %s", rows[i].text, rows[i].name);
		if (rows[i].first != NULL)
			assert_true(ws_span_is(values[0], rows[i].first));
		regex_free(re);
	}
}

TEST(values_are_in_the_order_of_names)
{
	struct ws_span values[REGEX_CAPTURES_MAX];
	struct regex *re = must_compile("(?<z>1)(.)(?<a>3)(?<m>4)");
	const struct ws_span *names;
	size_t i, n = regex_captures(re, &names);

	assert_int_equal(n, 3);
	assert_int_equal(regex_match(re, ws_span_str("1234"), values), REGEX_YES);
	for (i = 0; i < n; i++)
		assert_true(ws_span_is(values[i], ws_span_is(names[i], "z") ? "1" :
		                                  ws_span_is(names[i], "a") ? "3" : "4"));
	regex_free(re);
}

static const struct {
	const char *text;
	const char *why;
} bad[] = {
	{ "(", "error in the regular expression at byte 2: missing closing parenthesis" },
	{ "(?<a>.)(?<b>.)(?<c>.)(?<d>.)(?<e>.)(?<f>.)(?<g>.)(?<h>.)(?<i>.)(?<j>.)(?<k>.)(?<l>.)"
	  "(?<m>.)(?<n>.)(?<o>.)(?<p>.)(?<q>.)", "more than 16 named groups" },
	{ "\\C", NULL },
	{ "\xff", NULL },
};

TEST(rejected)
{
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ws_buf why = WS_BUF_INIT;

		assert_null(regex_new(ws_span_str(bad[i].text), &why));
		assert_true(why.len > 0);
		assert_true(bad[i].why == NULL || ws_span_is(ws_buf_text(&why), bad[i].why));
		ws_buf_fini(&why);
	}
	regex_free(NULL);
}
