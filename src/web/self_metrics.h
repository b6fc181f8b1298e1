/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self metrics: the families windsock_* and process_* of a scrape, described in
 * docs/metrics.md.
 */
#ifndef SELF_METRICS_H
#define SELF_METRICS_H

#include <windsock/format.h>

#include "web/status.h"

void self_metrics_write(struct ws_buf *out, enum ws_format format, const struct status *status);

#endif
