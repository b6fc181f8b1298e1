/* SPDX-License-Identifier: Apache-2.0 */
#include "web/self_metrics.h"

#include <stdio.h>
#include <windsock/build.h>

#include "web/metric_writer.h"
#include "web/process.h"

static struct ws_span reason_of(enum ws_err err)
{
	return ws_span_str(ws_err_reason(err));
}

/* --- samples and rules ------------------------------------------------------------------ */

static void write_samples(const struct metric_writer *w, const struct ws_shard *sum)
{
	enum ws_type type;

	metric_head(w, "windsock_samples_total", WS_KIND_COUNTER,
	            "Samples understood, by StatsD type.");
	for (type = 0; type < WS_NTYPES; type++)
		metric_labelled(w, "windsock_samples_total", "type",
		                ws_span_str(ws_type_word(type)), sum->samples[type]);
}

static void write_rejected(const struct metric_writer *w, const struct ws_shard *sum)
{
	enum ws_err err;

	metric_head(w, "windsock_rejected_total", WS_KIND_COUNTER,
	            "Lines, samples, tags and fields rejected, by reason.");
	for (err = 0; err < WS_NERRORS; err++) {
		if (ws_err_scope(err) != WS_SCOPE_NONE && ws_err_scope(err) != WS_SCOPE_SERIES)
			metric_labelled(w, "windsock_rejected_total", "reason", reason_of(err),
			                sum->rejected[err]);
	}
}

static void write_shards(const struct metric_writer *w, const struct ws_shard *sum)
{
#define X(field, name, help) metric_count(w, "windsock_" name, WS_KIND_COUNTER, help, sum->field);
	WS_SHARD_COUNTERS(X)
#undef X
	write_samples(w, sum);
	write_rejected(w, sum);
}

static uint64_t hits_of(const struct ws_rule_shard *shard)
{
	return atomic_load_explicit(&shard->hits, memory_order_relaxed);
}

static uint64_t dropped_of(const struct ws_rule_shard *shard)
{
	return atomic_load_explicit(&shard->dropped, memory_order_relaxed);
}

static void write_rules(const struct metric_writer *w, const struct ws_stats *stats,
                        const char *name, const char *help,
                        uint64_t (*read)(const struct ws_rule_shard *shard))
{
	const struct ws_rule_stats *rule;
	unsigned i, n = ws_stats_shards(stats);
	uint64_t sum;

	metric_head(w, name, WS_KIND_COUNTER, help);
	for (rule = ws_stats_rules(stats); rule != NULL; rule = rule->next) {
		for (sum = 0, i = 0; i < n; i++)
			sum += read(&rule->shards[i]);
		metric_labelled(w, name, "rule", rule->name, sum);
	}
}

/* --- the store -------------------------------------------------------------------------- */

static void write_family_rejected(void *user, struct ws_span family, enum ws_err err,
                                  uint64_t count)
{
	metric_sample(user, "windsock_family_refused_total",
	              (const struct metric_label[]){
			      { "family", family }, { "reason", reason_of(err) }, METRIC_LABELS_END },
	              count);
}

/* Those of the store, and those that ingest rejected because memory ran out. */
static void write_series_rejected(const struct metric_writer *w,
                                  const struct ws_store_counts *counts,
                                  const struct ws_shard *sum)
{
	enum ws_err err;

	metric_head(w, "windsock_series_refused_total", WS_KIND_COUNTER,
	            "Samples rejected because their series could not be created, by reason.");
	for (err = 0; err < WS_NERRORS; err++) {
		if (ws_err_scope(err) == WS_SCOPE_SERIES)
			metric_labelled(w, "windsock_series_refused_total", "reason",
			                reason_of(err), counts->rejected[err] + sum->rejected[err]);
	}
}

static void write_store(struct metric_writer *w, struct ws_store *store,
                        const struct ws_shard *sum)
{
	const struct ws_store_counts c = ws_store_counts(store);
	const struct {
		const char *name;
		enum ws_kind kind;
		const char *help;
		uint64_t value;
	} counts[] = {
		{ "windsock_series", WS_KIND_GAUGE, "Series in the store.", c.series },
		{ "windsock_families", WS_KIND_GAUGE, "Families in the store.", c.families },
		{ "windsock_unmatched_families", WS_KIND_GAUGE,
		  "Families created from names that no rule matched.", c.unmatched_families },
		{ "windsock_series_limit", WS_KIND_GAUGE,
		  "Maximum number of series; 0: no limit.", c.limits.series },
		{ "windsock_store_bytes", WS_KIND_GAUGE, "Memory used by families and series.",
		  c.bytes },
		{ "windsock_series_created_total", WS_KIND_COUNTER, "Series created.",
		  c.created },
		{ "windsock_series_expired_total", WS_KIND_COUNTER,
		  "Series removed because their TTL had passed.", c.expired },
		{ "windsock_series_retired_total", WS_KIND_COUNTER,
		  "Series removed by a reload, or because their labels were wrong.", c.retired },
	};
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		metric_count(w, counts[i].name, counts[i].kind, counts[i].help, counts[i].value);
	write_series_rejected(w, &c, sum);
	metric_head(w, "windsock_family_refused_total", WS_KIND_COUNTER,
	            "Samples that a family rejected, by family and reason.");
	ws_store_rejections(store, write_family_rejected, w);
}

/* --- build and configuration ------------------------------------------------------------ */

