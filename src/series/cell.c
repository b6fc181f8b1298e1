/* SPDX-License-Identifier: Apache-2.0 */
#include "series/cell.h"

#include <math.h>
#include <stdlib.h>

#include "series/sketch.h"

#define SET_FIRST 8

struct cell_histogram {
	double sum;
	size_t n;        /* buckets, including +Inf */
	double counts[]; /* weight in each bucket, not cumulative */
};

struct member {
	uint64_t hash; /* 0: empty */
	int64_t seen;
};

/* Open addressing with linear probing; the capacity is a power of two, and at most three
 * quarters are used.  Members are removed only by rebuilding. */
struct cell_set {
	size_t used;
	size_t capacity;
	int64_t full_until; /* do not rebuild to purge members before that time */
	struct member members[];
};

struct change {
	enum ws_op op;
	double value;
	double weight;
	uint64_t member;
	int64_t now;
};

static enum ws_err add(double *number, double by)
{
	double sum = *number + by;

	if (!isfinite(sum))
		return WS_ERR_OVERFLOW;
	*number = sum;
	return WS_OK;
}

/* A weight rounded down, limited to the range of the integer. */
static uint64_t whole(double weight)
{
	return weight < 18446744073709551615.0 ? (uint64_t)weight : UINT64_MAX;
}

/* --- counter ---------------------------------------------------------------------------- */

static bool number_init(struct ws_cell *cell, const struct ws_kind_options *options)
{
	(void)options;
	cell->number = 0;
	return true;
}

static void number_fini(struct ws_cell *cell)
{
	(void)cell;
}

static size_t number_bytes(const struct ws_cell *cell, const struct ws_kind_options *options)
{
	(void)cell;
	(void)options;
	return 0;
}

static enum ws_err counter_update(struct ws_cell *cell, const struct ws_kind_options *options,
                                  const struct change *c)
{
	(void)options;
	if (c->op == WS_OP_COUNT)
		return add(&cell->number, c->weight);
	if (c->op != WS_OP_ADD)
		return WS_ERR_TYPE_MISMATCH;
	if (c->value < 0)
		return WS_ERR_NEGATIVE_COUNTER;
	return add(&cell->number, c->value * c->weight);
}

/* --- set -------------------------------------------------------------------------------- */

static bool is_live(const struct member *m, const struct ws_kind_options *options, int64_t now)
{
	return m->hash != 0 && now - m->seen < options->window_ns;
}

static size_t count_live(const struct cell_set *set, const struct ws_kind_options *options, int64_t now)
{
	size_t i, live = 0;

	for (i = 0; i < set->capacity; i++)
		live += is_live(&set->members[i], options, now);
	return live;
}

static size_t set_size(size_t capacity)
{
	return sizeof(struct cell_set) + capacity * sizeof(struct member);
}

static struct cell_set *set_new(size_t capacity)
{
	struct cell_set *set = calloc(1, set_size(capacity));

	if (set == NULL)
		return NULL;
	set->capacity = capacity;
	set->full_until = INT64_MIN;
	return set;
}

/* The slot with the hash, or the empty slot where it belongs. */
static struct member *set_find(struct cell_set *set, uint64_t hash)
{
	size_t mask = set->capacity - 1, i = (size_t)hash & mask;

	while (set->members[i].hash != 0 && set->members[i].hash != hash)
		i = (i + 1) & mask;
	return &set->members[i];
}

/* Replaces the set by one with its live members and room for as many again. */
static enum ws_err set_rebuild(struct cell_set **set, const struct ws_kind_options *options, int64_t now)
{
	size_t live = count_live(*set, options, now), capacity = SET_FIRST, i;
	struct cell_set *fresh;

	if (live >= CELL_SET_MAX) {
		(*set)->full_until = now + options->window_ns / 64;
		return WS_ERR_SET_FULL;
	}
	while (live + 1 > capacity / 8 * 3)
		capacity *= 2;
	fresh = set_new(capacity);
	if (fresh == NULL)
		return WS_ERR_NOMEM;
	for (i = 0; i < (*set)->capacity; i++) {
		const struct member *m = &(*set)->members[i];

		if (is_live(m, options, now))
			*set_find(fresh, m->hash) = *m;
	}
	fresh->used = live;
	/* Near the limit, every new member would cause a rebuild that purges only one. */
	fresh->full_until = live > CELL_SET_MAX / 2 ? now + options->window_ns / 64 : INT64_MIN;
	free(*set);
	*set = fresh;
	return WS_OK;
}

