/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <windsock/exposition.h>
#include <windsock/ingest.h>

#include "daemon/mapping_files.h"

#define SECOND  INT64_C(1000000000)
#define CAPTURE "tests/data/airflow-2.11-plain.capture"

/* --- allocations, counted; the Makefile wraps these functions --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static size_t allocations;

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	allocations++;
	return __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	allocations++;
	return __real_aligned_alloc(alignment, size);
}

/* --- an ingest with all that it needs --- */

struct fixture {
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_unmatched *unmatched;
	struct ws_recent *recent;
	struct ws_mapping *mapping;
	struct ws_ingest *ingest;
	int64_t now;
};

static const char rules[] =
	"[windsock]\n"
	"prefix = p\n"
	"[counted]\nmatch = c.<x>\nmetric = counted\nas = counter\nttl = 10s\n"
	"[gauged]\nmatch = g.<x>\nmetric = gauged\nas = gauge\nscale = 2\n"
	"[timed]\nmatch = t.<x>\nmetric = timed\n"
	"[bounded]\nmatch = b\nmetric = bounded\nas = gauge\nmin = 0\nmax = 10\n"
	"[dropped]\nmatch = d.<x...>\ndrop = yes\n"
	"[named]\nmatch = n.<x>\nmetric = <x>\nlabels =\n"
	"[members]\nmatch = s\nmetric = members\n"
	"[impossible]\nmatch = i\nmetric = impossible\nas = counter\n";

static struct ws_mapping *mapping_of(const char *first, const char *second)
{
	const struct ws_source sources[] = {
		{ "a.ini", ws_span_str(first) },
		{ "b.ini", ws_span_str(second) },
	};
	struct ws_buf diags = WS_BUF_INIT;
	const struct ws_mapping_options options = { 0 };
	struct ws_mapping *m;

	m = ws_mapping_new(sources, second[0] == '\0' ? 1 : 2, &options, &diags);
	if (m == NULL)
		fail_msg("%.*s", WS_SPAN_ARG(ws_buf_text(&diags)));
	ws_buf_fini(&diags);
	return m;
}

static struct fixture make(struct ws_mapping *mapping, size_t cache_size,
                           struct ws_limits limits)
{
	struct fixture f = { .mapping = mapping, .now = SECOND };
	struct ws_ingest_options options = { .cache_size = cache_size, .key = { 1, 2 } };

	f.store = ws_store_new(limits, (struct ws_hash_key){ 3, 4 });
	f.stats = ws_stats_new(1);
	f.unmatched = options.unmatched = ws_unmatched_new(1, options.key);
	f.recent = options.recent = ws_recent_new();
	assert_true(f.store != NULL && f.stats != NULL && f.unmatched != NULL &&
	            f.recent != NULL);
	f.ingest = ws_ingest_new(f.store, f.stats, &options);
	assert_non_null(f.ingest);
	return f;
}

static struct fixture plain(void)
{
	return make(mapping_of(rules, ""), 0, (struct ws_limits){ 0 });
}

static void unmake(struct fixture *f)
{
	ws_ingest_free(f->ingest);
	ws_mapping_unref(f->mapping);
	ws_stats_free(f->stats);
	ws_unmatched_free(f->unmatched);
	ws_recent_free(f->recent);
	ws_store_free(f->store);
}

/* A batch of one datagram. */
static void feed_span(struct fixture *f, struct ws_span datagram, bool truncated)
{
	assert_int_equal(ws_ingest_begin(f->ingest, f->mapping, f->now), WS_OK);
	ws_ingest_datagram(f->ingest, &(struct ws_datagram){ .bytes = datagram,
	                                                      .truncated = truncated });
	ws_ingest_end(f->ingest);
}

static void feed(struct fixture *f, const char *datagram)
{
	feed_span(f, ws_span_str(datagram), false);
}

static struct ws_shard sums(const struct fixture *f)
{
	struct ws_shard sum;

	ws_stats_sum(f->stats, &sum);
	return sum;
}

static uint64_t misses(const struct fixture *f)
{
	struct ws_shard sum = sums(f);

	return sum.cache_misses;
}

static uint64_t hits(const struct fixture *f)
{
	struct ws_shard sum = sums(f);

	return sum.cache_hits;
}

static void say(struct ws_buf *out, const char *name, const char *ending, uint64_t n)
{
	if (n != 0)
		ws_buf_printf(out, "%s%s%s=%llu", out->len > 0 ? " " : "", name, ending,
		              (unsigned long long)n);
}

