/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands: check mapping files, explain lines, check the health of a running windsock.
 * All return the program's exit code.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "daemon/conf.h"

/*
 * Compiles the files given as arguments (by default the configured ones) and prints a table
 * of their rules.  Returns 0, or 2 with the errors on standard error.
 */
int command_check(const struct conf *conf);

/* The same; also returns 2 for a listen address that cannot be parsed.  Opens no socket. */
int command_check_config(const struct conf *conf);

/*
 * Explains what happens to each StatsD line given as an argument or on standard input.
 * Returns 0 if each one led to a series or was dropped by a rule, 1 if not, 2 for invalid
 * files.
 */
int command_explain(const struct conf *conf);

/*
 * Checks the health of the windsock at the given URL, or of one with these settings.  Returns
 * 0 if it answers within --web.timeout and is healthy, otherwise 1 with a sentence on
 * standard error.
 */
int command_healthcheck(const struct conf *conf);

#endif
