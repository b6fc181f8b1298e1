/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <stdlib.h>

#include "arena.h"
#include "hash.h"

#define SLOTS_SMALLEST 1024
#define CACHE_LINE     64

/* Open addressing; two thirds are used at most. */
struct slot {
	uint64_t hash;
	struct known *known; /* NULL: empty */
};

struct generation {
	struct arena arena;
	struct slot *slots;
	size_t nslots; /* a power of two */
	size_t n;
	struct known *divisible, *last_divisible;
};

struct names {
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

struct names *names_new(struct ws_hash_key key, size_t size)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		return NULL;
	names->key = key;
	names->size = size;
	names->young = &names->generations[0];
	names->old = &names->generations[1];
	if (!generation_init(names->young) || !generation_init(names->old)) {
		names_free(names);
		return NULL;
	}
	return names;
}

void names_free(struct names *names)
{
	if (names == NULL)
		return;
	generation_fini(names->young);
	generation_fini(names->old);
	free(names);
}

void names_forget(struct names *names)
{
	generation_forget(names->young);
	generation_forget(names->old);
}

bool names_are_full(const struct names *names, size_t more)
{
	return names->young->n > 0 && names->young->n + more > names->size;
}

void names_turn(struct names *names)
{
	struct generation *old = names->old;

	generation_forget(old);
	names->old = names->young;
	names->young = old;
}

/* --- entries --- */

static size_t known_size(const struct known *k)
{
	return sizeof(*k) + k->nsteps * sizeof(k->steps[0]) + k->head_len + k->tags_len +
	       k->sender_len;
}

static const char *known_text(const struct known *k)
{
	return (const char *)&k->steps[k->nsteps];
}

struct ws_sample known_sample(const struct known *k)
{
	const char *text = known_text(k);

	return (struct ws_sample){
		.head = ws_span(text, k->head_len),
		.tags = ws_span(text + k->head_len, k->tags_len),
		.sender = ws_span(text + k->head_len + k->tags_len, k->sender_len),
		.type = (enum ws_type)k->type,
		.is_dogstatsd = k->is_dogstatsd,
	};
}

static bool is_same(const struct known *k, const struct ws_sample *s)
{
	const char *text = known_text(k);

	return k->head_len == s->head.len && k->type == (uint8_t)s->type &&
	       k->is_dogstatsd == s->is_dogstatsd && k->sender_len == s->sender.len &&
	       k->tags_len == s->tags.len && memcmp(text, s->head.ptr, s->head.len) == 0 &&
	       (s->tags.len == 0 ||
		memcmp(text + k->head_len, s->tags.ptr, s->tags.len) == 0) &&
	       (s->sender.len == 0 || memcmp(text + k->head_len + k->tags_len, s->sender.ptr,
					     s->sender.len) == 0);
}

/* --- tables --- */

/* Of what came before, and more. */
static uint64_t hash_more(const struct names *names, uint64_t h, struct ws_span more)
{
	struct ws_hash_key key = { names->key.k0 ^ h, names->key.k1 };

	return more.len > 0 ? hash_bytes(key, more) : h;
}

uint64_t names_hash(const struct names *names, const struct ws_sample *s)
{
	uint64_t h = hash_bytes(names->key, s->head) + (uint64_t)s->type * 2 + s->is_dogstatsd;

	return hash_more(names, hash_more(names, h, s->tags), s->sender);
}

/* The slot with this hash from i on, or the empty one that ends the search. */
static inline size_t probe(const struct generation *g, size_t i, uint64_t hash)
{
	while (g->slots[i].known != NULL && g->slots[i].hash != hash)
		i = (i + 1) & (g->nslots - 1);
	return i;
}

static inline size_t home(const struct generation *g, uint64_t hash)
{
	return (size_t)hash & (g->nslots - 1);
}

static struct known *find(const struct generation *g, const struct ws_sample *s,
			  uint64_t hash)
{
	size_t i = probe(g, home(g, hash), hash);

	while (g->slots[i].known != NULL && !is_same(g->slots[i].known, s))
		i = probe(g, (i + 1) & (g->nslots - 1), hash);
	return g->slots[i].known;
}

