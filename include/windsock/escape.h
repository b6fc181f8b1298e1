/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes untrusted bytes safe to display: control characters and bytes that are not UTF-8
 * become \x and two hex digits, so they can neither break a line nor control a terminal.
 */
#ifndef WINDSOCK_ESCAPE_H
#define WINDSOCK_ESCAPE_H

#include <windsock/buf.h>
#include <windsock/span.h>

void ws_escape_plain(struct ws_buf *out, struct ws_span text);

/* A JSON string (RFC 8259), with its quotes. */
void ws_escape_json(struct ws_buf *out, struct ws_span text);

/* For an element's text or an attribute in double quotes. */
void ws_escape_html(struct ws_buf *out, struct ws_span text);

#endif
