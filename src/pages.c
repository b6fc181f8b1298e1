/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <math.h>
#include <stdlib.h>
#include <windsock/expo.h>

#include "accept.h"
#include "clock.h"
#include "conf.h"
#include "name.h"
#include "process.h"

#define HTML_TYPE "text/html; charset=utf-8"

/* --- the daemon's own metrics ------------------------------------------------------------
 */

/* Where the metrics go, and in which format. */
struct page_out {
	struct ws_buf *buf;
	bool openmetrics;
};

static void head(const struct page_out *out, const char *name, enum ws_kind kind,
                 const char *help)
{
	ws_expo_head(out->buf, out->openmetrics, name, kind, help);
}

static void write_gauge(const struct page_out *out, const char *name, const char *help,
			double v)
{
	head(out, name, WS_KIND_GAUGE, help);
	ws_buf_printf(out->buf, "%s ", name);
	ws_buf_double(out->buf, v);
	ws_buf_char(out->buf, '\n');
}

static void write_counter(const struct page_out *out, const char *name, const char *help,
                          uint64_t n)
{
	head(out, name, WS_KIND_COUNTER, help);
	ws_buf_printf(out->buf, "%s %llu\n", name, (unsigned long long)n);
}

static void write_labelled(const struct page_out *out, const char *name, const char *label,
                           const char *value, uint64_t n)
{
	ws_buf_printf(out->buf, "%s{%s=\"%s\"} %llu\n", name, label, value,
	              (unsigned long long)n);
}

static void label(struct ws_buf *out, const char *name, const char *value)
{
	ws_buf_printf(out, "%s=\"", name);
	name_escape_value(out, ws_span_str(value));
	ws_buf_char(out, '"');
}

static void write_build(const struct page_out *out)
{
	struct conf_build b = conf_build();

	head(out, "windsock_build_info", WS_KIND_GAUGE, "What this windsock was built from.");
	ws_buf_str(out->buf, "windsock_build_info{");
	label(out->buf, "compiler", b.compiler);
	ws_buf_char(out->buf, ',');
	label(out->buf, "revision", b.revision);
	ws_buf_char(out->buf, ',');
	label(out->buf, "version", b.version);
	ws_buf_str(out->buf, "} 1\n");
}

static void write_config(const struct page_out *out, const struct pages *p)
{
	head(out, "windsock_config_reloads_total", WS_KIND_COUNTER,
	     "Reloads of the mapping files since the start.");
	write_labelled(out, "windsock_config_reloads_total", "outcome", "failure",
	               p->reloads_bad);
	write_labelled(out, "windsock_config_reloads_total", "outcome", "success",
	               p->reloads_good);
	write_gauge(
		out, "windsock_config_last_reload_successful",
		"Whether the last reload succeeded; otherwise the mapping before it is in "
		"force.",
		p->last_reload_good ? 1 : 0);
	write_gauge(out, "windsock_config_last_reload_success_timestamp_seconds",
	            "When the mapping in force was loaded.", p->last_good_reload);
	write_gauge(out, "windsock_mapping_rules", "Rules of the mapping in force.",
	            (double)ws_mapping_rules(p->mapping));
}

static uint64_t socket_drops(const struct sock *s)
{
	return sock_drops(s->fd);
}

static uint64_t socket_buffer(const struct sock *s)
{
	return (uint64_t)s->receive_buffer;
}

static uint64_t socket_queued(const struct sock *s)
{
	return sock_queued(s->fd);
}

static const struct socket_metric {
	const char *name;
	enum ws_kind kind;
	const char *help;
	uint64_t (*read)(const struct sock *s);
} socket_metrics[] = {
	{ "windsock_socket_drops_total", WS_KIND_COUNTER,
	  "Datagrams the kernel dropped at a socket, for want of room above all.",
	  socket_drops },
	{ "windsock_socket_receive_buffer_bytes", WS_KIND_GAUGE,
	  "Receive buffer that the kernel granted.", socket_buffer },
	{ "windsock_socket_queued_bytes", WS_KIND_GAUGE,
	  "Receive buffer in use now, as the kernel counts it.", socket_queued },
};

