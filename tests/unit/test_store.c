/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <windsock/store.h>

#include "series/cell.h"

#define MANY 100000

static const struct ws_limits no_limits = { 0 };

/* Of the targets below. */
static uint64_t epoch;

static struct ws_store *make(struct ws_limits limits)
{
	struct ws_store *store = ws_store_new(limits, (struct ws_hash_key){ .k0 = 1, .k1 = 2 });

	assert_non_null(store);
	epoch = 1;
	return store;
}

static struct ws_target target(const char *family, enum ws_kind kind, const char *labels)
{
	return (struct ws_target){
		.family = ws_span_str(family),
		.help = ws_span_str("help"),
		.labels = ws_span_str(labels),
		.kind = kind,
		.options = ws_kind_options_default,
		.epoch = epoch,
	};
}

static enum ws_err intern(struct ws_store *store, const char *family, enum ws_kind kind,
                          const char *labels)
{
	struct ws_target t = target(family, kind, labels);
	struct ws_ref ref;

	return ws_store_intern(store, &t, 0, &ref);
}

static struct ws_ref intern_ttl(struct ws_store *store, const char *family, const char *labels,
                                int64_t ttl_ns, int64_t now)
{
	struct ws_target t = target(family, WS_KIND_GAUGE, labels);
	struct ws_ref ref = { 0 };

	t.ttl_ns = ttl_ns;
	assert_int_equal(ws_store_intern(store, &t, now, &ref), WS_OK);
	return ref;
}

static enum ws_err set(struct ws_store *store, struct ws_ref ref, double value, int64_t now)
{
	struct ws_update u = { .ref = ref, .op = WS_OP_SET, .value = value, .weight = 1 };

	size_t failed = ws_store_apply(store, &u, 1, now);

	assert_int_equal(failed, u.err != WS_OK);
	return u.err;
}

static size_t nseries(struct ws_store *store)
{
	return ws_store_counts(store).series;
}

/* A reading as text: F for a family's first series, then `family{labels} value`. */

struct reading {
	char text[4096];
	size_t len;
	size_t slice; /* series a slice; 0: all */
	size_t in_slice;
	int64_t now;
};

static void on_series(void *user, const struct ws_family_view *family, bool first,
                      struct ws_span labels, const struct ws_cell *cell)
{
	struct reading *r = user;
	double value = family->kind <= WS_KIND_GAUGE ? cell_number(cell, family->options, r->now)
						     : 0;
	int n = snprintf(r->text + r->len, sizeof(r->text) - r->len, "%s%.*s{%.*s}%g ",
	                 first ? "F:" : "", WS_SPAN_ARG(family->name), WS_SPAN_ARG(labels),
	                 value);

	assert_true(n > 0 && r->len + (size_t)n < sizeof(r->text));
	r->len += (size_t)n;
	r->in_slice++;
}

static bool on_enough(void *user)
{
	const struct reading *r = user;

	return r->slice != 0 && r->in_slice >= r->slice;
}

static bool slice(struct ws_cursor *cursor, struct reading *r)
{
	const struct ws_reader reader = {
		.series = on_series,
		.enough = on_enough,
		.user = r,
	};

	r->in_slice = 0;
	return ws_cursor_read(cursor, &reader);
}

static void assert_reads(struct ws_store *store, const char *want)
{
	struct ws_cursor *cursor = ws_cursor_new(store);
	struct reading r = { .slice = 1 };

	while (slice(cursor, &r))
		;
	assert_string_equal(r.text, want);
	assert_false(slice(cursor, &r));
	ws_cursor_free(cursor);
}

