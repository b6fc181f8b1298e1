/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that can be split in several ways, because an id may hold dots: `known = dag_id`.
 *
 *     team.sales.load.eu   DAG team, task sales.load.eu?   DAG team.sales, task load.eu?   …
 *
 * The longest id that is known wins.  Without one the pattern's own split, with the shortest id,
 * stands; the name is ambiguous then, if there is another.
 */
#ifndef SPLIT_H
#define SPLIT_H

#include <stdbool.h>
#include <windsock/learned_ids.h>

#include "rules/rule.h"

struct split {
	bool matches;   /* the pattern takes the name; the rest and the values are meaningful */
	bool divisible; /* there is another split */
	bool known;     /* an id that is known decided it */
};

/* Of a rule with a known capture, and its file.  Fills values[0 .. ncaptures). */
struct split split_name(const struct rule *rule, const struct rule_file *file,
                        struct ws_learned_ids *learned, struct ws_span name,
                        struct ws_span *values);

#endif
