/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/systemd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Adds the socket to its list, which must agree with its name.  NULL, or an error. */
static const char *take(int fd, const char *name, struct sock_list *udp,
                        struct sock_list *http)
{
	bool is_udp = sd_is_socket(fd, AF_INET, SOCK_DGRAM, -1) > 0 ||
	              sd_is_socket(fd, AF_INET6, SOCK_DGRAM, -1) > 0;
	bool is_tcp = sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 ||
	              sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) > 0;
	enum ws_err err;

	if (!is_udp && !is_tcp)
		return "is neither a datagram nor a listening stream socket of IP";
	if (strcmp(name, "statsd") == 0 && !is_udp)
		return "is named statsd, but is not a datagram socket";
	if (strcmp(name, "web") == 0 && !is_tcp)
		return "is named web, but is not a stream socket";
	err = sock_adopt(is_udp ? udp : http, fd, is_udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);
	return err == WS_OK ? NULL
	                    : "cannot be used: there are more than 16, or it is broken";
}

size_t systemd_take_sockets(struct sock_list *udp, struct sock_list *http, char *why,
                            size_t why_size)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), i;
	size_t bad = 0;

	for (i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		const char *wrong = take(fd, names[i], udp, http);

		free(names[i]);
		if (wrong == NULL)
			continue;
		snprintf(why, why_size, "file descriptor %d that systemd passed %s", fd,
		         wrong);
		close(fd);
		bad++;
	}
	free(names);
	return bad;
}

void systemd_say_ready(void)
{
	sd_notify(0, "READY=1");
}

void systemd_say_reloading(int64_t now)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(now / 1000));
}

void systemd_say_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

int64_t systemd_watchdog_ns(void)
{
	uint64_t usec;

	return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)usec * 1000 : 0;
}

void systemd_say_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
