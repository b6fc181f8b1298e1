/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/ingest.h>

#include <math.h>
#include <stdlib.h>

#include "arena.h"
#include "hash.h"

#define CACHE_SIZE_DEFAULT 200000
#define SLOTS_SMALLEST     1024
#define UPDATES_MAX        256

/* What one rule does with a remembered name. */
struct known_step {
	struct ws_ref ref;
	struct ws_rule_lane *rule; /* NULL: unmatched */
	enum ws_op op;
	bool drop, stop, absolute;
	uint32_t view;
	uint32_t first; /* the first step that feeds the same series; often this one */
	uint64_t fed;   /* of that one: the latest sample that fed the series */
	double least, most, scale;
};

/* A remembered name: head, type and tags as sent, and what becomes of it. */
struct known {
	uint32_t nsteps;
	uint32_t head_len, tags_len;
	enum ws_type type;
	enum ws_err err; /* the head is refused */
	bool unmatched;
	uint16_t bad_tags, long_tags, excess_tags, reserved_tags;
	struct known_step *steps;
	char text[]; /* head, then tags */
};

/* Open addressing; half of the hash is kept to skip most comparisons. */
struct slot {
	uint32_t tag;
	uint32_t entry; /* index + 1; 0: empty */
};

/* What an update came from, by its index. */
struct origin {
	struct known *known;
	uint32_t step;
	bool first; /* of its sample */
};

struct ws_ingest {
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_lane *lane;
	unsigned lane_index;
	struct ws_hash_key key;
	size_t cache_size;

	struct ws_mapping *mapping; /* the one that names are remembered of */
	struct ws_resolution *resolution;
	struct ws_rule_stats **rules;

	struct arena arena; /* of the remembered names */
	struct known **entries;
	size_t nentries, entries_cap;
	struct known *resolved; /* whose resolution is at hand; NULL: nobody's */
	struct slot *slots;
	size_t nslots; /* a power of two */

	struct ws_update updates[UPDATES_MAX];
	struct origin origins[UPDATES_MAX];
	size_t nupdates;
	int64_t now;
	uint64_t serial; /* of the sample at hand */
	uint64_t shown; /* reasons already listed in this batch: bit by ws_err */
};

