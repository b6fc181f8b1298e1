/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "series/cell.h"

static const double buckets[] = { 1, 2, 5 };
static const double quantiles[] = { 0.5, 0.9 };

static const struct ws_kind_options options = {
	.buckets = buckets,
	.nbuckets = 3,
	.quantiles = quantiles,
	.nquantiles = 2,
	.window_ns = 1000,
};

struct box {
	struct ws_cell cell;
	enum ws_kind kind;
};

static struct box make(enum ws_kind kind)
{
	struct box box = { .kind = kind };

	assert_true(cell_init(&box.cell, kind, &options));
	return box;
}

static enum ws_err put(struct box *box, enum ws_op op, double value, double weight)
{
	return cell_update(&box->cell, box->kind, &options, op, value, weight, 0, 0);
}

static enum ws_err join(struct box *box, uint64_t member, int64_t now)
{
	return cell_update(&box->cell, box->kind, &options, WS_OP_MEMBER, 0, 1, member, now);
}

static double number(const struct box *box, int64_t now)
{
	return cell_number(&box->cell, &options, now);
}

TEST(counter)
{
	struct box box = make(WS_KIND_COUNTER);

	assert_true(number(&box, 0) == 0);
	assert_int_equal(put(&box, WS_OP_ADD, 2, 10), WS_OK);
	assert_int_equal(put(&box, WS_OP_COUNT, 99, 4), WS_OK);
	assert_int_equal(put(&box, WS_OP_ADD, -1, 1), WS_ERR_NEGATIVE_COUNTER);
	assert_int_equal(put(&box, WS_OP_ADD, DBL_MAX, 10), WS_ERR_OVERFLOW);
	assert_int_equal(put(&box, WS_OP_SET, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_int_equal(put(&box, WS_OP_NONE, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_true(number(&box, 0) == 24);
	assert_int_equal(cell_bytes(&box.cell, box.kind, &options), 0);
	cell_fini(&box.cell, box.kind);
}

TEST(gauge)
{
	struct box box = make(WS_KIND_GAUGE);

	assert_int_equal(put(&box, WS_OP_SET, 5, 10), WS_OK);
	assert_int_equal(put(&box, WS_OP_RELATIVE, -7, 10), WS_OK);
	assert_true(number(&box, 0) == -2);
	assert_int_equal(put(&box, WS_OP_UP_DOWN, -1, 10), WS_OK);
	assert_true(number(&box, 0) == -12);
	assert_int_equal(put(&box, WS_OP_OBSERVE, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_int_equal(put(&box, WS_OP_SET, (double)INFINITY, 1), WS_OK);
	assert_int_equal(put(&box, WS_OP_RELATIVE, 1, 1), WS_ERR_OVERFLOW);
	assert_int_equal(put(&box, WS_OP_SET, (double)NAN, 1), WS_OK);
	assert_true(isnan(number(&box, 0)));
	cell_fini(&box.cell, box.kind);
}

TEST(histogram)
{
	const double values[] = { 0, 1, 1.5, 2, 5, 6, -3 };
	struct box box = make(WS_KIND_HISTOGRAM);
	size_t i;

	assert_int_equal(put(&box, WS_OP_OBSERVE, 0, 0), WS_OK);
	assert_int_equal(cell_count(&box.cell, box.kind), 0);
	for (i = 0; i < 7; i++)
		assert_int_equal(put(&box, WS_OP_OBSERVE, values[i], 1), WS_OK);
	assert_int_equal(cell_bucket(&box.cell, &options, 0), 3);
	assert_int_equal(cell_bucket(&box.cell, &options, 1), 5);
	assert_int_equal(cell_bucket(&box.cell, &options, 2), 6);
	assert_int_equal(cell_bucket(&box.cell, &options, 3), 7);
	assert_int_equal(cell_count(&box.cell, box.kind), 7);
	assert_true(cell_sum(&box.cell, box.kind) == 12.5);
	assert_int_equal(put(&box, WS_OP_OBSERVE, DBL_MAX, 2), WS_ERR_OVERFLOW);
	assert_int_equal(put(&box, WS_OP_ADD, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_int_equal(cell_count(&box.cell, box.kind), 7);
	assert_int_equal(put(&box, WS_OP_OBSERVE, 0, 2.5), WS_OK);
	assert_int_equal(put(&box, WS_OP_OBSERVE, 3, 2.5), WS_OK);
	assert_int_equal(cell_bucket(&box.cell, &options, 0), 5);
	assert_int_equal(cell_count(&box.cell, box.kind), 12);
	assert_int_equal(put(&box, WS_OP_OBSERVE, 0, 1e300), WS_OK);
	assert_true(cell_count(&box.cell, box.kind) == UINT64_MAX);
	assert_true(cell_bytes(&box.cell, box.kind, &options) > 4 * sizeof(double));
	cell_fini(&box.cell, box.kind);
}

TEST(summary)
{
	struct box box = make(WS_KIND_SUMMARY);
	double out[2];
	int i;

	cell_quantiles(&box.cell, &options, 0, out);
	assert_true(isnan(out[0]) && isnan(out[1]));
	/* Initialized. */
	assert_int_equal(put(&box, WS_OP_OBSERVE, 0, 0), WS_OK);
	cell_quantiles(&box.cell, &options, 0, out);
	assert_true(isnan(out[0]) && isnan(out[1]));
	assert_int_equal(cell_count(&box.cell, box.kind), 0);
	for (i = 1; i <= 10; i++)
		assert_int_equal(put(&box, WS_OP_OBSERVE, i, 1.25), WS_OK);
	cell_quantiles(&box.cell, &options, 0, out);
	assert_true(out[0] == 5 && out[1] == 9);
	assert_int_equal(cell_count(&box.cell, box.kind), 12);
	assert_true(cell_sum(&box.cell, box.kind) == 68.75);
	assert_int_equal(put(&box, WS_OP_OBSERVE, DBL_MAX, 2), WS_ERR_OVERFLOW);
	assert_int_equal(put(&box, WS_OP_SET, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_true(cell_bytes(&box.cell, box.kind, &options) <= 1024);
	cell_fini(&box.cell, box.kind);
}

TEST(set_counts_the_window)
{
	struct box box = make(WS_KIND_GAUGE);
	uint64_t i;

	for (i = 0; i < 100; i++) {
		assert_int_equal(join(&box, 1 + i % 10, 0), WS_OK);
		assert_int_equal(join(&box, (1 + i % 10) << 56, 500), WS_OK);
	}
	assert_true(box.cell.is_set);
	assert_true(number(&box, 500) == 20);
	assert_true(number(&box, 999) == 20);
	assert_true(number(&box, 1000) == 10);
	assert_true(number(&box, 1500) == 0);
	assert_int_equal(put(&box, WS_OP_SET, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_int_equal(put(&box, WS_OP_RELATIVE, 1, 1), WS_ERR_TYPE_MISMATCH);
	assert_int_equal(put(&box, WS_OP_UP_DOWN, 1, 1), WS_ERR_TYPE_MISMATCH);
	cell_fini(&box.cell, box.kind);
}

TEST(set_forgets)
{
	struct box box = make(WS_KIND_GAUGE);
	uint64_t i;

	for (i = 0; i < 100000; i++)
		assert_int_equal(join(&box, i * UINT64_C(0x9e3779b97f4a7c15), (int64_t)i * 10),
		                 WS_OK);
	assert_true(number(&box, 999990) == 100);
	assert_true(cell_bytes(&box.cell, box.kind, &options) < 16384);
	cell_fini(&box.cell, box.kind);
}

TEST(set_is_limited)
{
	struct box box = make(WS_KIND_GAUGE);
	uint64_t i;

	for (i = 1; i <= CELL_SET_MAX; i++)
		assert_int_equal(join(&box, i, 0), WS_OK);
	assert_int_equal(join(&box, i, 0), WS_ERR_SET_FULL);
	assert_int_equal(join(&box, 1, 10), WS_OK);
	assert_true(number(&box, 10) == CELL_SET_MAX);
	assert_int_equal(join(&box, i, 1005), WS_OK);
	assert_true(number(&box, 1005) == 2);
	cell_fini(&box.cell, box.kind);
}
