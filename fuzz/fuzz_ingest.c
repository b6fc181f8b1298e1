/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as datagrams, through to the exposition, which must be lines of UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <windsock/exposition.h>
#include <windsock/ingest.h>
#include <windsock/utf8.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] = "[windsock]\nprefix = airflow\nttl = 10s\n"
			    "[f]\nmatch = ti.<a>.<b...>.<c>\nmetric = f_<a>\nas = summary\n"
			    "[h]\nmatch = h.<x>\nmetric = h\nas = histogram\ncontinue = yes\n"
			    "[d]\nmatch = <_...>.drop\ndrop = yes\n";

static void feed(struct ws_ingest *g, struct ws_mapping *m, struct ws_span all, int64_t now)
{
	if (ws_ingest_begin(g, m, now) != WS_OK)
		abort();
	ws_ingest_datagram(g, &(struct ws_datagram){ .bytes = all });
	ws_ingest_end(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ws_source source = { "r.ini", { rules, sizeof(rules) - 1 } };
	const struct ws_hash_key key = { 1, 2 };
	const struct ws_limits limits = { 50, 20, 10, 5 };
	const struct ws_ingest_options options = { .shard = 0, .cache_size = 16, .key = key };
	struct ws_span all = ws_span((const char *)data, size);
	struct ws_buf out = WS_BUF_INIT;
	struct ws_store *store = ws_store_new(limits, key);
	struct ws_stats *stats = ws_stats_new(1);
	struct ws_mapping *m = ws_mapping_new(&source, 1, NULL, &out);
	struct ws_ingest *g = ws_ingest_new(store, stats, &options);
	struct ws_exposition *e;

	if (m == NULL || g == NULL)
		abort();
	feed(g, m, all, 1);
	feed(g, m, all, 2);
	e = ws_exposition_new(store, size % 2 == 1 ? WS_FORMAT_OPENMETRICS : WS_FORMAT_TEXT, 2);
	while (ws_exposition_more(e, &out))
		;
	ws_exposition_free(e);
	if (out.err != WS_OK || !ws_utf8_is_valid(ws_buf_text(&out)) ||
	    (out.len > 0 && out.ptr[out.len - 1] != '\n'))
		abort();
	while (ws_store_expire(store, INT64_C(60000000000), 7) > 0)
		;
	if (ws_store_counts(store).series != 0)
		abort();
	feed(g, m, all, INT64_C(60000000001));
	ws_ingest_free(g);
	ws_mapping_unref(m);
	ws_store_free(store);
	ws_stats_free(stats);
	ws_buf_fini(&out);
	return 0;
}
