/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator: many small things with one life, one free for all of them.
 */
#ifndef ARENA_H
#define ARENA_H

#include <windsock/span.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t bytes;               /* allocated from malloc */
};

#define ARENA_INIT { 0 }

/* Zeroed and aligned for any object; NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy with a NUL behind it; a NULL ptr when out of memory. */
struct ws_span arena_copy(struct arena *a, struct ws_span s);

void arena_fini(struct arena *a);

/* Frees all but one block, and starts over. */
void arena_reset(struct arena *a);

#endif
