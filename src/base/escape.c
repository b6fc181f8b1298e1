/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/escape.h>

#include <windsock/utf8.h>

void ws_escape_plain(struct ws_buf *out, struct ws_span text)
{
	bool utf8 = ws_utf8_is_valid(text);
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < ' ' || c == 127 || (c > 127 && !utf8))
			ws_buf_printf(out, "\\x%02x", c);
		else
			ws_buf_char(out, (char)c);
	}
}

void ws_escape_json(struct ws_buf *out, struct ws_span text)
{
	struct ws_buf shown = WS_BUF_INIT;
	size_t i;

	ws_escape_plain(&shown, text);
	ws_buf_char(out, '"');
	for (i = 0; i < shown.len; i++) {
		if (shown.ptr[i] == '"' || shown.ptr[i] == '\\')
			ws_buf_char(out, '\\');
		ws_buf_char(out, shown.ptr[i]);
	}
	ws_buf_char(out, '"');
	ws_buf_fini(&shown);
}

void ws_escape_html(struct ws_buf *out, struct ws_span text)
{
	struct ws_buf shown = WS_BUF_INIT;
	size_t i;

	ws_escape_plain(&shown, text);
	for (i = 0; i < shown.len; i++) {
		if (strchr("<>&\"'", shown.ptr[i]) != NULL)
			ws_buf_printf(out, "&#%u;", (unsigned)shown.ptr[i]);
		else
			ws_buf_char(out, shown.ptr[i]);
	}
	ws_buf_fini(&shown);
}
