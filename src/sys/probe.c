/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <windsock/buf.h>

#include "sys/sock.h"

#define STATUS_LINE_MAX 64 /* enough for the status code */
#define PIECE 4096

static bool try_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static bool put_all(int fd, struct ws_span text, int64_t deadline)
{
	while (text.len > 0) {
		ssize_t n = send(fd, text.ptr, text.len, MSG_NOSIGNAL);

		if (n >= 0)
			text = ws_span(text.ptr + n, text.len - (size_t)n);
		else if (!try_again() || !sock_wait(fd, POLLOUT, deadline))
			return false;
	}
	return true;
}

/* Reads until the server closes the connection; keeps only the beginning. */
static bool get_all(int fd, char beginning[STATUS_LINE_MAX + 1], int64_t deadline)
{
	char piece[PIECE];
	size_t have = 0;

	while (sock_wait(fd, POLLIN, deadline)) {
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n == 0) {
			beginning[have] = '\0';
			return true;
		}
		if (n < 0 && !try_again())
			return false;
		if (n > 0 && have < STATUS_LINE_MAX) {
			size_t room = STATUS_LINE_MAX - have;
			size_t take = (size_t)n < room ? (size_t)n : room;

			memcpy(beginning + have, piece, take);
			have += take;
		}
	}
	errno = ETIMEDOUT;
	return false;
}

static bool ask(int fd, const char *address, const char *path, char answer[STATUS_LINE_MAX + 1],
                int64_t deadline)
{
	struct ws_buf request = WS_BUF_INIT;
	bool ok;

	ws_buf_printf(&request,
	              "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: windsock\r\n"
	              "Connection: close\r\n\r\n",
	              path, address);
	errno = ENOMEM;
	ok = request.err == WS_OK && put_all(fd, ws_buf_text(&request), deadline) &&
	     get_all(fd, answer, deadline);
	ws_buf_fini(&request);
	return ok;
}

int probe_get(const char *address, const char *flag, const char *path, int64_t deadline,
              char *why, size_t why_size)
{
	char answer[STATUS_LINE_MAX + 1];
	int fd = sock_connect(address, flag, deadline, why, why_size), status = -1;

	if (fd < 0)
		return -1;
	if (!ask(fd, address, path, answer, deadline))
		snprintf(why, why_size, "no answer from %s: %s", address, strerror(errno));
	else if (sscanf(answer, "HTTP/1.%*1[01] %3d", &status) != 1 || status < 100)
		snprintf(why, why_size, "%s does not speak HTTP", address);
	close(fd);
	return status < 100 ? -1 : status;
}
