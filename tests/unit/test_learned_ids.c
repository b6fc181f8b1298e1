/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <windsock/learned_ids.h>

static const struct ws_hash_key key = { 1, 2 };

static bool add(struct ws_learned_ids *l, const char *value, int64_t now)
{
	return ws_learned_ids_add(l, ws_span_str("dag_id"), ws_span_str(value), now);
}

static bool has(struct ws_learned_ids *l, const char *name, const char *value)
{
	return ws_learned_ids_has(l, ws_span_str(name), ws_span_str(value));
}

TEST(knows_what_it_saw)
{
	struct ws_learned_ids *l = ws_learned_ids_new(0, key);
	uint64_t version = ws_learned_ids_version(l);

	assert_false(has(l, "dag_id", "a.b"));
	assert_true(add(l, "a.b", 1));
	assert_true(ws_learned_ids_version(l) != version);
	version = ws_learned_ids_version(l);
	assert_false(add(l, "a.b", 2));
	assert_true(ws_learned_ids_version(l) == version);
	assert_true(has(l, "dag_id", "a.b"));
	assert_false(has(l, "task_id", "a.b"));
	assert_false(has(l, "dag_id", "a"));
	assert_false(has(l, "dag_id", "a.b."));
	assert_int_equal(ws_learned_ids_count(l), 1);
	ws_learned_ids_free(l);
}

TEST(nothing_is_no_value)
{
	static char longest[4000];
	struct ws_learned_ids *l = ws_learned_ids_new(0, key);

	assert_false(add(l, "", 1));
	assert_false(ws_learned_ids_add(l, ws_span_str("dag_id"), ws_span(longest, sizeof(longest)), 1));
	assert_false(ws_learned_ids_has(l, ws_span_str("dag_id"), ws_span(longest, sizeof(longest))));
	assert_false(add(NULL, "a", 1));
	assert_false(has(NULL, "dag_id", "a"));
	assert_int_equal(ws_learned_ids_version(NULL), 0);
	assert_int_equal(ws_learned_ids_expire(NULL, 1), 0);
	ws_learned_ids_free(l);
	ws_learned_ids_free(NULL);
}

TEST(when_full_the_oldest_goes)
{
	struct ws_learned_ids *l = ws_learned_ids_new(3, key);

	add(l, "a", 1);
	add(l, "b", 2);
	add(l, "c", 3);
	add(l, "a", 4); /* seen again: b is the oldest now */
	add(l, "d", 5);
	assert_int_equal(ws_learned_ids_count(l), 3);
	assert_false(has(l, "dag_id", "b"));
	assert_true(has(l, "dag_id", "a") && has(l, "dag_id", "c") && has(l, "dag_id", "d"));
	ws_learned_ids_free(l);
}

TEST(expires_what_is_not_seen)
{
	struct ws_learned_ids *l = ws_learned_ids_new(0, key);
	uint64_t version;

	add(l, "a", 10);
	add(l, "b", 20);
	add(l, "a", 30);
	version = ws_learned_ids_version(l);
	assert_int_equal(ws_learned_ids_expire(l, 20), 0);
	assert_true(ws_learned_ids_version(l) == version);
	assert_int_equal(ws_learned_ids_expire(l, 21), 1);
	assert_true(ws_learned_ids_version(l) != version);
	assert_false(has(l, "dag_id", "b"));
	assert_int_equal(ws_learned_ids_expire(l, 31), 1);
	assert_int_equal(ws_learned_ids_count(l), 0);
	ws_learned_ids_free(l);
}

static void *crowd(void *arg)
{
	struct ws_learned_ids *l = arg;
	char value[16];
	int i;

	for (i = 0; i < 2000; i++) {
		snprintf(value, sizeof(value), "dag.%d", i % 60);
		add(l, value, i);
		has(l, "dag_id", value);
		if (i % 100 == 0)
			ws_learned_ids_expire(l, i - 30);
		if (ws_learned_ids_version(l) == 0)
			abort();
	}
	return NULL;
}

TEST(many_threads)
{
	struct ws_learned_ids *l = ws_learned_ids_new(50, key);
	pthread_t threads[3];
	size_t i;

	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd, l), 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_true(ws_learned_ids_count(l) <= 50);
	ws_learned_ids_free(l);
}
