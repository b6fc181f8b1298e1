/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/cache.h"

#include <stdlib.h>
#include <windsock/hash.h>

#include "base/arena.h"

#define SLOTS_SMALLEST 1024
#define CACHE_LINE     64

/* Open addressing; at most two thirds are used. */
struct slot {
	uint64_t hash;
	struct cache_entry *entry; /* NULL: empty */
};

struct generation {
	struct arena arena;
	struct slot *slots;
	size_t nslots; /* a power of two */
	size_t n;
	struct cache_entry *divisible, *last_divisible;
};

struct cache {
	struct ws_hash_key key;
	size_t size;
	struct generation *young, *old;
	struct generation generations[2];
};

static bool generation_init(struct generation *g)
{
	g->nslots = SLOTS_SMALLEST;
	g->slots = calloc(g->nslots, sizeof(*g->slots));
	return g->slots != NULL;
}

static void generation_fini(struct generation *g)
{
	arena_fini(&g->arena);
	free(g->slots);
}

static void generation_forget(struct generation *g)
{
	arena_reset(&g->arena);
	if (g->n > 0)
		memset(g->slots, 0, g->nslots * sizeof(*g->slots));
	g->n = 0;
	g->divisible = g->last_divisible = NULL;
}

struct cache *cache_new(struct ws_hash_key key, size_t size)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->key = key;
	cache->size = size;
	cache->young = &cache->generations[0];
	cache->old = &cache->generations[1];
	if (!generation_init(cache->young) || !generation_init(cache->old)) {
		cache_free(cache);
		return NULL;
	}
	return cache;
}

void cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	generation_fini(cache->young);
	generation_fini(cache->old);
	free(cache);
}

void cache_forget(struct cache *cache)
{
	generation_forget(cache->young);
	generation_forget(cache->old);
}

bool cache_is_full(const struct cache *cache, size_t more)
{
	return cache->young->n > 0 && cache->young->n + more > cache->size;
}

void cache_turn(struct cache *cache)
{
	struct generation *old = cache->old;

	generation_forget(old);
	cache->old = cache->young;
	cache->young = old;
}

/* --- entries ---------------------------------------------------------------------------- */

static size_t entry_size(const struct cache_entry *entry)
{
	return sizeof(*entry) + entry->nactions * sizeof(entry->actions[0]) +
	       entry->head_len + entry->tags_len + entry->sender_len;
}

static const char *entry_text(const struct cache_entry *entry)
{
	return (const char *)&entry->actions[entry->nactions];
}

struct ws_sample cache_entry_sample(const struct cache_entry *entry)
{
	const char *text = entry_text(entry);

	return (struct ws_sample){
		.head = ws_span(text, entry->head_len),
		.tags = ws_span(text + entry->head_len, entry->tags_len),
		.sender = ws_span(text + entry->head_len + entry->tags_len, entry->sender_len),
		.type = (enum ws_type)entry->type,
		.is_dogstatsd = entry->is_dogstatsd,
	};
}

static bool is_same(const struct cache_entry *entry, const struct ws_sample *s)
{
	const char *text = entry_text(entry);

	return entry->head_len == s->head.len && entry->type == (uint8_t)s->type &&
	       entry->is_dogstatsd == s->is_dogstatsd && entry->sender_len == s->sender.len &&
	       entry->tags_len == s->tags.len && memcmp(text, s->head.ptr, s->head.len) == 0 &&
	       (s->tags.len == 0 ||
		memcmp(text + entry->head_len, s->tags.ptr, s->tags.len) == 0) &&
	       (s->sender.len == 0 || memcmp(text + entry->head_len + entry->tags_len, s->sender.ptr,
					     s->sender.len) == 0);
}

/* --- tables ----------------------------------------------------------------------------- */

/* Extends the hash h by more bytes. */
static uint64_t hash_more(const struct cache *cache, uint64_t h, struct ws_span more)
{
	struct ws_hash_key key = { cache->key.k0 ^ h, cache->key.k1 };

	return more.len > 0 ? ws_hash_bytes(key, more) : h;
}

uint64_t cache_hash(const struct cache *cache, const struct ws_sample *s)
{
	uint64_t h = ws_hash_bytes(cache->key, s->head) + (uint64_t)s->type * 2 + s->is_dogstatsd;

	return hash_more(cache, hash_more(cache, h, s->tags), s->sender);
}

/* The first slot from i on that has this hash or is empty. */
static inline size_t probe(const struct generation *g, size_t i, uint64_t hash)
{
	while (g->slots[i].entry != NULL && g->slots[i].hash != hash)
		i = (i + 1) & (g->nslots - 1);
	return i;
}

static inline size_t home(const struct generation *g, uint64_t hash)
{
	return (size_t)hash & (g->nslots - 1);
}

static struct cache_entry *find(const struct generation *g, const struct ws_sample *s,
			        uint64_t hash)
{
	size_t i = probe(g, home(g, hash), hash);

	while (g->slots[i].entry != NULL && !is_same(g->slots[i].entry, s))
		i = probe(g, (i + 1) & (g->nslots - 1), hash);
	return g->slots[i].entry;
}

