/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>
#include <windsock/build.h>

#include "daemon/listeners.h"
#include "daemon/mapping_files.h"
#include "receive/worker.h"
#include "sys/clock.h"
#include "sys/exit_code.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/systemd.h"
#include "web/pages.h"

#define SECOND_NS INT64_C(1000000000)
#define EXPIRIES_A_TICK 10000
#define EXPIRY_LEAST_NS 1000000 /* lets other events run between the ticks of a long expiry */
#define RESPLITS_LOGGED 100
#define UNMATCHED_LOGGED 100
#define SWEEP_AGAIN_NS  (2 * SECOND_NS)
#define LEARNED_TTL_NS (7 * 24 * 3600 * SECOND_NS)
#define DRAIN_NS       (5 * SECOND_NS)
#define EXPIRY_MOST_NS SECOND_NS /* ws_store_due can become earlier without notice */
#define HTTP_MOST_NS (60 * SECOND_NS)

static const int signals[] = { SIGHUP, SIGTERM, SIGINT };

#define NSIGNALS (sizeof(signals) / sizeof(signals[0]))

/* `status` has what the pages show. */
struct daemon {
	const struct conf *conf;
	struct status status;
	struct loop *loop;
	struct watch *expiry;
	struct watch *http_timer;
	int done_fd; /* eventfd: each worker adds 1 when it has ended */
	uint64_t done;
	struct ws_hash_key key;
	uint64_t epoch;      /* of the last mapping that was loaded, successfully or not */
	int64_t sweep_again; /* when no worker can still use the previous mapping; 0: done */
	struct listeners listeners;
	int64_t watchdog; /* timeout in nanoseconds; 0: none */
	int64_t said_alive;
	struct worker **workers; /* status.nworkers */
	struct http *http;
	struct http_route routes[PAGES_ROUTES];
	int code; /* exit code if startup fails */
};

static bool fail(const char *topic, const char *what)
{
	log_error(topic, "%s: %s", what, strerror(errno));
	return false;
}

/* --- mapping ---------------------------------------------------------------------------- */

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
	         ws_mapping_rules(d->status.mapping));
	ws_buf_fini(&files);
}

/* Reconfigures the store again, because a worker in a batch of the old mapping may have
 * recreated old families. */
static void sweep(struct daemon *d, int64_t now)
{
	if (d->sweep_again == 0 || now < d->sweep_again)
		return;
	ws_store_reconfigure(d->status.store, ws_mapping_makes, d->status.mapping);
	d->sweep_again = 0;
}

/* Creates the counters of all rules, so that scrapes have rules that never match, at 0. */
static void count_rules(struct daemon *d)
{
	size_t i;

	for (i = 0; i < ws_mapping_rules(d->status.mapping); i++)
		ws_stats_rule(d->status.stats, ws_mapping_rule(d->status.mapping, i).name);
}

static void adopt(struct daemon *d, struct ws_mapping *mapping)
{
	struct ws_mapping *old = d->status.mapping;
	size_t i;

	ws_store_reconfigure(d->status.store, ws_mapping_makes, mapping);
	d->status.mapping = mapping;
	count_rules(d);
	for (i = 0; i < d->status.nworkers; i++)
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
		log_error("mapping", "reload failed; keeping the previous mapping");
		return false;
	}
	adopt(d, mapping);
	d->status.reloads_good++;
	d->status.last_good_reload = clock_wall();
	log_mapping(d, "reloaded");
	return true;
}

/* --- events ----------------------------------------------------------------------------- */

static int64_t clamp(int64_t n, int64_t least, int64_t most)
{
	return n < least ? least : n > most ? most : n;
}

/* Notifies the watchdog if all threads answer; one that does not is logged. */
static void say_alive(struct daemon *d, int64_t now)
{
	bool all = true;
	size_t i;

	if (d->watchdog == 0 || now - d->said_alive < d->watchdog / 3)
		return;
	for (i = 0; i < d->status.nworkers; i++) {
		if (!worker_answers(d->workers[i])) {
			log_warn("daemon", "worker %zu does not answer", i);
			all = false;
		}
	}
	if (all || d->status.phase == STATUS_STOPPING)
		systemd_say_alive();
	d->said_alive = now;
}

