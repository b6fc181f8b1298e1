/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming gzip, the only user of zlib.  Level 1: on an exposition the higher levels cost
 * several times the time for a tenth of the size.
 */
#ifndef GZIP_H
#define GZIP_H

#include <stdbool.h>
#include <windsock/buf.h>

struct gzip;

/* NULL when out of memory. */
struct gzip *gzip_new(void);
void gzip_free(struct gzip *gz);

/* Compresses `in` and adds what is ready to `out`; `last` ends the stream.  False: failed. */
bool gzip_add(struct gzip *gz, struct ws_span in, bool last, struct ws_buf *out);

#endif