/* All counters that are not zero, but for those of the cache. */
static void counters(const struct fixture *f, struct ws_buf *out)
{
	struct ws_store_counts store = ws_store_counts(f->store);
	const struct ws_rule_stats *rule;
	struct ws_shard sum = sums(f);
	char name[64];
	int i;

	say(out, "lines", "", sum.lines);
	say(out, "truncated", "", sum.truncated);
	say(out, "unmatched", "", sum.unmatched);
	say(out, "unmatched", ".dropped", sum.unmatched_dropped);
	say(out, "applied", "", sum.applied);
	for (i = 0; i < WS_NTYPES; i++)
		say(out, ws_type_wire((enum ws_type)i), "", sum.samples[i]);
	for (i = 0; i < WS_NERRORS; i++) {
		say(out, "!", ws_err_reason((enum ws_err)i), sum.rejected[i]);
		say(out, "?", ws_err_reason((enum ws_err)i), store.rejected[i]);
	}
	for (rule = ws_stats_rules(f->stats); rule != NULL; rule = rule->next) {
		snprintf(name, sizeof(name), "%.*s", WS_SPAN_ARG(rule->name));
		say(out, name, "", rule->shards[0].hits);
		say(out, name, ".dropped", rule->shards[0].dropped);
	}
	ws_buf_char(out, '\0');
}

static void assert_counters(const struct fixture *f, const char *expect)
{
	struct ws_buf got = WS_BUF_INIT;

	counters(f, &got);
	assert_string_equal(got.ptr, expect);
	ws_buf_fini(&got);
}

/* Whether the exposition has this line. */
static bool shows(const struct fixture *f, const char *line)
{
	struct ws_exposition *exposition = ws_exposition_new(f->store, false, f->now);
	struct ws_buf out = WS_BUF_INIT, wanted = WS_BUF_INIT;
	bool found;

	ws_buf_char(&out, '\n');
	while (ws_exposition_more(exposition, &out))
		;
	ws_buf_char(&out, '\0');
	ws_buf_printf(&wanted, "\n%s\n", line);
	found = strstr(out.ptr, wanted.ptr) != NULL;
	if (!found)
		print_message("%s", out.ptr);
	ws_buf_fini(&wanted);
	ws_buf_fini(&out);
	ws_exposition_free(exposition);
	return found;
}

/* --- every line ends in a counter --- */

static const struct {
	const char *datagram;
	const char *expect;
} rows[] = {
	{ "p.c.a:1|c", "lines=1 applied=1 c=1 counted=1" },
	{ "p.c.a:1|c\n", "lines=1 applied=1 c=1 counted=1" },
	{ "p.c.a:1|c\np.g.a:1|g", "lines=2 applied=2 c=1 g=1 gauged=1 counted=1" },
	{ "p.t.a:1|ms:2|ms:3|h", "lines=1 applied=3 ms=2 h=1 timed=3" },
	{ "p.s:joe|s", "lines=1 applied=1 s=1 members=1" },
	{ "p.d.a.b:1|c", "lines=1 c=1 dropped=1 dropped.dropped=1" },
	{ "q:1|c", "lines=1 unmatched=1 applied=1 c=1" },
	{ "p.b:11|g", "lines=1 g=1" },
	{ "p.b:-1|g", "lines=1 g=1" },
	{ "p.b:10|g", "lines=1 applied=1 g=1 bounded=1" },
	/* Rejected lines, samples and fields. */
	{ "junk", "lines=1 !malformed_line=1" },
	{ "p.c.a:1|c\njunk\np.c.a:x|c", "lines=3 applied=1 c=1 !malformed_line=1 "
	                                "!malformed_value=1 counted=1" },
	{ ",k=v:1|c", "lines=1 !empty_metric_name=1" },
	{ "a,k=v:1|c|#x:y", "lines=1 !mixed_tagging_styles=1" },
	{ "p.c.a:1|c|@2", "lines=1 applied=1 c=1 !invalid_sample_factor=1 counted=1" },
	{ "p.c.a:1|c|what", "lines=1 applied=1 c=1 !unknown_field=1 counted=1" },
	{ "p.c.a:1|c|#bad,le:1,k:v", "lines=1 applied=1 c=1 !malformed_tag=1 !reserved_tag=1 "
	                             "counted=1" },
	{ "p.c.a:-1|c", "lines=1 c=1 !illegal_negative_counter=1 counted=1" },
	{ "p.c.a:inf|c", "lines=1 c=1 !not_finite=1 counted=1" },
	{ "p.t.a:nan|ms", "lines=1 ms=1 !not_finite=1 timed=1" },
	{ "p.g.a:nan|g", "lines=1 applied=1 g=1 gauged=1" },
	{ "p.b:nan|g", "lines=1 g=1" },
	{ "p.c.a:1e308|c\np.c.a:1e308|c", "lines=2 applied=1 c=2 !overflow=1 counted=2" },
	{ "p.i:1|s", "lines=1 s=1 !type_mismatch=1 impossible=1" },
	/* Series that cannot be created. */
	{ "p.n.up:1|c", "lines=1 c=1 ?reserved_name=1 named=1" },
	{ "p.n.x:1|c\np.n.x:1|g", "lines=2 applied=1 c=1 g=1 ?type_conflict=1 named=2" },
	{ "p.n.:1|c", "lines=1 c=1 !empty_metric_name=1 named=1" },
};

