/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/stats.h>

#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>

/* Two cache lines, because the prefetcher fetches them in pairs. */
#define SHARD_ALIGNMENT 128

struct padded_shard {
	alignas(SHARD_ALIGNMENT) struct ws_shard shard;
};

struct ws_stats {
	struct padded_shard *shards;
	unsigned nshards;
	_Atomic(struct ws_rule_stats *) rules;
	pthread_mutex_t mutex; /* guards additions to `rules`; memory work only */
};

struct ws_stats *ws_stats_new(unsigned nshards)
{
	struct ws_stats *stats = calloc(1, sizeof(*stats));

	if (stats == NULL)
		return NULL;
	stats->nshards = nshards;
	stats->shards = aligned_alloc(SHARD_ALIGNMENT, nshards * sizeof(*stats->shards));
	if (stats->shards == NULL) {
		free(stats);
		return NULL;
	}
	memset((void *)stats->shards, 0, nshards * sizeof(*stats->shards));
	pthread_mutex_init(&stats->mutex, NULL);
	return stats;
}

void ws_stats_free(struct ws_stats *stats)
{
	struct ws_rule_stats *rule, *next;

	if (stats == NULL)
		return;
	for (rule = atomic_load(&stats->rules); rule != NULL; rule = next) {
		next = rule->next;
		free((char *)(uintptr_t)rule->name.ptr);
		free(rule);
	}
	pthread_mutex_destroy(&stats->mutex);
	free(stats->shards);
	free(stats);
}

unsigned ws_stats_shards(const struct ws_stats *stats)
{
	return stats->nshards;
}

struct ws_shard *ws_stats_shard(struct ws_stats *stats, unsigned i)
{
	return &stats->shards[i].shard;
}

const struct ws_rule_stats *ws_stats_rules(const struct ws_stats *stats)
{
	return atomic_load_explicit(&stats->rules, memory_order_acquire);
}

static struct ws_rule_stats *new_rule(unsigned nshards, struct ws_span name)
{
	struct ws_rule_stats *rule = calloc(1, sizeof(*rule) + nshards * sizeof(rule->shards[0]));
	char *copy = malloc(name.len + 1);

	if (rule == NULL || copy == NULL) {
		free(rule);
		free(copy);
		return NULL;
	}
	if (name.len > 0)
		memcpy(copy, name.ptr, name.len);
	rule->name = ws_span(copy, name.len);
	return rule;
}

struct ws_rule_stats *ws_stats_rule(struct ws_stats *stats, struct ws_span name)
{
	struct ws_rule_stats *rule;

	pthread_mutex_lock(&stats->mutex);
	rule = atomic_load_explicit(&stats->rules, memory_order_relaxed);
	while (rule != NULL && !ws_span_eq(rule->name, name))
		rule = rule->next;
	if (rule == NULL) {
		rule = new_rule(stats->nshards, name);
		if (rule != NULL) {
			rule->next = atomic_load_explicit(&stats->rules, memory_order_relaxed);
			atomic_store_explicit(&stats->rules, rule, memory_order_release);
		}
	}
	pthread_mutex_unlock(&stats->mutex);
	return rule;
}

static void add(_Atomic uint64_t *sum, const _Atomic uint64_t *shard)
{
	atomic_fetch_add_explicit(sum, atomic_load_explicit(shard, memory_order_relaxed),
	                          memory_order_relaxed);
}

void ws_stats_sum(const struct ws_stats *stats, struct ws_shard *sum)
{
	unsigned i;
	int k;

	memset((void *)sum, 0, sizeof(*sum));
	for (i = 0; i < stats->nshards; i++) {
		const struct ws_shard *shard = &stats->shards[i].shard;

#define X(field, name, help) add(&sum->field, &shard->field);
		WS_SHARD_COUNTERS(X)
#undef X
		add(&sum->waiting, &shard->waiting);
		for (k = 0; k < WS_NTYPES; k++)
			add(&sum->samples[k], &shard->samples[k]);
		for (k = 0; k < WS_NERRORS; k++)
			add(&sum->rejected[k], &shard->rejected[k]);
	}
}