TEST(interns_and_applies)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_target t = target("b", WS_KIND_GAUGE, "x=\"1\"");
	struct ws_ref one, again, two;

	assert_reads(store, "");
	assert_int_equal(ws_store_intern(store, &t, 0, &one), WS_OK);
	assert_int_equal(ws_store_intern(store, &t, 0, &again), WS_OK);
	assert_true(one.slot == again.slot && one.generation == again.generation);
	t.labels = ws_span(NULL, 0);
	assert_int_equal(ws_store_intern(store, &t, 0, &two), WS_OK);
	assert_int_equal(ws_store_intern(store, &t, 0, &again), WS_OK);
	assert_true(two.slot == again.slot && two.slot != one.slot);
	assert_int_equal(set(store, one, 3, 0), WS_OK);
	assert_int_equal(set(store, two, 4, 0), WS_OK);
	assert_int_equal(intern(store, "a", WS_KIND_COUNTER, ""), WS_OK);
	assert_int_equal(intern(store, "ab", WS_KIND_COUNTER, ""), WS_OK);
	assert_reads(store, "F:a{}0 F:ab{}0 F:b{x=\"1\"}3 b{}4 ");
	assert_int_equal(ws_store_counts(store).created, 4);
	assert_int_equal(ws_store_counts(store).families, 3);
	assert_true(ws_store_due(store) == INT64_MAX);
	ws_store_free(store);
	ws_store_free(NULL);
}

TEST(stale_refs)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_ref none = { 0 }, wild = { .slot = 4000000000u, .generation = 1 };
	struct ws_ref ref, fresh;

	assert_int_equal(set(store, none, 1, 0), WS_ERR_END);
	assert_int_equal(set(store, wild, 1, 0), WS_ERR_END);
	ref = intern_ttl(store, "f", "", 10, 0);
	assert_int_equal(set(store, none, 1, 0), WS_ERR_END);
	assert_int_equal(set(store, wild, 1, 0), WS_ERR_END);
	assert_int_equal(ws_store_expire(store, 10, 99), 1);
	assert_int_equal(set(store, ref, 1, 10), WS_ERR_END);
	fresh = intern_ttl(store, "f", "", 10, 10);
	assert_int_equal(fresh.slot, ref.slot);
	assert_int_equal(set(store, ref, 1, 10), WS_ERR_END);
	assert_int_equal(set(store, fresh, 1, 10), WS_OK);
	ws_store_free(store);
}

TEST(errors_of_cells_come_back)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_target t = target("c_total", WS_KIND_COUNTER, "");
	struct ws_update u[3] = {
		{ .op = WS_OP_ADD, .value = -1, .weight = 1 },
		{ .op = WS_OP_ADD, .value = 2, .weight = 1 },
		{ .op = WS_OP_SET, .value = 2, .weight = 1 },
	};
	size_t i;

	for (i = 0; i < 3; i++)
		assert_int_equal(ws_store_intern(store, &t, 0, &u[i].ref), WS_OK);
	assert_int_equal(ws_store_apply(store, u, 3, 0), 2);
	assert_int_equal(u[0].err, WS_ERR_NEGATIVE_COUNTER);
	assert_int_equal(u[1].err, WS_OK);
	assert_int_equal(u[2].err, WS_ERR_TYPE_MISMATCH);
	assert_reads(store, "F:c_total{}2 ");
	ws_store_free(store);
}

struct rejection {
	const char *family;
	enum ws_err err;
	uint64_t count;
};

static void on_rejection(void *user, struct ws_span family, enum ws_err err, uint64_t count)
{
	struct rejection *r = user;

	if (ws_span_is(family, r->family) && err == r->err)
		r->count += count;
}

static uint64_t rejections(struct ws_store *store, const char *family, enum ws_err err)
{
	struct rejection r = { .family = family, .err = err };

	ws_store_rejections(store, on_rejection, &r);
	return r.count;
}

TEST(type_conflict)
{
	struct ws_store *store = make(ws_limits_default);

	assert_int_equal(intern(store, "f", WS_KIND_GAUGE, ""), WS_OK);
	assert_int_equal(intern(store, "f", WS_KIND_COUNTER, ""), WS_ERR_TYPE_CONFLICT);
	assert_int_equal(intern(store, "f", WS_KIND_COUNTER, "a"), WS_ERR_TYPE_CONFLICT);
	assert_int_equal(rejections(store, "f", WS_ERR_TYPE_CONFLICT), 2);
	assert_int_equal(ws_store_counts(store).rejected[WS_ERR_TYPE_CONFLICT], 2);
	assert_int_equal(nseries(store), 1);
	ws_store_free(store);
}

