/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary min-heap of due times.  Entries of slots that are gone stay in the heap; the
 * caller recognizes them by their generation when they reach the top.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_entry {
	int64_t due;
	uint32_t slot;
	uint32_t generation;
};

struct heap {
	struct heap_entry *entries;
	size_t n;
	size_t capacity;
};

#define HEAP_INIT { 0 }

void heap_fini(struct heap *heap);

/* Reserves room, so that `more` pushes cannot fail.  False: out of memory. */
bool heap_reserve(struct heap *heap, size_t more);

/* Needs reserved room. */
void heap_push(struct heap *heap, struct heap_entry entry);

/* The earliest entry; NULL if the heap is empty. */
const struct heap_entry *heap_top(const struct heap *heap);

void heap_pop(struct heap *heap);

/* Gives the top entry a later due time. */
void heap_postpone(struct heap *heap, int64_t due);

/* Removes the entries for which `keep` returns false. */
void heap_filter(struct heap *heap, bool (*keep)(const void *user, const struct heap_entry *e),
                 const void *user);

#endif
