/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "sys/clock.h"
#include "web/pages.h"

/* A daemon without workers, and the result of its next reload. */
struct bench {
	struct status status;
	struct http_route routes[PAGES_ROUTES];
	bool reload_fails;
	unsigned reloads;
	struct http_reply reply;
};

static bool reload(void *user, struct ws_buf *diags)
{
	struct bench *b = user;

	b->reloads++;
	if (b->reload_fails)
		ws_buf_str(diags, "my.ini:3: no such key\n");
	else
		ws_buf_str(diags, "my.ini:5: a warning\n");
	return !b->reload_fails;
}

static struct ws_mapping *mapping_of_two_rules(void)
{
	const struct ws_source source = {
		"my.ini",
		ws_span_str("[a]\nmatch = a\nmetric = a\n[b]\nmatch = b\nmetric = b\n")
	};
	const struct ws_mapping_options options = { 0 };
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_mapping *mapping = ws_mapping_new(&source, 1, &options, &diags);

	ws_buf_fini(&diags);
	return mapping;
}

static struct bench *bench_new(void)
{
	static const struct http_route none;
	const struct http_config config = { .routes = &none,
		                            .deadline_seconds = 5,
		                            .max_connections = 1 };
	const struct ws_hash_key key = { 1, 2 };
	struct bench *b = calloc(1, sizeof(*b));

	b->status = (struct status){
		.phase = STATUS_READY,
		.store = ws_store_new(ws_limits_default, key),
		.stats = ws_stats_new(1),
		.learned = ws_learned_ids_new(10, key),
		.unmatched = ws_unmatched_new(1, key),
		.recent = ws_recent_new(),
		.http = http_new(&config),
		.mapping = mapping_of_two_rules(),
		.telemetry_path = "/a\"b",
		.last_reload_good = true,
		.lifecycle = true,
		.reload = reload,
		.user = b,
	};
	pages_routes(&b->status, b->routes);
	assert_true(b->status.mapping != NULL && b->status.http != NULL);
	return b;
}

static void bench_free(struct bench *b)
{
	ws_buf_fini(&b->reply.body);
	http_free((struct http *)(uintptr_t)b->status.http);
	ws_mapping_unref(b->status.mapping);
	ws_recent_free(b->status.recent);
	ws_unmatched_free(b->status.unmatched);
	ws_learned_ids_free(b->status.learned);
	ws_stats_free(b->status.stats);
	ws_store_free(b->status.store);
	free(b);
}

/* A page's response, as the server would send it: streams are read to their end. */
static const char *ask(struct bench *b, const char *path, const char *accept)
{
	const struct http_request request = { HTTP_GET, ws_span_str(path),
		                              ws_span_str(accept) };
	const struct http_route *route = b->routes;

	ws_buf_fini(&b->reply.body);
	b->reply = (struct http_reply){ .status = 200, .body = WS_BUF_INIT };
	while (strcmp(route->path, path) != 0)
		route++;
	route->handle(&b->status, &request, &b->reply);
	if (b->reply.more != NULL) {
		while (b->reply.more(b->reply.stream, &b->reply.body))
			;
		b->reply.done(b->reply.stream);
	}
	ws_buf_char(&b->reply.body, '\0');
	return b->reply.body.ptr;
}

