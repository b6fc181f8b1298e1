/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/span.h>

TEST(comparing)
{
	const struct ws_span none = ws_span(NULL, 0), abc = ws_span_str("abc");

	assert_true(ws_span_eq(none, ws_span_str("")));
	assert_true(ws_span_eq(ws_span("a\0b", 3), ws_span("a\0b", 3)));
	assert_false(ws_span_eq(ws_span("a\0b", 3), ws_span("a\0c", 3)));
	assert_true(ws_span_is(abc, "abc"));
	assert_false(ws_span_is(abc, "ab") || ws_span_is(abc, "abcd"));
	assert_true(ws_span_starts(abc, ws_span_str("ab")) && ws_span_starts(abc, none));
	assert_false(ws_span_starts(abc, ws_span_str("b")) ||
	             ws_span_starts(abc, ws_span_str("abcd")));
	assert_true(ws_span_ends(abc, ws_span_str("bc")) && ws_span_ends(none, none));
	assert_false(ws_span_ends(abc, ws_span_str("ab")) ||
	             ws_span_ends(abc, ws_span_str("zabc")));
	assert_ptr_equal(ws_span_find(abc, 'c'), abc.ptr + 2);
	assert_null(ws_span_find(abc, 'd'));
	assert_null(ws_span_find(none, 'd'));
	assert_null(ws_span_find(ws_span(abc.ptr, 2), 'c'));
}

TEST(trimming)
{
	assert_true(ws_span_is(ws_span_trim(ws_span_str(" \t a b\t ")), "a b"));
	assert_int_equal(ws_span_trim(ws_span_str(" \t ")).len, 0);
	assert_int_equal(ws_span_trim(ws_span(NULL, 0)).len, 0);
	assert_true(ws_span_is(ws_span_trim(ws_span_str("a\n")), "a\n"));
}

/* The pieces between brackets. */
static void assert_pieces(struct ws_span rest, const char *expect)
{
	struct ws_span piece;
	char got[64];
	size_t n = 0;

	while (ws_span_cut(&rest, ',', &piece)) {
		got[n++] = '[';
		if (piece.len > 0)
			memcpy(got + n, piece.ptr, piece.len);
		n += piece.len;
		got[n++] = ']';
	}
	got[n] = '\0';
	assert_null(rest.ptr);
	assert_string_equal(got, expect);
}

TEST(cutting)
{
	assert_pieces(ws_span_str("a,b"), "[a][b]");
	assert_pieces(ws_span_str(",a,,b,"), "[][a][][b][]");
	assert_pieces(ws_span_str(""), "[]");
	assert_pieces(ws_span(NULL, 0), "");
	assert_pieces(ws_span("a,b", 2), "[a][]");
}
