/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "series/sketch.h"

#define WINDOW 600

static uint64_t seed = 7;

/* In (0, 1]. */
static double draw(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return ((double)(seed >> 11) + 1) / 9007199254740992.0;
}

static double quantile(const struct sketch *s, double q, int64_t now)
{
	double out;

	sketch_quantiles(s, &q, 1, now, WINDOW, &out);
	return out;
}

static void observe(struct sketch **s, double value, int64_t now)
{
	assert_true(sketch_observe(s, value, 1, now, WINDOW));
}

TEST(nothing_is_nan)
{
	struct sketch *s = sketch_new();

	assert_true(isnan(quantile(s, 0.5, 0)));
	assert_true(sketch_bytes(s) <= 80);
	sketch_free(s);
	sketch_free(NULL);
}

TEST(one_value_is_exact)
{
	struct sketch *s = sketch_new();
	int i;

	for (i = 0; i < 1000; i++)
		observe(&s, 12.75, 5);
	assert_true(quantile(s, 0, 5) == 12.75);
	assert_true(quantile(s, 0.5, 5) == 12.75);
	assert_true(quantile(s, 1, 5) == 12.75);
	assert_true(sketch_sum(s) == 12750);
	assert_true(sketch_count(s) == 1000);
	assert_true(sketch_bytes(s) <= 80);
	sketch_free(s);
}

TEST(ranks)
{
	const double q[] = { 0, 0.1, 0.5, 0.9, 0.99, 1 };
	const double want[] = { 1, 1, 5, 9, 10, 10 };
	struct sketch *s = sketch_new();
	double out[6];
	int i;

	for (i = 10; i > 0; i--)
		observe(&s, i, 0);
	sketch_quantiles(s, q, 6, 0, WINDOW, out);
	for (i = 0; i < 6; i++)
		assert_true(out[i] == want[i]);
	sketch_free(s);
}

TEST(any_finite_value)
{
	const double values[] = { -DBL_MAX / 4, -1e300, -3, -1e-9, -DBL_MIN, 0, DBL_MIN, 1e-9,
		                  2e-9, 3, 1e300, DBL_MAX / 4 };
	struct sketch *s = sketch_new();
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		observe(&s, values[i], 0);
	assert_true(quantile(s, 0, 0) <= -1e300);
	assert_true(quantile(s, 1, 0) >= 1e300);
	assert_true(fabs(quantile(s, 0.5, 0)) < 1e-9);
	sketch_free(s);
}

TEST(overflow_changes_nothing)
{
	struct sketch *s = sketch_new();

	observe(&s, DBL_MAX, 0);
	assert_false(sketch_observe(&s, DBL_MAX, 1, 0, WINDOW));
	assert_true(sketch_sum(s) == DBL_MAX && sketch_count(s) == 1);
	sketch_free(s);
}

TEST(weights)
{
	struct sketch *s = sketch_new();

	assert_true(sketch_observe(&s, 1, 10.0 / 3, 0, WINDOW));
	assert_true(sketch_observe(&s, 2, 1e60, 0, WINDOW));
	assert_true(sketch_observe(&s, 2, 1e60, 0, WINDOW));
	assert_true(quantile(s, 0.5, 0) == 2);
	assert_true(quantile(s, 0, 0) == 1);
	sketch_free(s);
}

/* Half a window is 300. */
TEST(window_slides)
{
	struct sketch *s = sketch_new();

	observe(&s, 1, 0);
	observe(&s, 100, 300);
	observe(&s, 200, 600);
	assert_true(quantile(s, 0, 600) == 1);
	assert_true(quantile(s, 0, 899) == 1);
	assert_true(quantile(s, 0, 900) == 100);
	assert_true(quantile(s, 0, 1200) == 200);
	observe(&s, 50, 900);
	assert_true(quantile(s, 0, 900) == 50);
	assert_true(quantile(s, 1, 900) == 200);
	observe(&s, 7, 100000);
	assert_true(quantile(s, 0, 100000) == 7 && quantile(s, 1, 100000) == 7);
	/* A clock a little behind does not lose the observation. */
	observe(&s, 3, 99000);
	assert_true(quantile(s, 0, 100000) == 3);
	sketch_free(s);
}

TEST(last_run_is_the_answer)
{
	struct sketch *s = sketch_new();

	observe(&s, 5, 0);
	observe(&s, 42, 400);
	assert_true(quantile(s, 0.5, 1000000) == 42);
	assert_true(quantile(s, 0, 1000000) == 42);
	assert_true(quantile(s, 0, 500) == 5);
	sketch_free(s);
}

TEST(entries_are_reused)
{
	struct sketch *s = sketch_new();
	int i, k;

	for (i = 0; i < 200; i++) {
		for (k = 0; k < 12; k++)
			observe(&s, 1 + i * 100 + k * 5, i * 300);
	}
	assert_true(sketch_bytes(s) <= 1024);
	assert_true(quantile(s, 0, 199 * 300) >= 19701);
	assert_true(quantile(s, 0, 199 * 300) <= 19701 * 1.02);
	sketch_free(s);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The answers stay near the exact ones, for all that forty buckets hold. */
static void check_spread(double spread, double within)
{
	enum { N = 20000 };
	const double q[] = { 0.1, 0.5, 0.9, 0.99 };
	struct sketch *s = sketch_new();
	double *values = malloc(N * sizeof(*values)), out[4];
	size_t i;

	assert_non_null(values);
	for (i = 0; i < N; i++) {
		values[i] = 0.05 * pow(spread, (draw() + draw() + draw()) / 3);
		observe(&s, values[i], 0);
	}
	qsort(values, N, sizeof(*values), by_value);
	sketch_quantiles(s, q, 4, 0, WINDOW, out);
	for (i = 0; i < 4; i++) {
		double exact = values[(size_t)(q[i] * (double)N)];

		assert_true(out[i] <= exact * within && out[i] >= exact / within);
	}
	assert_true(sketch_bytes(s) <= 1024);
	free(values);
	sketch_free(s);
}

TEST(spreads)
{
	check_spread(2, 1.0201);
	check_spread(10, 1.1);
	check_spread(100, 1.25);
	check_spread(10000, 1.6);
}
