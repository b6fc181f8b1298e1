/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exposition: Prometheus text format 0.0.4 and OpenMetrics 1.0, slice by slice.
 *
 * A counter whose name does not end in _total is `unknown` in OpenMetrics, its sample name
 * unchanged (as prometheus/common does), so that no name depends on the format; `le` and
 * `quantile` are canonical floats in both.
 */
#ifndef WINDSOCK_EXPOSITION_H
#define WINDSOCK_EXPOSITION_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/store.h>

struct ws_exposition;

/* Reads the store as of `now`.  NULL: out of memory. */
struct ws_exposition *ws_exposition_new(struct ws_store *store, bool openmetrics, int64_t now);
void ws_exposition_free(struct ws_exposition *expo);

/* Adds the next slice (about 64 KiB) of the store's families.  False when that was the last
 * one; the "# EOF" line of OpenMetrics is the caller's, after what it adds itself. */
bool ws_exposition_more(struct ws_exposition *expo, struct ws_buf *out);

/* One family head: HELP and TYPE (UNIT where OpenMetrics has one). `counter` names keep their
 * _total in text and lose it in OpenMetrics. For what the daemon writes beside the store. */
void ws_exposition_head(struct ws_buf *out, bool openmetrics, const char *name, enum ws_kind kind,
                        const char *help);

#endif
