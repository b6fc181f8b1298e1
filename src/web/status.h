/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of the running daemon, which owns and updates it; the pages show it.  All on the
 * main thread.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/learned_ids.h>
#include <windsock/mapping.h>
#include <windsock/recent.h>
#include <windsock/stats.h>
#include <windsock/store.h>
#include <windsock/unmatched.h>

#include "sys/sock.h"
#include "web/http.h"

enum status_phase {
	STATUS_STARTING,
	STATUS_READY,
	STATUS_STOPPING,
};

struct status {
	enum status_phase phase;
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_learned_ids *learned;
	struct ws_unmatched *unmatched;
	struct ws_recent *recent;
	struct ws_mapping *mapping;
	const struct sock_list **udp; /* by worker; borrowed */
	size_t nworkers;
	const struct http *http;
	const char *telemetry_path;
	double started; /* seconds since the epoch */
	uint64_t reloads_good;
	uint64_t reloads_bad;
	bool last_reload_good;
	double last_good_reload; /* seconds since the epoch */
	bool lifecycle;          /* whether /-/reload is enabled */

	/* False: the errors are in `diags`, and nothing has changed. */
	bool (*reload)(void *user, struct ws_buf *diags);
	void *user;
};

/* "starting", "ready", "stopping" */
const char *status_word(enum status_phase phase);

/* Datagrams dropped by the kernel at the workers' sockets. */
uint64_t status_kernel_drops(const struct status *status);

#endif