#define NSOCKET_METRICS (sizeof(socket_metrics) / sizeof(socket_metrics[0]))

static void write_socket_metric(const struct page_out *out, const struct pages *p,
                                const struct socket_metric *m)
{
	size_t w, i;

	head(out, m->name, m->kind, m->help);
	for (w = 0; w < p->nworkers; w++) {
		const struct sock_list *socks = worker_socks(p->workers[w]);

		for (i = 0; i < socks->n; i++) {
			ws_buf_printf(out->buf, "%s{", m->name);
			label(out->buf, "listener", socks->socks[i].name);
			ws_buf_printf(out->buf, ",worker=\"%zu\"} %llu\n", w,
			              (unsigned long long)m->read(&socks->socks[i]));
		}
	}
}

uint64_t pages_kernel_drops(const struct pages *p)
{
	uint64_t sum = 0;
	size_t w, i;

	for (w = 0; w < p->nworkers; w++) {
		const struct sock_list *socks = worker_socks(p->workers[w]);

		for (i = 0; i < socks->n; i++)
			sum += sock_drops(socks->socks[i].fd);
	}
	return sum;
}

/* A worker's lane has its number. */
static void write_workers(const struct page_out *out, const struct pages *p)
{
	unsigned w;

	write_gauge(out, "windsock_workers", "Receiving threads.", (double)p->nworkers);
	head(out, "windsock_worker_datagrams_total", WS_KIND_COUNTER,
	     "Datagrams received by each thread.");
	for (w = 0; w < p->nworkers; w++)
		ws_buf_printf(out->buf, "windsock_worker_datagrams_total{worker=\"%u\"} %llu\n",
		              w,
		              (unsigned long long)atomic_load_explicit(
				      &ws_stats_lane(p->stats, w)->datagrams,
				      memory_order_relaxed));
}

static void write_sockets(const struct page_out *out, const struct pages *p)
{
	struct ws_lane sum;
	size_t i;

	write_counter(out, "windsock_kernel_drops_total",
	              "Datagrams the kernel dropped before windsock could read them.",
	              pages_kernel_drops(p));
	for (i = 0; i < NSOCKET_METRICS; i++)
		write_socket_metric(out, p, &socket_metrics[i]);
	ws_stats_sum(p->stats, &sum);
	write_gauge(out, "windsock_waiting_samples",
	            "Samples that wait a moment for what their sender shows.",
	            (double)sum.waiting);
	write_gauge(out, "windsock_learned_values", "Values of captures that were learned.",
	            (double)ws_learned_count(p->learned));
	write_workers(out, p);
}

static void write_http(const struct page_out *out, const struct pages *p)
{
	const char *refused = "windsock_http_refused_total";
	struct http_counts c = http_counts(p->http);

	write_counter(out, "windsock_http_requests_total", "HTTP requests.", c.requests);
	head(out, refused, WS_KIND_COUNTER, "HTTP requests and connections turned away.");
	write_labelled(out, refused, "reason", "deadline", c.deadline);
	write_labelled(out, refused, "reason", "method_not_allowed", c.method_not_allowed);
	write_labelled(out, refused, "reason", "not_found", c.not_found);
	write_labelled(out, refused, "reason", "refused", c.refused);
}

/* --- /metrics ----------------------------------------------------------------------------
 */

struct scrape {
	const struct pages *pages;
	struct ws_expo *expo;
	bool openmetrics;
};

static bool scrape_more(void *stream, struct ws_buf *chunk)
{
	struct scrape *s = stream;
	const struct pages *p = s->pages;
	const struct page_out out = { .buf = chunk, .openmetrics = s->openmetrics };

	if (ws_expo_more(s->expo, chunk))
		return true;
	ws_expo_self(chunk, s->openmetrics, p->stats, p->store);
	write_build(&out);
	write_config(&out, p);
	write_sockets(&out, p);
	write_http(&out, p);
	process_write(chunk, s->openmetrics);
	if (s->openmetrics)
		ws_buf_str(chunk, "# EOF\n");
	return false;
}

