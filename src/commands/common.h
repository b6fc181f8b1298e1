/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the commands.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stdio.h>
#include <windsock/buf.h>
#include <windsock/mapping.h>

#include "daemon/conf.h"

void command_put(FILE *to, const struct ws_buf *text);

/* Loads the files with the settings of `conf`.  NULL: the errors are on standard error. */
struct ws_mapping *command_load(const struct conf_list *files, const struct conf *conf);

/* Returns `code`, or EXIT_RUNTIME with a sentence if standard output cannot be written. */
int command_finish(int code);

#endif
