/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/ingest.h>

#include <stdlib.h>

#include <windsock/hash.h>
#include "ingest/cache.h"
#include "ingest/duplicates.h"

#define CACHE_SIZE_DEFAULT 200000
#define UPDATES_MAX        256
#define WINDOW             32
#define RESPLITS_A_BATCH   500
#define TEACH_AGAIN_NS     INT64_C(60000000000)

/* A sample of the window: its hash is known, memory for it is on the way. */
struct pending {
	struct ws_sample sample;
	struct ws_span line;
	uint64_t hash;
	uint64_t sender;
};

/* What an update came from, by its index. */
struct origin {
	struct cache_entry *entry;
	uint32_t step;
	bool first; /* of its sample */
};

struct ws_ingest {
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_shard *shard;
	unsigned shard_index;
	struct ws_hash_key key;
	struct ws_learned_ids *learned;
	void (*on_resplit)(void *user, struct ws_span name);
	void (*on_unmatched)(void *user, struct ws_span head);
	void *user;
	struct ws_unmatched *unmatched;

	struct ws_mapping *mapping; /* the one that names are remembered of */
	struct cache *cache;
	struct duplicates *duplicates;
	uint64_t sender; /* of the datagrams that come */
	struct ws_span address;
	struct ws_resolution *resolution;
	struct ws_rule_stats **rules;
	uint64_t *duplicate_of; /* by rule */

	uint64_t learned_version; /* what names are split by; being caught up with */
	struct cache_entry *resplit;    /* the next to look at; NULL: all are split by it */
	uint64_t resolved_version;

	struct cache_entry *resolved; /* whose resolution is at hand; NULL: nobody's */

	struct pending window[WINDOW];
	size_t npending;
	struct ws_update updates[UPDATES_MAX];
	struct origin origins[UPDATES_MAX];
	size_t nupdates;
	int64_t now;
	uint64_t serial; /* of the sample at hand */
	uint64_t shown; /* reasons already listed in this batch: bit by ws_err */
};

static void flush(struct ws_ingest *g);
static void release(void *user, const struct waiting *w, bool is_duplicate);

struct ws_ingest *ws_ingest_new(struct ws_store *store, struct ws_stats *stats,
                                const struct ws_ingest_options *options)
{
	size_t cache_size = options->cache_size > 0 ? options->cache_size : CACHE_SIZE_DEFAULT;
	struct ws_ingest *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->store = store;
	g->stats = stats;
	g->shard_index = options->shard;
	g->shard = ws_stats_shard(stats, options->shard);
	g->key = options->key;
	g->learned = options->learned;
	g->on_resplit = options->on_resplit;
	g->on_unmatched = options->on_unmatched;
	g->user = options->user;
	g->unmatched = options->unmatched;
	g->sender = 1;
	g->cache = cache_new(g->key, cache_size);
	g->duplicates = duplicates_new((struct duplicates_receiver){ release, g });
	if (g->cache == NULL || g->duplicates == NULL) {
		ws_ingest_free(g);
		return NULL;
	}
	return g;
}

static void forget_mapping(struct ws_ingest *g)
{
	ws_resolution_free(g->resolution);
	ws_mapping_unref(g->mapping);
	free(g->rules);
	free(g->duplicate_of);
	g->resolution = NULL;
	g->resolved = NULL;
	g->mapping = NULL;
	g->rules = NULL;
	g->duplicate_of = NULL;
}

void ws_ingest_free(struct ws_ingest *g)
{
	if (g == NULL)
		return;
	forget_mapping(g);
	duplicates_free(g->duplicates);
	cache_free(g->cache);
	free(g);
}

