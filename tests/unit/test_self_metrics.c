/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "web/self_metrics.h"

static void assert_has(const struct ws_buf *out, const char *line, bool has)
{
	if ((strstr(out->ptr, line) != NULL) != has)
		fail_msg("%s: %s", has ? "missing" : "too much", line);
}

static struct ws_mapping *no_rules(void)
{
	struct ws_buf diags = WS_BUF_INIT;

	return ws_mapping_new(NULL, 0, NULL, &diags);
}

static struct ws_store *store_of_one_gauge(void)
{
	const struct ws_hash_key key = { 1, 2 };
	const struct ws_target target = { .family = ws_span_str("m"), .kind = WS_KIND_GAUGE };
	struct ws_store *store = ws_store_new(ws_limits_default, key);
	struct ws_ref ref;

	assert_int_equal(ws_store_intern(store, &target, 0, &ref), WS_OK);
	return store;
}

TEST(what_was_counted_is_written)
{
	static const struct http_route no_routes;
	const struct http_config config = { .routes = &no_routes, .max_connections = 1 };
	struct ws_store *store = store_of_one_gauge();
	struct ws_stats *stats = ws_stats_new(2);
	struct ws_rule_stats *rule = ws_stats_rule(stats, ws_span_str("r\"1"));
	struct http *http = http_new(&config);
	const struct status status = {
		.store = store, .stats = stats, .http = http, .mapping = no_rules(), .nworkers = 0,
	};
	struct ws_buf text = WS_BUF_INIT, open = WS_BUF_INIT;

	WS_SHARD_ADD(ws_stats_shard(stats, 0)->lines, 3);
	WS_SHARD_ADD(ws_stats_shard(stats, 1)->lines, 4);
	WS_SHARD_ADD(ws_stats_shard(stats, 1)->samples[WS_TYPE_SET], 2);
	WS_SHARD_ADD(ws_stats_shard(stats, 1)->rejected[WS_ERR_BAD_TAG], 5);
	WS_SHARD_ADD(rule->shards[0].hits, 1);
	WS_SHARD_ADD(rule->shards[1].hits, 1);
	WS_SHARD_ADD(rule->shards[1].dropped, 1);
	self_metrics_write(&text, WS_FORMAT_TEXT, &status);
	self_metrics_write(&open, WS_FORMAT_OPENMETRICS, &status);
	ws_buf_char(&text, '\0');
	ws_buf_char(&open, '\0');
	assert_has(&text, "# TYPE windsock_lines_total counter\nwindsock_lines_total 7\n", true);
	assert_has(&open, "# TYPE windsock_lines counter\n", true);
	assert_has(&open, "\nwindsock_lines_total 7\n", true);
	assert_has(&text, "\nwindsock_samples_total{type=\"set\"} 2\n", true);
	assert_has(&text, "\nwindsock_rejected_total{reason=\"malformed_tag\"} 5\n", true);
	assert_has(&text, "\nwindsock_rejected_total{reason=\"truncated\"} 0\n", true);
	assert_has(&text, "\nwindsock_rejected_total{reason=\"ok\"}", false);
	assert_has(&text, "\nwindsock_rejected_total{reason=\"series_limit\"}", false);
	assert_has(&text, "\nwindsock_series_refused_total{reason=\"series_limit\"} 0\n", true);
	assert_has(&text, "\nwindsock_rule_hits_total{rule=\"r\\\"1\"} 2\n", true);
	assert_has(&text, "\nwindsock_dropped_total{rule=\"r\\\"1\"} 1\n", true);
	assert_has(&text, "\nwindsock_series 1\n", true);
	assert_has(&text, "\nwindsock_series_created_total 1\n", true);
	assert_has(&text, "\nwindsock_build_info{compiler=\"", true);
	assert_has(&text, "# TYPE windsock_config_reloads_total counter\n", true);
	assert_has(&text, "\nprocess_threads ", true);
	assert_has(&text, "# EOF", false);
	assert_has(&open, "# EOF", false);
	ws_buf_fini(&text);
	ws_buf_fini(&open);
	http_free(http);
	ws_mapping_unref(status.mapping);
	ws_stats_free(stats);
	ws_store_free(store);
}
