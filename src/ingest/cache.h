/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's cache: names (head, type and tags as sent) and their actions.
 *
 * Two generations.  A new name, or one found in the old generation, goes into the young one.
 * When the young generation is full, the old one is dropped and the young one becomes the old
 * one.  So memory is bounded, and a flood of names that are sent once evicts only its own
 * kind, not the names that are sent all the time.
 */
#ifndef CACHE_H
#define CACHE_H

#include <windsock/action.h>
#include <windsock/hash.h>
#include <windsock/line.h>
#include <windsock/stats.h>
#include <windsock/unmatched.h>

/* An action and the series that it updates. */
struct cache_action {
	struct ws_action action;
	struct ws_ref ref;          /* generation 0: no series yet */
	struct ws_rule_shard *rule; /* counters; NULL: unmatched */
	uint64_t fed; /* in the series' first action: serial of the last sample that fed it */
};

/* The part of an entry that few names need. */
struct cache_extra {
	struct cache_entry *next_divisible; /* in its generation */
	uint16_t bad_tags, long_tags, excess_tags, reserved_tags;
	/* If divisible: a hash of the labels, and the version of the learned ids used. */
	uint64_t split, split_version;
	int64_t taught; /* when the name last taught its ids */
	struct ws_unmatched_place place; /* if unmatched */
};

/* A cached name; its text follows the actions. */
struct cache_entry {
	struct cache_extra *extra; /* NULL: none */
	uint64_t fits, takes;     /* rules that have duplicates: see ws_resolution */
	uint16_t nactions;
	uint16_t head_len, tags_len;
	uint8_t sender_len;
	uint8_t type; /* enum ws_type */
	uint8_t err;  /* enum ws_err: why the head is rejected */
	bool is_dogstatsd, unmatched;
	/* Only with `extra`: has ignored tags, may be split by a learned id, teaches ids. */
	bool has_bad_tags, divisible, teaches;
	bool ambiguous;
	struct cache_action actions[];
};

/* A sample with the entry's head, tags, sender, type and is_dogstatsd; the rest is zero. */
struct ws_sample cache_entry_sample(const struct cache_entry *entry);

struct cache;

/* A generation holds `size` names.  NULL: out of memory. */
struct cache *cache_new(struct ws_hash_key key, size_t size);
void cache_free(struct cache *cache);
void cache_forget(struct cache *cache);

/* Check before each window of at most `more` samples.  True: the young generation has no room
 * for as many new names; call cache_turn, which invalidates all entries returned so far. */
bool cache_is_full(const struct cache *cache, size_t more);
void cache_turn(struct cache *cache);

uint64_t cache_hash(const struct cache *cache, const struct ws_sample *s);

/* Prefetch what cache_find will read: first the slot, some time later the entry. */
void cache_prefetch(const struct cache *cache, uint64_t hash);
void cache_prefetch_entry(const struct cache *cache, uint64_t hash);

struct cache_entry *cache_find(struct cache *cache, const struct ws_sample *s, uint64_t hash);

/* Adds the part that few names need, zeroed.  NULL: out of memory. */
struct cache_extra *cache_add_extra(struct cache *cache, struct cache_entry *entry);

/* Zeroed except for text, type, is_dogstatsd and nactions.  NULL: too long, out of memory. */
struct cache_entry *cache_add(struct cache *cache, const struct ws_sample *s, uint64_t hash,
			      size_t nactions);

/*
 * Names that a learned id may split differently.  mark adds an entry to the list of the young
 * generation; first and next go through the young list, then the old one.
 */
void cache_mark_divisible(struct cache *cache, struct cache_entry *entry);
struct cache_entry *cache_first_divisible(const struct cache *cache);
struct cache_entry *cache_next_divisible(const struct cache *cache, const struct cache_entry *entry);

#endif
