/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>
#include <zlib.h>
#include <windsock/gzip.h>

/* `packed` is one whole gzip stream of exactly `text`. */
static void assert_unpacks_to(struct ws_span packed, struct ws_span text)
{
	size_t size = text.len + 100;
	char *out = malloc(size);
	z_stream z = { .next_in = (Bytef *)(uintptr_t)packed.ptr,
		       .avail_in = (uInt)packed.len,
		       .next_out = (Bytef *)out,
		       .avail_out = (uInt)size };

	assert_non_null(out);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK); /* gzip's header only */
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, text.len);
	assert_memory_equal(out, text.ptr == NULL ? "" : text.ptr, text.len);
	inflateEnd(&z);
	free(out);
}

/* In pieces of `piece` bytes. */
static size_t round_trip(struct ws_span text, size_t piece)
{
	struct ws_gzip *gz = ws_gzip_new();
	struct ws_buf out = WS_BUF_INIT;
	struct ws_span rest = text;
	size_t len;

	assert_non_null(gz);
	while (rest.len > piece) {
		assert_true(ws_gzip_add(gz, ws_span(rest.ptr, piece), false, &out));
		rest = ws_span(rest.ptr + piece, rest.len - piece);
	}
	assert_true(ws_gzip_add(gz, rest, true, &out));
	assert_int_equal(out.err, WS_OK);
	assert_unpacks_to(ws_buf_text(&out), text);
	len = out.len;
	ws_buf_fini(&out);
	ws_gzip_free(gz);
	return len;
}

TEST(small_and_empty)
{
	round_trip(ws_span_str(""), 1);
	round_trip(ws_span_str("a"), 1);
	round_trip(ws_span_str("windsock_series 1\n"), 1);
}

/* More than is made room for at a time, of both sorts: what packs well and what does not. */
TEST(large)
{
	size_t size = 300000, i;
	char *text = malloc(size);
	uint32_t random = 1;

	assert_non_null(text);
	memset(text, 'x', size);
	assert_true(round_trip(ws_span(text, size), 65536) < size / 50);
	for (i = 0; i < size; i++) {
		random = random * 1664525 + 1013904223;
		text[i] = (char)(random >> 24);
	}
	assert_true(round_trip(ws_span(text, size), 65536) > size * 9 / 10);
	round_trip(ws_span(text, size), size);
	round_trip(ws_span(text, 16384), 16384);
	free(text);
}

TEST(nothing_to_free)
{
	ws_gzip_free(NULL);
}
