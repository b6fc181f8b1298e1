/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF").  Names are chosen by
 * whoever sends them, so every table here is keyed with random bytes drawn at start.
 */
#ifndef WINDSOCK_HASH_H
#define WINDSOCK_HASH_H

#include <stdint.h>
#include <windsock/hash_key.h>
#include <windsock/span.h>

uint64_t ws_hash_bytes(struct ws_hash_key key, struct ws_span bytes);

#endif
