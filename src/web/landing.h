/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front page, for people: state, listeners, what no rule matched, what was refused.
 */
#ifndef LANDING_H
#define LANDING_H

#include "state.h"

/* HTML, as text/html; charset=utf-8. */
void landing_write(struct ws_buf *out, const struct state *state);

#endif
