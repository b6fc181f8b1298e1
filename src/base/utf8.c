/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/utf8.h>

#include <stdint.h>

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

/* Unicode 15, table 3-7: the range of the second byte excludes overlong forms, surrogates and
 * everything beyond U+10FFFF. */
size_t ws_utf8_sequence(struct ws_span s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	unsigned char least = 0x80, most = 0xbf;
	size_t n, i;

	if (s.len == 0 || p[0] > 0xf4 || (p[0] >= 0x80 && p[0] < 0xc2))
		return 0;
	if (p[0] < 0x80)
		return 1;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		least = 0xa0;
	if (p[0] == 0xed)
		most = 0x9f;
	if (p[0] == 0xf0)
		least = 0x90;
	if (p[0] == 0xf4)
		most = 0x8f;
	if (s.len < n || p[1] < least || p[1] > most)
		return 0;
	for (i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool ws_utf8_is_valid(struct ws_span s)
{
	size_t i, n;

	for (i = 0; i < s.len; i += n) {
		n = ws_utf8_sequence(ws_span(s.ptr + i, s.len - i));
		if (n == 0)
			return false;
	}
	return true;
}
