/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash, as configured for windsock; the only file that includes it.  Callers hash keys with
 * ws_hash_bytes.  When out of memory, an element is not added and its hh.tbl is NULL.
 */
#ifndef TABLE_H
#define TABLE_H

#include <string.h>

#define HASH_NONFATAL_OOM 1
#define HASH_KEYCMP(a, b, n) ((n) == 0 ? 0 : memcmp(a, b, n))
#include <uthash.h>

#endif
