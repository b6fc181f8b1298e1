/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <windsock/exposition.h>

static struct ws_store *make(void)
{
	struct ws_store *store = ws_store_new((struct ws_limits){ 0 },
	                                      (struct ws_hash_key){ .k0 = 1, .k1 = 2 });

	assert_non_null(store);
	return store;
}

static struct ws_ref intern(struct ws_store *store, const char *family, const char *help,
                            const char *labels, enum ws_kind kind)
{
	static const double buckets[] = { 0.5, 1 }, quantiles[] = { 0, 0.5, 1 };
	struct ws_target t = {
		.family = ws_span_str(family),
		.help = ws_span_str(help),
		.labels = ws_span_str(labels),
		.kind = kind,
		.options = { buckets, 2, quantiles, 3, INT64_C(600000000000) },
	};
	struct ws_ref ref;

	assert_int_equal(ws_store_intern(store, &t, 0, &ref), WS_OK);
	return ref;
}

static void feed(struct ws_store *store, struct ws_ref ref, enum ws_op op, double value)
{
	struct ws_update u = { .ref = ref, .op = op, .value = value, .weight = 1 };

	assert_int_equal(ws_store_apply(store, &u, 1, 0), 0);
}

/* All slices; ends with a NUL. */
static struct ws_buf written(struct ws_store *store, enum ws_format format, size_t *slices)
{
	struct ws_exposition *exposition = ws_exposition_new(store, format, 0);
	struct ws_buf out = WS_BUF_INIT;

	assert_non_null(exposition);
	for (*slices = 1; ws_exposition_more(exposition, &out); (*slices)++)
		;
	ws_buf_char(&out, '\0');
	assert_int_equal(out.err, WS_OK);
	ws_exposition_free(exposition);
	return out;
}

static void assert_written(struct ws_store *store, enum ws_format format, const char *expect)
{
	size_t slices;
	struct ws_buf out = written(store, format, &slices);

	assert_string_equal(out.ptr, expect);
	ws_buf_fini(&out);
}

/* One of each, in an order that is not the alphabet's. */
static struct ws_store *one_of_each(void)
{
	struct ws_store *store = make();
	struct ws_ref s = intern(store, "s", "", "k=\"v\"", WS_KIND_SUMMARY);
	struct ws_ref h = intern(store, "h_bytes", "Sizes.", "", WS_KIND_HISTOGRAM);

	intern(store, "s", "", "k=\"never\"", WS_KIND_SUMMARY);
	feed(store, s, WS_OP_OBSERVE, 2);
	feed(store, h, WS_OP_OBSERVE, 0.25);
	feed(store, h, WS_OP_OBSERVE, 1);
	feed(store, h, WS_OP_OBSERVE, 7);
	feed(store, intern(store, "b", "", "", WS_KIND_COUNTER), WS_OP_ADD, 0.5);
	feed(store, intern(store, "a_total", "Say \"hi\" \\ and\ngo.", "k=\"v\\\"w\"",
	                   WS_KIND_COUNTER), WS_OP_ADD, 1e21);
	feed(store, intern(store, "d_seconds", "", "", WS_KIND_GAUGE), WS_OP_SET, (double)NAN);
	feed(store, intern(store, "d_seconds", "", "k=\"i\"", WS_KIND_GAUGE), WS_OP_SET,
	     (double)INFINITY);
	feed(store, intern(store, "d_seconds", "", "k=\"j\"", WS_KIND_GAUGE), WS_OP_SET,
	     -(double)INFINITY);
	return store;
}

TEST(text_format)
{
	struct ws_store *store = one_of_each();

	assert_written(store, WS_FORMAT_TEXT,
	               "# HELP a_total Say \"hi\" \\\\ and\\ngo.\n"
	               "# TYPE a_total counter\n"
	               "a_total{k=\"v\\\"w\"} 1e+21\n"
	               "# TYPE b counter\n"
	               "b 0.5\n"
	               "# TYPE d_seconds gauge\n"
	               "d_seconds NaN\n"
	               "d_seconds{k=\"i\"} +Inf\n"
	               "d_seconds{k=\"j\"} -Inf\n"
	               "# HELP h_bytes Sizes.\n"
	               "# TYPE h_bytes histogram\n"
	               "h_bytes_bucket{le=\"0.5\"} 1\n"
	               "h_bytes_bucket{le=\"1.0\"} 2\n"
	               "h_bytes_bucket{le=\"+Inf\"} 3\n"
	               "h_bytes_sum 8.25\n"
	               "h_bytes_count 3\n"
	               "# TYPE s summary\n"
	               "s{k=\"v\",quantile=\"0.0\"} 2\n"
	               "s{k=\"v\",quantile=\"0.5\"} 2\n"
	               "s{k=\"v\",quantile=\"1.0\"} 2\n"
	               "s_sum{k=\"v\"} 2\n"
	               "s_count{k=\"v\"} 1\n"
	               "s_sum{k=\"never\"} 0\n"
	               "s_count{k=\"never\"} 0\n");
	ws_store_free(store);
}

