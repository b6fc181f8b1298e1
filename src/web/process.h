/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process_* metrics, from getrusage, /proc/self and the limits.  What the system does not
 * show is left out.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "web/metric_writer.h"

/* Notes the start time; call first thing in main. */
void process_started(void);

void process_write(const struct metric_writer *w);

#endif
