/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiving thread: reads datagrams from its sockets, in batches, into its own ingest.
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
		*socks; /* UDP; the worker owns the descriptors once worker_start succeeds */
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_mapping *mapping; /* the worker takes its own reference */
	struct ws_ingest_options ingest;
	int64_t drain_ns; /* at the end: time limit for reading what the sockets still hold */
	int done_fd; /* eventfd to add 1 to when the thread has drained; -1: none */
};

/* WS_OK: *out is running.  NOMEM or SYSTEM (see errno) otherwise. */
enum ws_err worker_start(const struct worker_config *config, struct worker **out);

/* Sets the mapping for all later batches; the worker takes a reference.  Does not wait for
 * the current batch. */
void worker_set_mapping(struct worker *worker, struct ws_mapping *mapping);

const struct sock_list *worker_socks(const struct worker *worker);

/* Whether the thread has answered the ping of the previous call; sends the next one.  True on
 * the first call.  Call it from one thread only and at long intervals: the thread answers
 * when its current wakeup is done. */
bool worker_answers(struct worker *worker);

/* Asks the thread to read what its sockets still hold, for at most drain_ns, and to end. */
void worker_stop(struct worker *worker);

/* Stops the thread, waits for its end and closes its sockets.  False: they still held
 * datagrams.  NULL is allowed. */
bool worker_free(struct worker *worker);

#endif
