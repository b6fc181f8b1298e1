/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pattern of a rule, over a dotted name:
 *
 *     ti.finish.<dag_id>.<task_id...>.<state:success|failed>
 *
 *     literal     stands for itself, dots too
 *     <x>         a whole segment (may be empty) or a part of one (at least a byte); no dots
 *     <x...>      one or more whole segments
 *     <x:a|b>     one of the texts
 *     <_> <_...>  the same without a name; may be used more than once
 *
 * A pattern fits the whole name.  Where several splits fit, earlier captures take as little
 * as they can.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdint.h>
#include <windsock/buf.h>
#include <windsock/span.h>

#include "base/arena.h"

#define PATTERN_CAPTURES_MAX 16
#define PATTERN_PARTS_MAX    (2 * PATTERN_CAPTURES_MAX + 1)

enum pattern_op {
	PATTERN_LITERAL,
	PATTERN_SEGMENT, /* <x>, a whole segment */
	PATTERN_PIECE,   /* <x>, a part of a segment */
	PATTERN_REST,    /* <x...> */
	PATTERN_CHOICE,  /* <x:a|b> */
};

struct pattern_part {
	enum pattern_op op;
	struct ws_span text; /* the literal, or the choices "a|b" */
	int capture;         /* index of a capture; -1: literal or unnamed */
};

/* In an arena; borrows the text it was parsed from. */
struct pattern {
	struct pattern_part parts[PATTERN_PARTS_MAX];
	size_t nparts;
	struct ws_span captures[PATTERN_CAPTURES_MAX]; /* their names, in order */
	size_t ncaptures;
};

/* On failure adds a sentence to `why`: what is wrong and how to mend it. */
bool pattern_parse(struct pattern *p, struct ws_span text, struct ws_buf *why);

/*
 * Whether the whole name fits; fills values[0 .. ncaptures).  Time is bounded by parts times
 * the square of the name's length; names beyond PATTERN_NAME_MAX do not fit.
 */
#define PATTERN_NAME_MAX 1280
bool pattern_match(const struct pattern *p, struct ws_span name, struct ws_span *values);

/* The same, with the value of one capture given; it lies within the name. */
bool pattern_match_with(const struct pattern *p, struct ws_span name, int capture,
                        struct ws_span value, struct ws_span *values);

/* Whether every name that fits `narrow` fits `wide` too. */
bool pattern_covers(const struct pattern *wide, const struct pattern *narrow);

#endif