static enum ws_err set_make_room(struct cell_set **set, const struct ws_kind_options *options,
                                 int64_t now)
{
	if ((*set)->used >= CELL_SET_MAX)
		return now < (*set)->full_until ? WS_ERR_SET_FULL :
						  set_rebuild(set, options, now);
	if ((*set)->used + 1 > (*set)->capacity / 4 * 3)
		return set_rebuild(set, options, now);
	return WS_OK;
}

static enum ws_err set_add(struct cell_set **set, const struct ws_kind_options *options,
                           const struct change *c)
{
	uint64_t hash = c->member == 0 ? 1 : c->member;
	struct member *m = set_find(*set, hash);
	enum ws_err err;

	if (m->hash == 0) {
		err = set_make_room(set, options, c->now);
		if (err != WS_OK)
			return err;
		m = set_find(*set, hash);
		*m = (struct member){ .hash = hash, .seen = c->now };
		(*set)->used++;
	} else if (m->seen < c->now) {
		m->seen = c->now;
	}
	return WS_OK;
}

/* --- gauge ------------------------------------------------------------------------------ */

static enum ws_err become_set(struct ws_cell *cell)
{
	struct cell_set *set = set_new(SET_FIRST);

	if (set == NULL)
		return WS_ERR_NOMEM;
	cell->set = set;
	cell->is_set = true;
	return WS_OK;
}

static enum ws_err gauge_member(struct ws_cell *cell, const struct ws_kind_options *options,
                                const struct change *c)
{
	enum ws_err err = cell->is_set ? WS_OK : become_set(cell);

	return err != WS_OK ? err : set_add(&cell->set, options, c);
}

static enum ws_err gauge_update(struct ws_cell *cell, const struct ws_kind_options *options,
                                const struct change *c)
{
	if (c->op == WS_OP_MEMBER)
		return gauge_member(cell, options, c);
	if (cell->is_set)
		return WS_ERR_TYPE_MISMATCH;
	if (c->op == WS_OP_SET) {
		cell->number = c->value;
		return WS_OK;
	}
	if (c->op == WS_OP_RELATIVE)
		return add(&cell->number, c->value);
	if (c->op == WS_OP_UP_DOWN)
		return add(&cell->number, c->value * c->weight);
	return WS_ERR_TYPE_MISMATCH;
}

static void gauge_fini(struct ws_cell *cell)
{
	if (cell->is_set)
		free(cell->set);
}

static size_t gauge_bytes(const struct ws_cell *cell, const struct ws_kind_options *options)
{
	(void)options;
	return cell->is_set ? set_size(cell->set->capacity) : 0;
}

/* --- summary ---------------------------------------------------------------------------- */

static bool summary_init(struct ws_cell *cell, const struct ws_kind_options *options)
{
	(void)options;
	cell->sketch = sketch_new();
	return cell->sketch != NULL;
}

static void summary_fini(struct ws_cell *cell)
{
	sketch_free(cell->sketch);
}

static size_t summary_bytes(const struct ws_cell *cell, const struct ws_kind_options *options)
{
	(void)options;
	return sketch_bytes(cell->sketch);
}

static enum ws_err summary_update(struct ws_cell *cell, const struct ws_kind_options *options,
                                  const struct change *c)
{
	if (c->op != WS_OP_OBSERVE)
		return WS_ERR_TYPE_MISMATCH;
	/* Initialized: the series exists without an observation. */
	if (c->weight == 0)
		return WS_OK;
	if (!sketch_observe(&cell->sketch, c->value, c->weight, c->now, options->window_ns))
		return WS_ERR_OVERFLOW;
	return WS_OK;
}

/* --- histogram -------------------------------------------------------------------------- */

static size_t histogram_size(const struct ws_kind_options *options)
{
	return sizeof(struct cell_histogram) + (options->nbuckets + 1) * sizeof(double);
}

static bool histogram_init(struct ws_cell *cell, const struct ws_kind_options *options)
{
	cell->histogram = calloc(1, histogram_size(options));
	if (cell->histogram == NULL)
		return false;
	cell->histogram->n = options->nbuckets + 1;
	return true;
}

