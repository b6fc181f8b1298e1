/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker remembers: names (head, type and tags as sent) and what becomes of them.
 *
 * Two generations.  A name that is new, or found in the old one, is in the young one; when
 * that is full, the old one is forgotten and the young one is the old one.  So a flood of
 * names that come once pushes out its like, not what is sent all the time, and memory is
 * bounded.
 */
#ifndef CACHE_H
#define CACHE_H

#include <windsock/action.h>
#include <windsock/hash.h>
#include <windsock/line.h>
#include <windsock/stats.h>
#include <windsock/unmatched.h>

/* An action, and the series that it updates. */
struct cache_action {
	struct ws_action action;
	struct ws_ref ref;          /* generation 0: no series yet */
	struct ws_rule_shard *rule; /* counters; NULL: unmatched */
	uint64_t fed; /* of the first action of the series: serial of the last sample that fed it */
};

/* What few names have. */
struct cache_extra {
	struct cache_entry *next_divisible; /* of its generation */
	uint16_t bad_tags, long_tags, excess_tags, reserved_tags;
	/* When divisible: a hash of the labels, and the version of what was known then. */
	uint64_t split, split_version;
	int64_t taught; /* when it last taught what it teaches */
	struct ws_unmatched_place place; /* when unmatched */
};

/* A name; its text stands behind the actions. */
struct cache_entry {
	struct cache_extra *extra; /* NULL: nothing of it */
	uint64_t fits, takes;     /* rules that have duplicates: see ws_resolution */
	uint16_t nactions;
	uint16_t head_len, tags_len;
	uint8_t sender_len;
	uint8_t type; /* enum ws_type */
	uint8_t err;  /* enum ws_err: the head is refused */
	bool is_dogstatsd, unmatched;
	/* With `extra`: some tags were ignored, a later id may split it, it teaches ids. */
	bool has_bad_tags, divisible, teaches;
	bool ambiguous;
	struct cache_action actions[];
};

/* Head, tags, sender, type and is_dogstatsd. */
struct ws_sample cache_entry_sample(const struct cache_entry *entry);

struct cache;

/* A generation holds `size` names.  NULL: out of memory. */
struct cache *cache_new(struct ws_hash_key key, size_t size);
void cache_free(struct cache *cache);
void cache_forget(struct cache *cache);

/* Before each window of at most `more` samples: no room for as many new names in the young
 * generation?  Then cache_turn; what cache_find and cache_add gave until then is void. */
bool cache_is_full(const struct cache *cache, size_t more);
void cache_turn(struct cache *cache);

uint64_t cache_hash(const struct cache *cache, const struct ws_sample *s);

/* Memory that cache_find will touch, a while ahead: first the place, then what stands there.
 */
void cache_prefetch(const struct cache *cache, uint64_t hash);
void cache_prefetch_entry(const struct cache *cache, uint64_t hash);

struct cache_entry *cache_find(struct cache *cache, const struct ws_sample *s, uint64_t hash);

/* The part that few names have, all zero; NULL: out of memory. */
struct cache_extra *cache_add_extra(struct cache *cache, struct cache_entry *entry);

/* All zero but for text, type, is_dogstatsd and nactions.  NULL: out of memory. */
struct cache_entry *cache_add(struct cache *cache, const struct ws_sample *s, uint64_t hash,
			      size_t nactions);

/*
 * Names that may be split otherwise when something is learned: mark puts one on the list of its
 * generation, first begins with the list of the young one and next goes on to the old one.
 */
void cache_mark_divisible(struct cache *cache, struct cache_entry *entry);
struct cache_entry *cache_first_divisible(const struct cache *cache);
struct cache_entry *cache_next_divisible(const struct cache *cache, const struct cache_entry *entry);

#endif
