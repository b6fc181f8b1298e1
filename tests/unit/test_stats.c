/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <windsock/stats.h>

TEST(lanes_are_summed)
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

	/* A copy: the name's memory may go. */
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

static void add(struct ws_stats *stats, const char *text, int64_t now)
{
	ws_recent_add(stats, WS_RECENT_REJECTED, ws_span_str(text), WS_ERR_MALFORMED_LINE, now);
}

static bool is(const struct ws_recent *r, const char *text, uint64_t count, int64_t last)
{
	return ws_span_is(ws_span(r->text, r->len), text) && r->count == count && r->last == last;
}

TEST(recent_ones_come_first)
{
	struct ws_stats *stats = ws_stats_new(1);
	struct ws_recent list[WS_RECENT_MAX];

	assert_int_equal(ws_recent_list(stats, WS_RECENT_REJECTED, list), 0);
	add(stats, "a", 1);
	add(stats, "b", 2);
	add(stats, "c", 3);
	add(stats, "b", 4);
	assert_int_equal(ws_recent_list(stats, WS_RECENT_REJECTED, list), 3);
	assert_true(is(&list[0], "b", 2, 4) && is(&list[1], "c", 1, 3) && is(&list[2], "a", 1, 1));
	assert_int_equal(list[0].why, WS_ERR_MALFORMED_LINE);
	/* Another reason is another entry, another kind another list. */
	ws_recent_add(stats, WS_RECENT_REJECTED, ws_span_str("b"), WS_ERR_EVENT, 5);
	ws_recent_add(stats, WS_RECENT_REFUSED, ws_span_str(""), WS_ERR_NOMEM, 6);
	assert_int_equal(ws_recent_list(stats, WS_RECENT_REJECTED, list), 4);
	assert_true(is(&list[0], "b", 1, 5) && is(&list[1], "b", 2, 4));
	assert_int_equal(ws_recent_list(stats, WS_RECENT_REFUSED, list), 1);
	assert_true(is(&list[0], "", 1, 6));
	ws_stats_free(stats);
}

TEST(recent_list_is_bounded)
{
	struct ws_stats *stats = ws_stats_new(1);
	struct ws_recent list[WS_RECENT_MAX];
	char text[WS_RECENT_TEXT + 40];
	int i;

	for (i = 0; i < WS_RECENT_MAX + 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		add(stats, text, i);
	}
	assert_int_equal(ws_recent_list(stats, WS_RECENT_REJECTED, list), WS_RECENT_MAX);
	assert_true(is(&list[0], "41", 1, 41) && is(&list[WS_RECENT_MAX - 1], "10", 1, 10));
	/* The last one comes forward, all others stay. */
	add(stats, "10", 50);
	assert_int_equal(ws_recent_list(stats, WS_RECENT_REJECTED, list), WS_RECENT_MAX);
	assert_true(is(&list[0], "10", 2, 50) && is(&list[WS_RECENT_MAX - 1], "11", 1, 11));
	memset(text, 'x', sizeof(text));
	ws_recent_add(stats, WS_RECENT_REJECTED, ws_span(text, sizeof(text)), WS_OK, 51);
	ws_recent_add(stats, WS_RECENT_REJECTED, ws_span(text, sizeof(text) - 1), WS_OK, 52);
	ws_recent_list(stats, WS_RECENT_REJECTED, list);
	assert_int_equal(list[0].len, WS_RECENT_TEXT);
	assert_int_equal(list[0].count, 2);
	ws_stats_free(stats);
}
