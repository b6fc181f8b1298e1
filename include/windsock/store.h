/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families and their series.  Owns every series; decides type conflicts and limits; expires
 * what has not been touched for its TTL.
 *
 * One mutex inside: all functions may be called from any thread.  It is held for memory work
 * only: for one batch of updates, for one slice of a scrape (some 64 KiB of text), for a
 * bounded number of expiries.  Time is always an argument (monotonic nanoseconds).
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

/* 0 means none.  `unmatched` limits the families whose targets say so. */
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
 * Finds the series or makes it, with value zero (a gauge too).  Families and TTL follow the
 * target when its epoch is later than the one they were made by: help and ttl are replaced, a
 * family whose kind or options differs is retired (its series vanish at once, its memory goes bit
 * by bit) and made anew.  Within one epoch the first kind wins, and a worker that is late with
 * the configuration before it changes nothing.
 *
 * Errors: those of scope SERIES.  The refusal is also counted with the family it concerns.
 */
enum ws_err ws_store_intern(struct ws_store *store, const struct ws_target *target, int64_t now,
                            struct ws_ref *ref);

/*
 * Applies the batch under one lock.  err is WS_OK, WS_ERR_END when the series has expired
 * meanwhile (intern again), or why the sample was refused: OVERFLOW, NEGATIVE_COUNTER,
 * TYPE_MISMATCH, SET_FULL, NOMEM.  Returns how many are not WS_OK.
 */
size_t ws_store_apply(struct ws_store *store, struct ws_update *updates, size_t n, int64_t now);

/*
 * Frees what was retired and looks at what could be due: expires it, or files it anew if it was
 * touched.  Returns how many series it looked at; fewer than `most`: nothing is left to do.
 */
size_t ws_store_expire(struct ws_store *store, int64_t now, size_t most);

/* Removes a series at once; it was under wrong labels.  Counted as retired. */
void ws_store_retire(struct ws_store *store, struct ws_ref ref);

/* When ws_store_expire has something to do next, INT64_MAX: nothing known. */
int64_t ws_store_due(struct ws_store *store);

/*
 * After a reload: families not made from unmatched names for which `keeps` says false are
 * retired.  Once more when no worker can be at the old configuration.
 */
void ws_store_reconfigure(struct ws_store *store,
                          bool (*keeps)(const void *user, struct ws_span family),
                          const void *user);

/* A family and a series as a reader sees them, under the lock. */
struct ws_family_view {
	struct ws_span name;
	struct ws_span help;
	enum ws_kind kind;
	const struct ws_kind_options *options;
	bool openmetrics_clash; /* a counter x_total beside which a family x or x_created stands */
};

struct ws_cell; /* the value; opaque here */

/*
 * Reads family by family in order of name, within a family in order of birth, in slices.  A
 * series that lives throughout is read exactly once; others at most once.
 */
struct ws_cursor;
struct ws_cursor *ws_cursor_new(struct ws_store *store);
void ws_cursor_free(struct ws_cursor *cursor);

struct ws_reader {
	/* `first`: this is the first series of the family in this reading. */
	void (*series)(void *user, const struct ws_family_view *family, bool first,
	               struct ws_span labels, const struct ws_cell *cell);
	/* Asked after each series: end the slice?  The lock is let go then. */
	bool (*enough)(void *user);
	void *user;
};

/* One slice.  False when there is nothing more. */
bool ws_cursor_read(struct ws_cursor *cursor, const struct ws_reader *reader);

struct ws_store_counts {
	size_t series;
	size_t families;
	size_t unmatched_families;
	uint64_t created;
	uint64_t expired;
	uint64_t retired; /* by a reload, or for wrong labels */
	uint64_t rejected[WS_NERRORS];
	size_t bytes;     /* of families and series, as asked from malloc; about */
	struct ws_limits limits;
};

struct ws_store_counts ws_store_counts(struct ws_store *store);

/* Calls fn for families that refused something, under the lock: err is TYPE_CONFLICT,
 * NAME_COLLISION or FAMILY_SERIES_LIMIT. */
void ws_store_rejections(struct ws_store *store,
                       void (*fn)(void *user, struct ws_span family, enum ws_err err,
                                  uint64_t count),
                       void *user);

#endif
