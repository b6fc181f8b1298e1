/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rules/template.h"

static const struct {
	const char *text;
	const char *plain;
	const char *sanitised;
} templates[] = {
	{ "", "", "" },
	{ "a-b>", "a-b>", "a-b>" },
	{ "<x>", "1-x", "_1_x" },
	{ "m_<x>", "m_1-x", "m_1_x" },
	{ "<x><y>-<x>", "1-xY.-1-x", "_1_xY_-1_x" },
};

TEST(templates_expand)
{
	const struct ws_span names[] = { ws_span_str("x"), ws_span_str("y") };
	const struct ws_span values[] = { ws_span_str("1-x"), ws_span_str("Y.") };
	struct ws_buf why = WS_BUF_INIT, out = WS_BUF_INIT;
	struct arena a = ARENA_INIT;
	struct template t;
	size_t i;

	for (i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		assert_true(template_parse(&t, ws_span_str(templates[i].text), names, 2, &a, &why));
		ws_buf_reset(&out);
		template_expand(&t, values, false, &out);
		assert_true(ws_span_is(ws_buf_text(&out), templates[i].plain));
		ws_buf_reset(&out);
		template_expand(&t, values, true, &out);
		assert_true(ws_span_is(ws_buf_text(&out), templates[i].sanitised));
	}
	assert_int_equal(why.len, 0);
	assert_true(template_parse(&t, ws_span(NULL, 0), names, 2, &a, &why));
	assert_false(template_parse(&t, ws_span_str("a<x"), names, 2, &a, &why));
	assert_true(ws_span_is(ws_buf_text(&why), "a '<' without its '>'"));
	ws_buf_reset(&why);
	assert_false(template_parse(&t, ws_span_str("<z>"), names, 2, &a, &why));
	assert_true(ws_span_starts(ws_buf_text(&why), ws_span_str("<z> is neither")));
	ws_buf_fini(&why);
	ws_buf_fini(&out);
	arena_fini(&a);
}
