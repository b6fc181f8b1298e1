/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash, as windsock uses it; the only file that includes it.  Keys are hashed by the caller
 * with ws_hash_bytes.  When memory runs out the element is left out, with hh.tbl NULL.
 */
#ifndef TABLE_H
#define TABLE_H

#include <string.h>

#define HASH_NONFATAL_OOM 1
#define HASH_KEYCMP(a, b, n) ((n) == 0 ? 0 : memcmp(a, b, n))
#include <uthash.h>

#endif
