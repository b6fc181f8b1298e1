/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <windsock/err.h>
#include <windsock/span.h>

static bool is_reason(const char *text)
{
	return *text != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz_") == strlen(text);
}

/* Each code has its own label value and a sentence. */
TEST(reasons)
{
	int i, k;

	for (i = 0; i < WS_NERRORS; i++) {
		assert_true(is_reason(ws_err_reason((enum ws_err)i)));
		assert_true(strlen(ws_err_text((enum ws_err)i)) > 5);
		for (k = 0; k < i; k++)
			assert_string_not_equal(ws_err_reason((enum ws_err)i),
			                        ws_err_reason((enum ws_err)k));
	}
	assert_int_equal(WS_OK, 0);
	assert_string_equal(ws_err_reason(WS_ERR_BAD_TAG), "malformed_tag");
	assert_string_equal(ws_err_text(WS_OK), "no error");
}

TEST(scopes)
{
	assert_int_equal(ws_err_scope(WS_OK), WS_SCOPE_NONE);
	assert_int_equal(ws_err_scope(WS_ERR_TRUNCATED), WS_SCOPE_LINE);
	assert_int_equal(ws_err_scope(WS_ERR_OVERFLOW), WS_SCOPE_SAMPLE);
	assert_int_equal(ws_err_scope(WS_ERR_BAD_RATE), WS_SCOPE_FIELD);
	assert_int_equal(ws_err_scope(WS_ERR_SERIES_LIMIT), WS_SCOPE_SERIES);
}

/* docs/statsd.md has a row for whatever is counted, with the scope in words. */
TEST(page_has_every_reason)
{
	static const char *const words[] = { "", "line", "sample", "field", "series" };
	FILE *file = fopen("docs/statsd.md", "r");
	char page[1 << 16], row[128];
	size_t n;
	int i;

	assert_non_null(file);
	n = fread(page, 1, sizeof(page) - 1, file);
	page[n] = '\0';
	fclose(file);
	for (i = 0; i < WS_NERRORS; i++) {
		enum ws_scope scope = ws_err_scope((enum ws_err)i);

		if (scope == WS_SCOPE_NONE)
			continue;
		snprintf(row, sizeof(row), "| `%s` | %s |", ws_err_reason((enum ws_err)i),
		         words[scope]);
		if (strstr(page, row) == NULL)
			fail_msg("docs/statsd.md has no %s", row);
	}
}
