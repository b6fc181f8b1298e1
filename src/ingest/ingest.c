/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/ingest.h>

#include <stdlib.h>
#include <windsock/hash.h>
#include <windsock/resolution.h>

#include "ingest/cache.h"
#include "ingest/duplicates.h"

#define CACHE_SIZE_DEFAULT 200000
#define UPDATES_MAX        256
#define WINDOW             32
#define RESPLITS_A_BATCH   500
#define TEACH_AGAIN_NS     INT64_C(60000000000)

/* A sample of the window, with its hash; its cache entry is being prefetched. */
struct pending {
	struct ws_sample sample;
	struct ws_span line;
	uint64_t hash;
	uint64_t sender;
};

/* Where the update with the same index comes from. */
struct origin {
	struct cache_entry *entry;
	uint32_t action;
	bool first; /* the first update of its sample */
};

/* The mapping of the cached names, and data that belongs to it. */
struct rules {
	struct ws_mapping *mapping; /* NULL: none yet */
	struct ws_resolution *resolution;
	struct ws_rule_stats **stats; /* by rule */
	uint64_t *duplicate_of;       /* by rule */
	bool uses_sender;
};

/* Pointers into the cache.  They are invalid once entries are dropped: see reset_cursors. */
struct cursors {
	struct cache_entry *resolved; /* entry of the current resolution; NULL: none */
	struct cache_entry *resplit;  /* next entry to split again; NULL: all are current */
	uint64_t learned_version;     /* of the learned ids that entries are split by */
};

struct ws_ingest {
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_shard *shard;
	struct ws_ingest_options options;

	struct rules rules;
	struct cache *cache;
	struct duplicates *duplicates;
	struct cursors cursors;
	uint64_t resolved_version; /* of the learned ids, for the last new name */

	struct pending window[WINDOW];
	size_t npending;
	struct ws_update updates[UPDATES_MAX];
	struct origin origins[UPDATES_MAX];
	size_t nupdates;
	int64_t now;
	uint64_t serial; /* of the current sample */
	uint64_t listed; /* bits by ws_err: reasons that this batch has added to `recent` */
};

static void flush(struct ws_ingest *in);
static void release(void *user, const struct waiting *w, bool is_duplicate);

/* --- the mapping ------------------------------------------------------------------------ */

struct ws_ingest *ws_ingest_new(struct ws_store *store, struct ws_stats *stats,
                                const struct ws_ingest_options *options)
{
	struct ws_ingest *in = calloc(1, sizeof(*in));
	size_t size = options->cache_size > 0 ? options->cache_size : CACHE_SIZE_DEFAULT;

	if (in == NULL)
		return NULL;
	in->store = store;
	in->stats = stats;
	in->options = *options;
	in->shard = ws_stats_shard(stats, options->shard);
	in->cache = cache_new(options->key, size);
	in->duplicates = duplicates_new((struct duplicates_receiver){ release, in });
	if (in->cache == NULL || in->duplicates == NULL) {
		ws_ingest_free(in);
		return NULL;
	}
	return in;
}

static void rules_fini(struct rules *rules)
{
	ws_resolution_free(rules->resolution);
	ws_mapping_unref(rules->mapping);
	free(rules->stats);
	free(rules->duplicate_of);
	*rules = (struct rules){ 0 };
}

void ws_ingest_free(struct ws_ingest *in)
{
	if (in == NULL)
		return;
	rules_fini(&in->rules);
	duplicates_free(in->duplicates);
	cache_free(in->cache);
	free(in);
}

/* Entries are dropped, or the list of divisible ones changes: start over. */
static void reset_cursors(struct ws_ingest *in)
{
	in->cursors = (struct cursors){ 0 };
}

