/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions for what patterns cannot say; the only user of pcre2.  An expression
 * must fit the whole name.  Named groups, (?<dag_id>...), are captures.
 */
#ifndef REGEX_H
#define REGEX_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/span.h>

#define REGEX_CAPTURES_MAX 16

struct regex;

/* NULL with a sentence in `why`.  The names of the groups are in `regex_captures` order. */
struct regex *regex_new(struct ws_span text, struct ws_buf *why);
void regex_free(struct regex *re);

size_t regex_captures(const struct regex *re, const struct ws_span **names);

enum regex_result {
	REGEX_NO,
	REGEX_YES,
	REGEX_GAVE_UP, /* more steps than are allowed: the expression explodes on this name */
};

/*
 * Fills values; a group that took no part is empty.  A name that is not UTF-8 is given up.  Any
 * number of threads at once.
 */
enum regex_result regex_match(const struct regex *re, struct ws_span name,
                              struct ws_span *values);

#endif