static void histogram_fini(struct ws_cell *cell)
{
	free(cell->histogram);
}

static size_t histogram_bytes(const struct ws_cell *cell, const struct ws_kind_options *options)
{
	(void)cell;
	return histogram_size(options);
}

static size_t bucket_of(const struct ws_kind_options *options, double value)
{
	size_t i = 0;

	while (i < options->nbuckets && value > options->buckets[i])
		i++;
	return i;
}

static enum ws_err histogram_update(struct ws_cell *cell, const struct ws_kind_options *options,
                                    const struct change *c)
{
	struct cell_histogram *h = cell->histogram;
	double sum = h->sum + c->value * c->weight;
	enum ws_err err;

	if (c->op != WS_OP_OBSERVE)
		return WS_ERR_TYPE_MISMATCH;
	if (!isfinite(sum))
		return WS_ERR_OVERFLOW;
	err = add(&h->counts[bucket_of(options, c->value)], c->weight);
	if (err == WS_OK)
		h->sum = sum;
	return err;
}

/* Always adds up from the first bucket, so that rounding cannot make a bucket exceed the
 * next, or the last one differ from the count. */
static uint64_t histogram_upto(const struct cell_histogram *h, size_t last)
{
	double total = 0;
	size_t i;

	for (i = 0; i <= last; i++)
		total += h->counts[i];
	return whole(total);
}

static const struct {
	bool (*init)(struct ws_cell *cell, const struct ws_kind_options *options);
	void (*fini)(struct ws_cell *cell);
	size_t (*bytes)(const struct ws_cell *cell, const struct ws_kind_options *options);
	enum ws_err (*update)(struct ws_cell *cell, const struct ws_kind_options *options,
	                      const struct change *c);
} kinds[WS_NKINDS] = {
	[WS_KIND_COUNTER] = { number_init, number_fini, number_bytes, counter_update },
	[WS_KIND_GAUGE] = { number_init, gauge_fini, gauge_bytes, gauge_update },
	[WS_KIND_SUMMARY] = { summary_init, summary_fini, summary_bytes, summary_update },
	[WS_KIND_HISTOGRAM] = { histogram_init, histogram_fini, histogram_bytes,
	                        histogram_update },
};

bool cell_init(struct ws_cell *cell, enum ws_kind kind, const struct ws_kind_options *options)
{
	cell->is_set = false;
	return kinds[kind].init(cell, options);
}

void cell_fini(struct ws_cell *cell, enum ws_kind kind)
{
	kinds[kind].fini(cell);
}

size_t cell_bytes(const struct ws_cell *cell, enum ws_kind kind, const struct ws_kind_options *options)
{
	return kinds[kind].bytes(cell, options);
}

enum ws_err cell_update(struct ws_cell *cell, enum ws_kind kind, const struct ws_kind_options *options,
                        enum ws_op op, double value, double weight, uint64_t member,
                        int64_t now)
{
	const struct change change = {
		.op = op,
		.value = value,
		.weight = weight,
		.member = member,
		.now = now,
	};

	return kinds[kind].update(cell, options, &change);
}

double cell_number(const struct ws_cell *cell, const struct ws_kind_options *options, int64_t now)
{
	return cell->is_set ? (double)count_live(cell->set, options, now) : cell->number;
}

double cell_sum(const struct ws_cell *cell, enum ws_kind kind)
{
	return kind == WS_KIND_SUMMARY ? sketch_sum(cell->sketch) : cell->histogram->sum;
}

uint64_t cell_count(const struct ws_cell *cell, enum ws_kind kind)
{
	if (kind == WS_KIND_SUMMARY)
		return whole(sketch_count(cell->sketch));
	return histogram_upto(cell->histogram, cell->histogram->n - 1);
}

uint64_t cell_bucket(const struct ws_cell *cell, const struct ws_kind_options *options, size_t i)
{
	(void)options;
	return histogram_upto(cell->histogram, i);
}

void cell_quantiles(const struct ws_cell *cell, const struct ws_kind_options *options, int64_t now,
                    double *out)
{
	sketch_quantiles(cell->sketch, options->quantiles, options->nquantiles, now,
	                 options->window_ns, out);
}
