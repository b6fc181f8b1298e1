/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due when: a binary heap, the earliest on top.  An entry that no longer holds is left
 * where it is; whoever takes it off the top finds out by the generation.
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

/* Room for `more` entries, so that as many pushes cannot fail.  False: out of memory. */
bool heap_reserve(struct heap *heap, size_t more);

/* Into reserved room. */
void heap_push(struct heap *heap, struct heap_entry entry);

/* The earliest; NULL when there is none. */
const struct heap_entry *heap_top(const struct heap *heap);

void heap_pop(struct heap *heap);

/* Files the top entry anew. */
void heap_postpone(struct heap *heap, int64_t due);

/* Drops the entries of which `keep` says no. */
void heap_filter(struct heap *heap, bool (*keep)(const void *user, const struct heap_entry *e),
                 const void *user);

#endif
