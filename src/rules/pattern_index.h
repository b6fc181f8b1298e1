/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the patterns that may match a name, at a cost that depends on the length of the name,
 * not on the number of patterns.
 *
 * The patterns share a trie of bytes, in which a capture is a node with an edge to itself; a
 * name is matched byte by byte, keeping the set of active nodes.  A capture with many
 * alternatives is indexed like an open one, so the result may include patterns that do not
 * match: the caller checks each with pattern_match, which also finds the captures.
 */
#ifndef PATTERN_INDEX_H
#define PATTERN_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/span.h>

#include "base/arena.h"
#include "rules/pattern.h"

struct pattern_index;

/* Everything is allocated in the arena.  NULL: out of memory. */
struct pattern_index *pattern_index_new(struct arena *arena);

/* Adds a pattern.  Ids are small numbers, each used once.  False: out of memory. */
bool pattern_index_add(struct pattern_index *m, const struct pattern *p, uint32_t id);

/* Call after the last pattern and before the first find.  False: out of memory. */
bool pattern_index_freeze(struct pattern_index *m);

/* Working memory for one thread and index; release it with free().  NULL: out of memory. */
struct pattern_index_scratch *pattern_index_scratch_new(const struct pattern_index *m);

/* The ids of patterns that may match, ascending; valid until the scratch is used again. */
size_t pattern_index_find(const struct pattern_index *m, struct pattern_index_scratch *scratch,
                          struct ws_span name, const uint32_t **ids);

#endif
