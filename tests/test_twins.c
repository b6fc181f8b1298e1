/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "twins.h"

#define TAGGED UINT64_C(1)
#define OTHER  UINT64_C(2)

/* What came out: the samples' values, negative for a twin. */
struct out {
	double values[2 * TWINS_WAITING];
	size_t n;
};

static void on_release(void *user, const struct waiting *sample, bool is_twin)
{
	struct out *out = user;

	out->values[out->n++] = is_twin ? -sample->value : sample->value;
}

static struct twins *make(struct out *out)
{
	struct twins *t;

	out->n = 0;
	t = twins_new((struct twins_receiver){ on_release, out });
	assert_non_null(t);
	return t;
}

static void hold(struct twins *t, uint64_t sender, uint64_t twin_of, double value, int64_t now)
{
	assert_int_equal(twins_judge(t, sender, twin_of, now), TWINS_WAIT);
	twins_wait(t, &(struct waiting){
		.value = value, .sender = sender, .twin_of = twin_of, .since = now,
	});
}

static void assert_out(const struct out *out, size_t n, const double *want)
{
	size_t i;

	assert_int_equal(out->n, n);
	for (i = 0; i < n; i++)
		assert_true(out->values[i] == want[i]);
}

static void a_bare_line_with_tags_drops_the_dotted_one(void **state)
{
	struct out out;
	struct twins *t = make(&out);

	(void)state;
	hold(t, 7, TAGGED, 1, 0);
	twins_saw(t, 7, TAGGED, TAGGED, 5);
	assert_out(&out, 1, (double[]){ -1 });
	assert_int_equal(twins_judge(t, 7, TAGGED, 6), TWINS_DROP);
	assert_int_equal(twins_count(t), 0);
	assert_true(twins_due(t) == INT64_MAX);
	twins_free(t);
}

static void a_bare_line_without_tags_lets_it_count(void **state)
{
	struct out out;
	struct twins *t = make(&out);

	(void)state;
	hold(t, 7, TAGGED, 1, 0);
	hold(t, 7, TAGGED, 2, 1);
	twins_saw(t, 7, TAGGED, 0, 5);
	assert_out(&out, 2, (double[]){ 1, 2 });
	assert_int_equal(twins_judge(t, 7, TAGGED, 6), TWINS_COUNT);
	/* It turns out to send tags after all. */
	twins_saw(t, 7, TAGGED, TAGGED, 7);
	assert_int_equal(twins_judge(t, 7, TAGGED, 8), TWINS_DROP);
	twins_saw(t, 7, TAGGED, 0, 9);
	assert_int_equal(twins_judge(t, 7, TAGGED, 10), TWINS_DROP);
	twins_free(t);
}

static void senders_and_rules_are_told_apart(void **state)
{
	struct out out;
	struct twins *t = make(&out);

	(void)state;
	hold(t, 1, TAGGED, 1, 0);
	hold(t, 2, TAGGED, 2, 0);
	hold(t, 1, OTHER, 3, 0);
	hold(t, 1, TAGGED | OTHER, 4, 0);
	twins_saw(t, 1, TAGGED, TAGGED, 1);
	assert_out(&out, 1, (double[]){ -1 });
	twins_saw(t, 2, OTHER, OTHER, 1);
	assert_out(&out, 1, (double[]){ -1 });
	twins_saw(t, 1, OTHER, 0, 1);
	assert_out(&out, 3, (double[]){ -1, 3, -4 });
	twins_saw(t, 2, TAGGED, 0, 1);
	assert_out(&out, 4, (double[]){ -1, 3, -4, 2 });
	assert_int_equal(twins_count(t), 0);
	twins_free(t);
}

static void silence_lets_it_count(void **state)
{
	struct out out;
	struct twins *t = make(&out);

	(void)state;
	hold(t, 1, TAGGED, 1, 10);
	hold(t, 2, TAGGED, 2, 20);
	assert_true(twins_due(t) == 10 + TWINS_WAIT_NS);
	twins_expire(t, 9 + TWINS_WAIT_NS);
	assert_int_equal(out.n, 0);
	twins_expire(t, 10 + TWINS_WAIT_NS);
	assert_out(&out, 1, (double[]){ 1 });
	assert_int_equal(twins_judge(t, 1, TAGGED, 11 + TWINS_WAIT_NS), TWINS_COUNT);
	twins_flush(t, false);
	assert_out(&out, 2, (double[]){ 1, 2 });
	assert_int_equal(twins_judge(t, 2, TAGGED, 21), TWINS_COUNT);
	twins_flush(t, true);
	assert_int_equal(twins_judge(t, 2, TAGGED, 22), TWINS_WAIT);
	twins_free(t);
}

/* A gauge that waits is older than one that counts at once. */
static void values_do_not_overtake(void **state)
{
	struct out out;
	struct twins *t = make(&out);

	(void)state;
	hold(t, 1, TAGGED, 1, 0);
	hold(t, 2, TAGGED, 2, 0);
	hold(t, 1, TAGGED, 3, 500);
	twins_expire(t, TWINS_WAIT_NS);
	assert_int_equal(twins_judge(t, 1, TAGGED, TWINS_WAIT_NS), TWINS_COUNT);
	assert_out(&out, 3, (double[]){ 1, 3, 2 });
	assert_int_equal(twins_count(t), 0);
	twins_free(t);
}

static void memory_is_bounded(void **state)
{
	struct out out;
	struct twins *t = make(&out);
	size_t i;

	(void)state;
	/* Many more senders than can be remembered: those that wait are released all the same. */
	for (i = 1; i <= TWINS_WAITING; i++)
		hold(t, i * 1000003, TAGGED, (double)i, (int64_t)i);
	assert_int_equal(out.n, 0);
	hold(t, 5, TAGGED, 0, 5000);
	assert_out(&out, 1, (double[]){ 1 });
	for (i = 0; i < 20 * TWINS_SENDERS; i++)
		twins_saw(t, i * 7919 + 3, TAGGED, TAGGED, 6000 + (int64_t)i);
	twins_flush(t, false);
	assert_int_equal(out.n, TWINS_WAITING + 1);
	assert_int_equal(twins_count(t), 0);
	twins_free(t);
	twins_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_line_with_tags_drops_the_dotted_one),
		cmocka_unit_test(a_bare_line_without_tags_lets_it_count),
		cmocka_unit_test(senders_and_rules_are_told_apart),
		cmocka_unit_test(silence_lets_it_count),
		cmocka_unit_test(values_do_not_overtake),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