static void put(struct generation *g, uint64_t hash, struct known *k)
{
	size_t i = home(g, hash);

	while (g->slots[i].known != NULL)
		i = (i + 1) & (g->nslots - 1);
	g->slots[i] = (struct slot){ hash, k };
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
		if (g->slots[i].known != NULL)
			put(&wider, g->slots[i].hash, g->slots[i].known);
	}
	free(g->slots);
	g->slots = wider.slots;
	g->nslots = wider.nslots;
	return true;
}

static struct known *add(struct generation *g, uint64_t hash, size_t size)
{
	struct known *k;

	if (!make_room(g))
		return NULL;
	k = arena_alloc(&g->arena, size);
	if (k == NULL)
		return NULL;
	put(g, hash, k);
	g->n++;
	return k;
}

void names_prefetch(const struct names *names, uint64_t hash)
{
	__builtin_prefetch(&names->young->slots[home(names->young, hash)]);
}

void names_prefetch_known(const struct names *names, uint64_t hash)
{
	const struct generation *g = names->young;
	const struct known *k = g->slots[probe(g, home(g, hash), hash)].known;
	size_t i;

	for (i = 0; k != NULL && i < 3; i++)
		__builtin_prefetch((const char *)k + i * CACHE_LINE);
}

struct known_more *names_add_more(struct names *names, struct known *k)
{
	k->more = arena_alloc(&names->young->arena, sizeof(*k->more));
	return k->more;
}

/* Without memory the copy does without what few names have. */
static void copy_more(struct names *names, struct known *copy, const struct known *from)
{
	if (from->more == NULL)
		return;
	if (names_add_more(names, copy) != NULL)
		*copy->more = *from->more;
	else
		copy->has_bad_tags = copy->divisible = copy->teaches = false;
}

void names_mark_divisible(struct names *names, struct known *k)
{
	struct generation *g = names->young;

	k->divisible = true;
	k->more->next_divisible = NULL;
	if (g->last_divisible == NULL)
		g->divisible = k;
	else
		g->last_divisible->more->next_divisible = k;
	g->last_divisible = k;
}

struct known *names_first_divisible(const struct names *names)
{
	return names->young->divisible != NULL ? names->young->divisible : names->old->divisible;
}

struct known *names_next_divisible(const struct names *names, const struct known *k)
{
	return k == names->young->last_divisible ? names->old->divisible : k->more->next_divisible;
}

struct known *names_find(struct names *names, const struct ws_sample *s, uint64_t hash)
{
	struct known *k = find(names->young, s, hash), *copy;
	size_t size;

	if (k != NULL || names->old->n == 0)
		return k;
	k = find(names->old, s, hash);
	if (k == NULL)
		return NULL;
	size = known_size(k);
	copy = add(names->young, hash, size);
	if (copy == NULL)
		return k;
	memcpy(copy, k, size);
	copy_more(names, copy, k);
	if (copy->divisible)
		names_mark_divisible(names, copy);
	return copy;
}

struct known *names_add(struct names *names, const struct ws_sample *s, uint64_t hash,
			size_t nsteps)
{
	const struct known form = {
		.nsteps = (uint16_t)nsteps,
		.head_len = (uint16_t)s->head.len,
		.tags_len = (uint16_t)s->tags.len,
		.sender_len = (uint8_t)s->sender.len,
		.type = (uint8_t)s->type,
		.is_dogstatsd = s->is_dogstatsd,
	};
	struct known *k;
	char *text;

	if (nsteps > UINT16_MAX || s->head.len > UINT16_MAX || s->tags.len > UINT16_MAX ||
	    s->sender.len > UINT8_MAX)
		return NULL;
	k = add(names->young, hash, known_size(&form));
	if (k == NULL)
		return NULL;
	*k = form;
	text = (char *)&k->steps[nsteps];
	memcpy(text, s->head.ptr, s->head.len);
	if (s->tags.len > 0)
		memcpy(text + s->head.len, s->tags.ptr, s->tags.len);
	if (s->sender.len > 0)
		memcpy(text + s->head.len + s->tags.len, s->sender.ptr, s->sender.len);
	return k;
}
