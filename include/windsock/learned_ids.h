/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids (values of captures) learned at run time: names that contain an id unambiguously teach
 * it (`learn = dag_id`), and names that could be split in several ways are split by it
 * (`known = dag_id`).
 *
 * Shared by all ingests; any thread, internally locked.  Bounded: when full, the least
 * recently seen value is evicted.  Kept across reloads.
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
 * The capture `name` had this value at `now` (monotonic nanoseconds).  True: the value is
 * new, and the version has changed.  When out of memory, nothing is added.
 */
bool ws_learned_ids_add(struct ws_learned_ids *learned, struct ws_span name, struct ws_span value,
                        int64_t now);

/* False for a NULL `learned`. */
bool ws_learned_ids_has(struct ws_learned_ids *learned, struct ws_span name, struct ws_span value);

/* Changes whenever a value is added or removed; takes no lock. */
uint64_t ws_learned_ids_version(const struct ws_learned_ids *learned);

/* Removes the values last seen before `before`; returns how many. */
size_t ws_learned_ids_expire(struct ws_learned_ids *learned, int64_t before);

size_t ws_learned_ids_count(struct ws_learned_ids *learned);

#endif
