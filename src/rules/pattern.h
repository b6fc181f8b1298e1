/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pattern of a rule, which matches dotted names:
 *
 *     ti.finish.<dag_id>.<task_id...>.<state:success|failed>
 *
 *     literal     matches itself, including dots
 *     <x>         a whole segment (may be empty) or a part of one (at least a byte); no dots
 *     <x...>      one or more whole segments
 *     <x:a|b>     one of the texts
 *     <_> <_...>  the same, unnamed; may be used more than once
 *
 * A pattern matches the whole name.  If there are several ways to match, earlier captures
 * take as little as possible.
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

/* Borrows the text it was parsed from. */
struct pattern {
	struct pattern_part parts[PATTERN_PARTS_MAX];
	size_t nparts;
	struct ws_span captures[PATTERN_CAPTURES_MAX]; /* their names, in order */
	size_t ncaptures;
};

/* On failure adds a sentence to `why`: what is wrong and how to fix it. */
bool pattern_parse(struct pattern *p, struct ws_span text, struct ws_buf *why);

/*
 * Whether the pattern matches the whole name; fills values[0 .. ncaptures).  Time is bounded
 * by the number of parts times the square of the name's length; names longer than
 * PATTERN_NAME_MAX do not match.
 */
#define PATTERN_NAME_MAX 1280
bool pattern_match(const struct pattern *p, struct ws_span name, struct ws_span *values);

/* The same, with the value of one capture given as a span of the name. */
bool pattern_match_with(const struct pattern *p, struct ws_span name, int capture,
                        struct ws_span value, struct ws_span *values);

/* Whether `wide` matches every name that `narrow` matches.  Errs on the side of false. */
bool pattern_covers(const struct pattern *wide, const struct pattern *narrow);

#endif
