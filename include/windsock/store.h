/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families and their series.  Owns every series, decides type conflicts and limits, and
 * expires series that were not touched for their TTL.
 *
 * One internal mutex: all functions may be called from any thread.  It is held for memory
 * work only: one batch of updates, one slice of a scrape (about 64 KiB of text), a bounded
 * number of expiries.  Time is always an argument (monotonic nanoseconds).
 */
#ifndef WINDSOCK_STORE_H
#define WINDSOCK_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/err.h>
#include <windsock/hash.h>
#include <windsock/kind.h>
#include <windsock/span.h>
#include <windsock/target.h>
#include <windsock/update.h>

struct ws_store;

/* 0: no limit.  `unmatched_families` is for families whose targets are `unmatched`. */
struct ws_limits {
	size_t series;             /* default 1,000,000 */
	size_t series_per_family;  /* default 100,000 */
	size_t families;           /* default 10,000 */
	size_t unmatched_families; /* default 1,000 */
};

extern const struct ws_limits ws_limits_default;

struct ws_store *ws_store_new(struct ws_limits limits, struct ws_hash_key key);
void ws_store_free(struct ws_store *store);

/*
 * Finds the series or creates it, with value zero (gauges too).
 *
 * A target with a later epoch than the family's updates the family: help, ttl, window and
 * `unmatched` are replaced; if the kind or the options it depends on differ, the family is
 * retired (its series vanish at once, its memory is freed gradually) and created again.
 * Within an epoch the first kind wins.  Targets of an earlier epoch (from a worker that still
 * has the previous mapping) do not change the family.
 *
 * Errors: those of scope SERIES.  The store counts them, some also per family; see
 * ws_store_rejections.
 */
enum ws_err ws_store_intern(struct ws_store *store, const struct ws_target *target, int64_t now,
                            struct ws_ref *ref);

/*
 * Applies the batch under one lock.  err of each update is WS_OK, WS_ERR_END if the series is
 * gone (intern it again), or the reason why the sample was rejected: OVERFLOW,
 * NEGATIVE_COUNTER, TYPE_MISMATCH, SET_FULL, NOMEM.  Returns how many are not WS_OK.
 */
size_t ws_store_apply(struct ws_store *store, struct ws_update *updates, size_t n, int64_t now);

/*
 * Frees retired series, then expires series that are due, and reschedules those touched in
 * the meantime.  Each counts as one of at most `most` steps.  Returns the number of steps;
 * fewer than `most`: nothing is left to do now.
 */
size_t ws_store_expire(struct ws_store *store, int64_t now, size_t most);

/* Removes a series with wrong labels at once.  Counted as retired. */
void ws_store_retire(struct ws_store *store, struct ws_ref ref);

/* When to call ws_store_expire next, or earlier.  INT64_MAX: nothing is scheduled. */
int64_t ws_store_due(struct ws_store *store);

/*
 * After a reload: retires the families for which `keeps` returns false, except those of
 * unmatched names.  Call it again once no worker can still use the old mapping.
 */
void ws_store_reconfigure(struct ws_store *store,
                          bool (*keeps)(const void *user, struct ws_span family),
                          const void *user);

/* A family as a reader sees it, under the lock. */
struct ws_family_view {
	struct ws_span name;
	struct ws_span help;
	enum ws_kind kind;
	const struct ws_kind_options *options;
	bool openmetrics_clash; /* a counter x_total, and there is a family x or x_created */
};

struct ws_cell; /* the value; opaque here */

/*
 * Reads the families by name, the series of a family by age, in slices.  A series that exists
 * throughout is read exactly once, any other at most once.
 */
struct ws_cursor;
struct ws_cursor *ws_cursor_new(struct ws_store *store);
void ws_cursor_free(struct ws_cursor *cursor);

struct ws_reader {
	/* `first`: the first series of its family that this cursor reads. */
	void (*series)(void *user, const struct ws_family_view *family, bool first,
	               struct ws_span labels, const struct ws_cell *cell);
	/* Called after each series.  True: end the slice, which releases the lock. */
	bool (*enough)(void *user);
	void *user;
};

/* Reads one slice.  False: there are no more. */
bool ws_cursor_read(struct ws_cursor *cursor, const struct ws_reader *reader);

struct ws_store_counts {
	size_t series;
	size_t families;
	size_t unmatched_families;
	uint64_t created;
	uint64_t expired;
	uint64_t retired; /* by a reload, or because of wrong labels */
	uint64_t rejected[WS_NERRORS];
	size_t bytes;     /* requested from malloc for families and series, approximately */
	struct ws_limits limits;
};

struct ws_store_counts ws_store_counts(struct ws_store *store);

/* Calls fn, under the lock, for families with rejections: err is TYPE_CONFLICT,
 * NAME_COLLISION or FAMILY_SERIES_LIMIT. */
void ws_store_rejections(struct ws_store *store,
                       void (*fn)(void *user, struct ws_span family, enum ws_err err,
                                  uint64_t count),
                       void *user);

#endif
