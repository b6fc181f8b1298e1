/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: sockets, workers, HTTP, signals, timers, reload, and an orderly stop.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "daemon/conf.h"

/* Runs until SIGTERM or SIGINT; returns the exit code. */
int daemon_run(const struct conf *conf);

#endif