TEST(limits)
{
	const struct ws_limits few = {
		.series = 6,
		.series_per_family = 2,
		.families = 4,
		.unmatched_families = 1,
	};
	struct ws_store *store = make(few);
	struct ws_target t = target("u1", WS_KIND_GAUGE, "");
	struct ws_ref ref;

	t.unmatched = true;
	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_OK);
	t.family = ws_span_str("u2");
	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_ERR_UNMATCHED_LIMIT);
	assert_int_equal(intern(store, "a", WS_KIND_GAUGE, "1"), WS_OK);
	assert_int_equal(intern(store, "a", WS_KIND_GAUGE, "2"), WS_OK);
	assert_int_equal(intern(store, "a", WS_KIND_GAUGE, "3"), WS_ERR_FAMILY_SERIES_LIMIT);
	assert_int_equal(intern(store, "a", WS_KIND_GAUGE, "2"), WS_OK);
	assert_int_equal(intern(store, "b", WS_KIND_GAUGE, ""), WS_OK);
	assert_int_equal(intern(store, "c", WS_KIND_GAUGE, ""), WS_OK);
	assert_int_equal(intern(store, "d", WS_KIND_GAUGE, ""), WS_ERR_FAMILY_LIMIT);
	assert_int_equal(intern(store, "c", WS_KIND_GAUGE, "2"), WS_OK);
	assert_int_equal(intern(store, "b", WS_KIND_GAUGE, "2"), WS_ERR_SERIES_LIMIT);
	assert_int_equal(intern(store, "up", WS_KIND_GAUGE, ""), WS_ERR_RESERVED_NAME);
	assert_int_equal(intern(store, "windsock_x", WS_KIND_GAUGE, ""), WS_ERR_RESERVED_NAME);
	assert_int_equal(rejections(store, "a", WS_ERR_FAMILY_SERIES_LIMIT), 1);
	assert_int_equal(ws_store_counts(store).rejected[WS_ERR_RESERVED_NAME], 2);
	assert_int_equal(ws_store_counts(store).rejected[WS_ERR_SERIES_LIMIT], 1);
	assert_int_equal(ws_store_counts(store).rejected[WS_ERR_FAMILY_LIMIT], 1);
	assert_int_equal(ws_store_counts(store).rejected[WS_ERR_UNMATCHED_LIMIT], 1);
	assert_int_equal(ws_store_counts(store).families, 4);
	assert_int_equal(ws_store_counts(store).unmatched_families, 1);
	assert_int_equal(ws_store_counts(store).series, 6);
	ws_store_free(store);
}

TEST(collisions)
{
	static const struct {
		enum ws_kind owner;
		const char *name;
		enum ws_err err;
	} rows[] = {
		{ WS_KIND_SUMMARY, "x_sum", WS_ERR_NAME_COLLISION },
		{ WS_KIND_SUMMARY, "x_count", WS_ERR_NAME_COLLISION },
		{ WS_KIND_SUMMARY, "x_created", WS_ERR_NAME_COLLISION },
		{ WS_KIND_SUMMARY, "x_bucket", WS_OK },
		{ WS_KIND_HISTOGRAM, "x_sum", WS_ERR_NAME_COLLISION },
		{ WS_KIND_HISTOGRAM, "x_bucket", WS_ERR_NAME_COLLISION },
		{ WS_KIND_HISTOGRAM, "x_", WS_OK },
		{ WS_KIND_HISTOGRAM, "x_sums", WS_OK },
		{ WS_KIND_HISTOGRAM, "_sum", WS_OK },
		{ WS_KIND_GAUGE, "x_sum", WS_OK },
		{ WS_KIND_COUNTER, "x_created", WS_OK },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_store *store = make(ws_limits_default);

		assert_int_equal(intern(store, "x", rows[i].owner, ""), WS_OK);
		assert_int_equal(intern(store, rows[i].name, WS_KIND_GAUGE, ""), rows[i].err);
		assert_int_equal(rejections(store, "x", WS_ERR_NAME_COLLISION),
		                 rows[i].err != WS_OK);
		ws_store_free(store);
		store = make(ws_limits_default);
		assert_int_equal(intern(store, rows[i].name, WS_KIND_GAUGE, ""), WS_OK);
		assert_int_equal(intern(store, "x", rows[i].owner, ""), rows[i].err);
		assert_int_equal(rejections(store, rows[i].name, WS_ERR_NAME_COLLISION),
		                 rows[i].err != WS_OK);
		ws_store_free(store);
	}
}

