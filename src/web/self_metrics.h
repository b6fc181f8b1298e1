/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What windsock says of itself in a scrape: the families windsock_* and process_*.
 * docs/metrics.md describes them.
 */
#ifndef SELF_METRICS_H
#define SELF_METRICS_H

#include "web/status.h"

void self_metrics_write(struct ws_buf *out, bool openmetrics, const struct status *status);

#endif