static void on_expiry(void *user, int what)
{
	struct daemon *d = user;
	int64_t now = clock_now(), most = EXPIRY_MOST_NS, due;

	(void)what;
	sweep(d, now);
	ws_learned_ids_expire(d->status.learned, now - LEARNED_TTL_NS);
	due = ws_store_due(d->status.store);
	if (due <= now) {
		ws_store_expire(d->status.store, now, EXPIRIES_A_TICK);
		due = ws_store_due(d->status.store);
	}
	say_alive(d, now);
	if (d->watchdog > 0 && d->watchdog / 3 < most)
		most = d->watchdog / 3;
	watch_arm(d->expiry,
	          due <= now ? EXPIRY_LEAST_NS : clamp(due - now, EXPIRY_LEAST_NS, most));
}

static void on_http(void *user, int what)
{
	struct daemon *d = user;

	(void)what;
	/* 0 means after the other events that are ready. */
	watch_arm(d->http_timer, clamp(http_run(d->http, clock_now()), 0, HTTP_MOST_NS));
}

static void stop(struct daemon *d, int number)
{
	size_t i;

	if (d->status.phase == STATUS_STOPPING) {
		log_warn("daemon", "signal %d again: stopping without waiting for the workers", number);
		loop_stop(d->loop);
		return;
	}
	log_info("daemon", "signal %d: stopping", number);
	d->status.phase = STATUS_STOPPING;
	systemd_say_stopping();
	for (i = 0; i < d->status.nworkers; i++)
		worker_stop(d->workers[i]);
}

static void on_signal(void *user, int number)
{
	struct daemon *d = user;
	struct ws_buf diags = WS_BUF_INIT;

	if (number != SIGHUP) {
		stop(d, number);
	} else if (d->status.phase == STATUS_READY) {
		reload(d, &diags);
		ws_buf_fini(&diags);
	}
}

/* HTTP stays up until the last worker has drained its sockets. */
static void on_done(void *user, int fd)
{
	struct daemon *d = user;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		d->done += n;
	if (d->done >= d->status.nworkers)
		loop_stop(d->loop);
}

static bool start_events(struct daemon *d)
{
	size_t i;

	d->loop = loop_new();
	d->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (d->loop == NULL || d->done_fd < 0 ||
	    !loop_watch_fd(d->loop, d->done_fd, on_done, d))
		return fail("daemon", "no event loop");
	for (i = 0; i < NSIGNALS; i++) {
		if (!loop_watch_signal(d->loop, signals[i], on_signal, d))
			return fail("daemon", "cannot watch signals");
	}
	d->expiry = loop_timer(d->loop, on_expiry, d);
	d->http_timer = loop_timer(d->loop, on_http, d);
	if (d->expiry == NULL || d->http_timer == NULL ||
	    !watch_arm(d->expiry, EXPIRY_MOST_NS))
		return fail("daemon", "no timers");
	return true;
}

/* --- start ------------------------------------------------------------------------------ */

static bool start_store(struct daemon *d)
{
	struct status *status = &d->status;
	size_t workers = listeners_workers(&d->listeners);
	/* conf.c limits these numbers to what fits in size_t. */
	const struct ws_limits limits = {
		.series = (size_t)d->conf->limit_series,
		.series_per_family = (size_t)d->conf->limit_series_per_family,
		.families = (size_t)d->conf->limit_families,
		.unmatched_families = (size_t)d->conf->limit_unmatched_families,
	};

	if (getrandom(&d->key, sizeof(d->key), 0) != (ssize_t)sizeof(d->key))
		return fail("daemon", "no random bytes");
	status->store = ws_store_new(limits, d->key);
	status->learned = ws_learned_ids_new(0, d->key);
	status->unmatched = ws_unmatched_new((unsigned)workers, d->key);
	status->recent = ws_recent_new();
	status->stats = ws_stats_new((unsigned)workers);
	status->udp = calloc(workers, sizeof(struct sock_list *));
	d->workers = calloc(workers, sizeof(struct worker *));
	if (status->store == NULL || status->learned == NULL || status->unmatched == NULL ||
	    status->recent == NULL || status->stats == NULL || status->udp == NULL || d->workers == NULL)
		return fail("daemon", "cannot start");
	count_rules(d);
	return true;
}

