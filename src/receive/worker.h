/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiving thread: sockets in, batches into an ingest of its own.
 */
#ifndef WORKER_H
#define WORKER_H

#include <windsock/ingest.h>
#include <windsock/mapping.h>
#include <windsock/stats.h>
#include <windsock/store.h>

#include "sys/sock.h"

struct worker;

struct worker_config {
	const struct sock_list
		*socks; /* UDP; the worker owns the descriptors once it is made */
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_mapping *mapping; /* the worker takes a reference of its own */
	struct ws_ingest_options ingest;
	int64_t drain_ns; /* at the end, for what the sockets still hold */
	int done_fd; /* eventfd of the owner: 1 is added when the thread has drained; -1: none
		      */
};

/* WS_OK and *out runs, or what is missing: NOMEM, SYSTEM (errno). */
enum ws_err worker_start(const struct worker_config *config, struct worker **out);

/* The mapping for all batches from now on; the worker takes a reference.  Never waits for a
 * batch. */
void worker_set_mapping(struct worker *worker, struct ws_mapping *mapping);

const struct sock_list *worker_socks(const struct worker *worker);

/* Whether the thread has pong the call before this one; asks it anew.  True at first.  For
 * one caller, well apart: a thread between two batches answers at once. */
bool worker_answers(struct worker *worker);

/* Asks the thread to take what the sockets still hold, for a while at most, and to end. */
void worker_stop(struct worker *worker);

/* Stops it, waits for its end, closes its sockets.  False: they still held something.  NULL is
 * fine. */
bool worker_free(struct worker *worker);

#endif
