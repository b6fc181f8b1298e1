/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>

#define FIRST_CAPACITY 16

void heap_fini(struct heap *heap)
{
	free(heap->entries);
	*heap = (struct heap)HEAP_INIT;
}

bool heap_reserve(struct heap *heap, size_t more)
{
	size_t capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity;
	struct heap_entry *entries;

	if (heap->capacity - heap->n >= more)
		return true;
	while (capacity - heap->n < more)
		capacity *= 2;
	entries = realloc(heap->entries, capacity * sizeof(*entries));
	if (entries == NULL)
		return false;
	heap->entries = entries;
	heap->capacity = capacity;
	return true;
}

static void sift_up(struct heap *heap, size_t at, struct heap_entry entry)
{
	while (at > 0 && heap->entries[(at - 1) / 2].due > entry.due) {
		heap->entries[at] = heap->entries[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap->entries[at] = entry;
}

static void sift_down(struct heap *heap, size_t at, struct heap_entry entry)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n &&
		    heap->entries[child + 1].due < heap->entries[child].due)
			child++;
		if (entry.due <= heap->entries[child].due)
			break;
		heap->entries[at] = heap->entries[child];
		at = child;
	}
	heap->entries[at] = entry;
}

void heap_push(struct heap *heap, struct heap_entry entry)
{
	sift_up(heap, heap->n++, entry);
}

const struct heap_entry *heap_top(const struct heap *heap)
{
	return heap->n == 0 ? NULL : heap->entries;
}

void heap_pop(struct heap *heap)
{
	if (--heap->n > 0)
		sift_down(heap, 0, heap->entries[heap->n]);
}

void heap_postpone(struct heap *heap, int64_t due)
{
	struct heap_entry entry = heap->entries[0];

	entry.due = due;
	sift_down(heap, 0, entry);
}

void heap_filter(struct heap *heap, bool (*keep)(const void *user, const struct heap_entry *e),
                 const void *user)
{
	size_t i, kept = 0;

	for (i = 0; i < heap->n; i++) {
		if (keep(user, &heap->entries[i]))
			heap->entries[kept++] = heap->entries[i];
	}
	heap->n = kept;
	for (i = kept / 2; i > 0; i--)
		sift_down(heap, i - 1, heap->entries[i - 1]);
}