static void put(struct generation *g, uint64_t hash, struct cache_entry *entry)
{
	size_t i = home(g, hash);

	while (g->slots[i].entry != NULL)
		i = (i + 1) & (g->nslots - 1);
	g->slots[i] = (struct slot){ hash, entry };
}

static bool make_room(struct generation *g)
{
	struct generation wider = { .nslots = 2 * g->nslots };
	size_t i;

	if (3 * (g->n + 1) <= 2 * g->nslots)
		return true;
	wider.slots = calloc(wider.nslots, sizeof(*wider.slots));
	if (wider.slots == NULL)
		return false;
	for (i = 0; i < g->nslots; i++) {
		if (g->slots[i].entry != NULL)
			put(&wider, g->slots[i].hash, g->slots[i].entry);
	}
	free(g->slots);
	g->slots = wider.slots;
	g->nslots = wider.nslots;
	return true;
}

static struct cache_entry *add(struct generation *g, uint64_t hash, size_t size)
{
	struct cache_entry *entry;

	if (!make_room(g))
		return NULL;
	entry = arena_alloc(&g->arena, size);
	if (entry == NULL)
		return NULL;
	put(g, hash, entry);
	g->n++;
	return entry;
}

void cache_prefetch(const struct cache *cache, uint64_t hash)
{
	__builtin_prefetch(&cache->young->slots[home(cache->young, hash)]);
}

void cache_prefetch_entry(const struct cache *cache, uint64_t hash)
{
	const struct generation *g = cache->young;
	const struct cache_entry *entry = g->slots[probe(g, home(g, hash), hash)].entry;
	size_t i;

	for (i = 0; entry != NULL && i < 3; i++)
		__builtin_prefetch((const char *)entry + i * CACHE_LINE);
}

struct cache_extra *cache_add_extra(struct cache *cache, struct cache_entry *entry)
{
	entry->extra = arena_alloc(&cache->young->arena, sizeof(*entry->extra));
	return entry->extra;
}

/* When out of memory, the copy gets no extra part. */
static void copy_extra(struct cache *cache, struct cache_entry *copy, const struct cache_entry *from)
{
	if (from->extra == NULL)
		return;
	if (cache_add_extra(cache, copy) != NULL)
		*copy->extra = *from->extra;
	else
		copy->has_bad_tags = copy->divisible = copy->teaches = false;
}

void cache_mark_divisible(struct cache *cache, struct cache_entry *entry)
{
	struct generation *g = cache->young;

	entry->divisible = true;
	entry->extra->next_divisible = NULL;
	if (g->last_divisible == NULL)
		g->divisible = entry;
	else
		g->last_divisible->extra->next_divisible = entry;
	g->last_divisible = entry;
}

struct cache_entry *cache_first_divisible(const struct cache *cache)
{
	return cache->young->divisible != NULL ? cache->young->divisible : cache->old->divisible;
}

struct cache_entry *cache_next_divisible(const struct cache *cache, const struct cache_entry *entry)
{
	return entry == cache->young->last_divisible ? cache->old->divisible : entry->extra->next_divisible;
}

struct cache_entry *cache_find(struct cache *cache, const struct ws_sample *s, uint64_t hash)
{
	struct cache_entry *entry = find(cache->young, s, hash), *copy;
	size_t size;

	if (entry != NULL || cache->old->n == 0)
		return entry;
	entry = find(cache->old, s, hash);
	if (entry == NULL)
		return NULL;
	size = entry_size(entry);
	copy = add(cache->young, hash, size);
	if (copy == NULL)
		return entry;
	memcpy(copy, entry, size);
	copy_extra(cache, copy, entry);
	if (copy->divisible)
		cache_mark_divisible(cache, copy);
	return copy;
}

struct cache_entry *cache_add(struct cache *cache, const struct ws_sample *s, uint64_t hash,
			      size_t nactions)
{
	const struct cache_entry form = {
		.nactions = (uint16_t)nactions,
		.head_len = (uint16_t)s->head.len,
		.tags_len = (uint16_t)s->tags.len,
		.sender_len = (uint8_t)s->sender.len,
		.type = (uint8_t)s->type,
		.is_dogstatsd = s->is_dogstatsd,
	};
	struct cache_entry *entry;
	char *text;

	if (nactions > UINT16_MAX || s->head.len > UINT16_MAX || s->tags.len > UINT16_MAX ||
	    s->sender.len > UINT8_MAX)
		return NULL;
	entry = add(cache->young, hash, entry_size(&form));
	if (entry == NULL)
		return NULL;
	*entry = form;
	text = (char *)&entry->actions[nactions];
	memcpy(text, s->head.ptr, s->head.len);
	if (s->tags.len > 0)
		memcpy(text + s->head.len, s->tags.ptr, s->tags.len);
	if (s->sender.len > 0)
		memcpy(text + s->head.len + s->tags.len, s->sender.ptr, s->sender.len);
	return entry;
}
