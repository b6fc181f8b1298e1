/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule does with a sample, all in one place: bounds, the end of its file's rules,
 * drops, series that two rules feed, and finally the update.  The daemon acts on it,
 * `windsock explain` prints it.
 *
 * A name has an ordered list of actions: one for each rule that matches the name and one for
 * each series that such a rule initializes.  The list is the same for all samples of the
 * name; a walk takes one sample through it.
 */
#ifndef WINDSOCK_ACTION_H
#define WINDSOCK_ACTION_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/line.h>
#include <windsock/update.h>

#define WS_NO_RULE UINT32_MAX

/* Inclusive, on the value as sent (a timer's in seconds); infinite: no bound. */
struct ws_bounds {
	double least, most;
};

struct ws_action {
	const struct ws_bounds *bounds; /* NULL: none; lives as long as the mapping */
	double scale;
	uint32_t rule;  /* index in the mapping; WS_NO_RULE: unmatched = keep */
	uint16_t file;  /* index of the mapping file */
	uint16_t first; /* index of the first action with the same series, often this one */
	uint8_t op;     /* enum ws_op */
	bool drop;
	bool stop;       /* a sample that gets here skips the later actions of this file */
	bool absolute;   /* signed gauge values are not relative */
	bool initialize; /* only create the series, at zero */
	bool may_be_duplicate; /* see ws_mapping_duplicate_of */
};

/* A sample on its way through the actions of its name, in order. */
struct ws_walk {
	const struct ws_sample *sample;
	uint32_t done; /* file whose remaining actions are skipped; UINT32_MAX: none */
};

static inline struct ws_walk ws_walk(const struct ws_sample *sample)
{
	return (struct ws_walk){ sample, UINT32_MAX };
}

enum ws_verdict {
	WS_VERDICT_DONE,    /* an earlier action of this file stopped the sample */
	WS_VERDICT_OUTSIDE, /* the value is outside the bounds */
	WS_VERDICT_DROP,
	WS_VERDICT_INITIALIZE, /* ws_action_update; only creates the series */
	WS_VERDICT_FED,        /* an earlier action already fed the sample to the series */
	WS_VERDICT_FEED,       /* ws_action_update */
};

/* NaN is within bounds only if there are none; a set's value counts as 0. */
static inline bool ws_action_is_within(const struct ws_action *action,
                                       const struct ws_sample *s)
{
	double v = s->type == WS_TYPE_SET ? 0 : s->value;

	return action->bounds == NULL || (v >= action->bounds->least && v <= action->bounds->most);
}

/* `fed`: this sample has already updated the series of actions[action->first]. */
static inline enum ws_verdict ws_action_judge(struct ws_walk *walk,
                                              const struct ws_action *action, bool fed)
{
	if (action->file == walk->done)
		return WS_VERDICT_DONE;
	if (!ws_action_is_within(action, walk->sample))
		return WS_VERDICT_OUTSIDE;
	if (action->stop)
		walk->done = action->file;
	if (action->drop)
		return WS_VERDICT_DROP;
	if (action->initialize)
		return WS_VERDICT_INITIALIZE;
	return fed ? WS_VERDICT_FED : WS_VERDICT_FEED;
}

/* Fills in the update, except for ref and member.  WS_OK, TYPE_MISMATCH, NOT_FINITE or
 * NEGATIVE_COUNTER. */
enum ws_err ws_action_update(const struct ws_action *action, const struct ws_sample *s,
                             struct ws_update *update);

#endif
