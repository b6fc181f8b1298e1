/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process_* metrics, from getrusage, /proc/self and the resource limits.  Metrics that
 * the system does not provide are omitted.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "web/metric_writer.h"

/* Records the start time; call it first in main. */
void process_started(void);

void process_write(const struct metric_writer *w);

#endif