static void on_clash(void *user, const struct ws_family_view *family, bool first,
                     struct ws_span labels, const struct ws_cell *cell)
{
	(void)first;
	(void)labels;
	(void)cell;
	*(unsigned *)user = 2 * *(unsigned *)user + family->openmetrics_clash;
}

static bool never_enough(void *user)
{
	(void)user;
	return false;
}

TEST(openmetrics_clash)
{
	/* In order of name; the clashing ones are b_total and c_total. */
	static const char *const names[] = { "_total", "a_total", "b", "b_total", "c_created",
		                             "c_total", "cx" };
	struct ws_store *store = make(ws_limits_default);
	struct ws_cursor *cursor = ws_cursor_new(store);
	unsigned seen = 0;
	const struct ws_reader reader = { on_clash, never_enough, &seen };
	size_t i;

	for (i = 0; i < 7; i++)
		assert_int_equal(intern(store, names[i], WS_KIND_COUNTER, ""), WS_OK);
	assert_false(ws_cursor_read(cursor, &reader));
	assert_int_equal(seen, 0x0a);
	ws_cursor_free(cursor);
	ws_store_free(store);
}

TEST(expiry)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_ref a, b;

	a = intern_ttl(store, "f", "a", 100, 0);
	b = intern_ttl(store, "f", "b", 100, 10);
	intern_ttl(store, "g", "", 0, 10);
	assert_int_equal(ws_store_due(store), 100);
	assert_int_equal(ws_store_expire(store, 99, 99), 0);
	assert_int_equal(set(store, a, 1, 50), WS_OK);
	assert_int_equal(ws_store_expire(store, 100, 99), 1);
	assert_int_equal(nseries(store), 3);
	assert_int_equal(ws_store_due(store), 110);
	assert_int_equal(ws_store_expire(store, 110, 99), 1);
	assert_int_equal(set(store, b, 1, 110), WS_ERR_END);
	assert_reads(store, "F:f{a}1 F:g{}0 ");
	assert_int_equal(ws_store_expire(store, 149, 99), 0);
	assert_int_equal(ws_store_expire(store, 150, 99), 1);
	assert_reads(store, "F:g{}0 ");
	assert_int_equal(ws_store_counts(store).expired, 2);
	assert_int_equal(ws_store_counts(store).families, 1);
	assert_true(ws_store_due(store) == INT64_MAX);
	ws_store_free(store);
}

TEST(intern_touches)
{
	struct ws_store *store = make(ws_limits_default);

	intern_ttl(store, "f", "", 100, 0);
	intern_ttl(store, "f", "", 100, 60);
	ws_store_expire(store, 159, 99);
	assert_int_equal(nseries(store), 1);
	ws_store_expire(store, 160, 99);
	assert_int_equal(nseries(store), 0);
	intern_ttl(store, "f", "", INT64_MAX, 60);
	assert_int_equal(ws_store_expire(store, INT64_MAX - 1, 99), 0);
	ws_store_free(store);
}

static bool keep_all(const void *user, struct ws_span family)
{
	(void)user;
	(void)family;
	return true;
}

static bool keep_but(const void *user, struct ws_span family)
{
	return !ws_span_is(family, user);
}

static void on_help(void *user, const struct ws_family_view *family, bool first,
                    struct ws_span labels, const struct ws_cell *cell)
{
	(void)first;
	(void)labels;
	(void)cell;
	assert_true(ws_span_is(family->help, user));
}

static void assert_help(struct ws_store *store, const char *want)
{
	struct ws_cursor *cursor = ws_cursor_new(store);
	const struct ws_reader reader = { on_help, never_enough, (void *)(uintptr_t)want };

	ws_cursor_read(cursor, &reader);
	ws_cursor_free(cursor);
}

