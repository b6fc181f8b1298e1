/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing text buffer with a sticky error: write as much as you like and check `err` once
 * at the end.  After a failure nothing more is added.
 */
#ifndef WINDSOCK_BUF_H
#define WINDSOCK_BUF_H

#include <stdint.h>
#include <windsock/err.h>
#include <windsock/span.h>

struct ws_buf {
	char *ptr;
	size_t len;
	size_t cap;
	enum ws_err err; /* WS_OK or WS_ERR_NOMEM */
};

/* All-zero is a valid empty buffer. */
#define WS_BUF_INIT { 0 }

void ws_buf_fini(struct ws_buf *b);

/* Empties the buffer and clears the error; keeps the memory. */
void ws_buf_reset(struct ws_buf *b);

/* Room for n more bytes at ptr + len, or NULL (error set). */
char *ws_buf_reserve(struct ws_buf *b, size_t n);

void ws_buf_add(struct ws_buf *b, const char *ptr, size_t len);
void ws_buf_str(struct ws_buf *b, const char *text);
void ws_buf_span(struct ws_buf *b, struct ws_span s);
void ws_buf_char(struct ws_buf *b, char c);
void ws_buf_u64(struct ws_buf *b, uint64_t n);

/* The shortest text that parses to the same double; NaN, +Inf and -Inf as in Prometheus. */
void ws_buf_double(struct ws_buf *b, double v);

/* The same, but always with a point or an exponent: OpenMetrics' canonical floats. */
void ws_buf_float(struct ws_buf *b, double v);

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void ws_buf_printf(struct ws_buf *b, const char *format, ...);

static inline struct ws_span ws_buf_text(const struct ws_buf *b)
{
	return ws_span(b->ptr, b->len);
}

#endif
