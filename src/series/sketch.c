/* SPDX-License-Identifier: Apache-2.0 */
#include "series/sketch.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 1e-9
#define LOG_GAMMA 0.01980262729617973 /* ln 1.02 */
#define SLOTS 3
#define FIRST_ENTRIES 2

/* 24 bytes.  A slot counts while its half window is one of the last three. */
struct entry {
	double last;
	int16_t key;
	float n[SLOTS];
};

struct sketch {
	double sum;
	double count;
	int64_t period; /* half window of the latest observation; its slot is not empty */
	uint16_t used;
	uint16_t capacity;
	struct entry entries[]; /* sorted by key */
};

static size_t size_for(size_t capacity)
{
	return sizeof(struct sketch) + capacity * sizeof(struct entry);
}

struct sketch *sketch_new(void)
{
	struct sketch *s = calloc(1, size_for(FIRST_ENTRIES));

	if (s == NULL)
		return NULL;
	s->capacity = FIRST_ENTRIES;
	return s;
}

void sketch_free(struct sketch *sketch)
{
	free(sketch);
}

/* Values beyond 1e272 share the last bucket, because the key has sixteen bits. */
static int16_t key_of(double value)
{
	double magnitude = fabs(value), k;

	if (magnitude < SMALLEST)
		return 0;
	k = ceil((log(magnitude) - log(SMALLEST)) / LOG_GAMMA);
	k = k < 1 ? 1 : k > INT16_MAX ? INT16_MAX : k;
	return (int16_t)(value < 0 ? -k : k);
}

static int64_t period_of(int64_t now, int64_t window_ns)
{
	return now / (window_ns < 2 ? 1 : window_ns / 2);
}

static size_t slot_of(int64_t period)
{
	return (size_t)((uint64_t)period % SLOTS);
}

static float saturate(double n)
{
	return n < (double)FLT_MAX ? (float)n : FLT_MAX;
}

static double weight_of(const struct entry *e)
{
	return (double)e->n[0] + (double)e->n[1] + (double)e->n[2];
}

static void clear_slot(struct sketch *s, size_t slot)
{
	size_t i;

	for (i = 0; i < s->used; i++)
		s->entries[i].n[slot] = 0;
}

/* Workers read the clock at different times; an observation from an earlier half window
 * counts as one of the latest. */
static void rotate(struct sketch *s, int64_t period)
{
	int64_t from = s->period;

	if (period <= from)
		return;
	if (period - from > SLOTS)
		from = period - SLOTS;
	while (from < period)
		clear_slot(s, slot_of(++from));
	s->period = period;
}

