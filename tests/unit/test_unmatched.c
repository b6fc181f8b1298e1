/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <windsock/unmatched.h>

static const struct ws_hash_key key = { 1, 2 };

static struct ws_sample sample(const char *line)
{
	struct ws_lines it;
	struct ws_sample s;

	ws_lines_init(&it, ws_span_str(line), false);
	assert_int_equal(ws_lines_next(&it, &s), WS_OK);
	return s;
}

/* A name whose place was not kept. */
static bool add(struct ws_unmatched *u, unsigned shard, const char *line, int64_t now)
{
	struct ws_unmatched_place place = { 0 };
	struct ws_sample s = sample(line);

	return ws_unmatched_add(u, shard, &place, &s, now);
}

/* "COUNT@LAST LINE, ..." */
static const char *listed(struct ws_unmatched *u)
{
	static char text[8192];
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	size_t n = ws_unmatched_list(u, names), i;
	struct ws_buf out = WS_BUF_INIT;

	for (i = 0; i < n; i++) {
		ws_buf_printf(&out, "%s%llu@%lld ", i > 0 ? ", " : "",
		              (unsigned long long)names[i].count, (long long)names[i].last);
		ws_unmatched_line(&names[i], &out);
	}
	snprintf(text, sizeof(text), "%.*s", WS_SPAN_ARG(ws_buf_text(&out)));
	ws_buf_fini(&out);
	return text;
}

TEST(latest_come_first)
{
	struct ws_unmatched *u = ws_unmatched_new(1, key);

	assert_string_equal(listed(u), "");
	assert_true(add(u, 0, "a:1|c", 1));
	assert_true(add(u, 0, "b:2|g", 2));
	assert_false(add(u, 0, "a:5|c", 3));
	assert_string_equal(listed(u), "2@3 a:5|c, 1@2 b:2|g");
	/* Of one batch: by name. */
	assert_true(add(u, 0, "aa:1|c", 3));
	assert_string_equal(listed(u), "2@3 a:5|c, 1@3 aa:1|c, 1@2 b:2|g");
	ws_unmatched_forget(u, 0);
	assert_string_equal(listed(u), "");
	assert_true(add(u, 0, "a:1|c", 4));
	assert_string_equal(listed(u), "1@4 a:1|c");
	ws_unmatched_free(u);
	ws_unmatched_free(NULL);
}

TEST(last_sample_is_a_line)
{
	static const char *const lines[] = {
		"a.b:1|c",     "a:61.2|ms",       "a:0.1|h", "a:+3|g",          "a:-3|g",
		"a:inf|g",     "a,x=1,y=2:1.5|c", "a:1|c|#x:1,y", "a#x=1:1|c", "a[x=1]b:1e+20|d",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ws_unmatched *u = ws_unmatched_new(1, key);
		char want[64];

		add(u, 0, lines[i], 1);
		snprintf(want, sizeof(want), "1@1 %s", lines[i]);
		assert_string_equal(listed(u), want);
		ws_unmatched_free(u);
	}
}

TEST(tags_and_types_are_no_names)
{
	struct ws_unmatched *u = ws_unmatched_new(1, key);

	add(u, 0, "a,x=1:1|c", 1);
	add(u, 0, "a,x=2:2|c", 2);
	add(u, 0, "a:3|c|#x:1", 3);
	add(u, 0, "a:someone|s", 4);
	assert_string_equal(listed(u), "4@4 a,x=1:?|s");
	ws_unmatched_free(u);
}

TEST(long_names_are_cut_and_stay_distinct)
{
	struct ws_unmatched *u = ws_unmatched_new(1, key);
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	char line[600];

	snprintf(line, sizeof(line), "%0*d,%0*d=1:1|c", WS_UNMATCHED_TEXT + 1, 1,
	         WS_UNMATCHED_TEXT, 0);
	add(u, 0, line, 1);
	line[WS_UNMATCHED_TEXT] = '2';
	add(u, 0, line, 1);
	assert_int_equal(ws_unmatched_list(u, names), 2);
	assert_int_equal(names[0].name_len, WS_UNMATCHED_TEXT);
	assert_int_equal(names[0].tags_len, WS_UNMATCHED_TEXT);
	ws_unmatched_free(u);
}

