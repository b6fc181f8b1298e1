/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets from addresses as people write them: "localhost:8125", ":9092",
 * "0.0.0.0:8125", "[::1]:8125", "[::]:8125".  All sockets are non-blocking and close-on-exec.
 *
 * An empty host, and [::], is one dual-stack IPv6 socket where the kernel has IPv6, otherwise
 * 0.0.0.0.  A host name gives one socket for each address it resolves to (localhost:
 * 127.0.0.1 and ::1); an address family that the kernel lacks is passed over as long as one
 * remains.  Port 0 is a free port; when a name has several addresses they share it.
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
	int receive_buffer;       /* UDP: bytes granted, as the kernel counts them */
};

/* Several sockets of one address, or of several. */
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
	int receive_buffer; /* UDP: bytes asked for; FORCE first, then what is allowed */
	bool probe;         /* with reuse_port: first bind once without, so that a foreign
	                       owner of the port is noticed instead of shared with */
};

/*
 * Adds the sockets of one address to the list.  On failure the list is as it was and `why`
 * holds a sentence (`why_size` bytes at most, NUL-terminated) that names the address and what
 * to do, for a port in use for example which flag moves windsock and how to find the other
 * program.  `flag` is the flag the address came from ("--web.listen-address").
 */
enum ws_err sock_listen(struct sock_list *list, const char *address, const char *flag,
                        const struct sock_options *options, char *why, size_t why_size);

/* Whether sock_listen could read the address; opens and looks up nothing.  WS_ERR_INVALID with
 * the same sentence in `why` otherwise. */
enum ws_err sock_check(const char *address, const char *flag, enum sock_kind kind, char *why,
                       size_t why_size);

/*
 * A TCP connection to what sock_listen makes of the same address; a wildcard is reached on
 * this machine's own addresses.  The socket is non-blocking and the caller's to close; -1 with
 * a sentence in `why`, at `deadline` (clock_now) at the latest, however long a name's address
 * was looked up.
 */
int sock_connect(const char *address, const char *flag, int64_t deadline, char *why,
                 size_t why_size);

/* Waits until poll(2) finds one of `events`; false at the deadline. */
bool sock_wait(int fd, short events, int64_t deadline);

/* Adds an open socket that somebody else has bound; on failure the caller keeps it. */
enum ws_err sock_adopt(struct sock_list *list, int fd, enum sock_kind kind);

void sock_close_all(struct sock_list *list);

/* Datagrams the kernel dropped for want of room since the socket was made (SO_MEMINFO). */
uint32_t sock_drops(int fd);

/* Bytes now waiting in the receive queue, as the kernel counts them (SO_MEMINFO). */
uint32_t sock_queued(int fd);

#endif
