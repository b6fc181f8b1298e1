/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/duplicates.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

struct sender {
	uint64_t id;     /* 0: free */
	uint64_t decided; /* bits: rules for which it is known what the sender sends */
	uint64_t takes;   /* of these: rules that take samples of the sender */
	int64_t seen;
	uint32_t waiting;
};

struct duplicates {
	struct duplicates_receiver receiver;
	struct sender *senders; /* sets of WAYS */
	struct waiting *ring;   /* duplicate_of 0: already released */
	size_t first, n;
};

struct duplicates *duplicates_new(struct duplicates_receiver receiver)
{
	struct duplicates *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->receiver = receiver;
	d->senders = calloc(DUPLICATES_SENDERS, sizeof(*d->senders));
	d->ring = calloc(DUPLICATES_WAITING, sizeof(*d->ring));
	if (d->senders == NULL || d->ring == NULL) {
		duplicates_free(d);
		return NULL;
	}
	return d;
}

void duplicates_free(struct duplicates *d)
{
	if (d == NULL)
		return;
	free(d->senders);
	free(d->ring);
	free(d);
}

/* Finds the sender, or replaces the least recently seen one of its set. */
static struct sender *find(struct duplicates *d, uint64_t id, int64_t now)
{
	struct sender *set = &d->senders[id % (DUPLICATES_SENDERS / WAYS) * WAYS], *oldest = set;
	size_t i;

	for (i = 0; i < WAYS; i++) {
		if (set[i].id == id) {
			set[i].seen = now;
			return &set[i];
		}
		if (set[i].id == 0 || (oldest->id != 0 && set[i].seen < oldest->seen))
			oldest = &set[i];
	}
	*oldest = (struct sender){ .id = id, .seen = now };
	return oldest;
}

static void release(struct duplicates *d, struct waiting *w, bool is_duplicate)
{
	const struct waiting sample = *w;

	w->duplicate_of = 0;
	d->receiver.release(d->receiver.user, &sample, is_duplicate);
}

/* Releases the sender's samples that are now decided, in order: values must not overtake. */
static void release_decided(struct duplicates *d, struct sender *sender)
{
	size_t i;

	for (i = 0; i < d->n && sender->waiting > 0; i++) {
		struct waiting *w = &d->ring[(d->first + i) % DUPLICATES_WAITING];

		if (w->sender != sender->id || w->duplicate_of == 0 ||
		    (w->duplicate_of & ~sender->decided) != 0)
			continue;
		sender->waiting--;
		release(d, w, (sender->takes & w->duplicate_of) != 0);
	}
}

static void drop_released(struct duplicates *d)
{
	for (; d->n > 0 && d->ring[d->first].duplicate_of == 0; d->n--)
		d->first = (d->first + 1) % DUPLICATES_WAITING;
}

/* Decides the oldest sample: the sender has not sent the other name so far. */
static void decide_first(struct duplicates *d)
{
	struct waiting *w = &d->ring[d->first];
	struct sender *sender = find(d, w->sender, w->since);

	sender->decided |= w->duplicate_of;
	sender->waiting -= sender->waiting > 0;
	release(d, w, (sender->takes & w->duplicate_of) != 0);
	release_decided(d, sender);
	drop_released(d);
}

void duplicates_saw(struct duplicates *d, uint64_t id, uint64_t fits, uint64_t takes, int64_t now)
{
	struct sender *sender = find(d, id, now);

	if (((fits | takes) & ~sender->decided) == 0 && (takes & ~sender->takes) == 0)
		return;
	sender->decided |= fits | takes;
	sender->takes |= takes;
	release_decided(d, sender);
	drop_released(d);
}

enum duplicates_verdict duplicates_judge(struct duplicates *d, uint64_t id,
                                         uint64_t duplicate_of, int64_t now)
{
	const struct sender *sender = find(d, id, now);

	if (sender->takes & duplicate_of)
		return DUPLICATES_DROP;
	return (duplicate_of & ~sender->decided) == 0 ? DUPLICATES_COUNT : DUPLICATES_WAIT;
}

void duplicates_wait(struct duplicates *d, const struct waiting *sample)
{
	if (d->n == DUPLICATES_WAITING)
		decide_first(d);
	d->ring[(d->first + d->n++) % DUPLICATES_WAITING] = *sample;
	find(d, sample->sender, sample->since)->waiting++;
}

void duplicates_expire(struct duplicates *d, int64_t now)
{
	while (d->n > 0 && now - d->ring[d->first].since >= DUPLICATES_WAIT_NS)
		decide_first(d);
}

void duplicates_flush(struct duplicates *d, bool forget)
{
	while (d->n > 0)
		decide_first(d);
	if (forget)
		memset(d->senders, 0, DUPLICATES_SENDERS * sizeof(*d->senders));
}

size_t duplicates_count(const struct duplicates *d)
{
	return d->n;
}

int64_t duplicates_due(const struct duplicates *d)
{
	return d->n == 0 ? INT64_MAX : d->ring[d->first].since + DUPLICATES_WAIT_NS;
}