TEST(every_row)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f = plain();

		feed(&f, rows[i].datagram);
		assert_counters(&f, rows[i].expect);
		unmake(&f);
	}
}

/* A cached name counts like a new one. */
TEST(known_names_count_the_same)
{
	struct fixture f = plain();
	int i;

	for (i = 0; i < 3; i++)
		feed(&f, "p.c.a:1|c|#bad,le:1,k:v\n,k=v:1|c\nq:1|c\np.d.x:1|c\np.n.up:1|c");
	assert_counters(&f, "lines=15 unmatched=3 applied=6 c=12 !empty_metric_name=3 "
	                    "!malformed_tag=3 !reserved_tag=3 ?reserved_name=3 named=3 dropped=3 "
	                    "dropped.dropped=3 counted=3");
	assert_int_equal(misses(&f), 5);
	assert_int_equal(hits(&f), 10);
	unmake(&f);
}

TEST(unmatched_are_dropped_and_counted)
{
	struct fixture f = make(mapping_of("[windsock]\nunmatched = drop\n", ""), 0,
	                        (struct ws_limits){ 0 });

	feed(&f, "q:1|c\nq:1|c\nr:1|g");
	assert_counters(&f, "lines=3 unmatched=3 unmatched.dropped=3 c=2 g=1");
	assert_int_equal(ws_store_counts(f.store).series, 0);
	unmake(&f);
}

/* New or cached, in either generation of the cache, and until the mapping changes. */
TEST(unmatched_are_listed)
{
	struct fixture f = make(mapping_of(rules, ""), 1, (struct ws_limits){ 0 });
	struct ws_unmatched_name cache[WS_UNMATCHED_MAX];
	int i;

	for (i = 0; i < 5; i++)
		feed(&f, "q:1|c\nq:7|c\np.c.a:1|c\nr,a=b:1|g\nr,a=c:3|g");
	assert_int_equal(ws_unmatched_list(f.unmatched, cache), 2);
	assert_true(ws_span_is(ws_span(cache[0].name, cache[0].name_len), "q"));
	assert_int_equal(cache[0].count, 10);
	assert_true(cache[0].value == 7);
	assert_int_equal(cache[1].count, 10);
	assert_true(cache[1].value == 3);
	ws_mapping_unref(f.mapping);
	f.mapping = mapping_of("[q]\nmatch = q\nmetric = q\n", "");
	feed(&f, "q:1|c\nr:5|g");
	assert_int_equal(ws_unmatched_list(f.unmatched, cache), 1);
	assert_true(cache[0].value == 5 && cache[0].count == 1);
	unmake(&f);
}

TEST(truncated_line_is_not_used)
{
	struct fixture f = plain();

	feed_span(&f, ws_span_str("p.c.a:1|c\np.c.a:12"), true);
	assert_counters(&f, "lines=2 truncated=1 applied=1 c=1 !truncated=1 counted=1");
	unmake(&f);
}

TEST(a_full_store_rejects_each_time)
{
	struct fixture f = make(mapping_of(rules, ""), 0, (struct ws_limits){ .series = 1 });

	feed(&f, "p.c.a:1|c\np.c.b:1|c");
	feed(&f, "p.c.b:1|c\np.c.a:1|c");
	assert_counters(&f, "lines=4 applied=2 c=4 ?series_limit=2 counted=4");
	assert_true(shows(&f, "counted{x=\"a\"} 2"));
	unmake(&f);
}

