/* SPDX-License-Identifier: Apache-2.0 */
#include "web/front_page.h"

#include <windsock/build.h>
#include <windsock/escape.h>

#include "sys/clock.h"

static void html_str(struct ws_buf *out, const char *text)
{
	ws_escape_html(out, ws_span_str(text));
}

static void html_head(struct ws_buf *out)
{
	struct ws_build b = ws_build();

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

static void html_links(struct ws_buf *out, const struct status *status)
{
	ws_buf_str(out, "<ul>\n<li><a href=\"");
	html_str(out, status->telemetry_path);
	ws_buf_str(out, "\">Metrics</a></li>\n"
	                "<li><a href=\"/unmatched\">Unmatched names</a></li>\n"
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

static void html_status(struct ws_buf *out, const struct status *status)
{
	struct ws_store_counts counts = ws_store_counts(status->store);
	struct ws_shard sum;
	double rejected = 0;
	int i;

	ws_stats_sum(status->stats, &sum);
	for (i = 0; i < WS_NERRORS; i++)
		rejected += (double)sum.rejected[i];
	ws_buf_printf(out,
	              "<h2>State</h2>\n<table>\n<tr><th scope=\"row\">State</th>"
	              "<td class=\"n\">%s</td></tr>\n",
	              status_word(status->phase));
	ws_buf_printf(out,
	              "<tr><th scope=\"row\">Last reload</th><td class=\"n\">%s</td></tr>\n",
	              status->last_reload_good ? "good"
	                                      : "failed; the previous mapping is in force");
	html_row(out, "Uptime in seconds", (double)(int64_t)(clock_wall() - status->started));
	html_row(out, "Mapping rules", (double)ws_mapping_rules(status->mapping));
	html_row(out, "Datagrams received", (double)sum.datagrams);
	html_row(out, "Datagrams dropped by the kernel", (double)status_kernel_drops(status));
	html_row(out, "Lines received", (double)sum.lines);
	html_row(out, "Lines, samples, tags and fields rejected", rejected);
	html_row(out, "Samples that no rule matched", (double)sum.unmatched);
	html_row(out, "Samples rejected because their series could not be created",
	         sum_reasons(counts.rejected, WS_SCOPE_SERIES));
	html_row(out, "Families", (double)counts.families);
	html_row(out, "Series", (double)counts.series);
	ws_buf_str(out, "</table>\n");
}

static void html_listeners(struct ws_buf *out, const struct status *status)
{
	size_t w, i;

	ws_buf_str(out, "<h2>Listeners</h2>\n<table>\n<tr><th>Address</th><th>Worker</th>"
	                "<th>Receive buffer</th><th>Dropped</th></tr>\n");
	for (w = 0; w < status->nworkers; w++) {
		const struct sock_list *socks = status->udp[w];

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
	{ WS_RECENT_LINES, "Lines rejected", "None so far." },
	{ WS_RECENT_SERIES, "Series rejected", "None so far." },
};

static void html_recent(struct ws_buf *out, const struct ws_recent_entry *r, int64_t now)
{
	ws_buf_str(out, "<tr><td><code>");
	ws_escape_html(out, ws_span(r->text, r->len));
	ws_buf_printf(out, "</code></td><td>%s: ", ws_err_reason(r->why));
	html_str(out, ws_err_text(r->why));
	ws_buf_printf(out,
	              "</td><td class=\"n\">%llu</td><td class=\"n\">%lld s ago</td></tr>\n",
	              (unsigned long long)r->count, (long long)(now - r->last) / 1000000000);
}

static void html_recents(struct ws_buf *out, const struct status *status, size_t which,
                         int64_t now)
{
	struct ws_recent_entry list[WS_RECENT_MAX];
	size_t n = ws_recent_list(status->recent, recents[which].kind, list), i;

	ws_buf_printf(out, "<h2>%s</h2>\n", recents[which].heading);
	if (n == 0) {
		ws_buf_printf(out, "<p>%s</p>\n", recents[which].none);
		return;
	}
	ws_buf_str(out, "<table>\n<tr><th>Text</th><th>Reason</th><th>Times, at least</th>"
	                "<th>Last</th></tr>\n");
	for (i = 0; i < n; i++)
		html_recent(out, &list[i], now);
	ws_buf_str(out, "</table>\n");
}

#define UNMATCHED_SHOWN 20

static void html_unmatched(struct ws_buf *out, const struct status *status, int64_t now)
{
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	size_t n = ws_unmatched_list(status->unmatched, names), i;
	struct ws_buf line = WS_BUF_INIT;

	ws_buf_str(out, "<h2>Names that no rule matched</h2>\n");
	if (n == 0) {
		ws_buf_str(out, "<p>None.</p>\n");
		return;
	}
	ws_buf_str(out,
	           "<table>\n<tr><th>Last sample</th><th>Samples</th><th>Last</th></tr>\n");
	for (i = 0; i < n && i < UNMATCHED_SHOWN; i++) {
		ws_buf_reset(&line);
		ws_unmatched_line(&names[i], &line);
		ws_buf_str(out, "<tr><td><code>");
		ws_escape_html(out, ws_buf_text(&line));
		ws_buf_printf(out,
		              "</code></td><td class=\"n\">%llu</td>"
		              "<td class=\"n\">%.0f s ago</td></tr>\n",
		              (unsigned long long)names[i].count,
		              (double)(now - names[i].last) / 1e9);
	}
	ws_buf_str(out, "</table>\n");
	if (n > i)
		ws_buf_printf(out, "<p><a href=\"/unmatched\">All %zu</a></p>\n", n);
	ws_buf_fini(&line);
}

void front_page_write(struct ws_buf *out, const struct status *status)
{
	int64_t now = clock_now();
	size_t i;

	html_head(out);
	html_links(out, status);
	html_status(out, status);
	html_listeners(out, status);
	html_unmatched(out, status, now);
	for (i = 0; i < sizeof(recents) / sizeof(recents[0]); i++)
		html_recents(out, status, i, now);
	ws_buf_str(out, "</body>\n</html>\n");
}
