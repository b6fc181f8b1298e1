/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/stats.h>

TEST(shards_are_summed)
{
	struct ws_stats *stats = ws_stats_new(3);
	struct ws_shard sum;
	unsigned i;

	assert_int_equal(ws_stats_shards(stats), 3);
	for (i = 0; i < 3; i++) {
		struct ws_shard *shard = ws_stats_shard(stats, i);

		/* Writers do not share a cache line. */
		assert_int_equal((uintptr_t)shard % 64, 0);
#define X(field, name, help) WS_SHARD_ADD(shard->field, i + 1);
		WS_SHARD_COUNTERS(X)
#undef X
		WS_SHARD_ADD(shard->samples[WS_NTYPES - 1], 10);
		WS_SHARD_ADD(shard->rejected[WS_NERRORS - 1], 100);
	}
	ws_stats_sum(stats, &sum);
#define X(field, name, help) assert_int_equal(sum.field, 6);
	WS_SHARD_COUNTERS(X)
#undef X
	assert_int_equal(sum.samples[WS_NTYPES - 1], 30);
	assert_int_equal(sum.samples[0], 0);
	assert_int_equal(sum.rejected[WS_NERRORS - 1], 300);
	ws_stats_free(stats);
	ws_stats_free(NULL);
}

TEST(rules_by_name)
{
	struct ws_stats *stats = ws_stats_new(2);
	char name[] = "a";
	struct ws_rule_stats *a = ws_stats_rule(stats, ws_span_str(name)), *b;

	/* A copy: the name's memory can be freed. */
	name[0] = 'b';
	b = ws_stats_rule(stats, ws_span_str(name));
	assert_ptr_not_equal(a, b);
	assert_true(ws_span_is(a->name, "a"));
	assert_ptr_equal(ws_stats_rule(stats, ws_span_str("a")), a);
	assert_ptr_equal(ws_stats_rules(stats), b);
	assert_ptr_equal(b->next, a);
	assert_null(a->next);
	assert_int_equal(a->shards[1].hits, 0);
	ws_stats_free(stats);
}