/* --- values --- */

TEST(values_arrive)
{
	struct fixture f = plain();

	feed(&f, "p.c.a:1|c\np.c.a:2|c|@0.5\np.g.a:5|g\np.g.a:-1|g\np.g.b:-inf|g\np.t.a:1500|ms\n"
	         "p.s:joe|s\np.s:ann|s\np.s:joe|s\nq-1:3|c");
	assert_true(shows(&f, "counted{x=\"a\"} 5"));
	assert_true(shows(&f, "gauged{x=\"a\"} 8"));
	assert_true(shows(&f, "timed_sum{x=\"a\"} 1.5"));
	assert_true(shows(&f, "members 2"));
	assert_true(shows(&f, "q_1 3"));
	unmake(&f);
}

/* A sample that is out of bounds or rejected does not create a series either. */
TEST(rejected_samples_create_no_series)
{
	struct fixture f = plain();

	feed(&f, "p.b:11|g\np.c.a:-1|c\np.t.a:nan|ms\np.i:x|s\np.d.x:1|c");
	assert_int_equal(ws_store_counts(f.store).series, 0);
	unmake(&f);
}

/* Several windows, several flushes: nothing is lost, and order is kept. */
TEST(long_batches)
{
	struct ws_buf text = WS_BUF_INIT;
	struct fixture f = plain();
	int i;

	for (i = 0; i < 1000; i++)
		ws_buf_printf(&text, "p.c.a:1|c\np.g.a:%d|g\np.g.a:+1|g\n", i);
	feed_span(&f, ws_buf_text(&text), false);
	assert_counters(&f, "lines=3000 applied=3000 c=1000 g=2000 gauged=2000 counted=1000");
	assert_true(shows(&f, "counted{x=\"a\"} 1000"));
	assert_true(shows(&f, "gauged{x=\"a\"} 2000"));
	ws_buf_fini(&text);
	unmake(&f);
}

TEST(files_feed_a_series_once)
{
	struct fixture f = make(mapping_of("[r]\nmatch = a\nmetric = m\nas = counter\n",
	                                   "[s]\nmatch = <_>\nmetric = m\nas = counter\n"
	                                   "continue = yes\n[t]\nmatch = a\nmetric = n\n"),
	                        0, (struct ws_limits){ 0 });

	feed(&f, "a:1|c\nb:1|c");
	assert_true(shows(&f, "m 2"));
	assert_true(shows(&f, "n 1"));
	assert_counters(&f, "lines=2 applied=2 c=2 t=1 s=2 r=1");
	unmake(&f);
}

/* --- cache --- */

TEST(expired_series_are_created_again)
{
	struct fixture f = plain();

	feed(&f, "p.c.a:1|c\np.c.a:1|c\np.g.a:1|g");
	f.now += 60 * SECOND;
	while (ws_store_expire(f.store, f.now, 100) == 100)
		;
	assert_int_equal(ws_store_counts(f.store).series, 1);
	feed(&f, "p.c.a:1|c\np.g.a:2|g\np.c.a:1|c\np.c.a:1|c");
	assert_true(shows(&f, "counted{x=\"a\"} 3"));
	assert_true(shows(&f, "gauged{x=\"a\"} 4"));
	assert_counters(&f, "lines=7 applied=7 c=5 g=2 gauged=2 counted=5");
	assert_int_equal(misses(&f), 2);
	assert_int_equal(ws_store_counts(f.store).series, 2);
	unmake(&f);
}

#define NAMES 500

/* More names than the cache holds, in one batch and in several. */
TEST(full_cache_loses_nothing)
{
	struct fixture f = make(mapping_of(rules, ""), 40, (struct ws_limits){ 0 });
	struct ws_buf text = WS_BUF_INIT;
	char line[64];
	int i, round;

	for (i = 0; i < NAMES; i++)
		ws_buf_printf(&text, "p.c.%d:1|c\np.c.%d:1|c|#bad\n", i, NAMES - i);
	for (round = 0; round < 3; round++)
		feed_span(&f, ws_buf_text(&text), false);
	assert_counters(&f, "lines=3000 applied=3000 c=3000 !malformed_tag=1500 counted=3000");
	assert_true(misses(&f) > 2 * NAMES);
	assert_int_equal(misses(&f) + hits(&f), 3000);
	for (i = 1; i < NAMES; i += 97) {
		snprintf(line, sizeof(line), "counted{x=\"%d\"} 6", i);
		assert_true(shows(&f, line));
	}
	ws_buf_fini(&text);
	unmake(&f);
}

