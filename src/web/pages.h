/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served over HTTP: the metrics, the front page, unmatched names, health, readiness,
 * reload.  All on the main thread.
 */
#ifndef PAGES_H
#define PAGES_H

#include "web/http.h"
#include "web/status.h"

#define PAGES_ROUTES 8 /* with the end */

/* The table for http_new; handlers get the `struct status *` as their user. */
void pages_routes(const struct status *status, struct http_route routes[PAGES_ROUTES]);

#endif