/* "# EOF" is the caller's. */
TEST(openmetrics_format)
{
	struct ws_store *store = one_of_each();

	assert_written(store, WS_FORMAT_OPENMETRICS,
	               "# TYPE a counter\n"
	               "# HELP a Say \\\"hi\\\" \\\\ and\\ngo.\n"
	               "a_total{k=\"v\\\"w\"} 1e+21\n"
	               "# TYPE b unknown\n"
	               "b 0.5\n"
	               "# TYPE d_seconds gauge\n"
	               "# UNIT d_seconds seconds\n"
	               "d_seconds NaN\n"
	               "d_seconds{k=\"i\"} +Inf\n"
	               "d_seconds{k=\"j\"} -Inf\n"
	               "# TYPE h_bytes histogram\n"
	               "# UNIT h_bytes bytes\n"
	               "# HELP h_bytes Sizes.\n"
	               "h_bytes_bucket{le=\"0.5\"} 1\n"
	               "h_bytes_bucket{le=\"1.0\"} 2\n"
	               "h_bytes_bucket{le=\"+Inf\"} 3\n"
	               "h_bytes_sum 8.25\n"
	               "h_bytes_count 3\n"
	               "# TYPE s summary\n"
	               "s{k=\"v\",quantile=\"0.0\"} 2\n"
	               "s{k=\"v\",quantile=\"0.5\"} 2\n"
	               "s{k=\"v\",quantile=\"1.0\"} 2\n"
	               "s_sum{k=\"v\"} 2\n"
	               "s_count{k=\"v\"} 1\n"
	               "s_sum{k=\"never\"} 0\n"
	               "s_count{k=\"never\"} 0\n");
	ws_store_free(store);
}

/* x_total without its _total would be the other family. */
TEST(openmetrics_clash)
{
	struct ws_store *store = make();

	feed(store, intern(store, "x_total", "", "", WS_KIND_COUNTER), WS_OP_ADD, 1);
	feed(store, intern(store, "x", "", "", WS_KIND_GAUGE), WS_OP_SET, 2);
	assert_written(store, WS_FORMAT_TEXT, "# TYPE x gauge\nx 2\n# TYPE x_total counter\nx_total 1\n");
	assert_written(store, WS_FORMAT_OPENMETRICS,
	               "# TYPE x gauge\nx 2\n# TYPE x_total unknown\nx_total 1\n");
	ws_store_free(store);
}

TEST(nothing_at_all)
{
	struct ws_store *store = make();

	assert_written(store, WS_FORMAT_TEXT, "");
	assert_written(store, WS_FORMAT_OPENMETRICS, "");
	ws_exposition_free(NULL);
	ws_store_free(store);
}

#define MANY 10000

/* A family over several slices has one head, and each series once. */
TEST(slices)
{
	struct ws_store *store = make();
	struct ws_buf out;
	char labels[32], line[64];
	size_t i, n = 0;
	const char *p;

	for (i = 0; i < MANY; i++) {
		snprintf(labels, sizeof(labels), "k=\"%zu\"", i);
		feed(store, intern(store, "many", "", labels, WS_KIND_GAUGE), WS_OP_SET, 1);
	}
	out = written(store, WS_FORMAT_TEXT, &n);
	assert_true(n > 2 && n < 20);
	p = out.ptr;
	assert_memory_equal(p, "# TYPE many gauge\n", 18);
	p += 18;
	for (i = 0; i < MANY; i++) {
		n = (size_t)snprintf(line, sizeof(line), "many{k=\"%zu\"} 1\n", i);
		assert_memory_equal(p, line, n);
		p += n;
	}
	assert_int_equal(*p, '\0');
	ws_buf_fini(&out);
	ws_store_free(store);
}

TEST(heads)
{
	struct ws_buf out = WS_BUF_INIT;

	ws_exposition_head(&out, true, "a_seconds_total", WS_KIND_COUNTER, "A \"b\".");
	ws_exposition_head(&out, false, "a_seconds_total", WS_KIND_COUNTER, "A \"b\".");
	ws_exposition_head(&out, true, "_total", WS_KIND_COUNTER, "");
	ws_exposition_head(&out, true, "seconds", WS_KIND_GAUGE, "");
	ws_exposition_head(&out, true, "milliseconds", WS_KIND_GAUGE, "");
	ws_buf_char(&out, '\0');
	assert_string_equal(out.ptr, "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
	                             "# HELP a_seconds A \\\"b\\\".\n"
	                             "# HELP a_seconds_total A \"b\".\n"
	                             "# TYPE a_seconds_total counter\n"
	                             "# TYPE _total unknown\n"
	                             "# TYPE seconds gauge\n"
	                             "# TYPE milliseconds gauge\n");
	ws_buf_fini(&out);
}
