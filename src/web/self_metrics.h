/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What windsock tells of itself in a scrape, beside what the pure half counts (ws_exposition_self):
 * its build, reloads, sockets, HTTP, and the process.
 */
#ifndef SELF_METRICS_H
#define SELF_METRICS_H

#include "web/status.h"

void self_metrics_write(struct ws_buf *buf, bool openmetrics, const struct status *status);

#endif