/* In a worker's thread.  Names come from the network: only a limited number is logged. */
static void log_resplit(void *user, struct ws_span name)
{
	static _Atomic unsigned logged;
	unsigned n = atomic_fetch_add(&logged, 1);

	(void)user;
	if (n < RESPLITS_LOGGED)
		log_info("mapping", "%.*s now splits differently because an id was learned; the "
		                    "series with the wrong labels is removed", WS_SPAN_ARG(name));
	if (n == RESPLITS_LOGGED)
		log_info("mapping", "more names split differently; from now on only "
		                    "windsock_series_retired_total counts them");
}

/* Like log_resplit. */
static void log_unmatched(void *user, struct ws_span head)
{
	static _Atomic unsigned logged;
	unsigned n = atomic_fetch_add(&logged, 1);

	(void)user;
	if (n < UNMATCHED_LOGGED)
		log_info("mapping", "no rule matches %.*s", WS_SPAN_ARG(head));
	if (n == UNMATCHED_LOGGED)
		log_info("mapping", "no rule matches more names; from now on only /unmatched "
		                    "lists them");
}

static bool start_worker(struct daemon *d)
{
	struct status *status = &d->status;
	struct sock_list socks;
	const struct worker_config config = {
		.socks = &socks,
		.store = status->store,
		.stats = status->stats,
		.mapping = status->mapping,
		.ingest = { .shard = (unsigned)status->nworkers,
		            .cache_size = (size_t)d->conf->cache_size,
		            .key = d->key,
		            .learned = status->learned,
		            .unmatched = status->unmatched,
		            .recent = status->recent,
		            .on_resplit = log_resplit,
		            .on_unmatched = log_unmatched },
		.drain_ns = DRAIN_NS,
		.done_fd = d->done_fd,
	};
	struct worker **worker = &d->workers[status->nworkers];
	enum ws_err err;

	err = listeners_open_udp(&d->listeners, status->nworkers > 0 ? status->udp[0] : NULL, &socks);
	if (err == WS_ERR_INVALID)
		d->code = EXIT_USAGE;
	if (err != WS_OK)
		return false;
	err = worker_start(&config, worker);
	if (err != WS_OK) {
		log_error("statsd", "cannot start a worker: %s",
		          err == WS_ERR_SYSTEM ? strerror(errno) : ws_err_text(err));
		sock_close_all(&socks);
		return false;
	}
	status->udp[status->nworkers++] = worker_socks(*worker);
	return true;
}

static bool start_workers(struct daemon *d)
{
	while (d->status.nworkers < listeners_workers(&d->listeners)) {
		if (!start_worker(d))
			return false;
	}
	return true;
}

