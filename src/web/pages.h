/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP endpoints: metrics, front page, unmatched names, health, readiness, reload.  All
 * on the main thread.
 */
#ifndef PAGES_H
#define PAGES_H

#include "web/http.h"
#include "web/status.h"

#define PAGES_ROUTES 8 /* including the terminator */

/* Fills in the table for http_new; the config's user must be the `struct status *`. */
void pages_routes(const struct status *status, struct http_route routes[PAGES_ROUTES]);

#endif
