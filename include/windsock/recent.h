/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last distinct lines and series that were rejected, with the reason, for the front page.
 * Bounded; any thread, internally locked.
 */
#ifndef WINDSOCK_RECENT_H
#define WINDSOCK_RECENT_H

#include <stdint.h>
#include <windsock/err.h>
#include <windsock/span.h>

struct ws_recent;

enum ws_recent_kind {
	WS_RECENT_LINES,  /* lines and samples */
	WS_RECENT_SERIES, /* families whose series could not be created */
	WS_NRECENT
};
#define WS_RECENT_MAX  32
#define WS_RECENT_TEXT 160

struct ws_recent_entry {
	char text[WS_RECENT_TEXT]; /* line, name or family, truncated; any bytes */
	size_t len;
	enum ws_err why;
	uint64_t count; /* since it was listed; a lower bound: a batch adds one per reason */
	int64_t last;   /* monotonic nanoseconds */
};

/* NULL: out of memory. */
struct ws_recent *ws_recent_new(void);
void ws_recent_free(struct ws_recent *recent);

/* Does nothing when `recent` is NULL. */
void ws_recent_add(struct ws_recent *recent, enum ws_recent_kind kind, struct ws_span text,
                   enum ws_err why, int64_t now);

/* Copies the list, latest first; returns the number of entries. */
size_t ws_recent_list(struct ws_recent *recent, enum ws_recent_kind kind,
                      struct ws_recent_entry out[WS_RECENT_MAX]);

#endif
