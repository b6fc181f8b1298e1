/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "sys/clock.h"
#include "web/http.h"
#include "daemon/mapping_files.h"
#include "sys/log.h"
#include "web/pages.h"
#include "sys/sock.h"
#include "sys/systemd.h"
#include "receive/worker.h"

#define SECOND_NS INT64_C(1000000000)
#define EXPIRIES_A_TICK 10000
#define EXPIRY_LEAST_NS 1000000 /* others get their turn between two ticks of a long expiry */
#define RESPLITS_LOGGED 100
#define UNMATCHED_LOGGED 100
#define SWEEP_AGAIN_NS  (2 * SECOND_NS)
#define LEARNED_TTL_NS (7 * 24 * 3600 * SECOND_NS)
#define DRAIN_NS       (5 * SECOND_NS)
#define EXPIRY_MOST_NS SECOND_NS /* the store's due time may move forward without a word */
#define HTTP_MOST_NS (60 * SECOND_NS)
#define WHY_MAX 512

static const int signals[] = { SIGHUP, SIGTERM, SIGINT };

#define NSIGNALS (sizeof(signals) / sizeof(signals[0]))

struct daemon {
	const struct conf *conf;
	struct event_base *base;
	struct event *signal_events[NSIGNALS];
	struct event *expiry;
	struct event *http_timer;
	struct event *http_events[SOCK_MAX];
	struct event *done_event;
	int done_fd; /* eventfd: each worker adds 1 when it has ended */
	uint64_t done;
	struct ws_hash_key key;
	struct ws_store *store;
	struct ws_learned_ids *learned;
	struct ws_unmatched *unmatched;
	uint64_t epoch;      /* of the mapping that was tried last */
	int64_t sweep_again; /* when no worker can be at the mapping before any more; 0: done */
	struct ws_stats *stats;
	struct ws_mapping *mapping;
	struct sock_list passed_udp, passed_http; /* by systemd; empty once they have a user */
	bool udp_was_passed;
	int64_t watchdog; /* how often to say that we are alive; 0: never */
	int64_t said_alive;
	struct worker **workers;
	size_t nworkers;
	struct http *http;
	struct http_route routes[PAGES_ROUTES];
	struct status status;
	int code; /* of the program's exit, when it does not start */
};

static bool fail(const char *topic, const char *what)
{
	log_error(topic, "%s: %s", what, strerror(errno));
	return false;
}

/* --- mapping -----------------------------------------------------------------------------
 */

static void log_diags(const struct ws_buf *diags)
{
	struct ws_span rest = ws_buf_text(diags), line;

	while (ws_span_cut(&rest, '\n', &line)) {
		if (line.len > 0)
			log_error("mapping", "%.*s", WS_SPAN_ARG(line));
	}
}

static struct ws_mapping *load(struct daemon *d, struct ws_buf *diags)
{
	const struct ws_mapping_options options = {
		.prefix = d->conf->prefix,
		.sender_label = d->conf->sender_label,
		.airflow_version = d->conf->airflow_version,
		.epoch = ++d->epoch,
	};
	struct ws_mapping *mapping = mapping_files_load(&d->conf->mappings, &options, diags);

	if (mapping == NULL)
		log_diags(diags);
	return mapping;
}

static void log_mapping(const struct daemon *d, const char *what)
{
	struct ws_buf files = WS_BUF_INIT;
	size_t i;

	for (i = 0; i < d->conf->mappings.n; i++) {
		if (i > 0)
			ws_buf_str(&files, ", ");
		ws_buf_str(&files, d->conf->mappings.items[i]);
	}
	log_info("mapping", "%s %.*s: %zu rules", what, WS_SPAN_ARG(ws_buf_text(&files)),
	         ws_mapping_rules(d->mapping));
	ws_buf_fini(&files);
}

/* A worker may be in a batch by the old rules, and make again what they make. */
static void sweep(struct daemon *d, int64_t now)
{
	if (d->sweep_again == 0 || now < d->sweep_again)
		return;
	ws_store_reconfigure(d->store, ws_mapping_makes, d->mapping);
	d->sweep_again = 0;
}

/* Every rule is in the first scrape, at 0: one that never matches is seen. */
static void count_rules(struct daemon *d)
{
	size_t i;

	for (i = 0; i < ws_mapping_rules(d->mapping); i++)
		ws_stats_rule(d->stats, ws_mapping_rule(d->mapping, i).name);
}