struct ws_ingest *ws_ingest_new(struct ws_store *store, struct ws_stats *stats,
                                const struct ws_ingest_options *options)
{
	struct ws_ingest *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->store = store;
	g->stats = stats;
	g->lane_index = options->lane;
	g->lane = ws_stats_lane(stats, options->lane);
	g->key = options->key;
	g->cache_size = options->cache_size > 0 ? options->cache_size : CACHE_SIZE_DEFAULT;
	g->nslots = SLOTS_SMALLEST;
	g->slots = calloc(g->nslots, sizeof(*g->slots));
	if (g->slots == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

static void forget_mapping(struct ws_ingest *g)
{
	ws_resolution_free(g->resolution);
	ws_mapping_unref(g->mapping);
	free(g->rules);
	g->resolution = NULL;
	g->mapping = NULL;
	g->rules = NULL;
}

static void forget_names(struct ws_ingest *g)
{
	arena_reset(&g->arena);
	g->nentries = 0;
	g->resolved = NULL;
	memset(g->slots, 0, g->nslots * sizeof(*g->slots));
}

void ws_ingest_free(struct ws_ingest *g)
{
	if (g == NULL)
		return;
	forget_mapping(g);
	arena_fini(&g->arena);
	free(g->entries);
	free(g->slots);
	free(g);
}

static bool learn_mapping(struct ws_ingest *g, struct ws_mapping *mapping)
{
	size_t n = ws_mapping_rules(mapping), i;

	forget_mapping(g);
	forget_names(g);
	g->resolution = ws_resolution_new(mapping);
	g->rules = calloc(n + 1, sizeof(struct ws_rule_stats *));
	if (g->resolution == NULL || g->rules == NULL)
		goto fail;
	for (i = 0; i < n; i++) {
		g->rules[i] = ws_stats_rule(g->stats, ws_mapping_rule(mapping, i).name);
		if (g->rules[i] == NULL)
			goto fail;
	}
	g->mapping = ws_mapping_ref(mapping);
	return true;
fail:
	forget_mapping(g);
	return false;
}

enum ws_err ws_ingest_begin(struct ws_ingest *g, struct ws_mapping *mapping, int64_t now)
{
	if (mapping != g->mapping && !learn_mapping(g, mapping))
		return WS_ERR_NOMEM;
	g->now = now;
	g->nupdates = 0;
	g->shown = 0;
	return WS_OK;
}

/* Counts a reason; the first of each reason in a batch is also shown to people. */
static void reject(struct ws_ingest *g, enum ws_err err, uint64_t n, struct ws_span text)
{
	uint64_t bit = UINT64_C(1) << err;

	_Static_assert(WS_NERRORS <= 64, "one bit for each reason");
	if (n == 0)
		return;
	if (ws_err_scope(err) != WS_SCOPE_SERIES)
		WS_LANE_ADD(g->lane->rejected[err], n);
	if (g->shown & bit)
		return;
	g->shown |= bit;
	ws_recent_add(g->stats,
	              ws_err_scope(err) == WS_SCOPE_SERIES ? WS_RECENT_REFUSED : WS_RECENT_REJECTED,
	              text, err, g->now);
}

/* --- remembered names --- */

static uint64_t hash_sample(const struct ws_ingest *g, const struct ws_sample *s)
{
	uint64_t h = hash_bytes(g->key, s->head) + (uint64_t)s->type;

	if (s->tags.len > 0) {
		struct ws_hash_key second = { g->key.k0 ^ h, g->key.k1 };

		h = hash_bytes(second, s->tags);
	}
	return h;
}

static bool is_entry(const struct known *k, const struct ws_sample *s)
{
	return k->head_len == s->head.len && k->type == s->type && k->tags_len == s->tags.len &&
	       memcmp(k->text, s->head.ptr, s->head.len) == 0 &&
	       (s->tags.len == 0 || memcmp(k->text + k->head_len, s->tags.ptr, s->tags.len) == 0);
}

static struct known *find(const struct ws_ingest *g, const struct ws_sample *s, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);
	size_t mask = g->nslots - 1, i;

	for (i = (size_t)hash & mask; g->slots[i].entry != 0; i = (i + 1) & mask) {
		struct known *k = g->entries[g->slots[i].entry - 1];

		if (g->slots[i].tag == tag && is_entry(k, s))
			return k;
	}
	return NULL;
}

static void put_slot(struct slot *slots, size_t n, uint64_t hash, uint32_t entry)
{
	size_t i = (size_t)hash & (n - 1);

	while (slots[i].entry != 0)
		i = (i + 1) & (n - 1);
	slots[i] = (struct slot){ .tag = (uint32_t)(hash >> 32), .entry = entry };
}

static struct ws_sample sample_of(const struct known *k)
{
	return (struct ws_sample){
		.head = ws_span(k->text, k->head_len),
		.tags = ws_span(k->text + k->head_len, k->tags_len),
		.type = k->type,
	};
}

/* Keeps the table at most half full. */
static bool make_room(struct ws_ingest *g)
{
	struct slot *slots;
	size_t i, n = g->nslots * 2;

	if (g->nentries == g->entries_cap) {
		size_t cap = g->entries_cap == 0 ? SLOTS_SMALLEST / 2 : 2 * g->entries_cap;
		struct known **entries = realloc(g->entries, cap * sizeof(struct known *));

		if (entries == NULL)
			return false;
		g->entries = entries;
		g->entries_cap = cap;
	}
	if (2 * (g->nentries + 1) <= g->nslots)
		return true;
	slots = calloc(n, sizeof(*slots));
	if (slots == NULL)
		return false;
	for (i = 0; i < g->nentries; i++) {
		struct ws_sample s = sample_of(g->entries[i]);

		put_slot(slots, n, hash_sample(g, &s), (uint32_t)i + 1);
	}
	free(g->slots);
	g->slots = slots;
	g->nslots = n;
	return true;
}

static bool resolve(struct ws_ingest *g, struct known *k)
{
	struct ws_sample s = sample_of(k);

	if (g->resolved == k)
		return true;
	g->resolved = NULL;
	if (ws_mapping_resolve(g->mapping, &s, g->resolution) != WS_OK)
		return false;
	g->resolved = k;
	return true;
}

/* Finds or makes the series of step i, and says so when it may not be. */
static enum ws_err intern(struct ws_ingest *g, struct known *k, size_t i)
{
	struct known_step *step = &k->steps[i];
	const struct ws_target *target;
	enum ws_err err;

	step->ref = (struct ws_ref){ 0 };
	if (!resolve(g, k)) {
		reject(g, WS_ERR_NOMEM, 1, sample_of(k).head);
		return WS_ERR_NOMEM;
	}
	target = &g->resolution->steps[i].target;
	err = target->family.len == 0 ? WS_ERR_EMPTY_NAME
	                              : ws_store_intern(g->store, target, g->now, &step->ref);
	if (err != WS_OK)
		reject(g, err, 1, target->family);
	return err;
}

static uint32_t first_of(const struct ws_resolution *r, uint32_t i)
{
	const struct ws_target *target = &r->steps[i].target;
	uint32_t k;

	for (k = 0; k < i; k++) {
		const struct ws_target *other = &r->steps[k].target;

		if (!r->steps[k].drop && other->kind == target->kind &&
		    ws_span_eq(other->family, target->family) &&
		    ws_span_eq(other->labels, target->labels))
			break;
	}
	return k;
}

static void fill_step(struct ws_ingest *g, struct known_step *step, const struct ws_step *from)
{
	*step = (struct known_step){
		.op = from->op,
		.drop = from->drop,
		.stop = from->stop,
		.absolute = from->absolute,
		.view = from->view,
		.least = from->least,
		.most = from->most,
		.scale = from->scale,
	};
	if (from->rule != WS_NO_RULE)
		step->rule = &g->rules[from->rule]->lanes[g->lane_index];
}

static uint16_t capped(unsigned n)
{
	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

/* The resolution at hand as an entry. */
static struct known *remember(struct ws_ingest *g, const struct ws_sample *s, uint64_t hash)
{
	const struct ws_resolution *r = g->resolution;
	struct known *k;
	size_t i;

	if (!make_room(g))
		return NULL;
	k = arena_alloc(&g->arena, sizeof(*k) + s->head.len + s->tags.len);
	if (k == NULL)
		return NULL;
	k->steps = arena_alloc(&g->arena, r->nsteps * sizeof(*k->steps) + 1);
	if (k->steps == NULL)
		return NULL;
	k->nsteps = (uint32_t)r->nsteps;
	k->head_len = (uint32_t)s->head.len;
	k->tags_len = (uint32_t)s->tags.len;
	k->type = s->type;
	k->err = r->err;
	k->unmatched = r->unmatched;
	k->bad_tags = capped(r->head.bad_tags);
	k->long_tags = capped(r->head.long_tags);
	k->excess_tags = capped(r->head.excess_tags);
	k->reserved_tags = capped(r->reserved_tags);
	memcpy(k->text, s->head.ptr, s->head.len);
	if (s->tags.len > 0)
		memcpy(k->text + s->head.len, s->tags.ptr, s->tags.len);
	for (i = 0; i < r->nsteps; i++) {
		fill_step(g, &k->steps[i], &r->steps[i]);
		k->steps[i].first = first_of(r, (uint32_t)i);
	}
	g->entries[g->nentries++] = k;
	put_slot(g->slots, g->nslots, hash, (uint32_t)g->nentries);
	return k;
}

static void flush(struct ws_ingest *g);

static struct known *meet(struct ws_ingest *g, const struct ws_sample *s, uint64_t hash)
{
	struct known *k;

	WS_LANE_ADD(g->lane->cache_misses, 1);
	if (g->nentries >= g->cache_size) {
		flush(g);
		forget_names(g);
	}
	g->resolved = NULL;
	if (ws_mapping_resolve(g->mapping, s, g->resolution) != WS_OK)
		return NULL;
	if (g->resolution->regex_gave_up > 0)
		WS_LANE_ADD(g->lane->regex_gave_up, g->resolution->regex_gave_up);
	k = g->resolved = remember(g, s, hash);
	if (k != NULL && k->unmatched)
		ws_recent_add(g->stats, WS_RECENT_UNMATCHED, s->head, WS_OK, g->now);
	return k;
}

/* --- samples --- */

static enum ws_err judge(const struct known_step *step, enum ws_op op, double v)
{
	if (op == WS_OP_NONE)
		return WS_ERR_TYPE_MISMATCH;
	if (op == WS_OP_MEMBER || op == WS_OP_COUNT)
		return WS_OK;
	if (op == WS_OP_SET)
		return WS_OK;
	if (!isfinite(v * step->scale))
		return WS_ERR_NOT_FINITE;
	return op == WS_OP_ADD && v * step->scale < 0 ? WS_ERR_NEGATIVE_COUNTER : WS_OK;
}

static bool push(struct ws_ingest *g, struct known *k, uint32_t i, const struct ws_sample *s,
                 bool first)
{
	struct known_step *step = &k->steps[i];
	enum ws_op op = step->op;
	enum ws_err err;

	if (s->type == WS_TYPE_GAUGE && op == WS_OP_SET && s->is_signed && !step->absolute)
		op = WS_OP_RELATIVE;
	err = judge(step, op, s->value);
	if (err != WS_OK) {
		reject(g, err, 1, s->head);
		return false;
	}
	/* Born by the first sample that it takes: not by one out of bounds, or refused above. */
	if (step->ref.generation == 0 && intern(g, k, i) != WS_OK)
		return false;
	if (g->nupdates == UPDATES_MAX)
		flush(g);
	g->updates[g->nupdates] = (struct ws_update){
		.ref = step->ref,
		.op = op,
		.value = s->value * step->scale,
		.weight = s->weight,
		.member = op == WS_OP_MEMBER ? hash_bytes(g->key, s->member) : 0,
	};
	g->origins[g->nupdates++] = (struct origin){ k, i, first };
	return true;
}

static void apply_steps(struct ws_ingest *g, struct known *k, const struct ws_sample *s)
{
	uint32_t done = UINT32_MAX, i;
	bool first = true;
	double v = s->type == WS_TYPE_SET ? 0 : s->value;

	g->serial++;
	for (i = 0; i < k->nsteps; i++) {
		struct known_step *step = &k->steps[i];
		uint64_t *fed = &k->steps[step->first].fed;

		if (step->view == done || !(v >= step->least && v <= step->most)) {
			/* NaN fits where no bounds are. */
			if (step->view == done || !isnan(v) || isfinite(step->least) ||
			    isfinite(step->most))
				continue;
		}
		if (step->stop)
			done = step->view;
		if (step->rule != NULL)
			WS_LANE_ADD(step->rule->hits, 1);
		if (step->drop) {
			WS_LANE_ADD(step->rule->dropped, 1);
		} else if (*fed != g->serial && push(g, k, i, s, first)) {
			*fed = g->serial;
			first = false;
		}
	}
}

static void take_sample(struct ws_ingest *g, const struct ws_sample *s, struct ws_span line)
{
	uint64_t hash = hash_sample(g, s);
	struct known *k = find(g, s, hash);

	if (k != NULL) {
		WS_LANE_ADD(g->lane->cache_hits, 1);
	} else {
		k = meet(g, s, hash);
		if (k == NULL) {
			reject(g, WS_ERR_NOMEM, 1, s->head);
			return;
		}
	}
	if (k->err != WS_OK) {
		reject(g, k->err, 1, line);
		return;
	}
	WS_LANE_ADD(g->lane->samples[s->type], 1);
	if (s->problems & WS_PROBLEM_RATE)
		reject(g, WS_ERR_BAD_RATE, 1, line);
	if (s->problems & WS_PROBLEM_FIELD)
		reject(g, WS_ERR_UNKNOWN_FIELD, 1, line);
	if (k->bad_tags + k->long_tags + k->excess_tags + k->reserved_tags > 0) {
		reject(g, WS_ERR_BAD_TAG, k->bad_tags, line);
		reject(g, WS_ERR_TAG_TOO_LONG, k->long_tags, line);
		reject(g, WS_ERR_TOO_MANY_TAGS, k->excess_tags, line);
		reject(g, WS_ERR_RESERVED_TAG, k->reserved_tags, line);
	}
	if (k->unmatched) {
		WS_LANE_ADD(g->lane->unmatched, 1);
		if (k->nsteps == 0)
			WS_LANE_ADD(g->lane->unmatched_dropped, 1);
	}
	apply_steps(g, k, s);
}

void ws_ingest_datagram(struct ws_ingest *g, struct ws_span datagram, bool truncated)
{
	struct ws_lines it;
	struct ws_sample s;
	enum ws_err err;

	ws_lines_init(&it, datagram, truncated);
	while ((err = ws_lines_next(&it, &s)) != WS_ERR_END) {
		if (err == WS_OK)
			take_sample(g, &s, it.line);
		else
			reject(g, err, 1, it.line);
	}
	WS_LANE_ADD(g->lane->lines, it.count);
	if (truncated)
		WS_LANE_ADD(g->lane->truncated, 1);
}

/* --- the store --- */

/* The series has expired: it is made anew. */
static void renew(struct ws_ingest *g, struct ws_update *u, const struct origin *o)
{
	u->err = intern(g, o->known, o->step);
	if (u->err != WS_OK)
		return;
	u->ref = o->known->steps[o->step].ref;
	ws_store_apply(g->store, u, 1, g->now);
	if (u->err != WS_OK)
		reject(g, u->err, 1, sample_of(o->known).head);
}

static void flush(struct ws_ingest *g)
{
	size_t bad, i, applied = 0;

	if (g->nupdates == 0)
		return;
	bad = ws_store_apply(g->store, g->updates, g->nupdates, g->now);
	for (i = 0; i < g->nupdates; i++) {
		struct ws_update *u = &g->updates[i];

		if (bad > 0 && u->err == WS_ERR_END)
			renew(g, u, &g->origins[i]);
		else if (bad > 0 && u->err != WS_OK)
			reject(g, u->err, 1, sample_of(g->origins[i].known).head);
		applied += u->err == WS_OK && g->origins[i].first;
	}
	g->nupdates = 0;
	WS_LANE_ADD(g->lane->applied, applied);
}

void ws_ingest_end(struct ws_ingest *g)
{
	flush(g);
}
