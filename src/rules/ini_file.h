/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI text with line numbers and without inih's silent cuts; the only user of ini.h.
 *
 * inih as distributions build it splits lines beyond some 198 bytes and cuts section names at
 * 49, both in silence: such lines are refused here before inih sees them.  A line that begins
 * with a blank continues the value before it (joined with one blank); " ;" begins a comment.
 */
#ifndef INI_FILE_H
#define INI_FILE_H

#include <windsock/buf.h>
#include <windsock/span.h>

struct ini_handler {
	/* Spans live only during the call.  `line` is where the key stands. */
	void (*pair)(void *user, unsigned line, struct ws_span section, struct ws_span key,
	             struct ws_span value);
	void (*section)(void *user, unsigned line, struct ws_span name);
	void (*wrong)(void *user, unsigned line, const char *sentence);
	void *user;
};

/* False: out of memory.  Mistakes go to `wrong`, the rest is read all the same. */
bool ini_file_parse(struct ws_span text, const struct ini_handler *handler);

#endif