TEST(oldest_gives_way)
{
	struct ws_unmatched *u = ws_unmatched_new(1, key);
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	struct ws_unmatched_place place = { 0 };
	struct ws_sample s = sample("first:1|c");
	char line[32];
	int i, taken = 0;

	assert_true(ws_unmatched_add(u, 0, &place, &s, 0));
	for (i = 1; i < WS_UNMATCHED_MAX; i++) {
		snprintf(line, sizeof(line), "n%d:1|c", i);
		assert_true(add(u, 0, line, i));
	}
	assert_false(ws_unmatched_add(u, 0, &place, &s, 100));
	/* n1 is the oldest now; it comes back as a new one. */
	assert_true(add(u, 0, "new:1|c", 101));
	assert_true(add(u, 0, "n1:1|c", 102));
	assert_int_equal(ws_unmatched_list(u, names), WS_UNMATCHED_MAX);
	assert_int_equal(names[0].count, 1);
	assert_int_equal(names[2].count, 2);
	/* Only so many in one batch, but what is on the list is counted. */
	for (i = 0; i < 50; i++) {
		snprintf(line, sizeof(line), "m%d:1|c", i);
		taken += add(u, 0, line, 103);
	}
	assert_true(taken > 0 && taken < 50);
	assert_false(ws_unmatched_add(u, 0, &place, &s, 103));
	assert_true(add(u, 0, "later:1|c", 104));
	assert_non_null(strstr(listed(u), "3@103 first:1|c"));
	ws_unmatched_free(u);
}

/* After any number of others. */
TEST(what_is_listed_is_found)
{
	struct ws_unmatched *u = ws_unmatched_new(1, key);
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	struct ws_buf line = WS_BUF_INIT;
	char text[32];
	size_t n;
	int i;

	for (i = 1; i <= 400000; i++) {
		snprintf(text, sizeof(text), "n%d:1|c", i);
		add(u, 0, text, i);
		if (i % 40000 != 0)
			continue;
		for (n = ws_unmatched_list(u, names); n > 0; n--) {
			ws_buf_reset(&line);
			ws_unmatched_line(&names[n - 1], &line);
			ws_buf_char(&line, '\0');
			assert_false(add(u, 0, line.ptr, i));
		}
	}
	ws_buf_fini(&line);
	ws_unmatched_free(u);
}

/* A name whose slot was taken gets another one. */
TEST(a_place_that_is_gone)
{
	struct ws_unmatched *u = ws_unmatched_new(1, key);
	struct ws_unmatched_place place = { 0 }, before;
	struct ws_sample s = sample("a:1|c");

	assert_true(ws_unmatched_add(u, 0, &place, &s, 1));
	ws_unmatched_forget(u, 0);
	assert_true(ws_unmatched_add(u, 0, &place, &s, 1));
	before = place;
	ws_unmatched_forget(u, 0);
	assert_true(add(u, 0, "b:1|c", 2));
	assert_true(ws_unmatched_add(u, 0, &place, &s, 3));
	assert_true(place.slot != before.slot);
	assert_string_equal(listed(u), "1@3 a:1|c, 1@2 b:1|c");
	ws_unmatched_free(u);
}

TEST(shards_are_added)
{
	struct ws_unmatched *u = ws_unmatched_new(3, key);

	add(u, 2, "a:1|c", 1);
	add(u, 0, "a:2|c", 5);
	add(u, 1, "a:3|c", 3);
	add(u, 1, "b:3|c", 4);
	assert_string_equal(listed(u), "3@5 a:2|c, 1@4 b:3|c");
	ws_unmatched_free(u);
}

struct writer {
	struct ws_unmatched *u;
	unsigned shard;
};

#define WRITES 20000

static void *write_some(void *arg)
{
	struct writer *w = arg;
	struct ws_unmatched_place place = { 0 };
	struct ws_sample s = sample("always:1|c");
	char line[32];
	int i;

	for (i = 1; i <= WRITES; i++) {
		ws_unmatched_add(w->u, w->shard, &place, &s, i);
		snprintf(line, sizeof(line), "n%d:1|c", i);
		add(w->u, w->shard, line, i);
	}
	return NULL;
}

TEST(readers_beside_writers)
{
	struct ws_unmatched *u = ws_unmatched_new(2, key);
	struct ws_unmatched_name names[WS_UNMATCHED_MAX];
	struct writer writers[2] = { { .u = u, .shard = 0 }, { .u = u, .shard = 1 } };
	pthread_t threads[2];
	char want[32];
	int i;

	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_some, &writers[i]), 0);
	for (i = 0; i < 20; i++)
		assert_true(ws_unmatched_list(u, names) <= WS_UNMATCHED_MAX);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	snprintf(want, sizeof(want), "%d@%d always:1|c", 2 * WRITES, WRITES);
	assert_non_null(strstr(listed(u), want));
	ws_unmatched_free(u);
}