TEST(reconfigure_replaces_help)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_target t = target("f", WS_KIND_GAUGE, "");
	struct ws_ref ref;

	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_OK);
	t.help = ws_span_str("another");
	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_OK);
	assert_help(store, "help");
	ws_store_reconfigure(store, keep_all, NULL);
	t.epoch = ++epoch;
	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_OK);
	assert_help(store, "another");
	assert_int_equal(set(store, ref, 5, 0), WS_OK);
	assert_reads(store, "F:f{}5 ");
	ws_store_free(store);
}

TEST(reconfigure_changes_ttl)
{
	struct ws_store *store = make(ws_limits_default);

	intern_ttl(store, "f", "old", 0, 0);
	intern_ttl(store, "f", "new", 0, 0);
	epoch++;
	/* `old` is no longer sent, but follows nevertheless. */
	intern_ttl(store, "f", "new", 100, 50);
	ws_store_expire(store, 100, 99);
	assert_reads(store, "F:f{new}0 ");
	epoch++;
	intern_ttl(store, "f", "new", 10, 60);
	ws_store_expire(store, 69, 99);
	assert_int_equal(nseries(store), 1);
	epoch++;
	intern_ttl(store, "f", "new", 1000, 65);
	ws_store_expire(store, 1064, 99);
	assert_int_equal(nseries(store), 1);
	epoch++;
	intern_ttl(store, "f", "new", 0, 65);
	ws_store_expire(store, 5000, 99);
	assert_int_equal(nseries(store), 1);
	assert_true(ws_store_due(store) == INT64_MAX);
	ws_store_free(store);
}

TEST(reconfigure_retires)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_target t = target("u", WS_KIND_GAUGE, "");
	struct ws_target h = target("h", WS_KIND_HISTOGRAM, "");
	struct ws_ref ref, old;
	const double buckets[] = { 1 };

	t.unmatched = true;
	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_OK);
	assert_int_equal(ws_store_intern(store, &h, 0, &ref), WS_OK);
	old = intern_ttl(store, "k", "1", 0, 0);
	intern_ttl(store, "k", "2", 10, 0);
	assert_int_equal(intern(store, "gone", WS_KIND_GAUGE, ""), WS_OK);
	ws_store_reconfigure(store, keep_but, "gone");
	h.epoch = ++epoch;
	assert_int_equal(ws_store_counts(store).retired, 1);
	assert_reads(store, "F:h{}0 F:k{1}0 k{2}0 F:u{}0 ");
	/* Another kind, other buckets: created again. */
	assert_int_equal(intern(store, "k", WS_KIND_COUNTER, "3"), WS_OK);
	h.options.buckets = buckets;
	h.options.nbuckets = 1;
	assert_int_equal(ws_store_intern(store, &h, 0, &ref), WS_OK);
	assert_reads(store, "F:h{}0 F:k{3}0 F:u{}0 ");
	assert_int_equal(ws_store_counts(store).retired, 4);
	assert_int_equal(nseries(store), 3);
	assert_int_equal(set(store, old, 1, 0), WS_OK);
	assert_true(ws_store_due(store) <= 0);
	assert_int_equal(ws_store_expire(store, 0, 1), 1);
	assert_int_equal(ws_store_expire(store, 0, 99), 3);
	assert_int_equal(set(store, old, 1, 0), WS_ERR_END);
	assert_true(ws_store_due(store) > 0);
	assert_reads(store, "F:h{}0 F:k{3}0 F:u{}0 ");
	assert_int_equal(ws_store_counts(store).expired, 0);
	ws_store_free(store);
}

