/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <windsock/recent.h>

static void add(struct ws_recent *recent, const char *text, int64_t now)
{
	ws_recent_add(recent, WS_RECENT_LINES, ws_span_str(text), WS_ERR_MALFORMED_LINE, now);
}

static bool is(const struct ws_recent_entry *r, const char *text, uint64_t count, int64_t last)
{
	return ws_span_is(ws_span(r->text, r->len), text) && r->count == count && r->last == last;
}

TEST(recent_ones_come_first)
{
	struct ws_recent *recent = ws_recent_new();
	struct ws_recent_entry list[WS_RECENT_MAX];

	assert_int_equal(ws_recent_list(recent, WS_RECENT_LINES, list), 0);
	add(recent, "a", 1);
	add(recent, "b", 2);
	add(recent, "c", 3);
	add(recent, "b", 4);
	assert_int_equal(ws_recent_list(recent, WS_RECENT_LINES, list), 3);
	assert_true(is(&list[0], "b", 2, 4) && is(&list[1], "c", 1, 3) && is(&list[2], "a", 1, 1));
	assert_int_equal(list[0].why, WS_ERR_MALFORMED_LINE);
	/* Another reason is another entry, another kind another list. */
	ws_recent_add(recent, WS_RECENT_LINES, ws_span_str("b"), WS_ERR_EVENT, 5);
	ws_recent_add(recent, WS_RECENT_SERIES, ws_span_str(""), WS_ERR_NOMEM, 6);
	assert_int_equal(ws_recent_list(recent, WS_RECENT_LINES, list), 4);
	assert_true(is(&list[0], "b", 1, 5) && is(&list[1], "b", 2, 4));
	assert_int_equal(ws_recent_list(recent, WS_RECENT_SERIES, list), 1);
	assert_true(is(&list[0], "", 1, 6));
	ws_recent_free(recent);
}

TEST(recent_list_is_bounded)
{
	struct ws_recent *recent = ws_recent_new();
	struct ws_recent_entry list[WS_RECENT_MAX];
	char text[WS_RECENT_TEXT + 40];
	int i;

	for (i = 0; i < WS_RECENT_MAX + 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		add(recent, text, i);
	}
	assert_int_equal(ws_recent_list(recent, WS_RECENT_LINES, list), WS_RECENT_MAX);
	assert_true(is(&list[0], "41", 1, 41) && is(&list[WS_RECENT_MAX - 1], "10", 1, 10));
	/* The last one comes forward, all others stay. */
	add(recent, "10", 50);
	assert_int_equal(ws_recent_list(recent, WS_RECENT_LINES, list), WS_RECENT_MAX);
	assert_true(is(&list[0], "10", 2, 50) && is(&list[WS_RECENT_MAX - 1], "11", 1, 11));
	memset(text, 'x', sizeof(text));
	ws_recent_add(recent, WS_RECENT_LINES, ws_span(text, sizeof(text)), WS_OK, 51);
	ws_recent_add(recent, WS_RECENT_LINES, ws_span(text, sizeof(text) - 1), WS_OK, 52);
	ws_recent_list(recent, WS_RECENT_LINES, list);
	assert_int_equal(list[0].len, WS_RECENT_TEXT);
	assert_int_equal(list[0].count, 2);
	ws_recent_free(recent);
}

TEST(nowhere_to_keep_it)
{
	ws_recent_add(NULL, WS_RECENT_LINES, ws_span_str("a"), WS_ERR_EVENT, 1);
	ws_recent_free(NULL);
}
