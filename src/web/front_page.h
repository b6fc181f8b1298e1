/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front page: status, listeners, unmatched names, and what was rejected.
 */
#ifndef FRONT_PAGE_H
#define FRONT_PAGE_H

#include "web/status.h"

/* HTML, as text/html; charset=utf-8. */
void front_page_write(struct ws_buf *out, const struct status *status);

#endif
