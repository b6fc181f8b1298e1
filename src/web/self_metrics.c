/* SPDX-License-Identifier: Apache-2.0 */
#include "web/self_metrics.h"

#include <windsock/exposition.h>

#include "daemon/conf.h"
#include <windsock/name.h>
#include "web/process.h"

/* Where the metrics go, and in which format. */
struct self_out {
	struct ws_buf *buf;
	bool openmetrics;
};

static void head(const struct self_out *out, const char *name, enum ws_kind kind,
                 const char *help)
{
	ws_exposition_head(out->buf, out->openmetrics, name, kind, help);
}

static void write_gauge(const struct self_out *out, const char *name, const char *help,
                        double v)
{
	head(out, name, WS_KIND_GAUGE, help);
	ws_buf_printf(out->buf, "%s ", name);
	ws_buf_double(out->buf, v);
	ws_buf_char(out->buf, '\n');
}

static void write_counter(const struct self_out *out, const char *name, const char *help,
                          uint64_t n)
{
	head(out, name, WS_KIND_COUNTER, help);
	ws_buf_printf(out->buf, "%s %llu\n", name, (unsigned long long)n);
}

static void write_labelled(const struct self_out *out, const char *name, const char *label,
                           const char *value, uint64_t n)
{
	ws_buf_printf(out->buf, "%s{%s=\"%s\"} %llu\n", name, label, value,
	              (unsigned long long)n);
}

static void label(struct ws_buf *out, const char *name, const char *value)
{
	ws_buf_printf(out, "%s=\"", name);
	ws_name_escape_value(out, ws_span_str(value));
	ws_buf_char(out, '"');
}

static void write_build(const struct self_out *out)
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

static void write_config(const struct self_out *out, const struct status *status)
{
	head(out, "windsock_config_reloads_total", WS_KIND_COUNTER,
	     "Reloads of the mapping files since the start.");
	write_labelled(out, "windsock_config_reloads_total", "outcome", "failure",
	               status->reloads_bad);
	write_labelled(out, "windsock_config_reloads_total", "outcome", "success",
	               status->reloads_good);
	write_gauge(
		out, "windsock_config_last_reload_successful",
		"Whether the last reload succeeded; otherwise the mapping before it is in "
		"force.",
		status->last_reload_good ? 1 : 0);
	write_gauge(out, "windsock_config_last_reload_success_timestamp_seconds",
	            "When the mapping in force was loaded.", status->last_good_reload);
	write_gauge(out, "windsock_mapping_rules", "Rules of the mapping in force.",
	            (double)ws_mapping_rules(status->mapping));
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

static void write_socket_metric(const struct self_out *out, const struct status *status,
                                const struct socket_metric *m)
{
	size_t w, i;

	head(out, m->name, m->kind, m->help);
	for (w = 0; w < status->nworkers; w++) {
		const struct sock_list *socks = worker_socks(status->workers[w]);

		for (i = 0; i < socks->n; i++) {
			ws_buf_printf(out->buf, "%s{", m->name);
			label(out->buf, "listener", socks->socks[i].name);
			ws_buf_printf(out->buf, ",worker=\"%zu\"} %llu\n", w,
			              (unsigned long long)m->read(&socks->socks[i]));
		}
	}
}

/* A worker's shard has its number. */
static void write_workers(const struct self_out *out, const struct status *status)
{
	unsigned w;

	write_gauge(out, "windsock_workers", "Receiving threads.", (double)status->nworkers);
	head(out, "windsock_worker_datagrams_total", WS_KIND_COUNTER,
	     "Datagrams received by each thread.");
	for (w = 0; w < status->nworkers; w++)
		ws_buf_printf(out->buf,
		              "windsock_worker_datagrams_total{worker=\"%u\"} %llu\n", w,
		              (unsigned long long)atomic_load_explicit(
				      &ws_stats_shard(status->stats, w)->datagrams,
				      memory_order_relaxed));
}

static void write_sockets(const struct self_out *out, const struct status *status)
{
	struct ws_shard sum;
	size_t i;

	write_counter(out, "windsock_kernel_drops_total",
	              "Datagrams the kernel dropped before windsock could read them.",
	              status_kernel_drops(status));
	for (i = 0; i < NSOCKET_METRICS; i++)
		write_socket_metric(out, status, &socket_metrics[i]);
	ws_stats_sum(status->stats, &sum);
	write_gauge(out, "windsock_waiting_samples",
	            "Samples that wait a moment for what their sender shows.",
	            (double)sum.waiting);
	write_gauge(out, "windsock_learned_values", "Values of captures that were learned.",
	            (double)ws_learned_ids_count(status->learned));
	write_workers(out, status);
}

static void write_http(const struct self_out *out, const struct status *status)
{
	const char *refused = "windsock_http_refused_total";
	struct http_counts c = http_counts(status->http);

	write_counter(out, "windsock_http_requests_total", "HTTP requests.", c.requests);
	head(out, refused, WS_KIND_COUNTER, "HTTP requests and connections turned away.");
	write_labelled(out, refused, "reason", "deadline", c.deadline);
	write_labelled(out, refused, "reason", "method_not_allowed", c.method_not_allowed);
	write_labelled(out, refused, "reason", "not_found", c.not_found);
	write_labelled(out, refused, "reason", "refused", c.refused);
}

void self_metrics_write(struct ws_buf *buf, bool openmetrics, const struct status *status)
{
	const struct self_out out = { .buf = buf, .openmetrics = openmetrics };

	write_build(&out);
	write_config(&out, status);
	write_sockets(&out, status);
	write_http(&out, status);
	process_write(buf, openmetrics);
}