TEST(another_mapping_is_another_answer)
{
	struct fixture f = plain();

	feed(&f, "p.c.a:1|c");
	/* The ingest holds its own reference to the old one. */
	ws_mapping_unref(f.mapping);
	f.mapping = mapping_of("[anew]\nmatch = p.c.<y>\nmetric = anew\n", "");
	feed(&f, "p.c.a:1|c");
	feed(&f, "p.c.a:1|c");
	assert_true(shows(&f, "counted{x=\"a\"} 1"));
	assert_true(shows(&f, "anew{y=\"a\"} 2"));
	assert_int_equal(misses(&f), 2);
	unmake(&f);
}

TEST(unknown_reasons_are_shown_once_a_batch)
{
	struct fixture f = plain();
	struct ws_recent_entry recent[WS_RECENT_MAX];

	feed(&f, "junk1\njunk2\np.c.a:-1|c");
	feed(&f, "junk1");
	assert_int_equal(ws_recent_list(f.recent, WS_RECENT_LINES, recent), 2);
	assert_int_equal(recent[0].why, WS_ERR_MALFORMED_LINE);
	assert_int_equal(recent[0].count, 2);
	assert_true(ws_span_is(ws_span(recent[0].text, recent[0].len), "junk1"));
	assert_int_equal(recent[1].why, WS_ERR_NEGATIVE_COUNTER);
	unmake(&f);
}

/* --- a real day --- */

struct datagrams {
	struct ws_buf bytes;
	size_t ends[8192], n;
};

static char unescape(const char **p)
{
	unsigned byte;
	char c = *(*p)++;

	if (c == 'n' || c == 'r' || c == 't')
		return (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : '\t');
	if (c != 'x' || sscanf(*p, "%2x", &byte) != 1)
		return c;
	*p += 2;
	return (char)byte;
}

/* tests/lib/harness.py has the format. */
static struct datagrams *recorded(const char *path)
{
	struct datagrams *d = calloc(1, sizeof(*d));
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	assert_true(d != NULL && file != NULL);
	while (getline(&line, &cap, file) >= 0) {
		const char *p = line;

		if (line[0] == '#')
			continue;
		for (p = strchr(line, ' ') + 1; *p != '\0' && *p != '\n';) {
			char c = *p++;

			ws_buf_char(&d->bytes, c == '\\' ? unescape(&p) : c);
		}
		assert_true(d->n < sizeof(d->ends) / sizeof(d->ends[0]));
		d->ends[d->n++] = d->bytes.len;
	}
	free(line);
	fclose(file);
	assert_true(d->n > 100 && d->bytes.err == WS_OK);
	return d;
}

static void replay(struct fixture *f, const struct datagrams *d)
{
	size_t i, from = 0;

	assert_int_equal(ws_ingest_begin(f->ingest, f->mapping, f->now), WS_OK);
	for (i = 0; i < d->n; from = d->ends[i++])
		ws_ingest_datagram(f->ingest, &(struct ws_datagram){
			.bytes = ws_span(d->bytes.ptr + from, d->ends[i] - from) });
	ws_ingest_end(f->ingest);
	ws_ingest_settle(f->ingest);
}

TEST(known_names_cost_no_allocation)
{
	char name[] = CONF_BUILTIN;
	char *items[] = { name };
	const struct conf_list list = { .items = items, .n = 1 };
	struct datagrams *d = recorded(CAPTURE);
	struct ws_buf text = WS_BUF_INIT;
	struct ws_shard once, twice;
	struct fixture f;
	size_t before;

	f = make(mapping_files_load(&list, NULL, &text), 0, (struct ws_limits){ 0 });
	replay(&f, d);
	once = sums(&f);
	assert_true(once.applied > 1000 && once.cache_misses > 100);
	before = allocations;
	replay(&f, d);
	assert_int_equal(allocations, before);
	twice = sums(&f);
	assert_int_equal(twice.applied, 2 * once.applied);
	assert_int_equal(twice.cache_misses, once.cache_misses);
	/* The counting does count. */
	feed(&f, "never.seen:1|c");
	assert_true(allocations > before);
	ws_buf_fini(&text);
	ws_buf_fini(&d->bytes);
	free(d);
	unmake(&f);
}
