/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of a resolution do with a sample: bounds, the end of a file's rules, drops, series
 * that two steps feed, and the update in the end.  Ingest acts on it, explain tells it.
 */
#ifndef STEP_H
#define STEP_H

#include <math.h>
#include <windsock/mapping.h>
#include <windsock/stats.h>

/* One step, for all samples of its name.  `ref` and `rule` are the user's. */
struct step {
	struct ws_ref ref;         /* generation 0: no series yet */
	struct ws_rule_shard *rule; /* NULL: unmatched */
	uint64_t fed; /* of the first step of the series: serial of the latest sample that fed it */
	double scale;
	const struct ws_bounds *bounds; /* NULL: none */
	uint16_t first; /* the first step that feeds the same series; often this one */
	uint16_t file;
	uint16_t duplicate; /* the rule and one, when it has duplicates; 0: none */
	uint8_t op;    /* enum ws_op */
	bool drop, stop, absolute, initialize;
};

struct step step_of(const struct ws_resolution *r, uint32_t i);

/* A sample on its way through the steps of its name, in order. */
struct step_walk {
	const struct ws_sample *sample;
	uint64_t serial; /* another one for each sample, not 0 */
	uint32_t done;   /* the file that is through with it */
};

static inline struct step_walk step_walk(const struct ws_sample *sample, uint64_t serial)
{
	return (struct step_walk){ sample, serial, UINT32_MAX };
}

enum step_verdict {
	STEP_DONE,    /* its file is through with the sample */
	STEP_OUTSIDE, /* the value is out of bounds */
	STEP_DROP,
	STEP_INITIALIZE, /* step_update, and no more: the series is to exist */
	STEP_AGAIN,   /* an earlier step has fed the series with this sample */
	STEP_FEED,    /* then step_update, and step_feed unless it is refused */
};

/* NaN fits where no bounds are; a set's value counts as 0. */
static inline bool step_is_within(const struct step *step, const struct ws_sample *s)
{
	double v = s->type == WS_TYPE_SET ? 0 : s->value;

	return step->bounds == NULL || (v >= step->bounds->least && v <= step->bounds->most);
}

static inline enum step_verdict step_next(struct step_walk *walk, const struct step *steps,
					  uint32_t i)
{
	const struct step *step = &steps[i];

	if (step->file == walk->done)
		return STEP_DONE;
	if (!step_is_within(step, walk->sample))
		return STEP_OUTSIDE;
	if (step->stop)
		walk->done = step->file;
	if (step->drop)
		return STEP_DROP;
	if (step->initialize)
		return STEP_INITIALIZE;
	return steps[step->first].fed == walk->serial ? STEP_AGAIN : STEP_FEED;
}

static inline void step_feed(const struct step_walk *walk, struct step *steps, uint32_t i)
{
	steps[steps[i].first].fed = walk->serial;
}

/* What reaches the series, ref and member aside; or TYPE_MISMATCH, NOT_FINITE,
 * NEGATIVE_COUNTER. */
enum ws_err step_update(const struct step *step, const struct ws_sample *s,
			struct ws_update *update);

#endif
