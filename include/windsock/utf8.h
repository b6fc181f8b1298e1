/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 (RFC 3629; Unicode 15, table 3-7): no overlong forms, no surrogates, nothing beyond
 * U+10FFFF.
 */
#ifndef WINDSOCK_UTF8_H
#define WINDSOCK_UTF8_H

#include <stdbool.h>
#include <windsock/span.h>

/* The length in bytes of the well-formed character at the start of s; 0: there is none. */
size_t ws_utf8_sequence(struct ws_span s);

bool ws_utf8_is_valid(struct ws_span s);

bool ws_utf8_is_ascii(struct ws_span s);

#endif
