/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/heap.h"

static uint64_t seed = 1;

static uint32_t draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33);
}

static void fill(struct heap *heap, size_t n)
{
	size_t i;

	assert_true(heap_reserve(heap, n));
	for (i = 0; i < n; i++)
		heap_push(heap, (struct heap_entry){ .due = draw() % 1000,
		                                     .slot = (uint32_t)i,
		                                     .generation = 1 });
}

static size_t drain(struct heap *heap)
{
	int64_t last = INT64_MIN;
	size_t n = 0;

	while (heap_top(heap) != NULL) {
		assert_true(heap_top(heap)->due >= last);
		last = heap_top(heap)->due;
		heap_pop(heap);
		n++;
	}
	return n;
}

TEST(comes_out_in_order)
{
	struct heap heap = HEAP_INIT;
	size_t n;

	assert_null(heap_top(&heap));
	for (n = 0; n < 200; n++) {
		fill(&heap, n);
		assert_int_equal(drain(&heap), n);
	}
	heap_fini(&heap);
	heap_fini(&heap);
}

TEST(postpones)
{
	struct heap heap = HEAP_INIT;
	int i;

	fill(&heap, 500);
	for (i = 0; i < 5000; i++)
		heap_postpone(&heap, heap_top(&heap)->due + draw() % 2000);
	assert_int_equal(drain(&heap), 500);
	heap_fini(&heap);
}

static bool is_even(const void *user, const struct heap_entry *e)
{
	(void)user;
	return e->slot % 2 == 0;
}

static bool is_nothing(const void *user, const struct heap_entry *e)
{
	(void)user;
	(void)e;
	return false;
}

TEST(filters)
{
	struct heap heap = HEAP_INIT;

	fill(&heap, 1001);
	heap_filter(&heap, is_even, NULL);
	assert_int_equal(heap.n, 501);
	assert_int_equal(drain(&heap), 501);
	fill(&heap, 3);
	heap_filter(&heap, is_nothing, NULL);
	assert_null(heap_top(&heap));
	heap_fini(&heap);
}