static void adopt(struct daemon *d, struct ws_mapping *mapping)
{
	struct ws_mapping *old = d->mapping;
	size_t i;

	ws_store_reconfigure(d->store, ws_mapping_makes, mapping);
	d->mapping = mapping;
	count_rules(d);
	d->status.mapping = mapping;
	for (i = 0; i < d->nworkers; i++)
		worker_set_mapping(d->workers[i], mapping);
	d->sweep_again = clock_now() + SWEEP_AGAIN_NS;
	ws_mapping_unref(old);
}

static bool reload(void *user, struct ws_buf *diags)
{
	struct daemon *d = user;
	struct ws_mapping *mapping;

	systemd_say_reloading(clock_now());
	mapping = load(d, diags);
	systemd_say_ready();
	d->status.last_reload_good = mapping != NULL;
	if (mapping == NULL) {
		d->status.reloads_bad++;
		log_error("mapping", "not reloaded; the mapping before it stays in force");
		return false;
	}
	adopt(d, mapping);
	d->status.reloads_good++;
	d->status.last_good_reload = clock_wall();
	log_mapping(d, "reloaded");
	return true;
}

/* --- events ------------------------------------------------------------------------------
 */

static void arm(struct event *timer, int64_t ns)
{
	const struct timeval wait = { .tv_sec = (time_t)(ns / SECOND_NS),
		                      .tv_usec = (suseconds_t)(ns % SECOND_NS / 1000) };

	event_add(timer, &wait);
}

static int64_t clamp(int64_t n, int64_t least, int64_t most)
{
	return n < least ? least : n > most ? most : n;
}

/* Of all threads: one that hangs keeps the watchdog waiting, and is in the log. */
static void say_alive(struct daemon *d, int64_t now)
{
	bool all = true;
	size_t i;

	if (d->watchdog == 0 || now - d->said_alive < d->watchdog / 3)
		return;
	for (i = 0; i < d->nworkers; i++) {
		if (!worker_answers(d->workers[i])) {
			log_warn("daemon", "worker %zu does not answer", i);
			all = false;
		}
	}
	if (all || d->status.phase == STATUS_STOPPING)
		systemd_say_alive();
	d->said_alive = now;
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	int64_t now = clock_now(), due, most;

	(void)fd;
	(void)what;
	sweep(d, now);
	ws_learned_ids_expire(d->learned, now - LEARNED_TTL_NS);
	due = ws_store_due(d->store);
	if (due <= now) {
		ws_store_expire(d->store, now, EXPIRIES_A_TICK);
		due = ws_store_due(d->store);
	}
	say_alive(d, now);
	most = d->watchdog > 0 && d->watchdog / 3 < EXPIRY_MOST_NS ? d->watchdog / 3
	                                                           : EXPIRY_MOST_NS;
	arm(d->expiry, due <= now ? EXPIRY_LEAST_NS : clamp(due - now, EXPIRY_LEAST_NS, most));
}

static void on_http(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	/* At once means after what else is ready; a wait of any length would be a tick of the
	 * loop's coarse clock for every piece of an answer. */
	arm(d->http_timer, clamp(http_run(d->http, clock_now()), 0, HTTP_MOST_NS));
}

static void stop(struct daemon *d, int number)
{
	size_t i;

	if (d->status.phase == STATUS_STOPPING) {
		log_warn("daemon", "signal %d again: not waiting for the workers", number);
		event_base_loopbreak(d->base);
		return;
	}
	log_info("daemon", "signal %d: stopping", number);
	d->status.phase = STATUS_STOPPING;
	systemd_say_stopping();
	for (i = 0; i < d->nworkers; i++)
		worker_stop(d->workers[i]);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *d = arg;
	struct ws_buf diags = WS_BUF_INIT;

	(void)what;
	if (number != SIGHUP) {
		stop(d, number);
	} else if (d->status.phase == STATUS_READY) {
		reload(d, &diags);
		ws_buf_fini(&diags);
	}
}

/* HTTP answers until the last worker has taken what its sockets held. */
static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		d->done += n;
	if (d->done >= d->nworkers)
		event_base_loopbreak(d->base);
}

static bool event_start(struct event **event, struct event_base *base, evutil_socket_t fd,
                        short what, event_callback_fn fn, struct daemon *d)
{
	*event = event_new(base, fd, what, fn, d);
	return *event != NULL && event_add(*event, NULL) == 0;
}

