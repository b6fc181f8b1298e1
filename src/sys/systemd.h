/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager: sockets it passes (sd_listen_fds(3)), what it is told (sd_notify(3)) and
 * its watchdog.  Without a service manager all of it does nothing.  The only user of
 * systemd/sd-daemon.h.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stddef.h>
#include <stdint.h>

#include "sys/sock.h"

/*
 * Adds the passed sockets, datagram ones to `udp` and listening stream ones to `http`; one that
 * FileDescriptorName= calls statsd or web has to be of that sort.  Once, at the start: the
 * environment that names them is taken away.  Returns how many sockets could not be used: `why`
 * says of the last one why not; they are closed.
 */
size_t systemd_take_sockets(struct sock_list *udp, struct sock_list *http, char *why,
                            size_t why_size);

void systemd_say_ready(void);
void systemd_say_reloading(int64_t now); /* monotonic nanoseconds; then systemd_say_ready */
void systemd_say_stopping(void);

/* How often the watchdog wants to hear of us, nanoseconds; 0: there is none. */
int64_t systemd_watchdog_ns(void);
void systemd_say_alive(void);

#endif
