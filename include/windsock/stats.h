/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windsock's own counters.  Each worker is the only writer of its shard; readers sum the
 * shards.  Relaxed atomics: no lock and no shared cache line on the hot path.
 */
#ifndef WINDSOCK_STATS_H
#define WINDSOCK_STATS_H

#include <stdatomic.h>
#include <stdint.h>
#include <windsock/err.h>
#include <windsock/span.h>
#include <windsock/type.h>

/* X(field, family without windsock_, help): the counters of a shard. */
#define WS_SHARD_COUNTERS(X)                                                              \
	X(datagrams, "datagrams_total", "Datagrams received.")                           \
	X(bytes, "bytes_total", "Bytes received in datagrams.")                          \
	X(lines, "lines_total", "StatsD lines received, including empty ones.")                \
	X(truncated, "truncated_datagrams_total",                                        \
	  "Datagrams that the kernel truncated to the size of the buffer.")       \
	X(unmatched, "unmatched_total", "Samples that no rule matched.")                 \
	X(unmatched_dropped, "unmatched_dropped_total",                                  \
	  "Samples that no rule matched and that were dropped (unmatched = drop).")      \
	X(outside, "out_of_bounds_total",                                                \
	  "Samples whose value was outside the min and max of every matching rule.")         \
	X(ambiguous, "ambiguous_total",                                                  \
	  "Samples whose name could be split in several ways, without a known id.")      \
	X(applied, "samples_applied_total",                                              \
	  "Samples that changed at least one series.")                                   \
	X(cache_hits, "cache_hits_total", "Samples whose name was in the cache.")               \
	X(cache_misses, "cache_misses_total",                                            \
	  "Samples whose name was matched against the rules.")                       \
	X(regex_gave_up, "regex_limit_total",                                            \
	  "Regular expression matches aborted because they took too many steps.")         \
	X(receive_calls, "receive_calls_total", "System calls to receive datagrams.")         \
	X(receive_errors, "receive_errors_total",                                        \
	  "System calls to receive datagrams that failed, other than on an empty queue.")

struct ws_shard {
#define X(field, name, help) _Atomic uint64_t field;
	WS_SHARD_COUNTERS(X)
#undef X
	_Atomic uint64_t waiting; /* possible duplicates now waiting; see ws_ingest_due */
	_Atomic uint64_t samples[WS_NTYPES]; /* understood, by type */
	_Atomic uint64_t rejected[WS_NERRORS]; /* not what the store rejects and counts */
};

/* Only for the writer of the shard. */
#define WS_SHARD_ADD(shard_counter, n)                                                      \
	atomic_store_explicit(&(shard_counter),                                            \
	                      atomic_load_explicit(&(shard_counter), memory_order_relaxed) + (n), \
	                      memory_order_relaxed)

struct ws_stats;

struct ws_stats *ws_stats_new(unsigned nshards);
void ws_stats_free(struct ws_stats *stats);

unsigned ws_stats_shards(const struct ws_stats *stats);
struct ws_shard *ws_stats_shard(struct ws_stats *stats, unsigned i);

/*
 * Counters of a mapping rule, by name, so that they survive reloads.  Created by the first
 * call; lives as long as the stats.  NULL: out of memory.  shards[i] has one writer.
 */
struct ws_rule_shard {
	_Atomic uint64_t hits;    /* samples that the rule took */
	_Atomic uint64_t dropped; /* those that it dropped */
};
struct ws_rule_stats {
	struct ws_span name;
	struct ws_rule_stats *next;
	struct ws_rule_shard shards[];
};
struct ws_rule_stats *ws_stats_rule(struct ws_stats *stats, struct ws_span name);

/* The rules so far, newest first; the list only grows. */
const struct ws_rule_stats *ws_stats_rules(const struct ws_stats *stats);

/* Sums of the shards. */
void ws_stats_sum(const struct ws_stats *stats, struct ws_shard *sum);

#endif
