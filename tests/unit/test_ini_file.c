/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rules/ini_file.h"

/* Everything that is called, as one text. */
static void on_pair(void *user, unsigned line, struct ws_span section, struct ws_span key,
                    struct ws_span value)
{
	ws_buf_printf(user, "%u [%.*s] %.*s=%.*s;", line, WS_SPAN_ARG(section),
	              WS_SPAN_ARG(key), WS_SPAN_ARG(value));
}

static void on_section(void *user, unsigned line, struct ws_span name)
{
	ws_buf_printf(user, "%u [%.*s];", line, WS_SPAN_ARG(name));
}

static void on_wrong(void *user, unsigned line, const char *sentence)
{
	(void)sentence;
	ws_buf_printf(user, "%u wrong;", line);
}

static void check(const char *text, const char *expect)
{
	struct ws_buf got = WS_BUF_INIT;
	struct ini_handler handler = { on_pair, on_section, on_wrong, &got };

	assert_true(ini_file_parse(ws_span_str(text), &handler));
	ws_buf_char(&got, '\0');
	assert_string_equal(got.ptr, expect);
	ws_buf_fini(&got);
}

TEST(pairs)
{
	check("", "");
	check("[a]\nk = v ; said\n\n# no\nm: <s:x|y>\n", "1 [a];2 [a] k=v;5 [a] m=<s:x|y>;");
	check("[a]\r\nk = v\r\n", "1 [a];2 [a] k=v;");
	check("[a]\nl = x,\n    y=<z>,\n\tw\n[b]\nk=1", "1 [a];2 [a] l=x, y=<z>, w;5 [b];6 [b] k=1;");
}

TEST(mistakes)
{
	char text[600];

	check("[a]\nnothing\n[b\nk=v\n", "1 [a];2 wrong;3 wrong;4 [a] k=v;");
	/* inih itself would cut these in silence. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "[a]\nk = ", 8);
	memcpy(text + 400, "\nz = 1\n", 8);
	check(text, "1 [a];2 wrong;3 [a] z=1;");
	memset(text, 'x', 80);
	text[0] = '[';
	memcpy(text + 70, "]\nz=1\n", 7);
	check(text, "1 wrong;2 [] z=1;");
}
