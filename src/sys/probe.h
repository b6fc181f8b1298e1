/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a running windsock over HTTP, for the health check of a container that has
 * no other program.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The status of the answer to a GET of `path`, which is whole by `deadline` (clock_now); -1
 * with a sentence in `why`.  `address` and `flag` are as for sock_connect.
 */
int probe_get(const char *address, const char *flag, const char *path, int64_t deadline,
              char *why, size_t why_size);

#endif
