/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI text with line numbers and without inih's silent truncation; the only user of ini.h.
 *
 * inih as built by distributions silently splits lines longer than 198 bytes and truncates
 * section names longer than 48.  Such lines are rejected here before inih sees them.  A line
 * that starts with a blank continues the previous value (joined with one blank); " ;" starts
 * a comment.
 */
#ifndef INI_FILE_H
#define INI_FILE_H

#include <windsock/buf.h>
#include <windsock/span.h>

struct ini_handler {
	/* Spans are valid only during the call.  `line` is the line of the key. */
	void (*pair)(void *user, unsigned line, struct ws_span section, struct ws_span key,
	             struct ws_span value);
	void (*section)(void *user, unsigned line, struct ws_span name);
	void (*wrong)(void *user, unsigned line, const char *sentence);
	void *user;
};

/* False: out of memory.  Errors go to `wrong`; parsing continues. */
bool ini_file_parse(struct ws_span text, const struct ini_handler *handler);

#endif