/* False: out of memory, and there is no mapping. */
static bool take_mapping(struct ws_ingest *in, struct ws_mapping *mapping)
{
	size_t n = ws_mapping_rules(mapping), i;
	struct rules rules = {
		.mapping = ws_mapping_ref(mapping),
		.uses_sender = ws_mapping_uses_sender(mapping),
		.resolution = ws_resolution_new(mapping, in->options.learned),
		.stats = calloc(n + 1, sizeof(struct ws_rule_stats *)),
		.duplicate_of = calloc(n + 1, sizeof(uint64_t)),
	};
	bool ok = rules.resolution != NULL && rules.stats != NULL && rules.duplicate_of != NULL;

	rules_fini(&in->rules);
	reset_cursors(in);
	cache_forget(in->cache);
	if (in->options.unmatched != NULL)
		ws_unmatched_forget(in->options.unmatched, in->options.shard);
	for (i = 0; i < n && ok; i++) {
		rules.stats[i] = ws_stats_rule(in->stats, ws_mapping_rule(mapping, i).name);
		rules.duplicate_of[i] = ws_mapping_duplicate_of(mapping, (uint32_t)i);
		ok = rules.stats[i] != NULL;
	}
	if (ok)
		in->rules = rules;
	else
		rules_fini(&rules);
	return ok;
}

/* --- what is rejected ------------------------------------------------------------------- */

/* Counts a rejection; the first one of each reason in a batch is also added to `recent`. */
static void reject(struct ws_ingest *in, enum ws_err err, uint64_t n, struct ws_span text)
{
	uint64_t bit = UINT64_C(1) << err;
	bool series = ws_err_scope(err) == WS_SCOPE_SERIES;

	_Static_assert(WS_NERRORS <= 64, "one bit for each reason");
	if (n == 0)
		return;
	/* The store counts its own rejections. */
	if (!series)
		WS_SHARD_ADD(in->shard->rejected[err], n);
	if (in->listed & bit)
		return;
	in->listed |= bit;
	ws_recent_add(in->options.recent, series ? WS_RECENT_SERIES : WS_RECENT_LINES, text, err,
	              in->now);
}

/* Not counted by the store, which was not called. */
static enum ws_err lack_memory(struct ws_ingest *in, struct ws_span text)
{
	WS_SHARD_ADD(in->shard->rejected[WS_ERR_NOMEM], 1);
	reject(in, WS_ERR_NOMEM, 1, text);
	return WS_ERR_NOMEM;
}

/* --- names that a learned id splits differently ----------------------------------------- */

/* A hash of the labels in the current resolution. */
static uint64_t split_of(const struct ws_ingest *in)
{
	const struct ws_resolution *r = in->rules.resolution;
	struct ws_hash_key key = in->options.key;
	size_t i;

	for (i = 0; i < r->nactions; i++)
		key.k0 ^= ws_hash_bytes(key, r->targets[i].labels);
	return key.k0;
}

/* Splits the name by the ids known now; removes its series if the labels have changed. */
static void resplit(struct ws_ingest *in, struct cache_entry *entry)
{
	struct ws_sample s = cache_entry_sample(entry);
	uint64_t split;
	uint32_t i;

	in->cursors.resolved = NULL;
	entry->extra->split_version = ws_learned_ids_version(in->options.learned);
	if (ws_resolve(in->rules.mapping, &s, in->rules.resolution) != WS_OK)
		return;
	entry->ambiguous = in->rules.resolution->ambiguous;
	split = split_of(in);
	if (split == entry->extra->split)
		return;
	entry->extra->split = split;
	for (i = 0; i < entry->nactions; i++) {
		ws_store_retire(in->store, entry->actions[i].ref);
		entry->actions[i].ref = (struct ws_ref){ 0 };
	}
	if (in->options.on_resplit != NULL)
		in->options.on_resplit(in->options.user, s.head);
}

/* Names that are sent again are split again then; this is for the others.  A few names per
 * batch, so as not to delay receiving. */
static void resplit_some(struct ws_ingest *in)
{
	struct cursors *c = &in->cursors;
	uint64_t version = ws_learned_ids_version(in->options.learned);
	int left;

	if (c->resplit == NULL) {
		if (version == c->learned_version)
			return;
		c->learned_version = version;
		c->resplit = cache_first_divisible(in->cache);
	}
	for (left = RESPLITS_A_BATCH; left > 0 && c->resplit != NULL; left--) {
		resplit(in, c->resplit);
		c->resplit = cache_next_divisible(in->cache, c->resplit);
	}
}

/* --- new names -------------------------------------------------------------------------- */

/* Makes the entry's resolution the current one.  False: out of memory. */
static bool resolve(struct ws_ingest *in, struct cache_entry *entry)
{
	struct ws_sample s = cache_entry_sample(entry);

	if (in->cursors.resolved == entry)
		return true;
	in->cursors.resolved = NULL;
	if (ws_resolve(in->rules.mapping, &s, in->rules.resolution) != WS_OK)
		return false;
	in->cursors.resolved = entry;
	return true;
}

