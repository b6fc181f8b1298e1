/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF").  Senders choose the
 * names, so every hash table is keyed with random bytes drawn at startup.
 */
#ifndef WINDSOCK_HASH_H
#define WINDSOCK_HASH_H

#include <stdint.h>
#include <windsock/span.h>

/* The secret of all hash tables: random in the daemon, fixed in tests. */
struct ws_hash_key {
	uint64_t k0;
	uint64_t k1;
};

uint64_t ws_hash_bytes(struct ws_hash_key key, struct ws_span bytes);

#endif
