/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/name.h>

TEST(metric_names)
{
	static const char *const good[] = { "a", "_", "A9_z", "__a" };
	static const char *const bad[] = { "", "9a", "a:b", "a-b", "a b", "a.", "\xc3\xa4" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(ws_name_is_metric(ws_span_str(good[i])) &&
		            ws_name_is_label(ws_span_str(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ws_name_is_metric(ws_span_str(bad[i])) ||
		             ws_name_is_label(ws_span_str(bad[i])));
	assert_false(ws_name_is_metric(ws_span("a\0b", 3)));
}

TEST(reserved_names)
{
	static const char *const labels[] = { "le", "quantile", "__", "__name__" };
	static const char *const metrics[] = { "windsock_", "windsock_x", "process_x",
		                               "scrape_x", "up" };
	static const char *const free_ones[] = { "", "l", "leo", "les", "quantiles", "_x", "upper",
		                                 "windsock", "my_process_x" };
	size_t i;

	for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		assert_true(ws_name_is_reserved_label(ws_span_str(labels[i])));
	for (i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		assert_true(ws_name_is_reserved_metric(ws_span_str(metrics[i])));
	for (i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++)
		assert_false(ws_name_is_reserved_label(ws_span_str(free_ones[i])) ||
		             ws_name_is_reserved_metric(ws_span_str(free_ones[i])));
}

static const struct {
	const char *before;
	const char *in;
	const char *out;
} sanitised[] = {
	{ "", "", "" },
	{ "", "aZ_9", "aZ_9" },
	{ "", "a.b c:d", "a_b_c_d" },
	{ "", "9a", "_9a" },
	{ "x", "9a", "x9a" },
	{ "", "a..b", "a__b" },
	{ "", "a--b---c-d", "a_b_c_d" },
	{ "", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", "___z" },
	{ "", "-\xc3\xa4-", "___" },
};

TEST(sanitising)
{
	struct ws_buf out = WS_BUF_INIT;
	size_t i;

	for (i = 0; i < sizeof(sanitised) / sizeof(sanitised[0]); i++) {
		ws_buf_reset(&out);
		ws_buf_str(&out, sanitised[i].before);
		ws_name_sanitise(&out, ws_span_str(sanitised[i].in));
		if (!ws_span_is(ws_buf_text(&out), sanitised[i].out))
			fail_msg("%s gives %.*s", sanitised[i].in, WS_SPAN_ARG(ws_buf_text(&out)));
	}
	ws_buf_fini(&out);
}

TEST(escaping)
{
	const struct ws_span text = ws_span("a\\b\"c\nd\0e\r", 10);
	struct ws_buf out = WS_BUF_INIT;

	ws_name_escape_value(&out, text);
	assert_true(ws_span_eq(ws_buf_text(&out), ws_span("a\\\\b\\\"c\\nd\0e\r", 13)));
	ws_buf_reset(&out);
	ws_name_escape_help(&out, text, false);
	assert_true(ws_span_eq(ws_buf_text(&out), ws_span("a\\\\b\"c\\nd\0e\r", 12)));
	ws_buf_reset(&out);
	ws_name_escape_help(&out, text, true);
	assert_true(ws_span_eq(ws_buf_text(&out), ws_span("a\\\\b\\\"c\\nd\0e\r", 13)));
	ws_buf_fini(&out);
}
