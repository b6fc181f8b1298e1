/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager: the sockets it passes (sd_listen_fds(3)), notifications to it
 * (sd_notify(3)) and its watchdog.  Without a service manager, these functions do nothing.
 * The only user of systemd/sd-daemon.h.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stddef.h>
#include <stdint.h>

#include "sys/sock.h"

/*
 * Adds the passed sockets: datagram sockets to `udp`, listening stream sockets to `http`.
 * One with FileDescriptorName= statsd or web must be of that type.  Call once, at startup:
 * the environment variables that describe the sockets are removed.  Sockets that cannot be
 * used are closed; returns their number, and `why` has the reason for the last one.
 */
size_t systemd_take_sockets(struct sock_list *udp, struct sock_list *http, char *why,
                            size_t why_size);

void systemd_say_ready(void);
void systemd_say_reloading(int64_t now); /* monotonic nanoseconds; then systemd_say_ready */
void systemd_say_stopping(void);

/* The watchdog's timeout in nanoseconds; 0: there is no watchdog. */
int64_t systemd_watchdog_ns(void);
void systemd_say_alive(void);

#endif
