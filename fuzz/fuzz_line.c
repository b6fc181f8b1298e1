/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a datagram: every span must be within it, and the lines must add up. */
#include <stdint.h>
#include <stdlib.h>
#include <windsock/line.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct ws_span s, struct ws_span all)
{
	if (s.len > 0 && (s.ptr < all.ptr || s.ptr + s.len > all.ptr + all.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_span all = ws_span((const char *)data, size);
	struct ws_sample s;
	struct ws_lines it;
	struct ws_head head;
	enum ws_err err;

	ws_lines_init(&it, all, size % 2 == 1);
	while ((err = ws_lines_next(&it, &s)) != WS_ERR_END) {
		if (err != WS_OK)
			continue;
		within(s.head, all);
		within(s.tags, all);
		within(s.member, all);
		if (s.head.len == 0 || s.head.len > WS_NAME_MAX || !(s.weight >= 1))
			abort();
		(void)ws_head_parse(s.head, s.tags, &head);
	}
	return 0;
}
