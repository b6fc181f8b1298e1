/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All patterns at once: which of them may fit a name, at a cost that follows the length of the
 * name, not the number of patterns.
 *
 * The patterns are laid over one another in a trie of bytes, in which a capture is a node that
 * keeps itself alive; a name is walked through it byte by byte with the set of nodes alive.
 * Many alternatives count as an open capture here, so what comes out may hold a pattern that
 * does not fit: the caller asks pattern_match, which also finds the captures.
 */
#ifndef PATTERN_INDEX_H
#define PATTERN_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/span.h>

#include "base/arena.h"
#include "rules/pattern.h"

struct pattern_index;

/* Everything lives in the arena.  NULL when out of memory. */
struct pattern_index *pattern_index_new(struct arena *arena);

/* Adds a pattern under an id; ids are small numbers, each used once.  False: out of memory. */
bool pattern_index_add(struct pattern_index *m, const struct pattern *p, uint32_t id);

/* After the last pattern, before the first match. */
bool pattern_index_freeze(struct pattern_index *m);

/* Working memory of one thread for one matcher; plain free() ends it.  NULL: out of memory. */
struct pattern_index_scratch *pattern_index_scratch_new(const struct pattern_index *m);

/* The ids that may fit, ascending, valid until the scratch is used again. */
size_t pattern_index_find(const struct pattern_index *m, struct pattern_index_scratch *scratch,
                          struct ws_span name, const uint32_t **ids);

#endif