TEST_WITH(readiness_follows_the_phase, struct bench *b, bench_new, bench_free)
{
	static const struct {
		enum status_phase phase;
		unsigned status;
		const char *text;
	} rows[] = {
		{ STATUS_STARTING, 503, "windsock is starting\n" },
		{ STATUS_READY, 200, "windsock is ready\n" },
		{ STATUS_STOPPING, 503, "windsock is stopping\n" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b->status.phase = rows[i].phase;
		assert_string_equal(ask(b, "/-/ready", ""), rows[i].text);
		assert_int_equal(b->reply.status, rows[i].status);
		assert_string_equal(ask(b, "/-/healthy", ""), "windsock is healthy\n");
		assert_string_equal(ask(b, "/health", ""), "windsock is healthy\n");
		assert_int_equal(b->reply.status, 200);
		ask(b, "/-/reload", "");
		assert_int_equal(b->reply.status, rows[i].status);
	}
	assert_int_equal(b->reloads, 1);
}

TEST_WITH(reload_says_how_it_ended, struct bench *b, bench_new, bench_free)
{
	assert_string_equal(ask(b, "/-/reload", ""), "reloaded, 2 rules\n");
	assert_int_equal(b->reply.status, 200);
	b->reload_fails = true;
	assert_string_equal(ask(b, "/-/reload", ""), "my.ini:3: no such key\n");
	assert_int_equal(b->reply.status, 500);
	b->status.lifecycle = false;
	assert_non_null(strstr(ask(b, "/-/reload", ""), "--web.enable-lifecycle"));
	assert_int_equal(b->reply.status, 403);
	assert_int_equal(b->reloads, 2);
}

/* Text from senders remains text on the front page. */
TEST_WITH(front_page_has_no_markup_of_senders, struct bench *b, bench_new, bench_free)
{
	struct ws_sample s = { .head = ws_span_str("<script>x</script>"),
		               .type = WS_TYPE_COUNTER,
		               .value = 1,
		               .weight = 1 };
	struct ws_unmatched_place place = { 0 };
	const char *page;

	ws_unmatched_add(b->status.unmatched, 0, &place, &s, clock_now());
	ws_recent_add(b->status.recent, WS_RECENT_LINES,
	              ws_span_str("<b onclick='x'>\x1b[2J"), WS_ERR_BAD_RATE, clock_now());
	ws_recent_add(b->status.recent, WS_RECENT_SERIES, ws_span_str("a&b"),
	              WS_ERR_SERIES_LIMIT, clock_now());
	page = ask(b, "/", "");
	assert_string_equal(b->reply.content_type, "text/html; charset=utf-8");
	assert_non_null(strstr(page, "&#60;script&#62;x&#60;/script&#62;"));
	assert_non_null(strstr(page, "&#60;b onclick=&#39;x&#39;&#62;\\x1b[2J"));
	assert_non_null(strstr(page, "a&#38;b"));
	assert_non_null(strstr(page, "href=\"/a&#34;b\""));
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "<b "));
}

TEST_WITH(front_page_reports_a_failed_reload, struct bench *b, bench_new, bench_free)
{
	assert_null(strstr(ask(b, "/", ""), "the previous mapping is in force"));
	b->status.last_reload_good = false;
	assert_non_null(strstr(ask(b, "/", ""), "the previous mapping is in force"));
}

TEST_WITH(unmatched_names_as_text_and_json, struct bench *b, bench_new, bench_free)
{
	struct ws_sample s = { .head = ws_span_str("say \"hi\""),
		               .type = WS_TYPE_GAUGE,
		               .value = 2.5,
		               .weight = 1 };
	struct ws_unmatched_place place = { 0 };

	assert_string_equal(ask(b, "/unmatched", "application/json"), "{\"unmatched\":[]}\n");
	ws_unmatched_add(b->status.unmatched, 0, &place, &s, clock_now());
	assert_non_null(strstr(ask(b, "/unmatched", "text/html"), "say \"hi\":2.5|g\n"));
	assert_non_null(
		strstr(ask(b, "/unmatched", "application/json"),
	               "\n{\"name\":\"say \\\"hi\\\"\",\"type\":\"gauge\",\"count\":1,"
	               "\"value\":2.5,\"last_seen\":"));
	assert_true(b->reply.vary);
}

TEST_WITH(metrics_in_both_formats, struct bench *b, bench_new, bench_free)
{
	const char *text = ask(b, "/a\"b", "");

	assert_string_equal(b->reply.content_type,
	                    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
	assert_non_null(strstr(text, "\nwindsock_config_last_reload_successful 1\n"));
	assert_null(strstr(text, "# EOF"));
	b->status.reloads_bad = 3;
	b->status.last_reload_good = false;
	text = ask(b, "/a\"b", "application/openmetrics-text; version=1.0.0");
	assert_non_null(strstr(text, "\nwindsock_config_last_reload_successful 0\n"));
	assert_non_null(
		strstr(text, "\nwindsock_config_reloads_total{outcome=\"failure\"} 3\n"));
	assert_string_equal(text + strlen(text) - strlen("\n# EOF\n"), "\n# EOF\n");
}