/* Finds or creates the series of action i; counts a rejection. */
static enum ws_err intern(struct ws_ingest *in, struct cache_entry *entry, size_t i)
{
	struct cache_action *action = &entry->actions[i];
	const struct ws_target *target;
	enum ws_err err;

	action->ref = (struct ws_ref){ 0 };
	if (!resolve(in, entry))
		return lack_memory(in, cache_entry_sample(entry).head);
	target = &in->rules.resolution->targets[i];
	err = target->family.len == 0 ? WS_ERR_EMPTY_NAME
	                              : ws_store_intern(in->store, target, in->now, &action->ref);
	if (err != WS_OK)
		reject(in, err, 1, target->family);
	return err;
}

static uint16_t capped(unsigned n)
{
	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

static void remember_extra(struct ws_ingest *in, struct cache_entry *entry)
{
	const struct ws_resolution *r = in->rules.resolution;
	struct cache_extra *extra;
	bool bad = r->head.bad_tags + r->head.long_tags + r->head.excess_tags + r->reserved_tags > 0;

	if (!bad && !r->divisible && !r->unmatched && r->nlearns == 0)
		return;
	extra = cache_add_extra(in->cache, entry);
	if (extra == NULL)
		return;
	entry->has_bad_tags = bad;
	extra->bad_tags = capped(r->head.bad_tags);
	extra->long_tags = capped(r->head.long_tags);
	extra->excess_tags = capped(r->head.excess_tags);
	extra->reserved_tags = capped(r->reserved_tags);
	entry->teaches = r->nlearns > 0;
	extra->taught = in->now;
	extra->split_version = in->resolved_version;
	if (r->divisible) {
		extra->split = split_of(in);
		cache_mark_divisible(in->cache, entry);
	}
}

/* Caches the current resolution.  NULL: out of memory. */
static struct cache_entry *remember(struct ws_ingest *in, const struct ws_sample *s,
                                    uint64_t hash)
{
	const struct ws_resolution *r = in->rules.resolution;
	struct cache_entry *entry = cache_add(in->cache, s, hash, r->nactions);
	size_t i;

	if (entry == NULL)
		return NULL;
	entry->err = (uint8_t)r->err;
	entry->unmatched = r->unmatched;
	entry->ambiguous = r->ambiguous;
	entry->fits = r->fits;
	entry->takes = r->takes;
	for (i = 0; i < r->nactions; i++) {
		entry->actions[i] = (struct cache_action){ .action = r->actions[i] };
		if (r->actions[i].rule != WS_NO_RULE)
			entry->actions[i].rule = &in->rules.stats[r->actions[i].rule]
			                                  ->shards[in->options.shard];
	}
	remember_extra(in, entry);
	return entry;
}

/* Learns the ids in the current resolution. */
static void learn(struct ws_ingest *in)
{
	const struct ws_resolution *r = in->rules.resolution;
	size_t i;

	for (i = 0; i < r->nlearns; i++)
		ws_learned_ids_add(in->options.learned, r->learns[i].name, r->learns[i].value,
		                   in->now);
}

/* Keeps ids that are still in use from expiring. */
static void teach_again(struct ws_ingest *in, struct cache_entry *entry)
{
	entry->extra->taught = in->now;
	if (resolve(in, entry))
		learn(in);
}

/* A name that is not in the cache.  NULL: out of memory. */
static struct cache_entry *meet(struct ws_ingest *in, const struct ws_sample *s, uint64_t hash)
{
	const struct ws_resolution *r = in->rules.resolution;

	WS_SHARD_ADD(in->shard->cache_misses, 1);
	in->cursors.resolved = NULL;
	in->resolved_version = ws_learned_ids_version(in->options.learned);
	if (ws_resolve(in->rules.mapping, s, in->rules.resolution) != WS_OK)
		return NULL;
	if (r->regex_gave_up > 0)
		WS_SHARD_ADD(in->shard->regex_gave_up, r->regex_gave_up);
	learn(in);
	in->cursors.resolved = remember(in, s, hash);
	return in->cursors.resolved;
}

/* --- a sample through its actions: judge, act, count ------------------------------------ */

/* Adds an update of the series of action i.  False: the sample is rejected. */
static bool push(struct ws_ingest *in, struct cache_entry *entry, uint32_t i,
                 const struct ws_sample *s, bool first)
{
	struct cache_action *action = &entry->actions[i];
	struct ws_update u;
	enum ws_err err = ws_action_update(&action->action, s, &u);

	if (err != WS_OK) {
		reject(in, err, 1, s->head);
		return false;
	}
	/* The first sample that it takes creates a series, not one rejected above. */
	if (action->ref.generation == 0 && intern(in, entry, i) != WS_OK)
		return false;
	u.ref = action->ref;
	if (u.op == WS_OP_MEMBER)
		u.member = ws_hash_bytes(in->options.key, s->member);
	if (in->nupdates == UPDATES_MAX)
		flush(in);
	in->updates[in->nupdates] = u;
	in->origins[in->nupdates++] = (struct origin){ entry, i, first };
	return true;
}

/* Called for a sample that has waited; it counts unless it is a duplicate. */
static void release(void *user, const struct waiting *w, bool is_duplicate)
{
	struct ws_ingest *in = user;
	const struct cache_action *action = &w->entry->actions[w->action];
	struct ws_sample s = cache_entry_sample(w->entry);

	s.value = w->value;
	s.weight = w->weight;
	s.is_signed = w->is_signed;
	if (!is_duplicate)
		push(in, w->entry, w->action, &s, w->first);
	else if (action->action.stop)
		WS_SHARD_ADD(action->rule->dropped, 1);
}

/* For an action that may be a duplicate: whether the sample counts, is dropped, or waits. */
static enum duplicates_verdict judge_duplicate(struct ws_ingest *in, struct cache_entry *entry,
                                               uint32_t i, const struct pending *p, bool first)
{
	const struct cache_action *action = &entry->actions[i];
	const struct ws_sample *s = &p->sample;
	uint64_t duplicate_of = in->rules.duplicate_of[action->action.rule];
	enum duplicates_verdict verdict =
		duplicates_judge(in->duplicates, p->sender, duplicate_of, in->now);

	/* Count a dropped sample once, at the rule's own action. */
	if (verdict == DUPLICATES_DROP && action->action.stop)
		WS_SHARD_ADD(action->rule->dropped, 1);
	if (verdict != DUPLICATES_WAIT)
		return verdict;
	/* Set members cannot wait: their texts are not kept. */
	if (s->type == WS_TYPE_SET)
		return DUPLICATES_COUNT;
	duplicates_wait(in->duplicates, &(struct waiting){
		.entry = entry,
		.action = i,
		.first = first && !action->action.initialize,
		.is_signed = s->is_signed,
		.value = s->value,
		.weight = s->weight,
		.sender = p->sender,
		.duplicate_of = duplicate_of,
		.since = in->now,
	});
	return DUPLICATES_WAIT;
}

/* Carries out the verdict on action i.  True: the sample fed a series, or waits to. */
static bool act(struct ws_ingest *in, struct cache_entry *entry, uint32_t i,
                const struct pending *p, enum ws_verdict verdict, bool first)
{
	struct cache_action *action = &entry->actions[i];
	enum duplicates_verdict duplicate;

	if (action->action.may_be_duplicate) {
		duplicate = judge_duplicate(in, entry, i, p, first);
		if (duplicate != DUPLICATES_COUNT)
			return duplicate == DUPLICATES_WAIT && verdict != WS_VERDICT_INITIALIZE;
	}
	switch (verdict) {
	case WS_VERDICT_INITIALIZE:
		push(in, entry, i, &p->sample, false);
		return false;
	case WS_VERDICT_DROP:
		WS_SHARD_ADD(action->rule->dropped, 1);
		return false;
	case WS_VERDICT_FEED:
		if (!push(in, entry, i, &p->sample, first))
			return false;
		entry->actions[action->action.first].fed = in->serial;
		return true;
	case WS_VERDICT_DONE:
	case WS_VERDICT_OUTSIDE:
	case WS_VERDICT_FED:
		break;
	}
	return false;
}

static void apply(struct ws_ingest *in, struct cache_entry *entry, const struct pending *p)
{
	struct ws_walk walk = ws_walk(&p->sample);
	bool taken = false, fed = false;
	uint32_t i;

	in->serial++;
	for (i = 0; i < entry->nactions; i++) {
		const struct cache_action *action = &entry->actions[i];
		enum ws_verdict verdict = ws_action_judge(
			&walk, &action->action,
			entry->actions[action->action.first].fed == in->serial);

		if (verdict == WS_VERDICT_DONE || verdict == WS_VERDICT_OUTSIDE)
			continue;
		if (verdict != WS_VERDICT_INITIALIZE) {
			taken = true;
			if (action->rule != NULL)
				WS_SHARD_ADD(action->rule->hits, 1);
		}
		fed = act(in, entry, i, p, verdict, !fed) || fed;
	}
	if (!taken && entry->nactions > 0)
		WS_SHARD_ADD(in->shard->outside, 1);
}

/* --- samples ---------------------------------------------------------------------------- */

static void take_unmatched(struct ws_ingest *in, struct cache_entry *entry,
                           const struct ws_sample *s)
{
	const struct ws_ingest_options *o = &in->options;

	WS_SHARD_ADD(in->shard->unmatched, 1);
	if (entry->nactions == 0)
		WS_SHARD_ADD(in->shard->unmatched_dropped, 1);
	if (o->unmatched != NULL && entry->extra != NULL &&
	    ws_unmatched_add(o->unmatched, o->shard, &entry->extra->place, s, in->now) &&
	    o->on_unmatched != NULL)
		o->on_unmatched(o->user, s->head);
}

/* The entry of the sample's name.  NULL: the sample is rejected and counted. */
static struct cache_entry *find_entry(struct ws_ingest *in, const struct pending *p)
{
	struct cache_entry *entry = cache_find(in->cache, &p->sample, p->hash);

	if (entry != NULL) {
		WS_SHARD_ADD(in->shard->cache_hits, 1);
	} else {
		entry = meet(in, &p->sample, p->hash);
		if (entry == NULL) {
			lack_memory(in, p->sample.head);
			return NULL;
		}
	}
	if (entry->err != WS_OK) {
		reject(in, (enum ws_err)entry->err, 1, p->line);
		return NULL;
	}
	return entry;
}

/* Counts the ignored parts of the line; the sample itself is kept. */
static void count_ignored(struct ws_ingest *in, const struct cache_entry *entry,
                          const struct pending *p)
{
	const struct cache_extra *extra = entry->extra;

	if (p->sample.problems & WS_PROBLEM_RATE)
		reject(in, WS_ERR_BAD_RATE, 1, p->line);
	if (p->sample.problems & WS_PROBLEM_FIELD)
		reject(in, WS_ERR_UNKNOWN_FIELD, 1, p->line);
	if (!entry->has_bad_tags)
		return;
	reject(in, WS_ERR_BAD_TAG, extra->bad_tags, p->line);
	reject(in, WS_ERR_TAG_TOO_LONG, extra->long_tags, p->line);
	reject(in, WS_ERR_TOO_MANY_TAGS, extra->excess_tags, p->line);
	reject(in, WS_ERR_RESERVED_TAG, extra->reserved_tags, p->line);
}

/* Call before the actions: refreshes the ids that the name teaches, then splits the name
 * again if ids have changed. */
static void update_ids(struct ws_ingest *in, struct cache_entry *entry)
{
	if (entry->teaches && in->now - entry->extra->taught >= TEACH_AGAIN_NS)
		teach_again(in, entry);
	if (entry->divisible &&
	    entry->extra->split_version != ws_learned_ids_version(in->options.learned))
		resplit(in, entry);
	if (entry->ambiguous)
		WS_SHARD_ADD(in->shard->ambiguous, 1);
}

static void take_sample(struct ws_ingest *in, const struct pending *p)
{
	struct cache_entry *entry = find_entry(in, p);

	if (entry == NULL)
		return;
	WS_SHARD_ADD(in->shard->samples[p->sample.type], 1);
	count_ignored(in, entry, p);
	if (entry->unmatched)
		take_unmatched(in, entry, &p->sample);
	update_ids(in, entry);
	/* First, because this sample may decide about itself. */
	if ((entry->fits | entry->takes) != 0)
		duplicates_saw(in->duplicates, p->sender, entry->fits, entry->takes, in->now);
	apply(in, entry, p);
}

static void make_room(struct ws_ingest *in)
{
	if (!cache_is_full(in->cache, in->npending))
		return;
	/* Waiting samples and updates point to entries that will be dropped. */
	duplicates_flush(in->duplicates, false);
	flush(in);
	reset_cursors(in);
	cache_turn(in->cache);
}

static void take_window(struct ws_ingest *in)
{
	size_t i;

	make_room(in);
	for (i = 0; i < in->npending; i++)
		cache_prefetch_entry(in->cache, in->window[i].hash);
	for (i = 0; i < in->npending; i++)
		take_sample(in, &in->window[i]);
	in->npending = 0;
}

/* --- the store -------------------------------------------------------------------------- */

/* The series has expired: creates it again and applies the update. */
static void renew(struct ws_ingest *in, struct ws_update *u, const struct origin *o)
{
	u->err = intern(in, o->entry, o->action);
	if (u->err != WS_OK)
		return;
	u->ref = o->entry->actions[o->action].ref;
	ws_store_apply(in->store, u, 1, in->now);
	if (u->err != WS_OK)
		reject(in, u->err, 1, cache_entry_sample(o->entry).head);
}

static void flush(struct ws_ingest *in)
{
	size_t bad, i, applied = 0;

	if (in->nupdates == 0)
		return;
	bad = ws_store_apply(in->store, in->updates, in->nupdates, in->now);
	for (i = 0; i < in->nupdates; i++) {
		struct ws_update *u = &in->updates[i];

		if (bad > 0 && u->err == WS_ERR_END)
			renew(in, u, &in->origins[i]);
		else if (bad > 0 && u->err != WS_OK)
			reject(in, u->err, 1, cache_entry_sample(in->origins[i].entry).head);
		applied += u->err == WS_OK && in->origins[i].first;
	}
	in->nupdates = 0;
	WS_SHARD_ADD(in->shard->applied, applied);
}

/* --- batches ---------------------------------------------------------------------------- */

enum ws_err ws_ingest_begin(struct ws_ingest *in, struct ws_mapping *mapping, int64_t now)
{
	in->now = now;
	in->npending = 0;
	in->nupdates = 0;
	in->listed = 0;
	if (mapping != in->rules.mapping) {
		/* Waiting samples belong to the old mapping. */
		duplicates_flush(in->duplicates, true);
		flush(in);
		if (!take_mapping(in, mapping))
			return WS_ERR_NOMEM;
	}
	duplicates_expire(in->duplicates, now);
	resplit_some(in);
	return WS_OK;
}

void ws_ingest_datagram(struct ws_ingest *in, const struct ws_datagram *datagram)
{
	/* 0 means no sender. */
	const uint64_t sender = datagram->sender != 0 ? datagram->sender : 1;
	const struct ws_span address =
		in->rules.uses_sender ? datagram->address : ws_span(NULL, 0);
	struct ws_lines it;
	enum ws_err err;

	ws_lines_init(&it, datagram->bytes, datagram->truncated);
	for (;;) {
		struct pending *p = &in->window[in->npending];

		err = ws_lines_next(&it, &p->sample);
		if (err == WS_ERR_END)
			break;
		if (err != WS_OK) {
			reject(in, err, 1, it.line);
			continue;
		}
		p->line = it.line;
		p->sender = sender;
		p->sample.sender = address;
		p->hash = cache_hash(in->cache, &p->sample);
		cache_prefetch(in->cache, p->hash);
		if (++in->npending == WINDOW)
			take_window(in);
	}
	WS_SHARD_ADD(in->shard->lines, it.count);
	if (datagram->truncated)
		WS_SHARD_ADD(in->shard->truncated, 1);
}

static void show_waiting(struct ws_ingest *in)
{
	atomic_store_explicit(&in->shard->waiting, duplicates_count(in->duplicates),
	                      memory_order_relaxed);
}

void ws_ingest_end(struct ws_ingest *in)
{
	take_window(in);
	flush(in);
	show_waiting(in);
}

int64_t ws_ingest_due(const struct ws_ingest *in)
{
	return duplicates_due(in->duplicates);
}

void ws_ingest_settle(struct ws_ingest *in)
{
	in->nupdates = 0;
	duplicates_flush(in->duplicates, false);
	flush(in);
	show_waiting(in);
}
