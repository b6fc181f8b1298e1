/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listeners.h"

#include <inttypes.h>

#include "sys/log.h"
#include "sys/systemd.h"

#define WHY_MAX 512

#define PASSED_INSTEAD "systemd passes sockets, so %s is ignored; change the addresses " \
                       "with: systemctl edit windsock.socket"

void listeners_init(struct listeners *l, const struct conf *conf)
{
	char why[WHY_MAX];

	*l = (struct listeners){ .conf = conf };
	if (systemd_take_sockets(&l->passed_udp, &l->passed_http, why, sizeof(why)) > 0)
		log_warn("daemon", "%s; it is closed", why);
	l->udp_was_passed = l->passed_udp.n > 0;
	l->http_was_passed = l->passed_http.n > 0;
	if (l->udp_was_passed && conf->workers > 1)
		log_warn("statsd", "sockets passed by systemd have one worker; to use --statsd.workers, "
		                   "set --statsd.listen-udp and disable the socket unit");
	if (l->udp_was_passed && conf->listen_udp.given)
		log_warn("statsd", PASSED_INSTEAD, "--statsd.listen-udp");
	if (l->http_was_passed && conf->listen_http.given)
		log_warn("http", PASSED_INSTEAD, "--web.listen-address");
}

void listeners_fini(struct listeners *l)
{
	sock_close_all(&l->passed_udp);
	sock_close_all(&l->passed_http);
}

size_t listeners_workers(const struct listeners *l)
{
	return l->udp_was_passed ? 1 : (size_t)l->conf->workers;
}

/* Adds the sockets of an address.  On failure the list becomes empty. */
static enum ws_err open_one(struct sock_list *list, const char *address, const char *flag,
                            const char *topic, const struct sock_options *options)
{
	char why[WHY_MAX];
	enum ws_err err = sock_listen(list, address, flag, options, why, sizeof(why));

	if (err != WS_OK) {
		log_error(topic, "%s", why);
		sock_close_all(list);
	}
	return err;
}

static enum ws_err open_udp(const struct conf *conf, const char *address, bool first,
                            struct sock_list *list)
{
	const struct sock_options options = {
		.kind = SOCK_KIND_UDP,
		.reuse_port = conf->workers > 1,
		.probe = first,
		.receive_buffer = (int)conf->read_buffer,
	};

	return open_one(list, address, "--statsd.listen-udp", "statsd", &options);
}

static void log_listener(const struct conf *conf, const struct sock *s)
{
	/* Linux doubles the requested size, for its own bookkeeping: socket(7). */
	int granted = s->receive_buffer / 2;

	log_info("statsd", "listening on %s (UDP), receive buffer %d bytes", s->name,
	         s->receive_buffer);
	if ((uint64_t)granted < conf->read_buffer)
		log_warn("statsd",
		         "the kernel granted %s a receive buffer of %d of the %" PRIu64
		         " bytes requested, so bursts may be dropped. Raise the limit with: "
		         "sysctl -w net.core.rmem_max=%" PRIu64
		         ", or request less with --statsd.read-buffer",
		         s->name, granted, conf->read_buffer, conf->read_buffer);
}

static void move_list(struct sock_list *from, struct sock_list *to)
{
	*to = *from;
	from->n = 0;
}

static enum ws_err open_first(struct listeners *l, struct sock_list *out)
{
	enum ws_err err = WS_OK;
	size_t i;

	if (l->udp_was_passed)
		move_list(&l->passed_udp, out);
	for (i = 0; !l->udp_was_passed && err == WS_OK && i < l->conf->listen_udp.n; i++)
		err = open_udp(l->conf, l->conf->listen_udp.items[i], true, out);
	for (i = 0; i < out->n; i++)
		log_listener(l->conf, &out->socks[i]);
	return err;
}

/* Later workers use the bound addresses of the first, so that port 0 is one port for all. */
enum ws_err listeners_open_udp(struct listeners *l, const struct sock_list *first,
                               struct sock_list *out)
{
	enum ws_err err = WS_OK;
	size_t i;

	out->n = 0;
	if (first == NULL)
		return open_first(l, out);
	for (i = 0; err == WS_OK && i < first->n; i++)
		err = open_udp(l->conf, first->socks[i].name, false, out);
	return err;
}

enum ws_err listeners_open_http(struct listeners *l, struct sock_list *out)
{
	const struct sock_options options = { .kind = SOCK_KIND_TCP };
	enum ws_err err = WS_OK;
	size_t i;

	out->n = 0;
	if (l->http_was_passed)
		move_list(&l->passed_http, out);
	for (i = 0; !l->http_was_passed && err == WS_OK && i < l->conf->listen_http.n; i++)
		err = open_one(out, l->conf->listen_http.items[i], "--web.listen-address", "http",
		               &options);
	return err;
}