static size_t lower_bound(const struct sketch *s, int16_t key)
{
	size_t low = 0, high = s->used;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->entries[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool grow(struct sketch **sketch)
{
	size_t capacity = 2u * (*sketch)->capacity;
	struct sketch *s;

	if (capacity > SKETCH_ENTRIES)
		capacity = SKETCH_ENTRIES;
	if (capacity == (*sketch)->capacity)
		return false;
	s = realloc(*sketch, size_for(capacity));
	if (s == NULL)
		return false;
	s->capacity = (uint16_t)capacity;
	*sketch = s;
	return true;
}

static void drop_outdated(struct sketch *s)
{
	uint16_t kept = 0;
	size_t i;

	for (i = 0; i < s->used; i++) {
		if (weight_of(&s->entries[i]) > 0)
			s->entries[kept++] = s->entries[i];
	}
	s->used = kept;
}

/* The neighbours with the fewest buckets between them; the lightest pair among equals. */
static size_t closest_pair(const struct sketch *s)
{
	int best_gap = INT_MAX;
	double best_weight = 0;
	size_t i, best = 0;

	for (i = 0; i + 1 < s->used; i++) {
		int gap = s->entries[i + 1].key - s->entries[i].key;
		double weight = weight_of(&s->entries[i]) + weight_of(&s->entries[i + 1]);

		if (gap > best_gap || (gap == best_gap && weight >= best_weight))
			continue;
		best = i;
		best_gap = gap;
		best_weight = weight;
	}
	return best;
}

/*
 * Merges two neighbours into one entry, with the key of the heavier one: always using the
 * upper key would shift weight upwards with every merge.  It does not merge the two lowest
 * entries, as sketches do that care only about the upper tail: forty buckets of 2 % cover
 * little more than a factor of two, and the median must be right for wider spreads.
 */
static void merge_closest(struct sketch *s)
{
	size_t at = closest_pair(s), i;
	struct entry *low = &s->entries[at], *high = low + 1;
	bool keep_low = weight_of(low) > weight_of(high);

	for (i = 0; i < SLOTS; i++)
		low->n[i] = saturate((double)low->n[i] + (double)high->n[i]);
	if (!keep_low) {
		low->key = high->key;
		low->last = high->last;
	}
	memmove(high, high + 1, (s->used - at - 2) * sizeof(*high));
	s->used--;
}

static void make_room(struct sketch **sketch)
{
	if ((*sketch)->used < (*sketch)->capacity)
		return;
	drop_outdated(*sketch);
	if ((*sketch)->used < (*sketch)->capacity || grow(sketch))
		return;
	merge_closest(*sketch);
}

static struct entry *find_or_insert(struct sketch **sketch, int16_t key)
{
	struct sketch *s = *sketch;
	size_t at = lower_bound(s, key);

	if (at < s->used && s->entries[at].key == key)
		return &s->entries[at];
	make_room(sketch);
	s = *sketch;
	at = lower_bound(s, key);
	memmove(&s->entries[at + 1], &s->entries[at], (s->used - at) * sizeof(*s->entries));
	s->entries[at] = (struct entry){ .key = key };
	s->used++;
	return &s->entries[at];
}

bool sketch_observe(struct sketch **sketch, double value, double weight, int64_t now,
                    int64_t window_ns)
{
	double sum = (*sketch)->sum + value * weight;
	double count = (*sketch)->count + weight;
	struct entry *e;
	size_t slot;

	if (!isfinite(sum) || !isfinite(count))
		return false;
	rotate(*sketch, period_of(now, window_ns));
	slot = slot_of((*sketch)->period);
	e = find_or_insert(sketch, key_of(value));
	e->n[slot] = saturate((double)e->n[slot] + weight);
	e->last = value;
	(*sketch)->sum = sum;
	(*sketch)->count = count;
	return true;
}

double sketch_sum(const struct sketch *sketch)
{
	return sketch->sum;
}

double sketch_count(const struct sketch *sketch)
{
	return sketch->count;
}

/* The slots that count at `period`: the latest observation's, and those before it within the
 * last three half windows. */
static void choose_slots(const struct sketch *s, int64_t period, bool counts[SLOTS])
{
	int64_t at;

	memset(counts, 0, SLOTS * sizeof(*counts));
	counts[slot_of(s->period)] = true;
	for (at = s->period - 1; at > s->period - SLOTS && at > period - SLOTS; at--)
		counts[slot_of(at)] = true;
}

static double weight_in(const struct entry *e, const bool counts[SLOTS])
{
	double weight = 0;
	size_t i;

	for (i = 0; i < SLOTS; i++)
		weight += counts[i] ? (double)e->n[i] : 0;
	return weight;
}

static double total_in(const struct sketch *s, const bool counts[SLOTS])
{
	double total = 0;
	size_t i;

	for (i = 0; i < s->used; i++)
		total += weight_in(&s->entries[i], counts);
	return total;
}

void sketch_quantiles(const struct sketch *sketch, const double *q, size_t n, int64_t now,
                      int64_t window_ns, double *out)
{
	double total, below = 0, answer = (double)NAN;
	bool counts[SLOTS];
	size_t i, done = 0;

	choose_slots(sketch, period_of(now, window_ns), counts);
	total = total_in(sketch, counts);
	for (i = 0; i < sketch->used; i++) {
		double weight = weight_in(&sketch->entries[i], counts);

		if (weight <= 0)
			continue;
		answer = sketch->entries[i].last;
		below += weight;
		/* The tolerance is for rounding: 0.9 * 10 is not exactly 9. */
		while (done < n && q[done] * total <= below * (1 + 1e-9))
			out[done++] = answer;
	}
	while (done < n)
		out[done++] = answer;
}

size_t sketch_bytes(const struct sketch *sketch)
{
	return size_for(sketch->capacity);
}
