/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/gzip.h>

#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#define LEVEL 1
#define MEMORY 8 /* zlib's default: with the window, about 256 KiB per stream */

/* A window of 32 KiB; adding 16 selects gzip's header and trailer instead of zlib's. */
#define WINDOW_BITS (15 + 16)

/* Output space reserved at a time. */
#define STEP 16384

struct ws_gzip {
	z_stream z;
};

struct ws_gzip *ws_gzip_new(void)
{
	struct ws_gzip *gz = calloc(1, sizeof(*gz));

	if (gz == NULL)
		return NULL;
	if (deflateInit2(&gz->z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) !=
	    Z_OK) {
		free(gz);
		return NULL;
	}
	return gz;
}

void ws_gzip_free(struct ws_gzip *gz)
{
	if (gz == NULL)
		return;
	deflateEnd(&gz->z);
	free(gz);
}

/* Runs until zlib has no more output for its input. */
static bool drain(z_stream *z, int flush, struct ws_buf *out)
{
	do {
		char *at = ws_buf_reserve(out, STEP);

		if (at == NULL)
			return false;
		z->next_out = (Bytef *)at;
		z->avail_out = STEP;
		if (deflate(z, flush) == Z_STREAM_ERROR)
			return false;
		out->len += STEP - z->avail_out;
	} while (z->avail_out == 0);
	return true;
}

bool ws_gzip_add(struct ws_gzip *gz, struct ws_span in, bool last, struct ws_buf *out)
{
	/* zlib counts its input in an unsigned int. */
	while (in.len > UINT_MAX) {
		gz->z.next_in = (const Bytef *)in.ptr;
		gz->z.avail_in = UINT_MAX;
		if (!drain(&gz->z, Z_NO_FLUSH, out))
			return false;
		in = ws_span(in.ptr + UINT_MAX, in.len - UINT_MAX);
	}
	gz->z.next_in = (const Bytef *)in.ptr;
	gz->z.avail_in = (uInt)in.len;
	return drain(&gz->z, last ? Z_FINISH : Z_NO_FLUSH, out);
}
