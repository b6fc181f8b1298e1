/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything put together: sockets, workers, HTTP, signals, timers, reload, an orderly stop.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "daemon/conf.h"

/* Exit codes of the program. */
enum {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1, /* cannot listen, out of memory */
	EXIT_USAGE = 2,   /* flags, settings, mapping files */
};

/* Runs until SIGTERM or SIGINT; returns the exit code. */
int daemon_run(const struct conf *conf);

#endif
