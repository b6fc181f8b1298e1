/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What windsock does instead of running: check mapping files, explain lines, ask a running one
 * whether it is well.  All return the exit code of the program.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "daemon/conf.h"

/*
 * Compiles the files given as arguments (without any, the configured ones) and prints a table
 * of their rules.  0, or 2 with what is wrong on standard error.
 */
int command_check(const struct conf *conf);

/* The same, and 2 too for a listen address that cannot be read.  Opens no socket. */
int command_check_config(const struct conf *conf);

/*
 * Says what becomes of each StatsD line given as an argument, or of standard input.  0 when
 * each led to a series or was dropped by a rule, 1 when one was not, 2 for bad files.
 */
int command_explain(const struct conf *conf);

/*
 * Asks the windsock at the URL given, or with these settings, whether it is well.  0 when it
 * says so within --web.timeout, 1 with a sentence on standard error when not.
 */
int command_healthcheck(const struct conf *conf);

#endif
