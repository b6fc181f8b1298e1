/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets, from addresses such as "localhost:8125", ":9092", "0.0.0.0:8125",
 * "[::1]:8125", "[::]:8125".  All sockets are non-blocking and close-on-exec.
 *
 * An empty host or [::] gives one dual-stack IPv6 socket if the kernel has IPv6, otherwise
 * 0.0.0.0.  A host name gives one socket for each address it resolves to (localhost:
 * 127.0.0.1 and ::1); addresses of a family that the kernel lacks are skipped if there are
 * others.  Port 0 is a free port, the same one for all addresses of a name.
 */
#ifndef SOCK_H
#define SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windsock/err.h>
#include <windsock/span.h>

#define SOCK_NAME_MAX 80
#define SOCK_MAX 16

struct sock {
	int fd;
	char name[SOCK_NAME_MAX]; /* the bound address, "127.0.0.1:8125" or "[::1]:8125" */
	int receive_buffer;       /* UDP: bytes granted, as counted by the kernel */
};

/* The sockets of one or more addresses. */
struct sock_list {
	struct sock socks[SOCK_MAX];
	size_t n;
};

enum sock_kind {
	SOCK_KIND_UDP,
	SOCK_KIND_TCP,
};

struct sock_options {
	enum sock_kind kind;
	bool reuse_port;    /* UDP with several workers: SO_REUSEPORT */
	int receive_buffer; /* UDP: bytes to request; SO_RCVBUFFORCE first, then SO_RCVBUF */
	bool probe;         /* with reuse_port: first bind once without SO_REUSEPORT, so that
	                       another owner of the port is detected, not joined */
};

/*
 * Adds the sockets of one address to the list.  On failure the list is unchanged and `why` is
 * a sentence (at most `why_size` bytes, NUL-terminated) with the address and what to do: for
 * a port in use, for example, the flag that changes it and how to find the other program.
 * `flag` is the flag that the address is from ("--web.listen-address").
 */
enum ws_err sock_listen(struct sock_list *list, const char *address, const char *flag,
                        const struct sock_options *options, char *why, size_t why_size);

/* WS_OK if sock_listen could parse the address, otherwise WS_ERR_INVALID with the same
 * sentence in `why`.  Opens no socket and resolves no name. */
enum ws_err sock_check(const char *address, const char *flag, enum sock_kind kind, char *why,
                       size_t why_size);

/*
 * A TCP connection to a socket that sock_listen opened for the same address; for a wildcard,
 * via loopback.  The caller closes the socket, which is non-blocking.  On failure -1 with a
 * sentence in `why`.  Connecting ends at `deadline` (clock_now); looking up a name is not
 * limited by it.
 */
int sock_connect(const char *address, const char *flag, int64_t deadline, char *why,
                 size_t why_size);

/* Waits until poll(2) reports one of `events`.  False: the deadline has passed. */
bool sock_wait(int fd, short events, int64_t deadline);

/* Adds a socket that is already open and bound; on failure the caller still owns it. */
enum ws_err sock_adopt(struct sock_list *list, int fd, enum sock_kind kind);

void sock_close_all(struct sock_list *list);

/* Datagrams dropped by the kernel since the socket was created, because the receive buffer
 * was full (SO_MEMINFO). */
uint32_t sock_drops(int fd);

/* Bytes now in the receive queue, as counted by the kernel (SO_MEMINFO). */
uint32_t sock_queued(int fd);

#endif
