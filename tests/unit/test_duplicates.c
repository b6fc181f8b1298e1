/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "ingest/duplicates.h"

#define TAGGED UINT64_C(1)
#define OTHER  UINT64_C(2)

/* The values of the released samples, negative for duplicates. */
struct out {
	double values[2 * DUPLICATES_WAITING];
	size_t n;
};

static void on_release(void *user, const struct waiting *sample, bool is_duplicate)
{
	struct out *out = user;

	out->values[out->n++] = is_duplicate ? -sample->value : sample->value;
}

static struct duplicates *make(struct out *out)
{
	struct duplicates *t;

	out->n = 0;
	t = duplicates_new((struct duplicates_receiver){ on_release, out });
	assert_non_null(t);
	return t;
}

static void hold(struct duplicates *t, uint64_t sender, uint64_t duplicate_of, double value, int64_t now)
{
	assert_int_equal(duplicates_judge(t, sender, duplicate_of, now), DUPLICATES_WAIT);
	duplicates_wait(t, &(struct waiting){
		.value = value, .sender = sender, .duplicate_of = duplicate_of, .since = now,
	});
}

static void assert_out(const struct out *out, size_t n, const double *want)
{
	size_t i;

	assert_int_equal(out->n, n);
	for (i = 0; i < n; i++)
		assert_true(out->values[i] == want[i]);
}

TEST(a_bare_line_with_tags_drops_the_dotted_one)
{
	struct out out;
	struct duplicates *t = make(&out);

	hold(t, 7, TAGGED, 1, 0);
	duplicates_saw(t, 7, TAGGED, TAGGED, 5);
	assert_out(&out, 1, (double[]){ -1 });
	assert_int_equal(duplicates_judge(t, 7, TAGGED, 6), DUPLICATES_DROP);
	assert_int_equal(duplicates_count(t), 0);
	assert_true(duplicates_due(t) == INT64_MAX);
	duplicates_free(t);
}

TEST(a_bare_line_without_tags_lets_it_count)
{
	struct out out;
	struct duplicates *t = make(&out);

	hold(t, 7, TAGGED, 1, 0);
	hold(t, 7, TAGGED, 2, 1);
	duplicates_saw(t, 7, TAGGED, 0, 5);
	assert_out(&out, 2, (double[]){ 1, 2 });
	assert_int_equal(duplicates_judge(t, 7, TAGGED, 6), DUPLICATES_COUNT);
	/* It does send tags after all. */
	duplicates_saw(t, 7, TAGGED, TAGGED, 7);
	assert_int_equal(duplicates_judge(t, 7, TAGGED, 8), DUPLICATES_DROP);
	duplicates_saw(t, 7, TAGGED, 0, 9);
	assert_int_equal(duplicates_judge(t, 7, TAGGED, 10), DUPLICATES_DROP);
	duplicates_free(t);
}

TEST(senders_and_rules_are_kept_apart)
{
	struct out out;
	struct duplicates *t = make(&out);

	hold(t, 1, TAGGED, 1, 0);
	hold(t, 2, TAGGED, 2, 0);
	hold(t, 1, OTHER, 3, 0);
	hold(t, 1, TAGGED | OTHER, 4, 0);
	duplicates_saw(t, 1, TAGGED, TAGGED, 1);
	assert_out(&out, 1, (double[]){ -1 });
	duplicates_saw(t, 2, OTHER, OTHER, 1);
	assert_out(&out, 1, (double[]){ -1 });
	duplicates_saw(t, 1, OTHER, 0, 1);
	assert_out(&out, 3, (double[]){ -1, 3, -4 });
	duplicates_saw(t, 2, TAGGED, 0, 1);
	assert_out(&out, 4, (double[]){ -1, 3, -4, 2 });
	assert_int_equal(duplicates_count(t), 0);
	duplicates_free(t);
}

TEST(silence_lets_it_count)
{
	struct out out;
	struct duplicates *t = make(&out);

	hold(t, 1, TAGGED, 1, 10);
	hold(t, 2, TAGGED, 2, 20);
	assert_true(duplicates_due(t) == 10 + DUPLICATES_WAIT_NS);
	duplicates_expire(t, 9 + DUPLICATES_WAIT_NS);
	assert_int_equal(out.n, 0);
	duplicates_expire(t, 10 + DUPLICATES_WAIT_NS);
	assert_out(&out, 1, (double[]){ 1 });
	assert_int_equal(duplicates_judge(t, 1, TAGGED, 11 + DUPLICATES_WAIT_NS), DUPLICATES_COUNT);
	duplicates_flush(t, false);
	assert_out(&out, 2, (double[]){ 1, 2 });
	assert_int_equal(duplicates_judge(t, 2, TAGGED, 21), DUPLICATES_COUNT);
	duplicates_flush(t, true);
	assert_int_equal(duplicates_judge(t, 2, TAGGED, 22), DUPLICATES_WAIT);
	duplicates_free(t);
}

/* A gauge that waits is older than one that counts at once. */
TEST(values_do_not_overtake)
{
	struct out out;
	struct duplicates *t = make(&out);

	hold(t, 1, TAGGED, 1, 0);
	hold(t, 2, TAGGED, 2, 0);
	hold(t, 1, TAGGED, 3, 500);
	duplicates_expire(t, DUPLICATES_WAIT_NS);
	assert_int_equal(duplicates_judge(t, 1, TAGGED, DUPLICATES_WAIT_NS), DUPLICATES_COUNT);
	assert_out(&out, 3, (double[]){ 1, 3, 2 });
	assert_int_equal(duplicates_count(t), 0);
	duplicates_free(t);
}

TEST(memory_is_bounded)
{
	struct out out;
	struct duplicates *t = make(&out);
	size_t i;

	/* More senders than there is room for: waiting samples are released nevertheless. */
	for (i = 1; i <= DUPLICATES_WAITING; i++)
		hold(t, i * 1000003, TAGGED, (double)i, (int64_t)i);
	assert_int_equal(out.n, 0);
	hold(t, 5, TAGGED, 0, 5000);
	assert_out(&out, 1, (double[]){ 1 });
	for (i = 0; i < 20 * DUPLICATES_SENDERS; i++)
		duplicates_saw(t, i * 7919 + 3, TAGGED, TAGGED, 6000 + (int64_t)i);
	duplicates_flush(t, false);
	assert_int_equal(out.n, DUPLICATES_WAITING + 1);
	assert_int_equal(duplicates_count(t), 0);
	duplicates_free(t);
	duplicates_free(NULL);
}
