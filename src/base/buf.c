/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/buf.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <windsock/num.h>

#define SMALLEST 256

void ws_buf_fini(struct ws_buf *b)
{
	free(b->ptr);
	*b = (struct ws_buf)WS_BUF_INIT;
}

void ws_buf_reset(struct ws_buf *b)
{
	b->len = 0;
	b->err = WS_OK;
}

static bool grow(struct ws_buf *b, size_t n)
{
	size_t cap = b->cap < SMALLEST ? SMALLEST : b->cap;
	char *ptr;

	while (cap - b->len < n) {
		if (cap > SIZE_MAX / 2)
			goto nomem;
		cap *= 2;
	}
	ptr = realloc(b->ptr, cap);
	if (ptr == NULL)
		goto nomem;
	b->ptr = ptr;
	b->cap = cap;
	return true;
nomem:
	b->err = WS_ERR_NOMEM;
	return false;
}

char *ws_buf_reserve(struct ws_buf *b, size_t n)
{
	if (b->err != WS_OK)
		return NULL;
	if (b->cap - b->len < n && !grow(b, n))
		return NULL;
	return b->ptr + b->len;
}

void ws_buf_add(struct ws_buf *b, const char *ptr, size_t len)
{
	char *at;

	if (len == 0)
		return;
	at = ws_buf_reserve(b, len);
	if (at == NULL)
		return;
	memcpy(at, ptr, len);
	b->len += len;
}

void ws_buf_str(struct ws_buf *b, const char *text)
{
	ws_buf_add(b, text, strlen(text));
}

void ws_buf_span(struct ws_buf *b, struct ws_span s)
{
	ws_buf_add(b, s.ptr, s.len);
}

void ws_buf_char(struct ws_buf *b, char c)
{
	ws_buf_add(b, &c, 1);
}

void ws_buf_u64(struct ws_buf *b, uint64_t n)
{
	char *at = ws_buf_reserve(b, WS_NUM_TEXT_MAX);

	if (at != NULL)
		b->len += ws_num_print_u64(at, n);
}

void ws_buf_double(struct ws_buf *b, double v)
{
	char *at = ws_buf_reserve(b, WS_NUM_TEXT_MAX);

	if (at != NULL)
		b->len += ws_num_print(at, v);
}

void ws_buf_float(struct ws_buf *b, double v)
{
	char *at = ws_buf_reserve(b, WS_NUM_TEXT_MAX + 2);
	size_t n;

	if (at == NULL)
		return;
	n = ws_num_print(at, v);
	if (strcspn(at, ".eIN") == n) {
		at[n++] = '.';
		at[n++] = '0';
	}
	b->len += n;
}

void ws_buf_printf(struct ws_buf *b, const char *format, ...)
{
	va_list args;
	int n;
	char *at;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->err = WS_ERR_NOMEM;
		return;
	}
	at = ws_buf_reserve(b, (size_t)n + 1);
	if (at == NULL)
		return;
	va_start(args, format);
	vsnprintf(at, (size_t)n + 1, format, args);
	va_end(args);
	b->len += (size_t)n;
}
