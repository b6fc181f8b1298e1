/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_SIZE (64 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char bytes[];
};

static struct arena_block *add_block(struct arena *a, size_t size)
{
	struct arena_block *block = malloc(sizeof(*block) + size);

	if (block == NULL)
		return NULL;
	block->next = a->blocks;
	block->used = 0;
	block->size = size;
	a->blocks = block;
	a->bytes += sizeof(*block) + size;
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *block = a->blocks;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (block == NULL || block->size - block->used < size)
		block = add_block(a, size > BLOCK_SIZE ? size : BLOCK_SIZE);
	if (block == NULL)
		return NULL;
	p = block->bytes + block->used;
	block->used += size;
	return memset(p, 0, size);
}

struct ws_span arena_copy(struct arena *a, struct ws_span s)
{
	char *copy = arena_alloc(a, s.len + 1);

	if (copy == NULL)
		return ws_span(NULL, 0);
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return ws_span(copy, s.len);
}

static void free_blocks(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void arena_fini(struct arena *a)
{
	free_blocks(a->blocks);
	*a = (struct arena)ARENA_INIT;
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = a->blocks;

	if (keep == NULL)
		return;
	free_blocks(keep->next);
	keep->next = NULL;
	keep->used = 0;
	a->bytes = sizeof(*keep) + keep->size;
}
