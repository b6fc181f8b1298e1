/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/duplicates.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

struct sender {
	uint64_t id;     /* 0: free */
	uint64_t decided; /* rules about which it has shown something */
	uint64_t takes;   /* of these: rules that take what it sends */
	int64_t seen;
	uint32_t waiting;
};

struct duplicates {
	struct duplicates_receiver receiver;
	struct sender *senders; /* sets of WAYS */
	struct waiting *ring;   /* duplicate_of 0: released already */
	size_t first, n;
};

struct duplicates *duplicates_new(struct duplicates_receiver receiver)
{
	struct duplicates *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->receiver = receiver;
	t->senders = calloc(DUPLICATES_SENDERS, sizeof(*t->senders));
	t->ring = calloc(DUPLICATES_WAITING, sizeof(*t->ring));
	if (t->senders == NULL || t->ring == NULL) {
		duplicates_free(t);
		return NULL;
	}
	return t;
}

void duplicates_free(struct duplicates *t)
{
	if (t == NULL)
		return;
	free(t->senders);
	free(t->ring);
	free(t);
}

/* The sender's place, taken over from the one that was not heard of for the longest time. */
static struct sender *find(struct duplicates *t, uint64_t id, int64_t now)
{
	struct sender *set = &t->senders[id % (DUPLICATES_SENDERS / WAYS) * WAYS], *oldest = set;
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

static void release(struct duplicates *t, struct waiting *w, bool is_duplicate)
{
	const struct waiting sample = *w;

	w->duplicate_of = 0;
	t->receiver.release(t->receiver.user, &sample, is_duplicate);
}

/* What waited for what the sender has shown by now, in order: values must not overtake. */
static void release_decided(struct duplicates *t, struct sender *sender)
{
	size_t i;

	for (i = 0; i < t->n && sender->waiting > 0; i++) {
		struct waiting *w = &t->ring[(t->first + i) % DUPLICATES_WAITING];

		if (w->sender != sender->id || w->duplicate_of == 0 ||
		    (w->duplicate_of & ~sender->decided) != 0)
			continue;
		sender->waiting--;
		release(t, w, (sender->takes & w->duplicate_of) != 0);
	}
}

static void drop_released(struct duplicates *t)
{
	for (; t->n > 0 && t->ring[t->first].duplicate_of == 0; t->n--)
		t->first = (t->first + 1) % DUPLICATES_WAITING;
}

/* Silence is an answer too. */
static void decide_first(struct duplicates *t)
{
	struct waiting *w = &t->ring[t->first];
	struct sender *sender = find(t, w->sender, w->since);

	sender->decided |= w->duplicate_of;
	sender->waiting -= sender->waiting > 0;
	release(t, w, (sender->takes & w->duplicate_of) != 0);
	release_decided(t, sender);
	drop_released(t);
}

void duplicates_saw(struct duplicates *t, uint64_t id, uint64_t fits, uint64_t takes, int64_t now)
{
	struct sender *sender = find(t, id, now);

	if (((fits | takes) & ~sender->decided) == 0 && (takes & ~sender->takes) == 0)
		return;
	sender->decided |= fits | takes;
	sender->takes |= takes;
	release_decided(t, sender);
	drop_released(t);
}

enum duplicates_verdict duplicates_judge(struct duplicates *t, uint64_t id,
                                         uint64_t duplicate_of, int64_t now)
{
	const struct sender *sender = find(t, id, now);

	if (sender->takes & duplicate_of)
		return DUPLICATES_DROP;
	return (duplicate_of & ~sender->decided) == 0 ? DUPLICATES_COUNT : DUPLICATES_WAIT;
}

void duplicates_wait(struct duplicates *t, const struct waiting *sample)
{
	if (t->n == DUPLICATES_WAITING)
		decide_first(t);
	t->ring[(t->first + t->n++) % DUPLICATES_WAITING] = *sample;
	find(t, sample->sender, sample->since)->waiting++;
}

void duplicates_expire(struct duplicates *t, int64_t now)
{
	while (t->n > 0 && now - t->ring[t->first].since >= DUPLICATES_WAIT_NS)
		decide_first(t);
}

void duplicates_flush(struct duplicates *t, bool forget)
{
	while (t->n > 0)
		decide_first(t);
	if (forget)
		memset(t->senders, 0, DUPLICATES_SENDERS * sizeof(*t->senders));
}

size_t duplicates_count(const struct duplicates *t)
{
	return t->n;
}

int64_t duplicates_due(const struct duplicates *t)
{
	return t->n == 0 ? INT64_MAX : t->ring[t->first].since + DUPLICATES_WAIT_NS;
}
