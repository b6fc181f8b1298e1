/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to tell of a windsock that runs.  The daemon fills it in and keeps it up to date,
 * the pages show it; all on the main thread.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/mapping.h>
#include <windsock/stats.h>
#include <windsock/store.h>
#include <windsock/unmatched.h>

#include "http.h"
#include "worker.h"

enum state_phase {
	STATE_STARTING,
	STATE_READY,
	STATE_STOPPING,
};

struct state {
	enum state_phase phase;
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

/* "starting", "ready", "stopping" */
const char *state_word(enum state_phase phase);

/* Datagrams the kernel dropped at the workers' sockets. */
uint64_t state_kernel_drops(const struct state *state);

#endif
