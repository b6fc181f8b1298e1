/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes that show only between the rules of a mapping: a rule that is never reached, two
 * rules that disagree on a family, a kind that a StatsD type cannot become.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "rules/rule.h"

/* Adds a line for each mistake: "file:line: rule [name] …\n". */
void verify_rules(struct rule *const *rules, size_t n, const struct rule_file *files,
                  struct ws_buf *diags);

#endif
