/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that can be split in several ways, because an id may contain dots: `known = dag_id`.
 *
 *     team.sales.load.eu   DAG team, task sales.load.eu?   DAG team.sales, task load.eu?   …
 *
 * The longest known id wins.  Without one, the pattern's own split applies, with the shortest
 * id; if there is another split, the name is then ambiguous.
 */
#ifndef SPLIT_H
#define SPLIT_H

#include <stdbool.h>
#include <windsock/learned_ids.h>

#include "rules/rule.h"

struct split {
	bool matches;   /* the pattern matches the name; else the values are undefined */
	bool divisible; /* there is another split */
	bool known;     /* a known id decided the split */
};

/* For a rule with a `known` capture, and its file.  Fills values[0 .. ncaptures). */
struct split split_name(const struct rule *rule, const struct rule_file *file,
                        struct ws_learned_ids *learned, struct ws_span name,
                        struct ws_span *values);

#endif
