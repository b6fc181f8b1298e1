/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands share.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stdio.h>
#include <windsock/buf.h>
#include <windsock/mapping.h>

#include "daemon/conf.h"

void command_put(FILE *to, const struct ws_buf *text);

/* The files as the settings say.  NULL: what is wrong is on standard error. */
struct ws_mapping *command_load(const struct conf_list *files, const struct conf *conf);

/* The exit code, or EXIT_RUNTIME with a sentence when standard output cannot be written. */
int command_finish(int code);

#endif