static bool start_events(struct daemon *d)
{
	struct event_config *config = event_config_new();
	size_t i;

	if (config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		d->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	d->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->base == NULL || d->done_fd < 0 ||
	    !event_start(&d->done_event, d->base, d->done_fd, EV_READ | EV_PERSIST, on_done,
			 d))
		return fail("daemon", "no event loop");
	for (i = 0; i < NSIGNALS; i++) {
		if (!event_start(&d->signal_events[i], d->base, signals[i],
		                 EV_SIGNAL | EV_PERSIST, on_signal, d))
			return fail("daemon", "cannot watch signals");
	}
	d->expiry = evtimer_new(d->base, on_expiry, d);
	d->http_timer = evtimer_new(d->base, on_http, d);
	if (d->expiry == NULL || d->http_timer == NULL)
		return fail("daemon", "no timers");
	arm(d->expiry, EXPIRY_MOST_NS);
	return true;
}

/* --- start -------------------------------------------------------------------------------
 */

static bool make_store(struct daemon *d)
{
	/* conf.c lets no number through that size_t could not hold. */
	const struct ws_limits limits = {
		.series = (size_t)d->conf->limit_series,
		.series_per_family = (size_t)d->conf->limit_series_per_family,
		.families = (size_t)d->conf->limit_families,
		.unmatched_families = (size_t)d->conf->limit_unmatched_families,
	};

	if (getrandom(&d->key, sizeof(d->key), 0) != (ssize_t)sizeof(d->key))
		return fail("daemon", "no random bytes");
	d->store = ws_store_new(limits, d->key);
	d->learned = ws_learned_ids_new(0, d->key);
	d->unmatched = ws_unmatched_new((unsigned)d->conf->workers, d->key);
	d->stats = ws_stats_new((unsigned)d->conf->workers);
	d->workers = calloc((size_t)d->conf->workers, sizeof(*d->workers));
	if (d->store == NULL || d->learned == NULL || d->unmatched == NULL || d->stats == NULL ||
	    d->workers == NULL)
		return fail("daemon", "cannot start");
	return true;
}

/* Linux grants twice what is asked, for its own bookkeeping (socket(7)). */
static void log_listener(const struct daemon *d, const struct sock *s)
{
	uint64_t asked = d->conf->read_buffer;
	int granted = s->receive_buffer / 2; /* it shows twice that: see socket(7) */

	log_info("statsd", "listening on %s (UDP), receive buffer %d bytes", s->name,
	         s->receive_buffer);
	if ((uint64_t)granted < asked)
		log_warn("statsd",
		         "the kernel granted %s a receive buffer of %d bytes of the %" PRIu64
		         " asked for: bursts may be dropped. Raise the limit with: "
		         "sysctl -w net.core.rmem_max=%" PRIu64
		         ", or ask for less with --statsd.read-buffer",
		         s->name, granted, asked, asked);
}

/* What sock_listen said; the list is left empty. */
static bool refuse_listener(struct daemon *d, struct sock_list *list, const char *topic,
                            enum ws_err err, const char *why)
{
	log_error(topic, "%s", why);
	sock_close_all(list);
	if (err == WS_ERR_INVALID)
		d->code = EXIT_USAGE;
	return false;
}

static bool listen_on(struct daemon *d, struct sock_list *list, const char *address, bool first)
{
	const struct sock_options options = {
		.kind = SOCK_KIND_UDP,
		.reuse_port = d->conf->workers > 1,
		.probe = first,
		.receive_buffer = (int)d->conf->read_buffer,
	};
	char why[WHY_MAX];
	enum ws_err err = sock_listen(list, address, "--statsd.listen-udp", &options, why,
	                              sizeof(why));

	return err == WS_OK || refuse_listener(d, list, "statsd", err, why);
}

/* The first worker's sockets from the settings; the others' on what those were bound to, so
 * that port 0 is one port for all. */
static void move_socks(struct sock_list *from, struct sock_list *to)
{
	*to = *from;
	from->n = 0;
}

static bool open_socks(struct daemon *d, struct sock_list *list)
{
	size_t i;

	list->n = 0;
	if (d->nworkers > 0) {
		const struct sock_list *first = worker_socks(d->workers[0]);

		for (i = 0; i < first->n; i++) {
			if (!listen_on(d, list, first->socks[i].name, false))
				return false;
		}
		return true;
	}
	if (d->passed_udp.n > 0)
		move_socks(&d->passed_udp, list);
	for (i = 0; !d->udp_was_passed && i < d->conf->listen_udp.n; i++) {
		if (!listen_on(d, list, d->conf->listen_udp.items[i], true))
			return false;
	}
	for (i = 0; i < list->n; i++)
		log_listener(d, &list->socks[i]);
	return true;
}