static void scrape_done(void *stream)
{
	struct scrape *s = stream;

	ws_expo_free(s->expo);
	free(s);
}

static void refuse_memory(struct http_reply *reply)
{
	reply->status = 500;
	ws_buf_str(&reply->body, "out of memory\n");
}

static void handle_metrics(void *user, const struct http_request *request,
                           struct http_reply *reply)
{
	const struct pages *p = user;
	struct accept accepted = accept_negotiate(request->accept);
	struct scrape *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		refuse_memory(reply);
		return;
	}
	s->pages = p;
	s->openmetrics = accepted.format == ACCEPT_OPENMETRICS;
	s->expo = ws_expo_new(p->store, s->openmetrics, clock_now());
	if (s->expo == NULL) {
		free(s);
		refuse_memory(reply);
		return;
	}
	reply->content_type = accept_content_type(accepted);
	reply->vary = true;
	reply->more = scrape_more;
	reply->done = scrape_done;
	reply->stream = s;
}

/* --- health, readiness, reload -----------------------------------------------------------
 */

static void handle_healthy(void *user, const struct http_request *request,
                           struct http_reply *reply)
{
	(void)user;
	(void)request;
	ws_buf_str(&reply->body, "windsock is healthy\n");
}

static const char *state_text(enum pages_state state)
{
	switch (state) {
	case PAGES_STARTING:
		return "starting";
	case PAGES_READY:
		return "ready";
	case PAGES_STOPPING:
		return "stopping";
	}
	return "unknown";
}

static void handle_ready(void *user, const struct http_request *request,
                         struct http_reply *reply)
{
	const struct pages *p = user;

	(void)request;
	if (p->state != PAGES_READY)
		reply->status = 503;
	ws_buf_printf(&reply->body, "windsock is %s\n", state_text(p->state));
}

static void handle_reload(void *user, const struct http_request *request,
                          struct http_reply *reply)
{
	struct pages *p = user;

	(void)request;
	if (!p->lifecycle) {
		reply->status = 403;
		ws_buf_str(&reply->body,
			   "reloading over HTTP is switched off; start windsock with "
			   "--web.enable-lifecycle to allow it, or send SIGHUP\n");
	} else if (p->state != PAGES_READY) {
		reply->status = 503;
		ws_buf_printf(&reply->body, "windsock is %s\n", state_text(p->state));
	} else if (p->reload(p->user, &reply->body)) {
		ws_buf_reset(&reply->body);
		ws_buf_printf(&reply->body, "reloaded, %zu rules\n",
		              ws_mapping_rules(p->mapping));
	} else {
		reply->status = 500;
	}
}

/* Any bytes of any sender: what cannot be shown, or would drive a terminal, becomes \x... */
static void plain_text(struct ws_buf *out, struct ws_span text)
{
	bool utf8 = name_is_utf8(text);
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < ' ' || c == 127 || (c > 127 && !utf8))
			ws_buf_printf(out, "\\x%02x", c);
		else
			ws_buf_char(out, (char)c);
	}
}

/* --- names that no rule matched ----------------------------------------------------------
 */

static double seconds_since(int64_t then, int64_t now)
{
	return (double)(now - then) / 1e9;
}

static void unmatched_text(struct ws_buf *out, const struct ws_unmatched_name *names, size_t n,
                           int64_t now)
{
	struct ws_buf line = WS_BUF_INIT;
	size_t i;

	ws_buf_str(out, "# Names that no rule matched, the latest first; windsock explain takes the "
	                "samples.\n#   count  seconds ago  last sample\n");
	for (i = 0; i < n; i++) {
		ws_buf_printf(out, "%9llu  %11.1f  ", (unsigned long long)names[i].count,
		              seconds_since(names[i].last, now));
		ws_buf_reset(&line);
		ws_unmatched_line(&names[i], &line);
		plain_text(out, ws_buf_text(&line));
		ws_buf_char(out, '\n');
	}
	ws_buf_fini(&line);
}

