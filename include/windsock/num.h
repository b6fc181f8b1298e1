/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as StatsD and Prometheus write them, independent of the locale.
 */
#ifndef WINDSOCK_NUM_H
#define WINDSOCK_NUM_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/span.h>

/* Enough for any printed number and its NUL. */
#define WS_NUM_TEXT_MAX 40

/*
 * Parses the whole span as a decimal number: [+-] digits [. digits] [e [+-] digits], or inf,
 * infinity, nan in any case.  Correctly rounded.  No blanks, hexadecimal or underscores; a
 * magnitude beyond the range of a double becomes infinity.  False: *out is unchanged.
 */
bool ws_num_parse(struct ws_span s, double *out);

/* Parses the whole span as decimal digits, with a value of at most `max`. */
bool ws_num_parse_u64(struct ws_span s, uint64_t max, uint64_t *out);

/*
 * Parses a duration: a number followed by ms, s, m, h, d or w, for example 90s or 1.5h; "0"
 * needs no unit.  The result is in seconds, finite and not negative.
 */
bool ws_num_parse_duration(struct ws_span s, double *seconds);

/*
 * Both print into `at` (at least WS_NUM_TEXT_MAX bytes), NUL-terminated, and return the
 * length.  ws_num_print gives the shortest decimal that parses to the same double, or NaN,
 * +Inf, -Inf.
 */
size_t ws_num_print(char *at, double v);
size_t ws_num_print_u64(char *at, uint64_t n);

#endif
