/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process_* metrics, from getrusage, /proc/self and the limits.  What cannot be had is
 * left out.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <windsock/buf.h>

/* Notes the start time; call first thing in main. */
void process_started(void);

/* Writes the families, heads as ws_exposition_head. */
void process_write(struct ws_buf *out, bool openmetrics);

#endif
