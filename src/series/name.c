/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/name.h>

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

bool ws_name_is_metric(struct ws_span s)
{
	size_t i;

	if (s.len == 0 || !is_alpha(s.ptr[0]))
		return false;
	for (i = 1; i < s.len; i++) {
		if (!is_word(s.ptr[i]))
			return false;
	}
	return true;
}

bool ws_name_is_label(struct ws_span s)
{
	return ws_name_is_metric(s);
}

bool ws_name_is_reserved_label(struct ws_span s)
{
	return ws_span_is(s, "le") || ws_span_is(s, "quantile") ||
	       ws_span_starts(s, ws_span_str("__"));
}

bool ws_name_is_reserved_metric(struct ws_span s)
{
	static const char *const prefixes[] = { "windsock_", "process_", "scrape_" };
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (ws_span_starts(s, ws_span_str(prefixes[i])))
			return true;
	}
	return ws_span_is(s, "up");
}

void ws_name_sanitise(struct ws_buf *out, struct ws_span s)
{
	char *at = ws_buf_reserve(out, s.len + 1);
	size_t i, n = 0;

	if (at == NULL)
		return;
	if (s.len > 0 && is_digit(s.ptr[0]) && out->len == 0)
		at[n++] = '_';
	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (is_word(c)) {
			at[n++] = c;
			continue;
		}
		if (is_continuation(c) && i > 0 && !is_word(s.ptr[i - 1]) &&
		    (unsigned char)s.ptr[i - 1] >= 0x80)
			continue;
		if (c == '-' && i > 0 && s.ptr[i - 1] == '-')
			continue;
		at[n++] = '_';
	}
	out->len += n;
}

void ws_name_escape_value(struct ws_buf *out, struct ws_span s)
{
	char *at = ws_buf_reserve(out, 2 * s.len);
	size_t i, n = 0;

	if (at == NULL)
		return;
	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '\\' || c == '"' || c == '\n')
			at[n++] = '\\';
		at[n++] = c == '\n' ? 'n' : c;
	}
	out->len += n;
}

void ws_name_escape_help(struct ws_buf *out, struct ws_span s, bool openmetrics)
{
	char *at = ws_buf_reserve(out, 2 * s.len);
	size_t i, n = 0;

	if (at == NULL)
		return;
	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '\\' || c == '\n' || (c == '"' && openmetrics))
			at[n++] = '\\';
		at[n++] = c == '\n' ? 'n' : c;
	}
	out->len += n;
}