static bool serve(struct daemon *d, struct sock_list *list)
{
	size_t i;
	int fd;

	for (i = 0; i < list->n; i++) {
		fd = list->socks[i].fd;
		list->socks[i].fd = -1; /* owned by http from here on */
		if (http_serve(d->http, fd) != WS_OK) {
			log_error("http", "cannot serve %s", list->socks[i].name);
			return false;
		}
		log_info("http", "listening on %s (HTTP), metrics at %s", list->socks[i].name,
		         d->conf->telemetry_path);
	}
	for (i = 0; (fd = http_fd(d->http, i)) >= 0; i++) {
		if (!loop_watch_fd(d->loop, fd, on_http, d))
			return fail("http", "cannot watch a socket");
	}
	on_http(d, -1);
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

static bool start_http(struct daemon *d)
{
	const struct http_config config = {
		.routes = d->routes,
		.user = &d->status,
		.deadline_seconds = d->conf->web_timeout,
		.max_connections = (unsigned)d->conf->max_connections,
	};
	struct sock_list list;
	enum ws_err err = listeners_open_http(&d->listeners, &list);
	bool ok;

	if (err == WS_ERR_INVALID)
		d->code = EXIT_USAGE;
	if (err != WS_OK)
		return false;
	pages_routes(&d->status, d->routes);
	d->http = http_new(&config);
	d->status.http = d->http;
	ok = d->http != NULL ? serve(d, &list) : fail("http", "cannot start");
	close_rest(&list);
	return ok;
}

/* HTTP before the workers: a port in use is detected before any datagram is received. */
static bool start(struct daemon *d)
{
	if (!start_events(d) || !start_store(d) || !start_http(d) || !start_workers(d))
		return false;
	d->status.phase = STATUS_READY;
	return true;
}

/* --- stop ------------------------------------------------------------------------------- */

static void free_workers(struct daemon *d)
{
	size_t i;

	for (i = 0; i < d->status.nworkers; i++)
		worker_stop(d->workers[i]);
	for (i = 0; i < d->status.nworkers; i++) {
		if (!worker_free(d->workers[i]))
			log_warn("statsd", "datagrams arrive faster than they can be processed; those "
			                   "left in the sockets %s",
			         d->listeners.udp_was_passed ? "wait for the next start"
			                                     : "are lost");
	}
	free(d->workers);
	d->workers = NULL;
	d->status.nworkers = 0;
}

/* Totals that no later scrape can report. */
static void log_totals(const struct daemon *d, uint64_t drops)
{
	struct ws_shard sum;

	ws_stats_sum(d->status.stats, &sum);
	log_info("daemon",
	         "stopped; received %" PRIu64 " datagrams with %" PRIu64
	         " lines, the kernel dropped %" PRIu64 " datagrams; %" PRIu64
	         " samples were applied",
	         sum.datagrams, sum.lines, drops, sum.applied);
}

/* Undoes start, even if it failed half-way. */
static void release(struct daemon *d)
{
	struct status *status = &d->status;

	free_workers(d);
	loop_free(d->loop);
	http_free(d->http);
	listeners_fini(&d->listeners);
	free(status->udp);
	ws_stats_free(status->stats);
	ws_recent_free(status->recent);
	ws_unmatched_free(status->unmatched);
	ws_learned_ids_free(status->learned);
	ws_store_free(status->store);
	ws_mapping_unref(status->mapping);
	if (d->done_fd >= 0)
		close(d->done_fd);
	loop_shutdown();
}

/* Returns after a signal. */
static void run(struct daemon *d)
{
	uint64_t drops;

	log_info("daemon", "ready");
	systemd_say_ready();
	loop_run(d->loop);
	drops = status_kernel_drops(&d->status);
	free_workers(d);
	log_totals(d, drops);
}

int daemon_run(const struct conf *conf)
{
	struct daemon d = { .conf = conf, .done_fd = -1, .code = EXIT_RUNTIME };
	const struct ws_build build = ws_build();
	struct ws_buf diags = WS_BUF_INIT;
	double now = clock_wall();

	log_setup(conf->log_level, conf->log_format, STDERR_FILENO);
	signal(SIGPIPE, SIG_IGN);
	log_info("daemon", "windsock %s (revision %s)", build.version, build.revision);
	d.status = (struct status){
		.phase = STATUS_STARTING,
		.mapping = load(&d, &diags),
		.telemetry_path = conf->telemetry_path,
		.started = now,
		.last_reload_good = true,
		.last_good_reload = now,
		.lifecycle = conf->enable_lifecycle,
		.reload = reload,
		.user = &d,
	};
	ws_buf_fini(&diags);
	if (d.status.mapping == NULL)
		return EXIT_USAGE;
	log_mapping(&d, "loaded");
	listeners_init(&d.listeners, conf);
	d.watchdog = systemd_watchdog_ns();
	if (start(&d)) {
		d.code = EXIT_OK;
		run(&d);
	}
	release(&d);
	return d.code;
}
