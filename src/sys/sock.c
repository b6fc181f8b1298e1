/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <windsock/num.h>

#include "sys/clock.h"

#define BACKLOG 128
#define HOST_MAX 255 /* RFC 1035 */

#define HTTP_PORT 9102   /* the usual ports of statsd_exporter, to suggest in messages */
#define STATSD_PORT 9125
#define KAFKA_PORT 9092

/* Attempts to find a port that is free on all addresses of a name. */
#define PORT_TRIES 8

/* The arguments of a call, with the parsed address. */
struct request {
	const char *address;
	const char *flag;
	const struct sock_options *options;
	char host[HOST_MAX + 1];
	uint16_t port;
	char *why;
	size_t why_size;
};

struct target {
	struct sockaddr_storage address;
	socklen_t size;
};

struct target_list {
	struct target targets[SOCK_MAX];
	size_t n;
};

__attribute__((format(printf, 3, 4)))
static enum ws_err reject(const struct request *r, enum ws_err err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->why, r->why_size, format, args);
	va_end(args);
	return err;
}

static const char *kind_name(const struct request *r)
{
	return r->options->kind == SOCK_KIND_UDP ? "UDP" : "TCP";
}

/* Everything before the last colon, with any brackets. */
static struct ws_span written_host(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon == NULL ? ws_span_str(address) : ws_span_between(address, colon);
}

/* A port to suggest instead. */
static unsigned other_port(const struct request *r)
{
	unsigned port = r->options->kind == SOCK_KIND_UDP ? STATSD_PORT : HTTP_PORT;

	return r->port == port ? port + 1 : port;
}

static enum ws_err reject_in_use(const struct request *r)
{
	struct ws_span host = written_host(r->address);
	bool udp = r->options->kind == SOCK_KIND_UDP;

	return reject(r, WS_ERR_SYSTEM,
	              "cannot listen on %s (%s): the port is in use%s. Give windsock another one "
	              "with %s=%.*s:%u, or find the other program with: "
	              "ss -l%snp 'sport = :%u'",
	              r->address, kind_name(r),
	              !udp && r->port == KAFKA_PORT ? " (9092 is also the port of Kafka brokers)"
	                                            : "",
	              r->flag, WS_SPAN_ARG(host), other_port(r), udp ? "u" : "t", r->port);
}

/* `err` is an errno. */
static enum ws_err reject_listen(const struct request *r, int err)
{
	struct ws_span host = written_host(r->address);

	switch (err) {
	case EADDRINUSE:
		return reject_in_use(r);
	case EACCES:
		return reject(r, WS_ERR_SYSTEM,
		              "cannot listen on %s (%s): a port this low needs the capability "
		              "CAP_NET_BIND_SERVICE. Give windsock a higher one with %s=%.*s:%u",
		              r->address, kind_name(r), r->flag, WS_SPAN_ARG(host),
		              other_port(r));
	case EADDRNOTAVAIL:
		return reject(r, WS_ERR_SYSTEM,
		              "cannot listen on %s (%s): this machine does not have that address. "
		              "See which it has with: ip address; then set %s",
		              r->address, kind_name(r), r->flag);
	default:
		return reject(r, WS_ERR_SYSTEM, "cannot listen on %s (%s), set by %s: %s",
		              r->address, kind_name(r), r->flag, strerror(err));
	}
}

static enum ws_err reject_text(const struct request *r, const char *what)
{
	return reject(r, WS_ERR_INVALID,
	              "%s=%s: %s. Write host:port, for example localhost:%u, :%u or [::1]:%u",
	              r->flag, r->address, what, other_port(r), other_port(r), other_port(r));
}

/* Parses "host:port", "[v6]:port" or ":port" into r->host, without brackets, and r->port. */
static enum ws_err parse_address(struct request *r)
{
	const char *colon = strrchr(r->address, ':');
	struct ws_span host;
	uint64_t port;