TEST(a_late_configuration_changes_nothing)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_target late = target("f", WS_KIND_GAUGE, "a"), now;
	struct ws_ref ref;

	assert_int_equal(ws_store_intern(store, &late, 0, &ref), WS_OK);
	epoch++;
	now = target("f", WS_KIND_COUNTER, "a");
	now.help = ws_span_str("new");
	assert_int_equal(ws_store_intern(store, &now, 0, &ref), WS_OK);
	/* A worker that still has the previous mapping. */
	assert_int_equal(ws_store_intern(store, &late, 0, &ref), WS_ERR_TYPE_CONFLICT);
	late.family = ws_span_str("g");
	assert_int_equal(ws_store_intern(store, &late, 0, &ref), WS_OK);
	now.family = ws_span_str("g");
	assert_int_equal(ws_store_intern(store, &now, 0, &ref), WS_OK);
	assert_help(store, "new");
	assert_int_equal(ws_store_counts(store).retired, 2);
	ws_store_free(store);
}

TEST(freed_though_retired_under_a_cursor)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_cursor *cursor = ws_cursor_new(store);
	struct reading r = { .slice = 1 };

	intern_ttl(store, "a", "1", 0, 0);
	intern_ttl(store, "a", "2", 0, 0);
	intern_ttl(store, "b", "", 0, 0);
	assert_true(slice(cursor, &r));
	ws_store_reconfigure(store, keep_but, "a");
	ws_store_expire(store, 0, 99);
	/* A new family with the same name is too late for this reading. */
	intern_ttl(store, "a", "3", 0, 0);
	while (slice(cursor, &r))
		;
	assert_string_equal(r.text, "F:a{1}0 F:b{}0 ");
	ws_cursor_free(cursor);
	ws_cursor_free(NULL);
	ws_store_free(store);
}

TEST(slices_while_families_come_and_go)
{
	struct ws_store *store = make(ws_limits_default);
	struct ws_cursor *cursor = ws_cursor_new(store);
	struct reading r = { .slice = 1 };

	intern_ttl(store, "b", "1", 0, 0);
	intern_ttl(store, "d", "1", 10, 0);
	intern_ttl(store, "f", "1", 0, 0);
	assert_true(slice(cursor, &r));
	intern_ttl(store, "a", "", 0, 0);
	intern_ttl(store, "c", "", 0, 0);
	assert_true(slice(cursor, &r));
	assert_true(slice(cursor, &r));
	ws_store_expire(store, 10, 99);
	intern_ttl(store, "e", "", 0, 0);
	while (slice(cursor, &r))
		;
	assert_string_equal(r.text, "F:b{1}0 F:c{}0 F:d{1}0 F:e{}0 F:f{1}0 ");
	ws_cursor_free(cursor);
	ws_store_free(store);
}

/*
 * Series that live throughout have numbers below LASTING; between slices, others around them
 * are created and expire, so that holes appear, are trimmed and are squeezed out.
 */
#define LASTING 300

struct census {
	unsigned seen[LASTING];
	char last[32];
	size_t in_slice;
};

static void on_census(void *user, const struct ws_family_view *family, bool first,
                      struct ws_span labels, const struct ws_cell *cell)
{
	struct census *c = user;
	char text[32] = { 0 };
	unsigned n;

	(void)family;
	(void)first;
	(void)cell;
	assert_true(labels.len < sizeof(text));
	memcpy(text, labels.ptr, labels.len);
	c->in_slice++;
	if (sscanf(text, "lasting%u", &n) == 1)
		c->seen[n]++;
}

static bool census_enough(void *user)
{
	return ((struct census *)user)->in_slice >= 7;
}

struct crowd {
	struct ws_store *store;
	struct ws_ref lasting[LASTING];
	unsigned n;
	unsigned round;
};

static void churn(struct crowd *crowd)
{
	const unsigned round = ++crowd->round;
	char labels[32];
	unsigned i;

	for (i = 0; i < 40; i++) {
		snprintf(labels, sizeof(labels), "r%u.%u", round, i);
		intern_ttl(crowd->store, i % 2 == 0 ? "a" : "b", labels, 3, round);
	}
	for (i = 0; i < crowd->n; i++)
		assert_int_equal(set(crowd->store, crowd->lasting[i], i, round), WS_OK);
	ws_store_expire(crowd->store, round, 1000);
}