static bool learn_mapping(struct ws_ingest *g, struct ws_mapping *mapping)
{
	size_t n = ws_mapping_rules(mapping), i;

	forget_mapping(g);
	cache_forget(g->cache);
	if (g->unmatched != NULL)
		ws_unmatched_forget(g->unmatched, g->shard_index);
	g->resplit = NULL;
	g->resolution = ws_resolution_new(mapping, g->learned);
	g->rules = calloc(n + 1, sizeof(struct ws_rule_stats *));
	g->duplicate_of = calloc(n + 1, sizeof(*g->duplicate_of));
	if (g->resolution == NULL || g->rules == NULL || g->duplicate_of == NULL)
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

/* The labels that the name was split into. */
static uint64_t split_of(const struct ws_ingest *g)
{
	const struct ws_resolution *r = g->resolution;
	struct ws_hash_key key = g->key;
	size_t i;

	for (i = 0; i < r->nsteps; i++)
		key.k0 ^= ws_hash_bytes(key, r->steps[i].target.labels);
	return key.k0;
}

/* The name anew, by what is known now.  Series under wrong labels go. */
static void resplit(struct ws_ingest *g, struct cache_entry *entry)
{
	struct ws_sample s = cache_entry_sample(entry);
	uint64_t split;
	uint32_t i;

	g->resolved = NULL;
	entry->extra->split_version = ws_learned_ids_version(g->learned);
	if (ws_mapping_resolve(g->mapping, &s, g->resolution) != WS_OK)
		return;
	entry->ambiguous = g->resolution->ambiguous;
	split = split_of(g);
	if (split == entry->extra->split)
		return;
	entry->extra->split = split;
	for (i = 0; i < entry->nsteps; i++) {
		ws_store_retire(g->store, entry->steps[i].ref);
		entry->steps[i].ref = (struct ws_ref){ 0 };
	}
	if (g->on_resplit != NULL)
		g->on_resplit(g->user, s.head);
}

/* What is sent again is split anew when it comes; this is for the rest.  Some names at a time:
 * receiving goes on meanwhile. */
static void resplit_some(struct ws_ingest *g)
{
	uint64_t version = ws_learned_ids_version(g->learned);
	int left;

	if (g->resplit == NULL) {
		if (version == g->learned_version)
			return;
		g->learned_version = version;
		g->resplit = cache_first_divisible(g->cache);
	}
	for (left = RESPLITS_A_BATCH; left > 0 && g->resplit != NULL; left--) {
		resplit(g, g->resplit);
		g->resplit = cache_next_divisible(g->cache, g->resplit);
	}
}

enum ws_err ws_ingest_begin(struct ws_ingest *g, struct ws_mapping *mapping, int64_t now)
{
	g->now = now;
	g->npending = 0;
	g->nupdates = 0;
	g->shown = 0;
	if (mapping != g->mapping) {
		/* What waits belongs to the rules that it was taken through. */
		duplicates_flush(g->duplicates, true);
		flush(g);
		if (!learn_mapping(g, mapping))
			return WS_ERR_NOMEM;
	}
	duplicates_expire(g->duplicates, now);
	resplit_some(g);
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
		WS_SHARD_ADD(g->shard->rejected[err], n);
	if (g->shown & bit)
		return;
	g->shown |= bit;
	ws_recent_add(g->stats,
	              ws_err_scope(err) == WS_SCOPE_SERIES ? WS_RECENT_REFUSED : WS_RECENT_REJECTED,
	              text, err, g->now);
}

/* Before the store was asked, so that it has not counted it. */
static enum ws_err lack_memory(struct ws_ingest *g, struct ws_span text)
{
	WS_SHARD_ADD(g->shard->rejected[WS_ERR_NOMEM], 1);
	reject(g, WS_ERR_NOMEM, 1, text);
	return WS_ERR_NOMEM;
}

/* --- new names --- */

static bool resolve(struct ws_ingest *g, struct cache_entry *entry)
{
	struct ws_sample s = cache_entry_sample(entry);

	if (g->resolved == entry)
		return true;
	g->resolved = NULL;
	if (ws_mapping_resolve(g->mapping, &s, g->resolution) != WS_OK)
		return false;
	g->resolved = entry;
	return true;
}

/* Finds or makes the series of step i, and says so when it may not be. */
static enum ws_err intern(struct ws_ingest *g, struct cache_entry *entry, size_t i)
{
	struct step *step = &entry->steps[i];
	const struct ws_target *target;
	enum ws_err err;

	step->ref = (struct ws_ref){ 0 };
	if (!resolve(g, entry))
		return lack_memory(g, cache_entry_sample(entry).head);
	target = &g->resolution->steps[i].target;
	err = target->family.len == 0 ? WS_ERR_EMPTY_NAME
	                              : ws_store_intern(g->store, target, g->now, &step->ref);
	if (err != WS_OK)
		reject(g, err, 1, target->family);
	return err;
}

static uint16_t capped(unsigned n)
{
	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

static void remember_extra(struct ws_ingest *g, struct cache_entry *entry)
{
	const struct ws_resolution *r = g->resolution;
	struct cache_extra *extra;
	bool bad = r->head.bad_tags + r->head.long_tags + r->head.excess_tags + r->reserved_tags > 0;

	if (!bad && !r->divisible && !r->unmatched && r->nlearns == 0)
		return;
	extra = cache_add_extra(g->cache, entry);
	if (extra == NULL)
		return;
	entry->has_bad_tags = bad;
	extra->bad_tags = capped(r->head.bad_tags);
	extra->long_tags = capped(r->head.long_tags);
	extra->excess_tags = capped(r->head.excess_tags);
	extra->reserved_tags = capped(r->reserved_tags);
	entry->teaches = r->nlearns > 0;
	extra->taught = g->now;
	extra->split_version = g->resolved_version;
	if (r->divisible) {
		extra->split = split_of(g);
		cache_mark_divisible(g->cache, entry);
	}
}

/* The resolution at hand as an entry. */
static struct cache_entry *remember(struct ws_ingest *g, const struct ws_sample *s, uint64_t hash)
{
	const struct ws_resolution *r = g->resolution;
	struct cache_entry *entry = cache_add(g->cache, s, hash, r->nsteps);
	uint32_t i;

	if (entry == NULL)
		return NULL;
	entry->err = (uint8_t)r->err;
	entry->unmatched = r->unmatched;
	entry->ambiguous = r->ambiguous;
	remember_extra(g, entry);
	entry->fits = r->fits;
	entry->takes = r->takes;
	for (i = 0; i < r->nsteps; i++) {
		entry->steps[i] = step_of(r, i);
		if (r->steps[i].rule == WS_NO_RULE)
			continue;
		g->duplicate_of[r->steps[i].rule] = r->steps[i].duplicate_of;
		entry->steps[i].rule = &g->rules[r->steps[i].rule]->shards[g->shard_index];
	}
	return entry;
}

/* What the name of the resolution at hand teaches. */
static void learn(struct ws_ingest *g)
{
	const struct ws_resolution *r = g->resolution;
	size_t i;

	for (i = 0; i < r->nlearns; i++)
		ws_learned_ids_add(g->learned, r->learns[i].name, r->learns[i].value, g->now);
}

/* So that ids that are still in use do not expire. */
static void teach_again(struct ws_ingest *g, struct cache_entry *entry)
{
	entry->extra->taught = g->now;
	if (resolve(g, entry))
		learn(g);
}

static struct cache_entry *meet(struct ws_ingest *g, const struct ws_sample *s, uint64_t hash)
{
	struct cache_entry *entry;

	WS_SHARD_ADD(g->shard->cache_misses, 1);
	g->resolved = NULL;
	g->resolved_version = ws_learned_ids_version(g->learned);
	if (ws_mapping_resolve(g->mapping, s, g->resolution) != WS_OK)
		return NULL;
	if (g->resolution->regex_gave_up > 0)
		WS_SHARD_ADD(g->shard->regex_gave_up, g->resolution->regex_gave_up);
	learn(g);
	entry = g->resolved = remember(g, s, hash);
	return entry;
}

/* --- samples --- */

/* False: the step feeds nothing with this sample. */
static bool push(struct ws_ingest *g, struct cache_entry *entry, uint32_t i, const struct ws_sample *s,
                 bool first)
{
	struct step *step = &entry->steps[i];
	struct ws_update u;
	enum ws_err err = step_update(step, s, &u);

	if (err != WS_OK) {
		reject(g, err, 1, s->head);
		return false;
	}
	/* Born by the first sample that it takes: not by one out of bounds, or refused above. */
	if (u.ref.generation == 0 && intern(g, entry, i) != WS_OK)
		return false;
	u.ref = step->ref;
	if (u.op == WS_OP_MEMBER)
		u.member = ws_hash_bytes(g->key, s->member);
	if (g->nupdates == UPDATES_MAX)
		flush(g);
	g->updates[g->nupdates] = u;
	g->origins[g->nupdates++] = (struct origin){ entry, i, first };
	return true;
}

/* It has waited for what its sender shows, and now it counts, or not. */
static void release(void *user, const struct waiting *w, bool is_duplicate)
{
	struct ws_ingest *g = user;
	const struct step *step = &w->entry->steps[w->step];
	struct ws_sample s = cache_entry_sample(w->entry);

	s.value = w->value;
	s.weight = w->weight;
	s.is_signed = w->is_signed;
	if (!is_duplicate)
		push(g, w->entry, w->step, &s, w->first);
	else if (step->stop)
		WS_SHARD_ADD(step->rule->dropped, 1);
}

/* What to do with a step that has an original; it is counted once, where its sample ends. */
static enum duplicates_verdict judge_duplicate(struct ws_ingest *g, struct cache_entry *entry, uint32_t i,
                                               const struct pending *p, bool first)
{
	const struct step *step = &entry->steps[i];
	const struct ws_sample *s = &p->sample;
	uint64_t duplicate_of = g->duplicate_of[step->duplicate - 1];
	enum duplicates_verdict verdict = duplicates_judge(g->duplicates, p->sender, duplicate_of, g->now);

	if (verdict == DUPLICATES_DROP && step->stop)
		WS_SHARD_ADD(step->rule->dropped, 1);
	if (verdict != DUPLICATES_WAIT)
		return verdict;
	/* A set's members do not wait: their texts are not kept. */
	if (s->type == WS_TYPE_SET)
		return DUPLICATES_COUNT;
	duplicates_wait(g->duplicates, &(struct waiting){
		.entry = entry,
		.step = i,
		.first = first && !step->initialize,
		.is_signed = s->is_signed,
		.value = s->value,
		.weight = s->weight,
		.sender = p->sender,
		.duplicate_of = duplicate_of,
		.since = g->now,
	});
	return DUPLICATES_WAIT;
}

static void apply_steps(struct ws_ingest *g, struct cache_entry *entry, const struct pending *p)
{
	const struct ws_sample *s = &p->sample;
	struct step_walk walk = step_walk(s, ++g->serial);
	uint32_t i, nfed = 0;
	bool taken = false;

	for (i = 0; i < entry->nsteps; i++) {
		struct step *step = &entry->steps[i];
		enum step_verdict verdict = step_next(&walk, entry->steps, i);

		if (verdict == STEP_DONE || verdict == STEP_OUTSIDE)
			continue;
		taken = taken || verdict != STEP_INITIALIZE;
		if (step->rule != NULL && verdict != STEP_INITIALIZE)
			WS_SHARD_ADD(step->rule->hits, 1);
		if (step->duplicate != 0) {
			enum duplicates_verdict wait = judge_duplicate(g, entry, i, p, nfed == 0);

			nfed += wait == DUPLICATES_WAIT && verdict != STEP_INITIALIZE;
			if (wait != DUPLICATES_COUNT)
				continue;
		}
		if (verdict == STEP_INITIALIZE) {
			push(g, entry, i, s, false);
			continue;
		}
		if (verdict == STEP_DROP) {
			WS_SHARD_ADD(step->rule->dropped, 1);
		} else if (verdict == STEP_FEED && push(g, entry, i, s, nfed == 0)) {
			step_feed(&walk, entry->steps, i);
			nfed++;
		}
	}
	if (!taken && entry->nsteps > 0)
		WS_SHARD_ADD(g->shard->outside, 1);
}

static void take_unmatched(struct ws_ingest *g, struct cache_entry *entry, const struct ws_sample *s)
{
	WS_SHARD_ADD(g->shard->unmatched, 1);
	if (entry->nsteps == 0)
		WS_SHARD_ADD(g->shard->unmatched_dropped, 1);
	if (g->unmatched != NULL && entry->extra != NULL &&
	    ws_unmatched_add(g->unmatched, g->shard_index, &entry->extra->place, s, g->now) &&
	    g->on_unmatched != NULL)
		g->on_unmatched(g->user, s->head);
}

static void take_sample(struct ws_ingest *g, const struct pending *p)
{
	const struct ws_sample *s = &p->sample;
	const struct ws_span line = p->line;
	struct cache_entry *entry = cache_find(g->cache, s, p->hash);

	if (entry != NULL) {
		WS_SHARD_ADD(g->shard->cache_hits, 1);
	} else {
		entry = meet(g, s, p->hash);
		if (entry == NULL) {
			lack_memory(g, s->head);
			return;
		}
	}
	if (entry->err != WS_OK) {
		reject(g, (enum ws_err)entry->err, 1, line);
		return;
	}
	WS_SHARD_ADD(g->shard->samples[s->type], 1);
	if (s->problems & WS_PROBLEM_RATE)
		reject(g, WS_ERR_BAD_RATE, 1, line);
	if (s->problems & WS_PROBLEM_FIELD)
		reject(g, WS_ERR_UNKNOWN_FIELD, 1, line);
	if (entry->has_bad_tags) {
		reject(g, WS_ERR_BAD_TAG, entry->extra->bad_tags, line);
		reject(g, WS_ERR_TAG_TOO_LONG, entry->extra->long_tags, line);
		reject(g, WS_ERR_TOO_MANY_TAGS, entry->extra->excess_tags, line);
		reject(g, WS_ERR_RESERVED_TAG, entry->extra->reserved_tags, line);
	}
	if (entry->unmatched)
		take_unmatched(g, entry, s);
	if (entry->teaches && g->now - entry->extra->taught >= TEACH_AGAIN_NS)
		teach_again(g, entry);
	if (entry->divisible && entry->extra->split_version != ws_learned_ids_version(g->learned))
		resplit(g, entry);
	if (entry->ambiguous)
		WS_SHARD_ADD(g->shard->ambiguous, 1);
	if ((entry->fits | entry->takes) != 0)
		duplicates_saw(g->duplicates, p->sender, entry->fits, entry->takes, g->now);
	apply_steps(g, entry, p);
}

static void take_window(struct ws_ingest *g)
{
	size_t n = g->npending, i;

	if (cache_is_full(g->cache, n)) {
		duplicates_flush(g->duplicates, false);
		flush(g);
		g->resolved = NULL;
		g->resplit = NULL;
		g->learned_version = 0; /* the list has changed: from its start again */
		cache_turn(g->cache);
	}
	for (i = 0; i < n; i++)
		cache_prefetch_entry(g->cache, g->window[i].hash);
	for (i = 0; i < n; i++)
		take_sample(g, &g->window[i]);
	g->npending = 0;
}

void ws_ingest_datagram(struct ws_ingest *g, struct ws_span datagram, bool truncated)
{
	struct ws_lines it;
	enum ws_err err;

	ws_lines_init(&it, datagram, truncated);
	for (;;) {
		struct pending *p = &g->window[g->npending];

		err = ws_lines_next(&it, &p->sample);
		if (err == WS_ERR_END)
			break;
		if (err != WS_OK) {
			reject(g, err, 1, it.line);
			continue;
		}
		p->line = it.line;
		p->sender = g->sender;
		p->sample.sender = g->address;
		p->hash = cache_hash(g->cache, &p->sample);
		cache_prefetch(g->cache, p->hash);
		if (++g->npending == WINDOW)
			take_window(g);
	}
	WS_SHARD_ADD(g->shard->lines, it.count);
	if (truncated)
		WS_SHARD_ADD(g->shard->truncated, 1);
}

/* --- the store --- */

/* The series has expired: it is made anew. */
static void renew(struct ws_ingest *g, struct ws_update *u, const struct origin *o)
{
	u->err = intern(g, o->entry, o->step);
	if (u->err != WS_OK)
		return;
	u->ref = o->entry->steps[o->step].ref;
	ws_store_apply(g->store, u, 1, g->now);
	if (u->err != WS_OK)
		reject(g, u->err, 1, cache_entry_sample(o->entry).head);
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
			reject(g, u->err, 1, cache_entry_sample(g->origins[i].entry).head);
		applied += u->err == WS_OK && g->origins[i].first;
	}
	g->nupdates = 0;
	WS_SHARD_ADD(g->shard->applied, applied);
}

static void show_waiting(struct ws_ingest *g)
{
	atomic_store_explicit(&g->shard->waiting, duplicates_count(g->duplicates), memory_order_relaxed);
}

void ws_ingest_sender(struct ws_ingest *g, uint64_t sender, struct ws_span address)
{
	g->sender = sender == 0 ? 1 : sender;
	g->address = g->mapping != NULL && ws_mapping_uses_sender(g->mapping) ? address :
										ws_span(NULL, 0);
}

int64_t ws_ingest_due(const struct ws_ingest *g)
{
	return duplicates_due(g->duplicates);
}

void ws_ingest_settle(struct ws_ingest *g)
{
	g->nupdates = 0;
	duplicates_flush(g->duplicates, false);
	flush(g);
	show_waiting(g);
}

void ws_ingest_end(struct ws_ingest *g)
{
	take_window(g);
	flush(g);
	show_waiting(g);
}