	if (colon == NULL)
		return reject_text(r, "there is no port");
	if (!ws_num_parse_u64(ws_span_str(colon + 1), UINT16_MAX, &port))
		return reject_text(r, "the port is not a number from 0 to 65535");
	host = ws_span_between(r->address, colon);
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
		host = ws_span(host.ptr + 1, host.len - 2);
		if (host.len == 0)
			return reject_text(r, "there is no address in the brackets");
	} else if (ws_span_find(host, ':') != NULL) {
		return reject_text(r, "an IPv6 address must be in brackets");
	}
	if (host.len > HOST_MAX)
		return reject_text(r, "the host name is too long");
	memcpy(r->host, host.ptr, host.len);
	r->host[host.len] = '\0';
	r->port = (uint16_t)port;
	return WS_OK;
}

static bool is_wildcard6(const struct target *t)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&t->address;

	return t->address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static void set_port(struct target *t, uint16_t port)
{
	if (t->address.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&t->address)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&t->address)->sin_port = htons(port);
}

static uint16_t get_port(const struct target *t)
{
	if (t->address.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&t->address)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&t->address)->sin_port);
}

/* Skips duplicates: an address with two names in the hosts file is returned twice. */
static void target_add(struct target_list *list, const struct sockaddr *address, socklen_t size)
{
	struct target *t = &list->targets[list->n];
	size_t i;

	if (list->n == SOCK_MAX || size > sizeof(t->address))
		return;
	*t = (struct target){ .size = size };
	memcpy(&t->address, address, size);
	for (i = 0; i < list->n; i++) {
		if (memcmp(&list->targets[i].address, &t->address, sizeof(t->address)) == 0)
			return;
	}
	list->n++;
}

static void target_add_any(struct target_list *list, int family)
{
	const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	const struct sockaddr_in in = { .sin_family = AF_INET };

	if (family == AF_INET6)
		target_add(list, (const struct sockaddr *)&in6, sizeof(in6));
	else
		target_add(list, (const struct sockaddr *)&in, sizeof(in));
}

static enum ws_err resolve(const struct request *r, struct target_list *list)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *info;
	int rc;

	list->n = 0;
	if (r->host[0] == '\0') {
		target_add_any(list, AF_INET6);
		return WS_OK;
	}
	rc = getaddrinfo(r->host, NULL, &hints, &found);
	if (rc != 0)
		return reject(r, WS_ERR_SYSTEM, "%s=%s: cannot find the address of \"%s\": %s",
		              r->flag, r->address, r->host,
		              rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	for (info = found; info != NULL; info = info->ai_next) {
		if (info->ai_family == AF_INET || info->ai_family == AF_INET6)
			target_add(list, info->ai_addr, info->ai_addrlen);
	}
	freeaddrinfo(found);
	return WS_OK;
}

static bool set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static int get_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
}

