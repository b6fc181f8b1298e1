/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the values of captures can be, learned at run time: names that hold an id exactly teach
 * it (`learn = dag_id`), names that could be split in several ways are split by it
 * (`known = dag_id`).
 *
 * Shared by all ingests; any thread, a lock inside.  Bounded: when it is full, the value longest
 * not seen goes.  Outlives reloads.
 */
#ifndef WINDSOCK_LEARNED_IDS_H
#define WINDSOCK_LEARNED_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windsock/hash.h>
#include <windsock/span.h>

struct ws_learned_ids;

#define WS_LEARNED_IDS_DEFAULT 20000 /* values */

/* `most` 0: the default.  NULL: out of memory. */
struct ws_learned_ids *ws_learned_ids_new(size_t most, struct ws_hash_key key);
void ws_learned_ids_free(struct ws_learned_ids *learned);

/*
 * The capture `name` can have this value: seen now (monotonic nanoseconds).  True: it was not
 * known before, and the version has moved.  Nothing is added when memory is short.
 */
bool ws_learned_ids_add(struct ws_learned_ids *learned, struct ws_span name, struct ws_span value,
                        int64_t now);

/* NULL knows nothing. */
bool ws_learned_ids_has(struct ws_learned_ids *learned, struct ws_span name, struct ws_span value);

/* Moves with every value that comes or goes; no lock. */
uint64_t ws_learned_ids_version(const struct ws_learned_ids *learned);

/* Forgets what was not seen since `before`; returns how many. */
size_t ws_learned_ids_expire(struct ws_learned_ids *learned, int64_t before);

size_t ws_learned_ids_count(struct ws_learned_ids *learned);

#endif
