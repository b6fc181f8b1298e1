/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule does with a sample, in this one place: bounds, the end of its file's rules, drops,
 * series that two rules feed, and the update in the end.  The daemon acts on it, `windsock
 * explain` prints it.
 *
 * The actions of a name stand in order, one for each rule that takes the name and one for each
 * series that such a rule initializes.  They are the same for all samples of the name; a walk
 * takes one sample through them.
 */
#ifndef WINDSOCK_ACTION_H
#define WINDSOCK_ACTION_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/line.h>
#include <windsock/update.h>

#define WS_NO_RULE UINT32_MAX

/* Values of a sample as sent, a timer's in seconds; infinite: no bound. */
struct ws_bounds {
	double least, most;
};

struct ws_action {
	const struct ws_bounds *bounds; /* NULL: none; lives as long as the mapping */
	double scale;
	uint32_t rule;  /* its number in the mapping; WS_NO_RULE: unmatched = keep */
	uint16_t file;  /* index of the mapping file */
	uint16_t first; /* the first action with the same series; often this one */
	uint8_t op;     /* enum ws_op */
	bool drop;
	bool stop;       /* later actions of this file are not for the sample */
	bool absolute;   /* signed gauge values are not relative */
	bool initialize; /* the series only: it is to exist, at zero */
	bool may_be_duplicate; /* see ws_mapping_duplicate_of */
};

/* A sample on its way through the actions of its name, in order. */
struct ws_walk {
	const struct ws_sample *sample;
	uint32_t done; /* the file that is through with it */
};

static inline struct ws_walk ws_walk(const struct ws_sample *sample)
{
	return (struct ws_walk){ sample, UINT32_MAX };
}

enum ws_verdict {
	WS_VERDICT_DONE,    /* its file is through with the sample */
	WS_VERDICT_OUTSIDE, /* the value is outside the bounds */
	WS_VERDICT_DROP,
	WS_VERDICT_INITIALIZE, /* ws_action_update, and no more: the series is to exist */
	WS_VERDICT_FED,        /* an earlier action has updated the series with this sample */
	WS_VERDICT_FEED,       /* then ws_action_update */
};

/* NaN is within where there are no bounds; a set's value counts as 0. */
static inline bool ws_action_is_within(const struct ws_action *action,
                                       const struct ws_sample *s)
{
	double v = s->type == WS_TYPE_SET ? 0 : s->value;

	return action->bounds == NULL || (v >= action->bounds->least && v <= action->bounds->most);
}

/* `fed`: an update of the series of actions[action->first] came from this sample already. */
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

/* What reaches the series, ref and member aside.  WS_OK, or TYPE_MISMATCH, NOT_FINITE,
 * NEGATIVE_COUNTER. */
enum ws_err ws_action_update(const struct ws_action *action, const struct ws_sample *s,
                             struct ws_update *update);

#endif
