/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What windsock tells of itself in a scrape, beside what the pure half counts (ws_expo_self):
 * its build, reloads, sockets, HTTP, and the process.
 */
#ifndef SELF_H
#define SELF_H

#include "state.h"

void self_write(struct ws_buf *buf, bool openmetrics, const struct state *state);

#endif
