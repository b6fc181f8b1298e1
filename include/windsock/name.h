/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus' rules for metric names, label names and label values (data model and text
 * format 0.0.4), and how arbitrary bytes are converted to meet them.
 */
#ifndef WINDSOCK_NAME_H
#define WINDSOCK_NAME_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/span.h>

/* [a-zA-Z_][a-zA-Z0-9_]*.  Colons are for recording rules and not allowed here. */
bool ws_name_is_metric(struct ws_span s);
bool ws_name_is_label(struct ws_span s);

/* A label reserved for Prometheus or a metric kind: le, quantile, __*. */
bool ws_name_is_reserved_label(struct ws_span s);

/* A family reserved for windsock's own metrics or for Prometheus' scrape: windsock_*,
 * process_*, scrape_*, up. */
bool ws_name_is_reserved_metric(struct ws_span s);

/*
 * Adds the name with every character outside [a-zA-Z0-9_] replaced by `_` (a UTF-8 sequence
 * is one character, and so is a run of dashes).  A name that starts with a digit gets a `_`
 * in front if `out` is empty.  An empty name adds nothing.
 */
void ws_name_sanitise(struct ws_buf *out, struct ws_span s);

/* Adds a label value, with \ " and newline escaped. */
void ws_name_escape_value(struct ws_buf *out, struct ws_span s);

/* Adds a help text, with \ and newline escaped, in OpenMetrics also ". */
void ws_name_escape_help(struct ws_buf *out, struct ws_span s, bool openmetrics);

#endif
