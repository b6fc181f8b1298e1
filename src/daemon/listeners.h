/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets of the daemon: those that the service manager passes, else those of the
 * settings.  What goes wrong is logged, with the flag that fixes it.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stdbool.h>
#include <windsock/err.h>

#include "daemon/conf.h"
#include "sys/sock.h"

struct listeners {
	const struct conf *conf;
	struct sock_list passed_udp, passed_http; /* by systemd; empty once they have a user */
	bool udp_was_passed;
	bool http_was_passed;
};

/* Takes what systemd passes.  Once, at the start. */
void listeners_init(struct listeners *l, const struct conf *conf);

/* Closes what has no user. */
void listeners_fini(struct listeners *l);

/* How many workers there are to be: one when systemd passes the sockets. */
size_t listeners_workers(const struct listeners *l);

/*
 * The UDP sockets of a worker: of the first one (`first` NULL), or beside the first one's.
 * WS_OK; INVALID: an address cannot be read; SYSTEM.  On failure the list is empty.
 */
enum ws_err listeners_open_udp(struct listeners *l, const struct sock_list *first,
                               struct sock_list *out);

/* The same for HTTP. */
enum ws_err listeners_open_http(struct listeners *l, struct sock_list *out);

#endif