/* In a worker's thread.  Names come from the network: only so many of them into the log. */
static void log_resplit(void *user, struct ws_span name)
{
	static _Atomic unsigned logged;
	unsigned n = atomic_fetch_add(&logged, 1);

	(void)user;
	if (n < RESPLITS_LOGGED)
		log_info("mapping", "%.*s is split otherwise since its id was learned; the series "
		                    "under the wrong labels is gone", WS_SPAN_ARG(name));
	if (n == RESPLITS_LOGGED)
		log_info("mapping", "more names are split otherwise; from here on only "
		                    "windsock_series_retired_total counts them");
}

/* As log_resplit. */
static void log_unmatched(void *user, struct ws_span head)
{
	static _Atomic unsigned logged;
	unsigned n = atomic_fetch_add(&logged, 1);

	(void)user;
	if (n < UNMATCHED_LOGGED)
		log_info("mapping", "no rule matches %.*s", WS_SPAN_ARG(head));
	if (n == UNMATCHED_LOGGED)
		log_info("mapping", "no rule matches more names; from here on only /unmatched "
		                    "lists them");
}

static bool start_worker(struct daemon *d)
{
	struct sock_list socks;
	const struct worker_config config = {
		.socks = &socks,
		.store = d->store,
		.stats = d->stats,
		.mapping = d->mapping,
		.ingest = { .shard = (unsigned)d->nworkers,
		            .cache_size = (size_t)d->conf->cache_size,
		            .key = d->key,
		            .learned = d->learned,
		            .on_resplit = log_resplit,
		            .on_unmatched = log_unmatched,
		            .unmatched = d->unmatched },
		.drain_ns = DRAIN_NS,
		.done_fd = d->done_fd,
	};
	enum ws_err err;

	if (!open_socks(d, &socks))
		return false;
	err = worker_start(&config, &d->workers[d->nworkers]);
	if (err != WS_OK) {
		log_error("statsd", "cannot start a worker: %s",
		          err == WS_ERR_SYSTEM ? strerror(errno) : ws_err_text(err));
		sock_close_all(&socks);
		return false;
	}
	d->status.nworkers = ++d->nworkers;
	return true;
}

static bool serve(struct daemon *d, struct sock_list *list)
{
	size_t i;
	int fd;

	for (i = 0; i < list->n; i++) {
		fd = list->socks[i].fd;
		list->socks[i].fd = -1; /* the door's from here on */
		if (http_serve(d->http, fd) != WS_OK) {
			log_error("http", "cannot serve %s", list->socks[i].name);
			return false;
		}
		log_info("http", "listening on %s (HTTP), metrics at %s", list->socks[i].name,
		         d->conf->telemetry_path);
	}
	for (i = 0; i < SOCK_MAX && (fd = http_fd(d->http, i)) >= 0; i++) {
		if (!event_start(&d->http_events[i], d->base, fd, EV_READ | EV_PERSIST,
				 on_http, d))
			return fail("http", "cannot watch a socket");
	}
	on_http(-1, 0, d);
	return true;
}

static void close_rest(struct sock_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (list->socks[i].fd >= 0)
			close(list->socks[i].fd);
	}
}

static bool listen_http(struct daemon *d, struct sock_list *list)
{
	const struct sock_options options = { .kind = SOCK_KIND_TCP };
	char why[WHY_MAX];
	enum ws_err err;
	size_t i;

	list->n = 0;
	if (d->passed_http.n > 0) {
		move_socks(&d->passed_http, list);
		return true;
	}
	for (i = 0; i < d->conf->listen_http.n; i++) {
		err = sock_listen(list, d->conf->listen_http.items[i], "--web.listen-address",
		                  &options, why, sizeof(why));
		if (err != WS_OK)
			return refuse_listener(d, list, "http", err, why);
	}
	return true;
}

static bool start_http(struct daemon *d)
{
	const struct http_config config = {
		.routes = d->routes,
		.user = &d->status,
		.deadline_seconds = d->conf->web_timeout,
		.max_connections = (unsigned)d->conf->max_connections,
	};
	struct sock_list list;
	bool ok;

	if (!listen_http(d, &list))
		return false;
	pages_routes(&d->status, d->routes);
	d->http = http_new(&config);
	d->status.http = d->http;
	ok = d->http != NULL ? serve(d, &list) : fail("http", "cannot start");
	close_rest(&list);
	return ok;
}

static void init_status(struct daemon *d)
{
	double now = clock_wall();

	d->status = (struct status){
		.phase = STATUS_STARTING,
		.store = d->store,
		.stats = d->stats,
		.learned = d->learned,
		.unmatched = d->unmatched,
		.workers = d->workers,
		.mapping = d->mapping,
		.telemetry_path = d->conf->telemetry_path,
		.started = now,
		.last_reload_good = true,
		.last_good_reload = now,
		.lifecycle = d->conf->enable_lifecycle,
		.reload = reload,
		.user = d,
	};
}