static void json_string(struct ws_buf *out, struct ws_span text)
{
	struct ws_buf shown = WS_BUF_INIT;
	size_t i;

	plain_text(&shown, text);
	ws_buf_char(out, '"');
	for (i = 0; i < shown.len; i++) {
		if (shown.ptr[i] == '"' || shown.ptr[i] == '\\')
			ws_buf_char(out, '\\');
		ws_buf_char(out, shown.ptr[i]);
	}
	ws_buf_char(out, '"');
	ws_buf_fini(&shown);
}

/* JSON has no infinities. */
static void json_value(struct ws_buf *out, const struct ws_unmatched_name *name)
{
	if (name->type == WS_TYPE_SET) {
		ws_buf_str(out, "null");
	} else if (isfinite(name->value)) {
		ws_buf_double(out, name->value);
	} else {
		ws_buf_char(out, '"');
		ws_buf_double(out, name->value);
		ws_buf_char(out, '"');
	}
}

static void unmatched_json(struct ws_buf *out, const struct ws_unmatched_name *names, size_t n,
                           int64_t now)
{
	struct ws_buf line = WS_BUF_INIT;
	double wall = clock_wall();
	size_t i;

	ws_buf_str(out, "{\"unmatched\":[");
	for (i = 0; i < n; i++) {
		ws_buf_str(out, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
		json_string(out, ws_span(names[i].name, names[i].name_len));
		ws_buf_printf(out, ",\"type\":\"%s\",\"count\":%llu,\"value\":",
		              ws_type_word(names[i].type), (unsigned long long)names[i].count);
		json_value(out, &names[i]);
		ws_buf_printf(out, ",\"last_seen\":%.3f,\"sample\":",
		              wall - seconds_since(names[i].last, now));
		ws_buf_reset(&line);
		ws_unmatched_line(&names[i], &line);
		json_string(out, ws_buf_text(&line));
		ws_buf_char(out, '}');
	}
	ws_buf_str(out, n == 0 ? "]}\n" : "\n]}\n");
	ws_buf_fini(&line);
}

static void handle_unmatched(void *user, const struct http_request *request,
                             struct http_reply *reply)
{
	const struct pages *p = user;
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	size_t n = ws_unmatched_list(p->unmatched, names);
	int64_t now = clock_now();

	reply->vary = true;
	if (accept_json(request->accept)) {
		reply->content_type = "application/json";
		unmatched_json(&reply->body, names, n, now);
	} else {
		unmatched_text(&reply->body, names, n, now);
	}
}

/* --- the landing page --------------------------------------------------------------------
 */

static void html_text(struct ws_buf *out, struct ws_span text)
{
	struct ws_buf shown = WS_BUF_INIT;
	size_t i;

	plain_text(&shown, text);
	for (i = 0; i < shown.len; i++) {
		if (strchr("<>&\"'", shown.ptr[i]) != NULL)
			ws_buf_printf(out, "&#%u;", (unsigned)shown.ptr[i]);
		else
			ws_buf_char(out, shown.ptr[i]);
	}
	ws_buf_fini(&shown);
}

static void html_str(struct ws_buf *out, const char *text)
{
	html_text(out, ws_span_str(text));
}

static void html_head(struct ws_buf *out)
{
	struct conf_build b = conf_build();

	ws_buf_str(
		out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>windsock</title>\n<style>\n"
		":root { color-scheme: light dark }\n"
		"body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; "
		"max-width: 60em; padding: 0 1em }\n"
		"table { border-collapse: collapse; width: 100% }\n"
		"th, td { border-bottom: 1px solid #8886; padding: .2em .8em .2em 0; "
		"text-align: left; vertical-align: top }\n"
		"td.n { text-align: right; font-variant-numeric: tabular-nums; "
		"white-space: nowrap }\n"
		"code { overflow-wrap: anywhere }\n"
		"</style>\n</head>\n<body>\n<h1>windsock</h1>\n"
		"<p>StatsD of Apache Airflow, as Prometheus metrics. Version ");
	html_str(out, b.version);
	ws_buf_str(out, " (revision ");
	html_str(out, b.revision);
	ws_buf_str(out, ").</p>\n");
}

static void html_links(struct ws_buf *out, const struct pages *p)
{
	ws_buf_str(out, "<ul>\n<li><a href=\"");
	html_str(out, p->telemetry_path);
	ws_buf_str(out, "\">Metrics</a></li>\n"
	                "<li><a href=\"/unmatched\">Names without a rule</a></li>\n"
	                "<li><a href=\"/-/healthy\">Health</a></li>\n"
	                "<li><a href=\"/-/ready\">Readiness</a></li>\n</ul>\n");
}

static void html_row(struct ws_buf *out, const char *what, double n)
{
	ws_buf_printf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">", what);
	ws_buf_double(out, n);
	ws_buf_str(out, "</td></tr>\n");
}

