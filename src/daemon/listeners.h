/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's listening sockets: those passed by the service manager, otherwise those of the
 * settings.  Errors are logged, with the flag that fixes them.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stdbool.h>
#include <windsock/err.h>

#include "daemon/conf.h"
#include "sys/sock.h"

struct listeners {
	const struct conf *conf;
	struct sock_list passed_udp, passed_http; /* by systemd; empty once handed out */
	bool udp_was_passed;
	bool http_was_passed;
};

/* Takes the sockets that systemd passes.  Call once, at startup. */
void listeners_init(struct listeners *l, const struct conf *conf);

/* Closes passed sockets that were not handed out. */
void listeners_fini(struct listeners *l);

/* The number of workers to start: one if systemd passes the sockets. */
size_t listeners_workers(const struct listeners *l);

/*
 * The UDP sockets of a worker: of the first one if `first` is NULL, otherwise on the
 * addresses of `first`, the first worker's sockets.  WS_OK, INVALID (an address cannot be
 * parsed) or SYSTEM.  On failure the list is empty.
 */
enum ws_err listeners_open_udp(struct listeners *l, const struct sock_list *first,
                               struct sock_list *out);

/* The HTTP sockets; returns the same errors. */
enum ws_err listeners_open_http(struct listeners *l, struct sock_list *out);

#endif