/* SO_RCVBUFFORCE can exceed net.core.rmem_max, but needs CAP_NET_ADMIN. */
static void ask_receive_buffer(int fd, int bytes)
{
	if (bytes > 0 && !set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

static bool set_options(int fd, const struct target *t, const struct sock_options *o,
                        bool reuse_port)
{
	if (t->address.ss_family == AF_INET6 &&
	    !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_wildcard6(t)))
		return false;
	/* TCP: connections of an earlier run in TIME_WAIT do not block the port.  For UDP,
	 * the option would let a second program take datagrams from the first. */
	if (o->kind == SOCK_KIND_TCP && !set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return false;
	if (reuse_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1))
		return false;
	if (o->kind == SOCK_KIND_UDP)
		ask_receive_buffer(fd, o->receive_buffer);
	return true;
}

/* -1 with errno. */
static int open_bound(const struct target *t, const struct sock_options *o, bool reuse_port)
{
	int type = o->kind == SOCK_KIND_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(t->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	if (set_options(fd, t, o, reuse_port) &&
	    bind(fd, (const struct sockaddr *)&t->address, t->size) == 0 &&
	    (o->kind == SOCK_KIND_UDP || listen(fd, BACKLOG) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Whether the port is free: SO_REUSEPORT would silently share it with another program. */
static bool probe(const struct target *t, const struct sock_options *o)
{
	int fd;

	if (!o->reuse_port || !o->probe || get_port(t) == 0)
		return true;
	fd = open_bound(t, o, false);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void describe(struct sock *s, const struct target *t)
{
	char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "?"; /* fe80::1%eth0 */
	bool v6 = t->address.ss_family == AF_INET6;

	getnameinfo((const struct sockaddr *)&t->address, t->size, host, sizeof(host), NULL, 0,
	            NI_NUMERICHOST);
	snprintf(s->name, sizeof(s->name), v6 ? "[%s]:%u" : "%s:%u", host,
	         (unsigned)get_port(t));
}

/* Sets the target to the socket's bound address.  0 or errno. */
static int add_bound(struct sock_list *list, struct target *t, int fd, enum sock_kind kind)
{
	struct sock *s;

	if (list->n == SOCK_MAX)
		return EMFILE;
	t->size = sizeof(t->address);
	if (getsockname(fd, (struct sockaddr *)&t->address, &t->size) != 0)
		return errno;
	s = &list->socks[list->n++];
	*s = (struct sock){ .fd = fd };
	if (kind == SOCK_KIND_UDP)
		s->receive_buffer = get_option(fd, SOL_SOCKET, SO_RCVBUF);
	describe(s, t);
	return 0;
}

/* Opens one target, and sets its port to the bound one.  0 or errno. */
static int open_target(struct sock_list *list, struct target *t, const struct sock_options *o)
{
	int fd, err;

	if (list->n == SOCK_MAX)
		return EMFILE;
	if (!probe(t, o))
		return errno;
	fd = open_bound(t, o, o->reuse_port);
	if (fd < 0)
		return errno;
	err = add_bound(list, t, fd, o->kind);
	if (err != 0)
		close(fd);
	return err;
}

static void close_from(struct sock_list *list, size_t first)
{
	while (list->n > first)
		close(list->socks[--list->n].fd);
}

/* The errors if the kernel lacks the address family or the host has it disabled. */
static bool family_lacks(int err)
{
	return err == EAFNOSUPPORT || err == EADDRNOTAVAIL;
}

/* Opens all targets, on the same port.  0 or errno; on failure the list is unchanged. */
static int open_targets(struct sock_list *list, const struct target_list *targets,
                        uint16_t port, const struct sock_options *o)
{
	size_t first = list->n, i;
	int lacks = EAFNOSUPPORT;

	for (i = 0; i < targets->n; i++) {
		struct target t = targets->targets[i];
		int err;

		set_port(&t, port);
		err = open_target(list, &t, o);
		if (err == 0) {
			port = get_port(&t);
		} else if (family_lacks(err)) {
			lacks = err;
		} else {
			close_from(list, first);
			return err;
		}
	}
	return list->n > first ? 0 : lacks;
}

/* Without IPv6, the dual-stack wildcard becomes 0.0.0.0. */
static int open_or_fall_back(struct sock_list *list, struct target_list *targets, uint16_t port,
                             const struct sock_options *o)
{
	int err = open_targets(list, targets, port, o);

	if (err == 0 || !family_lacks(err) || targets->n != 1 ||
	    !is_wildcard6(&targets->targets[0]))
		return err;
	targets->n = 0;
	target_add_any(targets, AF_INET);
	return open_targets(list, targets, port, o);
}

enum ws_err sock_listen(struct sock_list *list, const char *address, const char *flag,
                        const struct sock_options *options, char *why, size_t why_size)
{
	struct request r = { .address = address,
		             .flag = flag,
		             .options = options,
		             .why = why,
		             .why_size = why_size };
	struct target_list targets;
	enum ws_err err = parse_address(&r);
	int tries = 0, failed;

	if (err != WS_OK)
		return err;
	err = resolve(&r, &targets);
	if (err != WS_OK)
		return err;
	do {
		failed = open_or_fall_back(list, &targets, r.port, options);
	} while (failed == EADDRINUSE && r.port == 0 && ++tries < PORT_TRIES);
	return failed == 0 ? WS_OK : reject_listen(&r, failed);
}

enum ws_err sock_check(const char *address, const char *flag, enum sock_kind kind, char *why,
                       size_t why_size)
{
	const struct sock_options options = { .kind = kind };
	struct request r = { .address = address,
		             .flag = flag,
		             .options = &options,
		             .why = why,
		             .why_size = why_size };

	return parse_address(&r);
}

bool sock_wait(int fd, short events, int64_t deadline)
{
	struct pollfd one = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - clock_now();
		/* Rounded up, to avoid spinning in the last millisecond. */
		n = left <= 0 ? 0 : poll(&one, 1, (int)((left + 999999) / 1000000));
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static bool is_wildcard4(const struct target *t)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&t->address;

	return t->address.ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* For wildcards: connect to 127.0.0.1, or to ::1 without IPv4. */
static void target_add_own(struct target_list *list)
{
	const struct sockaddr_in in = { .sin_family = AF_INET,
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		                          .sin6_addr = in6addr_loopback };

	list->n = 0;
	target_add(list, (const struct sockaddr *)&in, sizeof(in));
	target_add(list, (const struct sockaddr *)&in6, sizeof(in6));
}

/* Returns the socket; -1 with errno. */
static int connect_target(const struct target *t, int64_t deadline)
{
	int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&t->address, t->size) != 0)
		err = errno;
	if (err == EINPROGRESS)
		err = sock_wait(fd, POLLOUT, deadline) ? get_option(fd, SOL_SOCKET, SO_ERROR)
		                                       : ETIMEDOUT;
	if (err == 0)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

int sock_connect(const char *address, const char *flag, int64_t deadline, char *why,
                 size_t why_size)
{
	const struct sock_options options = { .kind = SOCK_KIND_TCP };
	struct request r = { .address = address,
		             .flag = flag,
		             .options = &options,
		             .why = why,
		             .why_size = why_size };
	struct target_list targets;
	int fd = -1, err = 0;
	size_t i;

	if (parse_address(&r) != WS_OK || resolve(&r, &targets) != WS_OK)
		return -1;
	if (targets.n == 1 && (is_wildcard4(targets.targets) || is_wildcard6(targets.targets)))
		target_add_own(&targets);
	for (i = 0; fd < 0 && i < targets.n; i++) {
		set_port(&targets.targets[i], r.port);
		fd = connect_target(&targets.targets[i], deadline);
		/* Report the error of the first address; the others are alternatives. */
		if (fd < 0 && err == 0)
			err = errno;
	}
	if (fd < 0)
		reject(&r, WS_ERR_SYSTEM, "cannot connect to %s: %s", address, strerror(err));
	return fd;
}

enum ws_err sock_adopt(struct sock_list *list, int fd, enum sock_kind kind)
{
	struct target t = { .size = 0 };

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || add_bound(list, &t, fd, kind) != 0)
		return WS_ERR_SYSTEM;
	return WS_OK;
}

void sock_close_all(struct sock_list *list)
{
	close_from(list, 0);
}

static uint32_t memory_info(int fd, int index)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) != 0)
		return 0;
	return info[index];
}

/* Always current, unlike SO_RXQ_OVFL, which arrives only with the next datagram. */
uint32_t sock_drops(int fd)
{
	return memory_info(fd, SK_MEMINFO_DROPS);
}

uint32_t sock_queued(int fd)
{
	return memory_info(fd, SK_MEMINFO_RMEM_ALLOC);
}