static double sum_reasons(const uint64_t counts[WS_NERRORS], enum ws_scope scope)
{
	double sum = 0;
	int i;

	for (i = 0; i < WS_NERRORS; i++) {
		if (ws_err_scope((enum ws_err)i) == scope)
			sum += (double)counts[i];
	}
	return sum;
}

static void html_state(struct ws_buf *out, const struct pages *p)
{
	struct ws_store_counts counts = ws_store_counts(p->store);
	struct ws_lane sum;
	double rejected = 0;
	int i;

	ws_stats_sum(p->stats, &sum);
	for (i = 0; i < WS_NERRORS; i++)
		rejected += (double)sum.rejected[i];
	ws_buf_printf(out, "<h2>State</h2>\n<table>\n<tr><th scope=\"row\">State</th>"
	                   "<td class=\"n\">%s</td></tr>\n", state_text(p->state));
	ws_buf_printf(
		out, "<tr><th scope=\"row\">Last reload</th><td class=\"n\">%s</td></tr>\n",
		p->last_reload_good ? "good" : "failed; the mapping before it is in force");
	html_row(out, "Up for, seconds", (double)(int64_t)(clock_wall() - p->started));
	html_row(out, "Mapping rules", (double)ws_mapping_rules(p->mapping));
	html_row(out, "Datagrams received", (double)sum.datagrams);
	html_row(out, "Datagrams dropped by the kernel", (double)pages_kernel_drops(p));
	html_row(out, "Lines received", (double)sum.lines);
	html_row(out, "Lines, samples and parts rejected", rejected);
	html_row(out, "Samples that no rule matched", (double)sum.unmatched);
	html_row(out, "Samples refused for want of a series",
	         sum_reasons(counts.refused, WS_SCOPE_SERIES));
	html_row(out, "Families", (double)counts.families);
	html_row(out, "Series", (double)counts.series);
	ws_buf_str(out, "</table>\n");
}

static void html_listeners(struct ws_buf *out, const struct pages *p)
{
	size_t w, i;

	ws_buf_str(out, "<h2>Listeners</h2>\n<table>\n<tr><th>Address</th><th>Worker</th>"
	                "<th>Receive buffer</th><th>Dropped</th></tr>\n");
	for (w = 0; w < p->nworkers; w++) {
		const struct sock_list *socks = worker_socks(p->workers[w]);

		for (i = 0; i < socks->n; i++) {
			const struct sock *s = &socks->socks[i];

			ws_buf_str(out, "<tr><td><code>");
			html_str(out, s->name);
			ws_buf_printf(out,
				      "</code></td><td class=\"n\">%zu</td>"
				      "<td class=\"n\">%d</td><td class=\"n\">%u</td></tr>\n",
				      w, s->receive_buffer, sock_drops(s->fd));
		}
	}
	ws_buf_str(out, "</table>\n");
}

static const struct {
	enum ws_recent_kind kind;
	const char *heading, *none;
} recents[] = {
	{ WS_RECENT_REJECTED, "Lines rejected", "None so far." },
	{ WS_RECENT_REFUSED, "Series refused", "None so far." },
};

