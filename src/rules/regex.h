/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions, for what patterns cannot express; the only user of pcre2.  An
 * expression must match the whole name.  Named groups, (?<dag_id>...), are captures.
 */
#ifndef REGEX_H
#define REGEX_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/span.h>

#define REGEX_CAPTURES_MAX 16

struct regex;

/* NULL with a sentence in `why`. */
struct regex *regex_new(struct ws_span text, struct ws_buf *why);
void regex_free(struct regex *re);

size_t regex_captures(const struct regex *re, const struct ws_span **names);

enum regex_result {
	REGEX_NO,
	REGEX_YES,
	REGEX_GAVE_UP, /* too many steps, too much memory, or the name is not UTF-8 */
};

/*
 * Fills values in the order of regex_captures; a group that took no part is empty.  Any
 * number of threads at once.
 */
enum regex_result regex_match(const struct regex *re, struct ws_span name,
                              struct ws_span *values);

#endif
