/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/name.h>

#include <stdint.h>

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

bool ws_utf8_is_ascii(struct ws_span s)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t seen = 0, word;
	size_t i = 0;

	for (; i + sizeof(word) <= s.len; i += sizeof(word)) {
		memcpy(&word, s.ptr + i, sizeof(word));
		seen |= word;
	}
	for (; i < s.len; i++)
		seen |= (unsigned char)s.ptr[i];
	return (seen & high) == 0;
}

/*
 * The length of the well-formed sequence at p (Unicode 15, table 3-7), 0 for none.  The second
 * byte's range is what keeps out overlong forms, surrogates and what lies beyond U+10FFFF.
 */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char least = 0x80, most = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		least = 0xa0;
	if (p[0] == 0xed)
		most = 0x9f;
	if (p[0] == 0xf0)
		least = 0x90;
	if (p[0] == 0xf4)
		most = 0x8f;
	if (left < n || p[1] < least || p[1] > most)
		return 0;
	for (i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool ws_utf8_is_valid(struct ws_span s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t i, n;

	for (i = 0; i < s.len; i += n) {
		n = utf8_sequence(p + i, s.len - i);
		if (n == 0)
			return false;
	}
	return true;
}