static void html_recent(struct ws_buf *out, const struct ws_recent *r, int64_t now)
{
	ws_buf_str(out, "<tr><td><code>");
	html_text(out, ws_span(r->text, r->len));
	ws_buf_printf(out, "</code></td><td>%s: ", ws_err_reason(r->why));
	html_str(out, ws_err_text(r->why));
	ws_buf_printf(out, "</td><td class=\"n\">%llu</td><td class=\"n\">%lld s ago</td></tr>\n",
	              (unsigned long long)r->count, (long long)(now - r->last) / 1000000000);
}

static void html_recents(struct ws_buf *out, const struct pages *p, size_t which, int64_t now)
{
	struct ws_recent list[WS_RECENT_MAX];
	size_t n = ws_recent_list(p->stats, recents[which].kind, list), i;

	ws_buf_printf(out, "<h2>%s</h2>\n", recents[which].heading);
	if (n == 0) {
		ws_buf_printf(out, "<p>%s</p>\n", recents[which].none);
		return;
	}
	ws_buf_str(out, "<table>\n<tr><th>Text</th><th>Reason</th><th>Times</th>"
	                "<th>Last</th></tr>\n");
	for (i = 0; i < n; i++)
		html_recent(out, &list[i], now);
	ws_buf_str(out, "</table>\n");
}

#define UNMATCHED_SHOWN 20

static void html_unmatched(struct ws_buf *out, const struct pages *p, int64_t now)
{
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	size_t n = ws_unmatched_list(p->unmatched, names), i;
	struct ws_buf line = WS_BUF_INIT;

	ws_buf_str(out, "<h2>Names that no rule matched</h2>\n");
	if (n == 0) {
		ws_buf_str(out, "<p>None.</p>\n");
		return;
	}
	ws_buf_str(out, "<table>\n<tr><th>Last sample</th><th>Samples</th><th>Last</th></tr>\n");
	for (i = 0; i < n && i < UNMATCHED_SHOWN; i++) {
		ws_buf_reset(&line);
		ws_unmatched_line(&names[i], &line);
		ws_buf_str(out, "<tr><td><code>");
		html_text(out, ws_buf_text(&line));
		ws_buf_printf(out,
		              "</code></td><td class=\"n\">%llu</td>"
		              "<td class=\"n\">%.0f s ago</td></tr>\n",
		              (unsigned long long)names[i].count,
		              seconds_since(names[i].last, now));
	}
	ws_buf_str(out, "</table>\n");
	if (n > i)
		ws_buf_printf(out, "<p><a href=\"/unmatched\">All %zu</a></p>\n", n);
	ws_buf_fini(&line);
}

static void handle_landing(void *user, const struct http_request *request,
                           struct http_reply *reply)
{
	const struct pages *p = user;
	int64_t now = clock_now();
	size_t i;

	(void)request;
	reply->content_type = HTML_TYPE;
	html_head(&reply->body);
	html_links(&reply->body, p);
	html_state(&reply->body, p);
	html_listeners(&reply->body, p);
	html_unmatched(&reply->body, p, now);
	for (i = 0; i < sizeof(recents) / sizeof(recents[0]); i++)
		html_recents(&reply->body, p, i, now);
	ws_buf_str(&reply->body, "</body>\n</html>\n");
}

void pages_routes(const struct pages *p, struct http_route routes[PAGES_ROUTES])
{
	const struct http_route table[PAGES_ROUTES] = {
		{ p->telemetry_path, HTTP_GET, handle_metrics },
		{ "/", HTTP_GET, handle_landing },
		{ "/unmatched", HTTP_GET, handle_unmatched },
		{ "/-/healthy", HTTP_GET, handle_healthy },
		{ "/-/ready", HTTP_GET, handle_ready },
		{ "/-/reload", HTTP_POST | HTTP_PUT, handle_reload },
		{ NULL, 0, NULL },
	};

	memcpy(routes, table, sizeof(table));
}
