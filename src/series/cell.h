/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of one series: one number, or a summary's sketch, a histogram's counts, a set's
 * members.  cell.c has a table of functions per kind.
 */
#ifndef CELL_H
#define CELL_H

#include <windsock/err.h>
#include <windsock/kind.h>

struct sketch;
struct cell_histogram;
struct cell_set;

struct ws_cell {
	union {
		double number; /* counter, gauge */
		struct sketch *sketch;
		struct cell_histogram *histogram;
		struct cell_set *set;
	};
	bool is_set; /* a gauge that counts members */
};

/* Maximum number of members of a set; more are rejected with WS_ERR_SET_FULL. */
#define CELL_SET_MAX 10000

/* False: out of memory. */
bool cell_init(struct ws_cell *cell, enum ws_kind kind, const struct ws_kind_options *options);
void cell_fini(struct ws_cell *cell, enum ws_kind kind);

/* Bytes requested from malloc in addition to the cell itself. */
size_t cell_bytes(const struct ws_cell *cell, enum ws_kind kind, const struct ws_kind_options *options);

/* WS_OK, OVERFLOW, NEGATIVE_COUNTER, SET_FULL, NOMEM, or TYPE_MISMATCH for an op that does not
 * apply, such as SET for a cell that counts members.  On error the cell is unchanged. */
enum ws_err cell_update(struct ws_cell *cell, enum ws_kind kind, const struct ws_kind_options *options,
                        enum ws_op op, double value, double weight, uint64_t member,
                        int64_t now);

/* Counter and gauge (for a set: the number of members seen within the window before now). */
double cell_number(const struct ws_cell *cell, const struct ws_kind_options *options, int64_t now);

/*
 * Summary and histogram: the sum of the values, and the number of observations.  A sampled
 * observation counts 1/rate times; the total is kept with its fraction and returned rounded
 * down.
 */
double cell_sum(const struct ws_cell *cell, enum ws_kind kind);
uint64_t cell_count(const struct ws_cell *cell, enum ws_kind kind);

/* Cumulative: observations up to bound i; i = nbuckets is +Inf and equals cell_count. */
uint64_t cell_bucket(const struct ws_cell *cell, const struct ws_kind_options *options, size_t i);

/* All quantiles of the options, into out[nquantiles]; NaN before the first observation. */
void cell_quantiles(const struct ws_cell *cell, const struct ws_kind_options *options, int64_t now,
                    double *out);

#endif
