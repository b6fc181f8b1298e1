/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request to a running windsock, for the health check of a container image that
 * contains no other program.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The status code of the response to GET `path`, if it is complete by `deadline` (clock_now);
 * otherwise -1 with a sentence in `why`.  `address` and `flag` as for sock_connect.
 */
int probe_get(const char *address, const char *flag, const char *path, int64_t deadline,
              char *why, size_t why_size);

#endif
