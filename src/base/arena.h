/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator: many small objects with the same lifetime, freed together.
 */
#ifndef ARENA_H
#define ARENA_H

#include <windsock/span.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t bytes;               /* requested from malloc */
};

#define ARENA_INIT { 0 }

/* Zeroed and aligned for any object; NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t size);

/* A copy followed by a NUL; NULL ptr: out of memory. */
struct ws_span arena_copy(struct arena *a, struct ws_span s);

void arena_fini(struct arena *a);

/* Frees all objects; keeps one block for reuse. */
void arena_reset(struct arena *a);

#endif
