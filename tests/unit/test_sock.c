/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "sys/clock.h"
#include "sys/sock.h"

static const struct sock_options udp = { .kind = SOCK_KIND_UDP };
static const struct sock_options tcp = { .kind = SOCK_KIND_TCP };

static char why[512];

static enum ws_err listen_on(struct sock_list *list, const char *address,
                             const struct sock_options *options)
{
	why[0] = '\0';
	return sock_listen(list, address, "--flag", options, why, sizeof(why));
}

static unsigned port_of(const struct sock *s)
{
	return (unsigned)atoi(strrchr(s->name, ':') + 1);
}

static bool starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool has_ipv6(void)
{
	const struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		                         .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

/* One socket, whose name begins so; where the kernel has no IPv6, `name4`, or none. */
static const struct {
	const char *address, *name, *name4;
} forms[] = {
	{ "127.0.0.1:0", "127.0.0.1:", "127.0.0.1:" },
	{ "0.0.0.0:0", "0.0.0.0:", "0.0.0.0:" },
	{ "[127.0.0.1]:0", "127.0.0.1:", "127.0.0.1:" },
	{ "[::1]:0", "[::1]:", NULL },
	{ "[::]:0", "[::]:", "0.0.0.0:" },
	{ ":0", "[::]:", "0.0.0.0:" },
};

static void check_form(size_t i, const struct sock_options *options)
{
	const char *name = has_ipv6() ? forms[i].name : forms[i].name4;
	struct sock_list list = { .n = 0 };
	int is_listening = -1;
	socklen_t size = sizeof(is_listening);

	if (name == NULL)
		return;
	assert_int_equal(listen_on(&list, forms[i].address, options), WS_OK);
	assert_int_equal(list.n, 1);
	if (!starts_with(list.socks[0].name, name))
		fail_msg("%s: %s", forms[i].address, list.socks[0].name);
	assert_true(port_of(&list.socks[0]) > 0);
	assert_true(fcntl(list.socks[0].fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(list.socks[0].fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(getsockopt(list.socks[0].fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening,
				    &size), 0);
	assert_int_equal(is_listening, options->kind == SOCK_KIND_TCP);
	sock_close_all(&list);
	assert_int_equal(list.n, 0);
}

TEST(forms_of_addresses)
{
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		check_form(i, &udp);
		check_form(i, &tcp);
	}
}

static const struct {
	const char *address, *what;
} bad[] = {
	{ "", "there is no port" },
	{ "localhost", "there is no port" },
	{ "127.0.0.1:", "the port is not a number from 0 to 65535" },
	{ "127.0.0.1:x", "the port is not a number from 0 to 65535" },
	{ "127.0.0.1:-1", "the port is not a number from 0 to 65535" },
	{ "127.0.0.1: 1", "the port is not a number from 0 to 65535" },
	{ "127.0.0.1:65536", "the port is not a number from 0 to 65535" },
	{ "[::1]", "the port is not a number from 0 to 65535" },
	{ "::1:8125", "an IPv6 address must be in brackets" },
	{ "[::1:8125", "an IPv6 address must be in brackets" },
	{ "[]:8125", "there is no address in the brackets" },
};

static void check_bad(const char *address, const char *what)
{
	struct sock_list list = { .n = 0 };
	char start[512], listened[sizeof(why)];

	snprintf(start, sizeof(start), "--flag=%s: %s. Write host:port, ", address, what);
	assert_int_equal(listen_on(&list, address, &udp), WS_ERR_INVALID);
	assert_int_equal(list.n, 0);
	if (!starts_with(why, start))
		fail_msg("%s: %s", address, why);
	memcpy(listened, why, sizeof(why));
	why[0] = '\0';
	assert_int_equal(sock_check(address, "--flag", SOCK_KIND_UDP, why, sizeof(why)),
	                 WS_ERR_INVALID);
	assert_string_equal(why, listened);
}

TEST(bad_addresses)
{
	char address[300];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_bad(bad[i].address, bad[i].what);
	memset(address, 'a', 256);
	memcpy(address + 256, ":1", 3);
	check_bad(address, "the host name is too long");
	assert_int_equal(sock_check(address + 1, "--flag", SOCK_KIND_UDP, why, sizeof(why)),
	                 WS_OK);
	assert_int_equal(sock_check("127.0.0.1:65535", "--flag", SOCK_KIND_TCP, why, 1), WS_OK);
}

/* The examples are on the ports of their kind. */
TEST(examples_are_of_the_kind)
{
	sock_check("x", "--flag", SOCK_KIND_UDP, why, sizeof(why));
	assert_non_null(strstr(why, "for example localhost:9125, :9125 or [::1]:9125"));
	sock_check("x", "--flag", SOCK_KIND_TCP, why, sizeof(why));
	assert_non_null(strstr(why, "for example localhost:9102, :9102 or [::1]:9102"));
}

TEST(sentence_is_cut_to_fit)
{
	char small[16];

	memset(small, 'x', sizeof(small));
	sock_check("x", "--flag", SOCK_KIND_UDP, small, 8);
	assert_string_equal(small, "--flag=");
	assert_int_equal(small[8], 'x');
}

TEST(unknown_places)
{
	struct sock_list list = { .n = 0 };

	assert_int_equal(listen_on(&list, "no-such-host.invalid:1", &udp), WS_ERR_SYSTEM);
	assert_true(starts_with(why, "--flag=no-such-host.invalid:1: cannot find the address of "
	                             "\"no-such-host.invalid\": "));
	/* TEST-NET-1 is not in use. */
	assert_int_equal(listen_on(&list, "192.0.2.254:1025", &tcp), WS_ERR_SYSTEM);
	assert_string_equal(why, "cannot listen on 192.0.2.254:1025 (TCP): this machine does not "
	                         "have that address. See which it has with: ip address; then set "
	                         "--flag");
	assert_int_equal(list.n, 0);
}

/* A list that has one socket keeps it when the second fails. */
static void port_in_use(const struct sock_options *options, const char *kind,
                        unsigned other, const char *ss)
{
	struct sock_list list = { .n = 0 };
	char address[SOCK_NAME_MAX], said[512];
	struct sock first;

	assert_int_equal(listen_on(&list, "127.0.0.1:0", options), WS_OK);
	first = list.socks[0];
	memcpy(address, first.name, sizeof(address));
	assert_int_equal(listen_on(&list, address, options), WS_ERR_SYSTEM);
	snprintf(said, sizeof(said),
	         "cannot listen on %s (%s): the port is in use. Give windsock another one with "
	         "--flag=127.0.0.1:%u, or find the other program with: %s 'sport = :%u'",
	         address, kind, other, ss, port_of(&first));
	assert_string_equal(why, said);
	assert_int_equal(list.n, 1);
	assert_memory_equal(&list.socks[0], &first, sizeof(first));
	assert_true(fcntl(first.fd, F_GETFD) >= 0);
	sock_close_all(&list);
}

TEST(ports_in_use)
{
	port_in_use(&udp, "UDP", 9125, "ss -lunp");
	port_in_use(&tcp, "TCP", 9102, "ss -ltnp");
}

/* With reuse_port, windsock's own sockets share a port; the probe detects other programs. */
TEST(shared_ports)
{
	struct sock_options o = { .kind = SOCK_KIND_UDP, .reuse_port = true, .probe = true };
	struct sock_list list = { .n = 0 };

	assert_int_equal(listen_on(&list, "127.0.0.1:0", &o), WS_OK);
	assert_int_equal(listen_on(&list, list.socks[0].name, &o), WS_ERR_SYSTEM);
	assert_non_null(strstr(why, "the port is in use"));
	o.probe = false;
	assert_int_equal(listen_on(&list, list.socks[0].name, &o), WS_OK);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.socks[0].name, list.socks[1].name);
	sock_close_all(&list);
}

TEST(full_list)
{
	struct sock_list list = { .n = 0 };
	size_t i;

	for (i = 0; i < SOCK_MAX; i++)
		assert_int_equal(listen_on(&list, "127.0.0.1:0", &udp), WS_OK);
	assert_int_equal(listen_on(&list, "127.0.0.1:0", &udp), WS_ERR_SYSTEM);
	assert_int_equal(list.n, SOCK_MAX);
	sock_close_all(&list);
}

static void send_text(int family, unsigned port, const char *text)
{
	const struct sockaddr_in to4 = { .sin_family = AF_INET,
		                         .sin_port = htons((uint16_t)port),
		                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
		                          .sin6_port = htons((uint16_t)port),
		                          .sin6_addr = in6addr_loopback };
	int fd = socket(family, SOCK_DGRAM, 0);

	if (family == AF_INET)
		assert_int_equal(sendto(fd, text, strlen(text), 0,
					(const struct sockaddr *)&to4, sizeof(to4)),
				 strlen(text));
	else
		assert_int_equal(sendto(fd, text, strlen(text), 0,
					(const struct sockaddr *)&to6, sizeof(to6)),
				 strlen(text));
	close(fd);
}

/* Loopback delivers before sendto returns. */
static void assert_receives(const struct sock *s, const char *text)
{
	char got[16] = "";

	assert_int_equal(recv(s->fd, got, sizeof(got) - 1, 0), strlen(text));
	assert_string_equal(got, text);
}

TEST(wildcards_take_both)
{
	static const char *const addresses[] = { ":0", "[::]:0" };
	struct sock_list list = { .n = 0 };
	size_t i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(listen_on(&list, addresses[i], &udp), WS_OK);
		send_text(AF_INET, port_of(&list.socks[0]), "four");
		assert_receives(&list.socks[0], "four");
		if (has_ipv6()) {
			send_text(AF_INET6, port_of(&list.socks[0]), "six");
			assert_receives(&list.socks[0], "six");
		}
		sock_close_all(&list);
	}
}

/* Only the wildcard is dual-stack: the same port is free on the other family. */
TEST(names_share_a_port)
{
	struct sock_list list = { .n = 0 };
	size_t i;

	assert_int_equal(listen_on(&list, "localhost:0", &udp), WS_OK);
	assert_true(list.n >= 1);
	for (i = 0; i < list.n; i++) {
		bool v6 = starts_with(list.socks[i].name, "[::1]:");

		assert_true(v6 || starts_with(list.socks[i].name, "127.0.0.1:"));
		assert_int_equal(port_of(&list.socks[i]), port_of(&list.socks[0]));
		send_text(v6 ? AF_INET6 : AF_INET, port_of(&list.socks[i]), "x");
		assert_receives(&list.socks[i], "x");
	}
	sock_close_all(&list);
}

TEST(drops_and_queue)
{
	const struct sock_options small = { .kind = SOCK_KIND_UDP, .receive_buffer = 4096 };
	struct sock_list list = { .n = 0 };
	unsigned sent = 200, received = 0, i;
	struct sock *s = &list.socks[0];
	char got[16];

	assert_int_equal(listen_on(&list, "127.0.0.1:0", &small), WS_OK);
	assert_int_equal(sock_drops(s->fd), 0);
	assert_int_equal(sock_queued(s->fd), 0);
	for (i = 0; i < sent; i++)
		send_text(AF_INET, port_of(s), "x");
	assert_true(sock_drops(s->fd) > 0);
	assert_true(sock_queued(s->fd) > 0);
	while (recv(s->fd, got, sizeof(got), 0) > 0)
		received++;
	assert_int_equal(received + sock_drops(s->fd), sent);
	assert_int_equal(sock_queued(s->fd), 0);
	sock_close_all(&list);
	assert_int_equal(sock_drops(-1), 0);
	assert_int_equal(sock_queued(-1), 0);
}

/* The kernel doubles the requested size. */
TEST(granted_buffer)
{
	const struct sock_options asked = { .kind = SOCK_KIND_UDP, .receive_buffer = 65536 };
	struct sock_list list = { .n = 0 };
	int unasked;

	assert_int_equal(listen_on(&list, "127.0.0.1:0", &asked), WS_OK);
	assert_int_equal(listen_on(&list, "127.0.0.1:0", &udp), WS_OK);
	assert_int_equal(listen_on(&list, "127.0.0.1:0", &tcp), WS_OK);
	assert_int_equal(list.socks[0].receive_buffer, 2 * 65536);
	unasked = list.socks[1].receive_buffer;
	assert_true(unasked > 0 && unasked != 2 * 65536);
	assert_int_equal(list.socks[2].receive_buffer, 0);
	sock_close_all(&list);
}

/* Connects to a listener on all addresses or on one; fails if there is none. */
TEST(connections)
{
	static const char *const addresses[] = { ":0", "0.0.0.0:0", "[::]:0", "127.0.0.1:0",
		                                 "localhost:0" };
	int64_t deadline = clock_now() + INT64_C(20) * 1000000000;
	char text[SOCK_NAME_MAX];
	struct sock_list list = { .n = 0 };
	size_t i;
	int fd;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		assert_int_equal(listen_on(&list, addresses[i], &tcp), WS_OK);
		snprintf(text, sizeof(text), "%.*s%u", (int)strlen(addresses[i]) - 1,
		         addresses[i], port_of(&list.socks[0]));
		fd = sock_connect(text, "--flag", deadline, why, sizeof(why));
		assert_true(fd >= 0);
		assert_int_equal(send(fd, "x", 1, 0), 1);
		assert_false(sock_wait(fd, POLLIN, clock_now() + 1000000));
		assert_true(sock_wait(fd, POLLOUT, deadline));
		close(fd);
		sock_close_all(&list);
		assert_int_equal(sock_connect(text, "--flag", deadline, why, sizeof(why)), -1);
		assert_true(starts_with(why, "cannot connect to "));
	}
	assert_int_equal(sock_connect("x", "--flag", deadline, why, sizeof(why)), -1);
	assert_true(starts_with(why, "--flag=x: there is no port"));
}
