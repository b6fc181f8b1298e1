/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantiles of one series over a sliding window, in 80 bytes for a constant value and 1 KiB
 * at most.
 *
 * Values fall into buckets that are 2 % wide; weights are kept in three slots of half a
 * window each, so that a result covers between 1 and 1.5 windows.  A result is a value that
 * was observed: exact while its bucket holds one value, within 2 % while there are no more
 * than SKETCH_ENTRIES buckets, coarser beyond that.
 */
#ifndef SKETCH_H
#define SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sketch;

#define SKETCH_ENTRIES 40

/* NULL: out of memory. */
struct sketch *sketch_new(void);
void sketch_free(struct sketch *sketch);

/*
 * `value` must be finite.  False: the sum would leave the range of finite numbers, and
 * nothing has changed.  Does not fail when out of memory, but gets coarser.  May move
 * *sketch.
 */
bool sketch_observe(struct sketch **sketch, double value, double weight, int64_t now,
                    int64_t window_ns);

double sketch_sum(const struct sketch *sketch);
double sketch_count(const struct sketch *sketch);

/*
 * out[i] is the value at q[i]; q ascends.  If nothing was observed in the window, the last
 * half window with an observation is used.  NaN before the first observation.
 */
void sketch_quantiles(const struct sketch *sketch, const double *q, size_t n, int64_t now,
                      int64_t window_ns, double *out);

size_t sketch_bytes(const struct sketch *sketch);

#endif
