/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming gzip, the only user of zlib.  Level 1: on an exposition, higher levels take
 * several times as long to save a tenth of the size.
 */
#ifndef WINDSOCK_GZIP_H
#define WINDSOCK_GZIP_H

#include <stdbool.h>
#include <windsock/buf.h>

struct ws_gzip;

/* NULL: out of memory. */
struct ws_gzip *ws_gzip_new(void);
void ws_gzip_free(struct ws_gzip *gz);

/* Compresses `in` and adds output to `out`; `last` ends the stream.  False: failed. */
bool ws_gzip_add(struct ws_gzip *gz, struct ws_span in, bool last, struct ws_buf *out);

#endif
