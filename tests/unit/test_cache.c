/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <windsock/ingest.h>

#include "ingest/cache.h"

#define SIZE 100

static struct cache *small_cache(void)
{
	return cache_new((struct ws_hash_key){ 1, 2 }, SIZE);
}

static struct ws_sample sample(const char *head, const char *tags, enum ws_type type)
{
	return (struct ws_sample){ .head = ws_span_str(head),
				   .tags = ws_span_str(tags),
				   .type = type };
}

static struct cache_entry *find(struct cache *cache, struct ws_sample s)
{
	return cache_find(cache, &s, cache_hash(cache, &s));
}

static struct cache_entry *add(struct cache *cache, struct ws_sample s, size_t nactions)
{
	struct cache_entry *entry = cache_add(cache, &s, cache_hash(cache, &s), nactions);

	assert_non_null(entry);
	assert_int_equal(entry->nactions, nactions);
	return entry;
}

/* Like ingest, with a window of one. */
static struct cache_entry *meet(struct cache *cache, const char *head)
{
	struct ws_sample s = sample(head, "", WS_TYPE_GAUGE);
	struct cache_entry *entry;

	if (cache_is_full(cache, 1))
		cache_turn(cache);
	entry = find(cache, s);
	return entry != NULL ? entry : add(cache, s, 0);
}

static void flood(struct cache *cache, const char *prefix, size_t n)
{
	char head[64];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(head, sizeof(head), "%s.%zu", prefix, i);
		meet(cache, head);
	}
}

TEST_WITH(head_tags_and_type_are_the_name, struct cache *cache, small_cache, cache_free)
{
	const struct ws_sample samples[] = {
		sample("a.b", "", WS_TYPE_COUNTER),  sample("a.b", "", WS_TYPE_TIMER),
		sample("a.b", "c", WS_TYPE_COUNTER), sample("a.bc", "", WS_TYPE_COUNTER),
		sample("a.", "b", WS_TYPE_COUNTER),
	};
	struct cache_entry *known[5];
	struct ws_sample got;
	size_t i;

	for (i = 0; i < 5; i++) {
		assert_null(find(cache, samples[i]));
		known[i] = add(cache, samples[i], i);
	}
	for (i = 0; i < 5; i++) {
		assert_ptr_equal(find(cache, samples[i]), known[i]);
		got = cache_entry_sample(known[i]);
		assert_true(ws_span_eq(got.head, samples[i].head));
		assert_true(ws_span_eq(got.tags, samples[i].tags));
		assert_int_equal(got.type, samples[i].type);
	}
}

/* Ten thousand names through several widenings of the table. */
TEST(many_are_found)
{
	struct cache *cache = cache_new((struct ws_hash_key){ 1, 2 }, 10000);
	char head[32];
	unsigned i;

	assert_non_null(cache);
	for (i = 0; i < 10000; i++) {
		snprintf(head, sizeof(head), "n.%u", i);
		add(cache, sample(head, "", WS_TYPE_SET), 1)->actions[0].action.file = (uint16_t)i;
	}
	for (i = 0; i < 10000; i++) {
		snprintf(head, sizeof(head), "n.%u", i);
		assert_int_equal(find(cache, sample(head, "", WS_TYPE_SET))->actions[0].action.file,
				 i);
	}
	assert_true(cache_is_full(cache, 1));
	cache_free(cache);
}

TEST_WITH(what_is_seen_again_survives_a_flood, struct cache *cache, small_cache, cache_free)
{
	struct ws_sample often = sample("often", "", WS_TYPE_GAUGE);
	char prefix[32];
	size_t i;

	add(cache, often, 1)->actions[0].action.file = 42;
	for (i = 0; i < 30; i++) {
		snprintf(prefix, sizeof(prefix), "flood.%zu", i);
		flood(cache, prefix, SIZE / 2);
		assert_non_null(find(cache, often));
		assert_int_equal(find(cache, often)->actions[0].action.file, 42);
	}
}

TEST_WITH(what_is_not_seen_again_is_forgotten, struct cache *cache, small_cache, cache_free)
{
	struct ws_sample once = sample("once", "", WS_TYPE_GAUGE);

	meet(cache, "once");
	flood(cache, "a", SIZE);
	flood(cache, "b", SIZE);
	assert_null(find(cache, once));
	meet(cache, "once");
	cache_forget(cache);
	assert_null(find(cache, once));
}

/* --- through ingest --- */

static void ingest(struct ws_ingest *g, struct ws_mapping *mapping, const char *datagram)
{
	assert_int_equal(ws_ingest_begin(g, mapping, 1), WS_OK);
	ws_ingest_datagram(g, &(struct ws_datagram){ .bytes = ws_span_str(datagram) });
	ws_ingest_end(g);
}

/* Each known name is matched against the rules once, despite many new ones in between. */
TEST(a_flood_does_not_make_known_names_new)
{
	const struct ws_source source = { "test.ini",
					  ws_span_str("[r]\nmatch = <x...>\nmetric = m\n") };
	const struct ws_ingest_options options = { .cache_size = 1000, .key = { 1, 2 } };
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_store *store = ws_store_new((struct ws_limits){ 0 }, options.key);
	struct ws_stats *stats = ws_stats_new(1);
	struct ws_mapping *mapping =
		ws_mapping_new(&source, 1, &(struct ws_mapping_options){ 0 }, &diags);
	struct ws_ingest *g = ws_ingest_new(store, stats, &options);
	char datagram[64];
	unsigned i;

	assert_non_null(mapping);
	for (i = 0; i < 20000; i++) {
		snprintf(datagram, sizeof(datagram), "known.%u:1|c\nnew.%u:1|c", i % 200, i);
		ingest(g, mapping, datagram);
	}
	assert_int_equal(ws_stats_shard(stats, 0)->cache_misses, 200 + 20000);
	assert_int_equal(ws_stats_shard(stats, 0)->cache_hits, 20000 - 200);
	assert_int_equal(ws_stats_shard(stats, 0)->applied, 40000);
	ws_ingest_free(g);
	ws_mapping_unref(mapping);
	ws_stats_free(stats);
	ws_store_free(store);
	ws_buf_fini(&diags);
}
