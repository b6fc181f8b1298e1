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
#ifndef MATCHER_H
#define MATCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/span.h>

#include "arena.h"
#include "pattern.h"

struct matcher;

/* Everything lives in the arena.  NULL when out of memory. */
struct matcher *matcher_new(struct arena *arena);

/* Adds a pattern under an id; ids are small numbers, each used once.  False: out of memory. */
bool matcher_add(struct matcher *m, const struct pattern *p, uint32_t id);

/* After the last pattern, before the first match. */
bool matcher_freeze(struct matcher *m);

/* Working memory of one thread for one matcher; plain free() ends it.  NULL: out of memory. */
struct matcher_scratch *matcher_scratch_new(const struct matcher *m);

/* The ids that may fit, ascending, valid until the scratch is used again. */
size_t matcher_find(const struct matcher *m, struct matcher_scratch *scratch,
                    struct ws_span name, const uint32_t **ids);

#endif
