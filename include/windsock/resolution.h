/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result of matching a name against a mapping: the series that its samples go to.
 *
 *     airflow.ti.finish.d.t.success  c      ->  actions[0], targets[0]   airflow_task_…{…}
 *     head, tags, type, sender                  actions[1], targets[1]   …
 *
 * A resolution holds working memory and the result of the last ws_resolve; one thread at a
 * time.
 */
#ifndef WINDSOCK_RESOLUTION_H
#define WINDSOCK_RESOLUTION_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/action.h>
#include <windsock/err.h>
#include <windsock/learned_ids.h>
#include <windsock/line.h>
#include <windsock/span.h>
#include <windsock/target.h>

struct ws_mapping;

struct ws_capture {
	struct ws_span name, value;
};

#define WS_LEARNS_MAX 4

struct ws_resolution {
	struct ws_action *actions;
	struct ws_target *targets; /* of each action, unless it drops; spans into the resolution */
	size_t nactions;
	bool keep;          /* unmatched = keep: there is one action, with WS_NO_RULE */
	bool unmatched;     /* no rule matched, whatever the value */
	enum ws_err err;    /* the head is rejected: see ws_head_parse; no actions */
	struct ws_head head;
	/* Bits of the rules that have duplicates: those whose pattern matches the name, and
	 * those that take the sample (type and tags match too).  A sender with only the first
	 * sends no duplicates. */
	uint64_t fits, takes;
	bool divisible;     /* an id learned later may change how the name splits */
	bool ambiguous;     /* divisible, and no known id decided the split */
	struct ws_capture learns[WS_LEARNS_MAX]; /* the ids that the name teaches */
	size_t nlearns;
	unsigned reserved_tags; /* number of tags ignored because of their name */
	unsigned regex_gave_up;
	struct ws_scratch *scratch; /* private */
};

/* For one mapping.  The mapping and `learned` (may be NULL) must outlive the resolution.
 * NULL: out of memory. */
struct ws_resolution *ws_resolution_new(const struct ws_mapping *mapping,
                                        struct ws_learned_ids *learned);
void ws_resolution_free(struct ws_resolution *resolution);

/*
 * Matches head, tags, type and sender of the sample against the rules.  Spans in the result
 * are valid until the next call.  Time and memory are bounded by the length of the head.
 * WS_OK or WS_ERR_NOMEM.  (For a rejected head, WS_OK with resolution->err set.)
 */
enum ws_err ws_resolve(const struct ws_mapping *mapping, const struct ws_sample *sample,
                       struct ws_resolution *resolution);

/* The captures with which a rule matched the sample of the last ws_resolve, for `windsock
 * explain`.  Fills at most `most`; returns the number. */
size_t ws_resolution_captures(const struct ws_mapping *mapping,
                              struct ws_resolution *resolution, uint32_t rule,
                              struct ws_capture *out, size_t most);

#endif
