/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <math.h>
#include <windsock/buf.h>

TEST(takes_everything)
{
	struct ws_buf b = WS_BUF_INIT;

	ws_buf_add(&b, NULL, 0);
	assert_null(b.ptr);
	ws_buf_str(&b, "s");
	ws_buf_span(&b, ws_span("p\0n", 3));
	ws_buf_char(&b, ' ');
	ws_buf_u64(&b, UINT64_MAX);
	ws_buf_printf(&b, " %d%s", 7, "x");
	assert_true(ws_span_eq(ws_buf_text(&b), ws_span("sp\0n 18446744073709551615 7x", 28)));
	ws_buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.cap > 0);
	ws_buf_fini(&b);
	assert_true(b.ptr == NULL && b.cap == 0);
	ws_buf_fini(&b);
}

static const struct {
	double v;
	const char *number, *canonical;
} numbers[] = {
	{ 0, "0", "0.0" },
	{ 1, "1", "1.0" },
	{ 0.5, "0.5", "0.5" },
	{ 0.1, "0.1", "0.1" },
	{ 1e21, "1e+21", "1e+21" },
	{ -(double)INFINITY, "-Inf", "-Inf" },
	{ (double)INFINITY, "+Inf", "+Inf" },
	{ (double)NAN, "NaN", "NaN" },
};

TEST(writes_numbers)
{
	struct ws_buf b = WS_BUF_INIT;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ws_buf_reset(&b);
		ws_buf_double(&b, numbers[i].v);
		assert_true(ws_span_is(ws_buf_text(&b), numbers[i].number));
		ws_buf_reset(&b);
		ws_buf_float(&b, numbers[i].v);
		assert_true(ws_span_is(ws_buf_text(&b), numbers[i].canonical));
	}
	ws_buf_fini(&b);
}

TEST(grows)
{
	struct ws_buf b = WS_BUF_INIT;
	size_t i;

	for (i = 0; i < 100000; i++)
		ws_buf_char(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 100000);
	for (i = 0; i < b.len; i++)
		assert_int_equal(b.ptr[i], 'a' + i % 26);
	assert_non_null(ws_buf_reserve(&b, 5000));
	assert_true(b.cap - b.len >= 5000);
	ws_buf_fini(&b);
}

TEST(failure_sticks)
{
	struct ws_buf b = WS_BUF_INIT;

	ws_buf_str(&b, "kept");
	assert_null(ws_buf_reserve(&b, SIZE_MAX - 2));
	assert_int_equal(b.err, WS_ERR_NOMEM);
	ws_buf_str(&b, "a");
	ws_buf_char(&b, 'a');
	ws_buf_u64(&b, 1);
	ws_buf_double(&b, 1);
	ws_buf_float(&b, 1);
	ws_buf_printf(&b, "%d", 1);
	assert_null(ws_buf_reserve(&b, 0));
	assert_true(ws_span_is(ws_buf_text(&b), "kept"));
	ws_buf_reset(&b);
	assert_int_equal(b.err, WS_OK);
	ws_buf_str(&b, "again");
	assert_true(ws_span_is(ws_buf_text(&b), "again"));
	ws_buf_fini(&b);
}
