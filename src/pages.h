/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served over HTTP: the metrics, the landing page, unmatched names, health, readiness,
 * reload.  All on the main thread.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/mapping.h>
#include <windsock/stats.h>
#include <windsock/store.h>
#include <windsock/unmatched.h>

#include "http.h"
#include "worker.h"

enum pages_state {
	PAGES_STARTING,
	PAGES_READY,
	PAGES_STOPPING,
};

/* What the pages show; the daemon fills it in and keeps it up to date. */
struct pages {
	enum pages_state state;
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_learned *learned;
	struct ws_unmatched *unmatched;
	struct worker **workers;
	size_t nworkers;
	const struct http *http;
	const struct ws_mapping *mapping;
	const char *telemetry_path;
	double started; /* seconds since the epoch */
	uint64_t reloads_good;
	uint64_t reloads_bad;
	bool last_reload_good;
	double last_good_reload; /* seconds since the epoch */
	bool lifecycle;          /* whether /-/reload may reload */

	/* False: `diags` says why, and nothing has changed. */
	bool (*reload)(void *user, struct ws_buf *diags);
	void *user;
};

#define PAGES_ROUTES 7 /* with the end */

/* The table for http_new; handlers get `struct pages *` as their user. */
void pages_routes(const struct pages *pages, struct http_route routes[PAGES_ROUTES]);

/* Datagrams the kernel dropped at the workers' sockets. */
uint64_t pages_kernel_drops(const struct pages *pages);

#endif
