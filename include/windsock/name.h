/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus' rules for metric names, label names and label values (data model and text
 * format 0.0.4), and how other people's bytes are made to fit.
 */
#ifndef WINDSOCK_NAME_H
#define WINDSOCK_NAME_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/span.h>

/* [a-zA-Z_][a-zA-Z0-9_]*.  Colons are for recording rules, so they are refused here. */
bool ws_name_is_metric(struct ws_span s);
bool ws_name_is_label(struct ws_span s);

/* A label that Prometheus or a metric kind owns: le, quantile, __*. */
bool ws_name_is_reserved_label(struct ws_span s);

/* A family that windsock's own metrics or Prometheus' scrape owns: windsock_*, process_*,
 * scrape_*, up. */
bool ws_name_is_reserved_metric(struct ws_span s);

/*
 * Adds the name with every character outside [a-zA-Z0-9_] as `_` (a UTF-8 sequence is one
 * character, a run of dashes too), behind a `_` when it would begin with a digit and nothing
 * stands before it in `out`.  Empty stays empty.
 */
void ws_name_sanitise(struct ws_buf *out, struct ws_span s);

/* Adds a label value with \ " and newline escaped. */
void ws_name_escape_value(struct ws_buf *out, struct ws_span s);

/* Adds a help text: \ and newline escaped, in OpenMetrics the quote too. */
void ws_name_escape_help(struct ws_buf *out, struct ws_span s, bool openmetrics);

#endif
