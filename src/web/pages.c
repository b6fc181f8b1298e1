/* SPDX-License-Identifier: Apache-2.0 */
#include "web/pages.h"

#include <math.h>
#include <stdlib.h>
#include <windsock/escape.h>
#include <windsock/exposition.h>
#include <windsock/negotiate.h>

#include "sys/clock.h"
#include "web/front_page.h"
#include "web/self_metrics.h"

/* --- /metrics --------------------------------------------------------------------------- */

struct scrape {
	const struct status *status;
	struct ws_exposition *exposition;
	enum ws_format format;
};

static bool scrape_more(void *stream, struct ws_buf *chunk)
{
	struct scrape *s = stream;
	const struct status *status = s->status;

	if (ws_exposition_more(s->exposition, chunk))
		return true;
	self_metrics_write(chunk, s->format, status);
	ws_exposition_end(chunk, s->format);
	return false;
}

static void scrape_done(void *stream)
{
	struct scrape *s = stream;

	ws_exposition_free(s->exposition);
	free(s);
}

static void reply_out_of_memory(struct http_reply *reply)
{
	reply->status = 500;
	ws_buf_str(&reply->body, "out of memory\n");
}

static void handle_metrics(void *user, const struct http_request *request,
                           struct http_reply *reply)
{
	const struct status *status = user;
	struct ws_negotiated accepted = ws_negotiate(request->accept);
	struct scrape *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		reply_out_of_memory(reply);
		return;
	}
	s->status = status;
	s->format = accepted.format;
	s->exposition = ws_exposition_new(status->store, s->format, clock_now());
	if (s->exposition == NULL) {
		free(s);
		reply_out_of_memory(reply);
		return;
	}
	reply->content_type = ws_negotiate_content_type(accepted);
	reply->vary = true;
	reply->more = scrape_more;
	reply->done = scrape_done;
	reply->stream = s;
}

/* --- health, readiness, reload ---------------------------------------------------------- */

static void handle_healthy(void *user, const struct http_request *request,
                           struct http_reply *reply)
{
	(void)user;
	(void)request;
	ws_buf_str(&reply->body, "windsock is healthy\n");
}

static void handle_ready(void *user, const struct http_request *request,
                         struct http_reply *reply)
{
	const struct status *status = user;

	(void)request;
	if (status->phase != STATUS_READY)
		reply->status = 503;
	ws_buf_printf(&reply->body, "windsock is %s\n", status_word(status->phase));
}

static void handle_reload(void *user, const struct http_request *request,
                          struct http_reply *reply)
{
	struct status *status = user;

	(void)request;
	if (!status->lifecycle) {
		reply->status = 403;
		ws_buf_str(&reply->body,
		           "reloading over HTTP is disabled; start windsock with "
		           "--web.enable-lifecycle, or send SIGHUP\n");
	} else if (status->phase != STATUS_READY) {
		reply->status = 503;
		ws_buf_printf(&reply->body, "windsock is %s\n", status_word(status->phase));
	} else if (status->reload(status->user, &reply->body)) {
		ws_buf_reset(&reply->body);
		ws_buf_printf(&reply->body, "reloaded, %zu rules\n",
		              ws_mapping_rules(status->mapping));
	} else {
		reply->status = 500;
	}
}

/* --- names that no rule matched --------------------------------------------------------- */

static double seconds_since(int64_t then, int64_t now)
{
	return (double)(now - then) / 1e9;
}

static void unmatched_text(struct ws_buf *out, const struct ws_unmatched_name *names,
                           size_t n, int64_t now)
{
	struct ws_buf line = WS_BUF_INIT;
	size_t i;

	ws_buf_str(
		out,
		"# Names that no rule matched, the latest first. Pass a sample to windsock "
		"explain.\n#   count  seconds ago  last sample\n");
	for (i = 0; i < n; i++) {
		ws_buf_printf(out, "%9llu  %11.1f  ", (unsigned long long)names[i].count,
		              seconds_since(names[i].last, now));
		ws_buf_reset(&line);
		ws_unmatched_line(&names[i], &line);
		ws_escape_plain(out, ws_buf_text(&line));
		ws_buf_char(out, '\n');
	}
	ws_buf_fini(&line);
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

static void unmatched_json(struct ws_buf *out, const struct ws_unmatched_name *names,
                           size_t n, int64_t now)
{
	struct ws_buf line = WS_BUF_INIT;
	double wall = clock_wall();
	size_t i;

	ws_buf_str(out, "{\"unmatched\":[");
	for (i = 0; i < n; i++) {
		ws_buf_str(out, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
		ws_escape_json(out, ws_span(names[i].name, names[i].name_len));
		ws_buf_printf(out, ",\"type\":\"%s\",\"count\":%llu,\"value\":",
		              ws_type_word(names[i].type),
		              (unsigned long long)names[i].count);
		json_value(out, &names[i]);
		ws_buf_printf(out, ",\"last_seen\":%.3f,\"sample\":",
		              wall - seconds_since(names[i].last, now));
		ws_buf_reset(&line);
		ws_unmatched_line(&names[i], &line);
		ws_escape_json(out, ws_buf_text(&line));
		ws_buf_char(out, '}');
	}
	ws_buf_str(out, n == 0 ? "]}\n" : "\n]}\n");
	ws_buf_fini(&line);
}

static void handle_unmatched(void *user, const struct http_request *request,
                             struct http_reply *reply)
{
	const struct status *status = user;
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	size_t n = ws_unmatched_list(status->unmatched, names);
	int64_t now = clock_now();

	reply->vary = true;
	if (ws_negotiate_json(request->accept)) {
		reply->content_type = "application/json";
		unmatched_json(&reply->body, names, n, now);
	} else {
		unmatched_text(&reply->body, names, n, now);
	}
}

/* --- the front page --------------------------------------------------------------------- */

static void handle_front_page(void *user, const struct http_request *request,
                              struct http_reply *reply)
{
	(void)request;
	reply->content_type = "text/html; charset=utf-8";
	front_page_write(&reply->body, user);
}

void pages_routes(const struct status *status, struct http_route routes[PAGES_ROUTES])
{
	const struct http_route table[PAGES_ROUTES] = {
		{ status->telemetry_path, HTTP_GET, handle_metrics },
		{ "/", HTTP_GET, handle_front_page },
		{ "/unmatched", HTTP_GET, handle_unmatched },
		{ "/-/healthy", HTTP_GET, handle_healthy },
		{ "/health", HTTP_GET, handle_healthy }, /* used by statsd_exporter's chart */
		{ "/-/ready", HTTP_GET, handle_ready },
		{ "/-/reload", HTTP_POST | HTTP_PUT, handle_reload },
		{ NULL, 0, NULL },
	};

	memcpy(routes, table, sizeof(table));
}
