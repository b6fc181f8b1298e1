/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks across the rules of a mapping: a rule that is never reached, two rules that disagree
 * about a family, a kind that a StatsD type cannot become.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "rules/rule.h"

/* Adds a line for each error: "file:line: rule [name] …\n". */
void verify_rules(struct rule *const *rules, size_t n, const struct rule_file *files,
                  struct ws_buf *diags);

#endif
