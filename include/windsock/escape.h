/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of any sender, made fit to be shown to people: control characters, and bytes that are no
 * UTF-8, as \x and two digits, so that they neither break a line nor drive a terminal.
 */
#ifndef WINDSOCK_ESCAPE_H
#define WINDSOCK_ESCAPE_H

#include <windsock/buf.h>
#include <windsock/span.h>

void ws_escape_plain(struct ws_buf *out, struct ws_span text);

/* A string of RFC 8259, with its quotes. */
void ws_escape_json(struct ws_buf *out, struct ws_span text);

/* For an element, or an attribute in double quotes. */
void ws_escape_html(struct ws_buf *out, struct ws_span text);

#endif
