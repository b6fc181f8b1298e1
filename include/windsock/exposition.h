/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exposition: Prometheus text format 0.0.4 and OpenMetrics 1.0, slice by slice.
 *
 * In OpenMetrics, a counter whose name does not end in _total has type `unknown` and keeps
 * its sample name (as prometheus/common does it), so that sample names do not depend on the
 * format.  `le` and `quantile` are canonical floats in both formats.
 */
#ifndef WINDSOCK_EXPOSITION_H
#define WINDSOCK_EXPOSITION_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/format.h>
#include <windsock/store.h>

struct ws_exposition;

/* Reads the store as of `now`.  NULL: out of memory. */
struct ws_exposition *ws_exposition_new(struct ws_store *store, enum ws_format format,
                                       int64_t now);
void ws_exposition_free(struct ws_exposition *exposition);

/* Adds the next slice (about 64 KiB) of the store's families.  False: that was the last one,
 * or out of memory (out->err).  The caller's own families follow, then ws_exposition_end. */
bool ws_exposition_more(struct ws_exposition *exposition, struct ws_buf *out);

/* The head of a family: HELP and TYPE, in OpenMetrics also UNIT.  A counter's _total is kept
 * in text and removed in OpenMetrics.  For families that are not in the store. */
void ws_exposition_head(struct ws_buf *out, enum ws_format format, const char *name,
                        enum ws_kind kind, const char *help);

/* What ends a response: the "# EOF" line of OpenMetrics. */
void ws_exposition_end(struct ws_buf *out, enum ws_format format);

#endif
