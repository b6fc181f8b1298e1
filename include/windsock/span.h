/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed bytes.  A span owns nothing, is not NUL-terminated and may hold any byte.  It is
 * valid as long as what it points into: a datagram, a file's text, an arena.
 */
#ifndef WINDSOCK_SPAN_H
#define WINDSOCK_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct ws_span {
	const char *ptr;
	size_t len;
};

/* For printf's "%.*s". */
#define WS_SPAN_ARG(s) (int)(s).len, (s).ptr

static inline struct ws_span ws_span(const char *ptr, size_t len)
{
	struct ws_span s;

	s.ptr = ptr;
	s.len = len;
	return s;
}

static inline struct ws_span ws_span_str(const char *text)
{
	return ws_span(text, strlen(text));
}

static inline struct ws_span ws_span_between(const char *from, const char *to)
{
	return ws_span(from, (size_t)(to - from));
}

static inline bool ws_span_eq(struct ws_span a, struct ws_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ws_span_is(struct ws_span s, const char *text)
{
	return ws_span_eq(s, ws_span_str(text));
}

static inline bool ws_span_starts(struct ws_span s, struct ws_span with)
{
	return s.len >= with.len && (with.len == 0 || memcmp(s.ptr, with.ptr, with.len) == 0);
}

static inline bool ws_span_ends(struct ws_span s, struct ws_span with)
{
	return s.len >= with.len &&
	       (with.len == 0 || memcmp(s.ptr + s.len - with.len, with.ptr, with.len) == 0);
}

static inline const char *ws_span_find(struct ws_span s, char byte)
{
	return s.len == 0 ? NULL : (const char *)memchr(s.ptr, byte, s.len);
}

static inline struct ws_span ws_span_trim(struct ws_span s)
{
	while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/*
 * Removes the text before the next `byte`, and the byte itself, from the front of *rest; the
 * last piece is the remainder.  False when *rest is used up (its ptr is NULL then).
 */
static inline bool ws_span_cut(struct ws_span *rest, char byte, struct ws_span *piece)
{
	const char *at;

	if (rest->ptr == NULL)
		return false;
	at = ws_span_find(*rest, byte);
	if (at == NULL) {
		*piece = *rest;
		*rest = ws_span(NULL, 0);
	} else {
		*piece = ws_span_between(rest->ptr, at);
		*rest = ws_span_between(at + 1, rest->ptr + rest->len);
	}
	return true;
}

#endif
