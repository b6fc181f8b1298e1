/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/escape.h>

static const struct {
	struct ws_span text;
	const char *plain, *json, *html;
} rows[] = {
#define TEXT(literal)                                                                        \
	{                                                                                    \
		literal, sizeof(literal) - 1                                                 \
	}
	{ TEXT(""), "", "\"\"", "" },
	{ TEXT("a.b:1|c"), "a.b:1|c", "\"a.b:1|c\"", "a.b:1|c" },
	{ TEXT("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"",
	  "gr\xc3\xbc\xc3\x9f" },
	{ TEXT("\x1b[31m\n\x7f\0"), "\\x1b[31m\\x0a\\x7f\\x00",
	  "\"\\\\x1b[31m\\\\x0a\\\\x7f\\\\x00\"", "\\x1b[31m\\x0a\\x7f\\x00" },
	/* One byte that is no UTF-8, and the rest cannot be trusted to be any. */
	{ TEXT("\xc3\xbc\xff"), "\\xc3\\xbc\\xff", "\"\\\\xc3\\\\xbc\\\\xff\"",
	  "\\xc3\\xbc\\xff" },
	{ TEXT("say \"a\\b\""), "say \"a\\b\"", "\"say \\\"a\\\\b\\\"\"",
	  "say &#34;a\\b&#34;" },
	{ TEXT("<script>&'"), "<script>&'", "\"<script>&'\"", "&#60;script&#62;&#38;&#39;" },
#undef TEXT
};

static void check(void (*show)(struct ws_buf *, struct ws_span), struct ws_span text,
                  const char *want)
{
	struct ws_buf out = WS_BUF_INIT;

	show(&out, text);
	ws_buf_char(&out, '\0');
	assert_string_equal(out.ptr, want);
	ws_buf_fini(&out);
}

TEST(all_bytes_are_fit_to_show)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(ws_escape_plain, rows[i].text, rows[i].plain);
		check(ws_escape_json, rows[i].text, rows[i].json);
		check(ws_escape_html, rows[i].text, rows[i].html);
	}
}