static void census(struct crowd *crowd)
{
	struct ws_cursor *cursor = ws_cursor_new(crowd->store);
	struct census c = { .in_slice = 0 };
	const struct ws_reader reader = { on_census, census_enough, &c };
	unsigned i;

	while (ws_cursor_read(cursor, &reader)) {
		c.in_slice = 0;
		churn(crowd);
	}
	for (i = 0; i < LASTING; i++)
		assert_int_equal(c.seen[i], 1);
	ws_cursor_free(cursor);
}

TEST(read_exactly_once)
{
	struct crowd crowd = { .store = make(no_limits) };
	char labels[32];
	unsigned i, k;

	for (i = 0; i < LASTING; i++) {
		snprintf(labels, sizeof(labels), "lasting%u", i);
		crowd.lasting[crowd.n++] = intern_ttl(crowd.store, i % 2 == 0 ? "a" : "b", labels,
		                                      3, crowd.round);
		if (i % 3 == 0)
			churn(&crowd);
	}
	for (k = 0; k < 20; k++) {
		census(&crowd);
		churn(&crowd);
	}
	ws_store_expire(crowd.store, crowd.round + 2, SIZE_MAX);
	assert_int_equal(nseries(crowd.store), LASTING + 40);
	ws_store_expire(crowd.store, crowd.round + 3, SIZE_MAX);
	assert_int_equal(nseries(crowd.store), 0);
	ws_store_free(crowd.store);
}

/* Two cursors, one of them stopped in the family, one dropped half-way. */
TEST(cursors_side_by_side)
{
	struct ws_store *store = make(no_limits);
	struct ws_cursor *stopped = ws_cursor_new(store), *dropped = ws_cursor_new(store);
	struct reading r = { .slice = 1 }, other = { .slice = 1 };
	char labels[32];
	int i;

	for (i = 0; i < 10; i++) {
		snprintf(labels, sizeof(labels), "%d", i);
		intern_ttl(store, "f", labels, i < 8 ? 10 : 100, 0);
	}
	/* Within an epoch, the first TTL of a family wins. */
	assert_true(slice(stopped, &r));
	assert_true(slice(dropped, &other));
	intern_ttl(store, "f", "9", 10, 5);
	ws_store_expire(store, 10, 99);
	ws_cursor_free(dropped);
	while (slice(stopped, &r))
		;
	assert_string_equal(r.text, "F:f{0}0 f{9}0 ");
	ws_cursor_free(stopped);
	ws_store_expire(store, 15, 99);
	assert_int_equal(ws_store_counts(store).bytes, 0);
	ws_store_free(store);
}

TEST(memory_comes_back)
{
	const enum ws_kind kinds[] = { WS_KIND_COUNTER, WS_KIND_GAUGE, WS_KIND_SUMMARY,
		                       WS_KIND_HISTOGRAM };
	const char *const names[] = { "c_total", "g", "s", "h" };
	struct ws_store *store = make(no_limits);
	char labels[32];
	int i;

	for (i = 0; i < 2000; i++) {
		struct ws_target t = target(names[i % 4], kinds[i % 4], labels);
		struct ws_update u = { .weight = 1, .value = i, .member = (uint64_t)i };
		int k;

		snprintf(labels, sizeof(labels), "%d", i / 20);
		t.labels = ws_span_str(labels);
		t.ttl_ns = i % 4 == 3 ? 0 : 5;
		u.op = i % 4 == 0 ? WS_OP_ADD : i % 4 == 1 ? WS_OP_MEMBER : WS_OP_OBSERVE;
		assert_int_equal(ws_store_intern(store, &t, 0, &u.ref), WS_OK);
		for (k = 0; k < 50; k++) {
			u.value = u.value * 1.1;
			u.member++;
			assert_int_equal(ws_store_apply(store, &u, 1, 0), 0);
		}
	}
	assert_true(ws_store_counts(store).bytes > 100000);
	ws_store_expire(store, 5, SIZE_MAX);
	ws_store_reconfigure(store, keep_but, "h");
	assert_int_equal(nseries(store), 0);
	assert_true(ws_store_counts(store).bytes > 0);
	ws_store_expire(store, 5, SIZE_MAX);
	assert_int_equal(ws_store_counts(store).bytes, 0);
	assert_int_equal(ws_store_counts(store).families, 0);
	ws_store_free(store);
}

