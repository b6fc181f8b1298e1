/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name taken through the rules of a mapping: which series its samples go to.
 *
 *     airflow.ti.finish.d.t.success  c      ->  actions[0], targets[0]   airflow_task_…{…}
 *     head, tags, type, sender                  actions[1], targets[1]   …
 *
 * A resolution is working memory and the result of the last resolve; one thread at a time.
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
	bool unmatched;     /* no rule took it whatever its value */
	enum ws_err err;    /* the head is rejected: see ws_head_parse; no actions */
	struct ws_head head;
	/* Rules that have duplicates: which of them the name fits, which of them take the sample.
	 * A sender of the first kind alone sends no duplicates. */
	uint64_t fits, takes;
	bool divisible;     /* an id learned later may split the name in another way */
	bool ambiguous;     /* and none that is known splits it now */
	struct ws_capture learns[WS_LEARNS_MAX]; /* the ids that the name teaches */
	size_t nlearns;
	unsigned reserved_tags; /* ignored for their name */
	unsigned regex_gave_up;
	struct ws_scratch *scratch; /* private */
};

/* Serves one mapping, which outlives it; `learned` may be NULL and outlives it too.  NULL: out
 * of memory. */
struct ws_resolution *ws_resolution_new(const struct ws_mapping *mapping,
                                        struct ws_learned_ids *learned);
void ws_resolution_free(struct ws_resolution *resolution);

/*
 * Takes head, tags, type and sender of the sample through the rules.  Spans of the result live
 * until the next call.  Time and memory are bounded by the length of the head.
 * WS_OK, or WS_ERR_NOMEM.  (A rejected head is WS_OK with resolution->err.)
 */
enum ws_err ws_resolve(const struct ws_mapping *mapping, const struct ws_sample *sample,
                       struct ws_resolution *resolution);

/* The captures by which an action's rule took the sample of the last resolve, for explanations;
 * at most `most`.  How many. */
size_t ws_resolution_captures(const struct ws_mapping *mapping,
                              struct ws_resolution *resolution, uint32_t rule,
                              struct ws_capture *out, size_t most);

#endif