static void write_build(const struct metric_writer *w)
{
	const struct ws_build b = ws_build();

	metric_head(w, "windsock_build_info", WS_KIND_GAUGE, "What windsock was built from.");
	metric_sample(w, "windsock_build_info",
	              (const struct metric_label[]){ { "compiler", ws_span_str(b.compiler) },
	                                             { "revision", ws_span_str(b.revision) },
	                                             { "version", ws_span_str(b.version) },
	                                             METRIC_LABELS_END },
	              1);
}

static void write_config(const struct metric_writer *w, const struct status *status)
{
	const char *reloads = "windsock_config_reloads_total";

	metric_head(w, reloads, WS_KIND_COUNTER, "Reloads of the mapping files since the start.");
	metric_labelled(w, reloads, "outcome", ws_span_str("failure"), status->reloads_bad);
	metric_labelled(w, reloads, "outcome", ws_span_str("success"), status->reloads_good);
	metric_count(w, "windsock_config_last_reload_successful", WS_KIND_GAUGE,
	             "Whether the last reload succeeded; if not, the previous mapping is in "
	             "force.",
	             status->last_reload_good);
	metric_number(w, "windsock_config_last_reload_success_timestamp_seconds", WS_KIND_GAUGE,
	              "When the mapping in force was loaded.", status->last_good_reload);
	metric_count(w, "windsock_mapping_rules", WS_KIND_GAUGE,
	             "Rules of the mapping in force.", ws_mapping_rules(status->mapping));
}

/* --- sockets and workers ---------------------------------------------------------------- */

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
	  "Datagrams the kernel dropped at a socket, usually because the receive buffer was full.",
	  socket_drops },
	{ "windsock_socket_receive_buffer_bytes", WS_KIND_GAUGE,
	  "Receive buffer that the kernel granted.", socket_buffer },
	{ "windsock_socket_queued_bytes", WS_KIND_GAUGE,
	  "Receive buffer in use, as the kernel counts it.", socket_queued },
};

#define NSOCKET_METRICS (sizeof(socket_metrics) / sizeof(socket_metrics[0]))

static void write_socket_metric(const struct metric_writer *w, const struct status *status,
                                const struct socket_metric *m)
{
	char worker[24];
	size_t n, i;

	metric_head(w, m->name, m->kind, m->help);
	for (n = 0; n < status->nworkers; n++) {
		const struct sock_list *socks = status->udp[n];

		snprintf(worker, sizeof(worker), "%zu", n);
		for (i = 0; i < socks->n; i++)
			metric_sample(w, m->name,
			              (const struct metric_label[]){
					      { "listener", ws_span_str(socks->socks[i].name) },
					      { "worker", ws_span_str(worker) },
					      METRIC_LABELS_END },
			              m->read(&socks->socks[i]));
	}
}

/* A worker and its shard have the same number. */
static void write_workers(const struct metric_writer *w, const struct status *status)
{
	const char *datagrams = "windsock_worker_datagrams_total";
	char worker[16];
	unsigned i;

	metric_count(w, "windsock_workers", WS_KIND_GAUGE, "Receiving threads.", status->nworkers);
	metric_head(w, datagrams, WS_KIND_COUNTER, "Datagrams received by each thread.");
	for (i = 0; i < status->nworkers; i++) {
		const struct ws_shard *shard = ws_stats_shard(status->stats, i);

		snprintf(worker, sizeof(worker), "%u", i);
		metric_labelled(w, datagrams, "worker", ws_span_str(worker),
		                atomic_load_explicit(&shard->datagrams, memory_order_relaxed));
	}
}

static void write_receiving(const struct metric_writer *w, const struct status *status,
                            const struct ws_shard *sum)
{
	size_t i;

	metric_count(w, "windsock_kernel_drops_total", WS_KIND_COUNTER,
	             "Datagrams the kernel dropped before windsock could read them.",
	             status_kernel_drops(status));
	for (i = 0; i < NSOCKET_METRICS; i++)
		write_socket_metric(w, status, &socket_metrics[i]);
	metric_count(w, "windsock_waiting_samples", WS_KIND_GAUGE,
	             "Samples that wait to see whether their sender sends the event twice.",
	             sum->waiting);
	metric_count(w, "windsock_learned_values", WS_KIND_GAUGE, "Ids that were learned.",
	             ws_learned_ids_count(status->learned));
	write_workers(w, status);
}

static void write_http(const struct metric_writer *w, const struct status *status)
{
	const char *rejected = "windsock_http_refused_total";
	const struct http_counts c = http_counts(status->http);

	metric_count(w, "windsock_http_requests_total", WS_KIND_COUNTER, "HTTP requests.",
	             c.requests);
	metric_head(w, rejected, WS_KIND_COUNTER, "HTTP requests and connections rejected.");
	metric_labelled(w, rejected, "reason", ws_span_str("deadline"), c.deadline);
	metric_labelled(w, rejected, "reason", ws_span_str("method_not_allowed"),
	                c.method_not_allowed);
	metric_labelled(w, rejected, "reason", ws_span_str("not_found"), c.not_found);
	metric_labelled(w, rejected, "reason", ws_span_str("refused"), c.rejected);
}

void self_metrics_write(struct ws_buf *out, enum ws_format format, const struct status *status)
{
	struct metric_writer w = { .out = out, .format = format };
	struct ws_shard sum;

	ws_stats_sum(status->stats, &sum);
	write_shards(&w, &sum);
	write_rules(&w, status->stats, "windsock_rule_hits_total", "Samples that a rule took.",
	            hits_of);
	write_rules(&w, status->stats, "windsock_dropped_total", "Samples that a rule dropped.",
	            dropped_of);
	write_store(&w, status->store, &sum);
	write_build(&w);
	write_config(&w, status);
	write_receiving(&w, status, &sum);
	write_http(&w, status);
	process_write(&w);
}
