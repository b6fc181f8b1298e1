/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WINDSOCK_HASH_KEY_H
#define WINDSOCK_HASH_KEY_H

#include <stdint.h>

/* The secret of all hash tables: random for a daemon, fixed for a test. */
struct ws_hash_key {
	uint64_t k0;
	uint64_t k1;
};

#endif