/* Sockets from systemd go before the addresses of the settings, kind by kind. */
#define PASSED_INSTEAD "systemd passes sockets, so %s is not used: " \
                       "systemctl edit windsock.socket changes the addresses"

static void take_passed(struct daemon *d)
{
	char why[WHY_MAX];

	if (systemd_take_sockets(&d->passed_udp, &d->passed_http, why, sizeof(why)) > 0)
		log_warn("daemon", "%s; it is closed", why);
	d->udp_was_passed = d->passed_udp.n > 0;
	if (d->udp_was_passed && d->conf->workers > 1)
		log_warn("statsd", "sockets that systemd passes have one worker; --statsd.workers "
		                   "needs --statsd.listen-udp and no socket unit for it");
	if (d->udp_was_passed && d->conf->listen_udp.given)
		log_warn("statsd", PASSED_INSTEAD, "--statsd.listen-udp");
	if (d->passed_http.n > 0 && d->conf->listen_http.given)
		log_warn("http", PASSED_INSTEAD, "--web.listen-address");
	d->watchdog = systemd_watchdog_ns();
}

/* HTTP before the workers: a port in use is noticed before any datagram is taken. */
static bool start(struct daemon *d)
{
	if (!start_events(d) || !make_store(d))
		return false;
	count_rules(d);
	init_status(d);
	if (!start_http(d))
		return false;
	do {
		if (!start_worker(d))
			return false;
	} while (!d->udp_was_passed && d->nworkers < d->conf->workers);
	d->status.phase = STATUS_READY;
	return true;
}

/* --- stop --------------------------------------------------------------------------------
 */

static void event_drop(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void free_workers(struct daemon *d)
{
	size_t i;

	for (i = 0; i < d->nworkers; i++)
		worker_stop(d->workers[i]);
	for (i = 0; i < d->nworkers; i++) {
		if (!worker_free(d->workers[i]))
			log_warn("statsd", "datagrams arrive faster than they can be taken: what "
			                   "the sockets still held %s",
			         d->udp_was_passed ? "waits for the next start" : "is lost");
	}
	free(d->workers);
	d->workers = NULL;
	d->status.nworkers = d->nworkers = 0;
}

/* What no scrape will see any more. */
static void log_totals(const struct daemon *d, uint64_t drops)
{
	struct ws_shard sum;

	ws_stats_sum(d->stats, &sum);
	log_info("daemon",
	         "stopped; received %" PRIu64 " datagrams with %" PRIu64
	         " lines, the kernel dropped %" PRIu64 " datagrams; %" PRIu64
	         " samples were applied",
	         sum.datagrams, sum.lines, drops, sum.applied);
}

/* The reverse of the start; whatever there is of it. */
static void release(struct daemon *d)
{
	size_t i;

	free_workers(d);
	for (i = 0; i < SOCK_MAX; i++)
		event_drop(d->http_events[i]);
	http_free(d->http);
	sock_close_all(&d->passed_udp);
	sock_close_all(&d->passed_http);
	ws_stats_free(d->stats);
	ws_store_free(d->store);
	ws_learned_ids_free(d->learned);
	ws_unmatched_free(d->unmatched);
	ws_mapping_unref(d->mapping);
	event_drop(d->expiry);
	event_drop(d->http_timer);
	event_drop(d->done_event);
	for (i = 0; i < NSIGNALS; i++)
		event_drop(d->signal_events[i]);
	if (d->done_fd >= 0)
		close(d->done_fd);
	if (d->base != NULL)
		event_base_free(d->base);
	libevent_global_shutdown();
}

int daemon_run(const struct conf *conf)
{
	struct daemon d = { .conf = conf, .done_fd = -1, .code = EXIT_RUNTIME };
	struct conf_build build = conf_build();
	struct ws_buf diags = WS_BUF_INIT;
	uint64_t drops;
	bool ok;

	log_setup(conf->log_level, conf->log_format, STDERR_FILENO);
	signal(SIGPIPE, SIG_IGN);
	log_info("daemon", "windsock %s (revision %s)", build.version, build.revision);
	d.mapping = load(&d, &diags);
	ws_buf_fini(&diags);
	if (d.mapping == NULL)
		return EXIT_USAGE;
	log_mapping(&d, "loaded");
	take_passed(&d);
	ok = start(&d);
	if (ok) {
		log_info("daemon", "ready");
		systemd_say_ready();
		event_base_dispatch(d.base);
		drops = status_kernel_drops(&d.status);
		free_workers(&d);
		log_totals(&d, drops);
	}
	release(&d);
	return ok ? EXIT_OK : d.code;
}
