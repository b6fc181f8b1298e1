/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>
#include <windsock/utf8.h>

TEST(well_formed)
{
	static const char *const good[] = {
		"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "x\xc3\xa4y",
	};
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3z", "\xe0\x9f\xbf", "\xe2\x82",
		"\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
		"a\xe2\x82z", "\xf0\x90\x80z",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(ws_utf8_is_valid(ws_span_str(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ws_utf8_is_valid(ws_span_str(bad[i])));
}

/* A high bit is found at any position: in words and in the tail. */
TEST(ascii)
{
	char text[21];
	size_t len, i;

	for (len = 0; len <= sizeof(text); len++) {
		memset(text, '\x7f', sizeof(text));
		assert_true(ws_utf8_is_ascii(ws_span(text, len)));
		for (i = 0; i < len; i++) {
			text[i] = '\x80';
			assert_false(ws_utf8_is_ascii(ws_span(text, len)));
			text[i] = 'a';
		}
	}
}
