/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/arena.h"

static bool is_zero(const char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

TEST(gives_zeroed_and_aligned)
{
	struct arena a = ARENA_INIT;
	size_t i;

	for (i = 0; i < 5000; i++) {
		char *p = arena_alloc(&a, i % 300);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		assert_true(is_zero(p, i % 300));
		/* The next one must not show it. */
		memset(p, 0xff, i % 300);
	}
	assert_true(a.bytes >= 5000 / 300 * 300 * 150);
	arena_reset(&a);
	assert_true(is_zero(arena_alloc(&a, 1000), 1000));
	arena_fini(&a);
	assert_true(a.blocks == NULL && a.bytes == 0);
	arena_reset(&a);
	arena_fini(&a);
}

TEST(takes_large_ones)
{
	struct arena a = ARENA_INIT;
	char *big = arena_alloc(&a, 1u << 20), *small = arena_alloc(&a, 10);

	assert_true(big != NULL && small != NULL);
	memset(big, 1, 1u << 20);
	assert_true(is_zero(small, 10));
	assert_true(a.bytes >= (1u << 20) + 10);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 20));
	arena_fini(&a);
}

TEST(copies)
{
	struct arena a = ARENA_INIT;
	struct ws_span one = arena_copy(&a, ws_span("a\0b", 3)), none;

	none = arena_copy(&a, ws_span(NULL, 0));
	assert_true(ws_span_eq(one, ws_span("a\0b", 3)));
	assert_int_equal(one.ptr[3], '\0');
	assert_true(none.ptr != NULL && none.len == 0 && none.ptr[0] == '\0');
	arena_fini(&a);
}