TEST(many_expire_in_steps)
{
	struct ws_store *store = make(no_limits);
	char labels[64];
	size_t steps = 0;
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		intern_ttl(store, i % 10 == 0 ? "few" : "many", labels, 1000, i % 1000);
	}
	assert_int_equal(nseries(store), MANY);
	while (ws_store_due(store) <= 2000) {
		assert_true(ws_store_expire(store, 2000, 500) <= 500);
		assert_true(nseries(store) >= (steps < 199 ? MANY - 500 * (steps + 1) : 0));
		steps++;
	}
	assert_true(steps >= MANY / 500);
	assert_int_equal(nseries(store), 0);
	assert_int_equal(ws_store_counts(store).expired, MANY);
	assert_int_equal(ws_store_counts(store).bytes, 0);
	ws_store_free(store);
}

/* Threads: writers that intern and apply, a reader, one that expires and reconfigures. */

#define WRITERS 3
#define ROUNDS  300

struct crew {
	struct ws_store *store;
	int number;
};

static void *writer(void *arg)
{
	const struct crew *me = arg;
	struct ws_update u[16];
	char labels[32], name[8];
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < 16; i++) {
			struct ws_target t;

			snprintf(name, sizeof(name), "f%d", i % 5);
			snprintf(labels, sizeof(labels), "%d.%d", me->number, (round + i) % 40);
			t = target(name, i % 5 == 4 ? WS_KIND_SUMMARY : WS_KIND_COUNTER, labels);
			t.ttl_ns = 5;
			u[i] = (struct ws_update){ .value = 1, .weight = 1 };
			u[i].op = i % 5 == 4 ? WS_OP_OBSERVE : WS_OP_ADD;
			if (ws_store_intern(me->store, &t, round, &u[i].ref) != WS_OK)
				abort();
		}
		ws_store_apply(me->store, u, 16, round);
	}
	return NULL;
}

static void on_any(void *user, const struct ws_family_view *family, bool first,
                   struct ws_span labels, const struct ws_cell *cell)
{
	double q[WS_QUANTILES_MAX];

	(void)first;
	if (labels.len == 0)
		abort();
	if (family->kind == WS_KIND_SUMMARY)
		cell_quantiles(cell, family->options, 0, q);
	else
		q[0] = cell_number(cell, family->options, 0);
	++*(unsigned *)user;
}

static bool any_enough(void *user)
{
	return *(unsigned *)user % 16 == 0;
}

static void *reader_thread(void *arg)
{
	const struct crew *me = arg;
	int round;

	for (round = 0; round < ROUNDS / 3; round++) {
		struct ws_cursor *cursor = ws_cursor_new(me->store);
		unsigned n = 0;
		const struct ws_reader reader = { on_any, any_enough, &n };

		while (ws_cursor_read(cursor, &reader) && n < 5000)
			;
		ws_cursor_free(cursor);
		ws_store_counts(me->store);
	}
	return NULL;
}

static void *reaper(void *arg)
{
	const struct crew *me = arg;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		ws_store_expire(me->store, round, 50);
		if (round % 50 == 0)
			ws_store_reconfigure(me->store, keep_but, "f3");
		ws_store_due(me->store);
	}
	return NULL;
}

TEST(threads)
{
	struct ws_store *store = make(no_limits);
	struct crew crew[WRITERS + 2];
	pthread_t thread[WRITERS + 2];
	int i;

	for (i = 0; i < WRITERS + 2; i++) {
		void *(*job)(void *) = i < WRITERS ? writer :
				       i == WRITERS ? reader_thread : reaper;

		crew[i] = (struct crew){ .store = store, .number = i };
		assert_int_equal(pthread_create(&thread[i], NULL, job, &crew[i]), 0);
	}
	for (i = 0; i < WRITERS + 2; i++)
		pthread_join(thread[i], NULL);
	ws_store_expire(store, 100000, SIZE_MAX);
	assert_int_equal(nseries(store), 0);
	assert_int_equal(ws_store_counts(store).bytes, 0);
	ws_store_free(store);
}
