/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <windsock/line.h>

/* What a datagram gives: "type head value weight tags;" for a sample, "!reason;"
 * otherwise. */
static void describe(struct ws_span datagram, char *out, size_t size)
{
	/* At the end of a block of its own, so that a sanitizer sees a read beyond it. */
	char *copy = malloc(datagram.len + (datagram.len == 0));
	struct ws_sample s;
	struct ws_lines it;
	enum ws_err err;
	size_t n = 0;

	assert_non_null(copy);
	memcpy(copy, datagram.ptr, datagram.len);
	ws_lines_init(&it, ws_span(copy, datagram.len), false);
	out[0] = '\0';
	while ((err = ws_lines_next(&it, &s)) != WS_ERR_END) {
		if (err != WS_OK)
			n += (size_t)snprintf(out + n, size - n, "!%s;", ws_err_reason(err));
		else if (s.type == WS_TYPE_SET)
			n += (size_t)snprintf(out + n, size - n, "s %.*s %.*s;",
			                      WS_SPAN_ARG(s.head), WS_SPAN_ARG(s.member));
		else
			n += (size_t)snprintf(out + n, size - n, "%s %.*s %g%s%s x%g%s%.*s;",
			                      ws_type_wire(s.type), WS_SPAN_ARG(s.head),
			                      s.value, s.is_signed ? " signed" : "",
			                      s.problems ? " problem" : "", s.weight,
			                      s.tags.len > 0 ? " #" : "", WS_SPAN_ARG(s.tags));
		assert_true(n < size);
	}
	assert_memory_equal(copy, datagram.ptr, datagram.len);
	free(copy);
}

static const struct {
	const char *datagram;
	const char *expect;
} rows[] = {
	/* What Airflow's clients send. */
	{ "airflow.scheduler_heartbeat:1|c", "c airflow.scheduler_heartbeat 1 x1;" },
	{ "airflow.ti.finish.d.t.success:0|c", "c airflow.ti.finish.d.t.success 0 x1;" },
	{ "p:-1|c", "c p -1 signed x1;" },
	{ "p:inf|g", "g p inf x1;" },
	{ "d:3250.000000|ms", "ms d 3.25 x1;" },
	{ "x:+5|g", "g x 5 signed x1;" },
	{ "h:0|g\nh:-3|g", "g h 0 x1;g h -3 signed x1;" },
	{ "f:1e-05|g", "g f 1e-05 x1;" },
	{ "t,dag_id=d,task_id=g.t:1|c", "c t,dag_id=d,task_id=g.t 1 x1;" },
	{ "t:1|c|#dag_id:d,env:prod\n", "c t 1 x1 #dag_id:d,env:prod;" },
	/* Lines and their ends. */
	{ "", "" },
	{ "\n\n", "" },
	{ "a:1|c\r\nb:2|c\r\n", "c a 1 x1;c b 2 x1;" },
	{ "bad\na:1|c", "!malformed_line;c a 1 x1;" },
	/* Rejected. */
	{ "x", "!malformed_line;" },
	{ ":1|c", "!malformed_line;" },
	{ "\xff:1|c", "!malformed_line;" },
	{ "x:", "!not_enough_parts_after_colon;" },
	{ "x:1", "!not_enough_parts_after_colon;" },
	{ "x:|c", "!malformed_value;" },
	{ "x:1o|c", "!malformed_value;" },
	{ "x: 1|c", "!malformed_value;" },
	{ "x:1_0|c", "!malformed_value;" },
	{ "x:0x10|c", "!malformed_value;" },
	{ "x:1|", "!illegal_event;" },
	{ "x:2|t", "!illegal_event;" },
	{ "x:1|c|", "!malformed_component;" },
	{ "x:1|c||", "!malformed_component;" },
	{ "_e{5,4}:title|text", "!dogstatsd_event;" },
	{ "_sc|name|0", "!dogstatsd_service_check;" },
	{ "x:1:2|s", "!invalid_extended_aggregate_type;" },
	{ "x,k=12:30:00|ms", "!malformed_line;" },
	/* Rates. */
	{ "x:1|c|@0.5", "c x 1 x2;" },
	{ "x:1|c|@", "c x 1 problem x1;" },
	{ "x:1|c|@bar", "c x 1 problem x1;" },
	{ "x:1|c|@0", "c x 1 problem x1;" },
	{ "x:1|c|@2", "c x 1 problem x1;" },
	{ "x:1|ms|@-1", "ms x 0.001 problem x1;" },
	{ "x:1|ms|@1e-300", "ms x 0.001 problem x1;" },
	/* Packed, several samples, sets, fields. */
	{ "n:300|ms:400|ms:5|c|@0.1:6|g", "ms n 0.3 x1;ms n 0.4 x1;c n 5 x10;g n 6 x1;" },
	{ "n:1:2|c|#k:v", "c n 1 x1 #k:v;c n 2 x1 #k:v;" },
	{ "n:1:x:3|g", "g n 1 x1;!malformed_value;g n 3 x1;" },
	{ "u:bob|s", "s u bob;" },
	{ "x:1|c|c:ci-1", "c x 1 x1;" },
	{ "x:1|c|#a:b|c:ci-1|e:it-1|card:low|T1700000000", "c x 1 x1 #a:b;" },
	{ "x:1|c|what", "c x 1 problem x1;" },
};

TEST(every_row)
{
	char got[1024];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		describe(ws_span_str(rows[i].datagram), got, sizeof(got));
		assert_string_equal(got, rows[i].expect);
	}
}

TEST(nul_is_a_byte)
{
	char got[64];

	describe(ws_span("a\0b:1|c", 7), got, sizeof(got));
	assert_memory_equal(got, "c a", 3);
}

TEST(truncated_line_is_rejected)
{
	struct ws_lines it;
	struct ws_sample s;

	ws_lines_init(&it, ws_span_str("a:1|c\nb:2"), true);
	assert_int_equal(ws_lines_next(&it, &s), WS_OK);
	assert_int_equal(ws_lines_next(&it, &s), WS_ERR_TRUNCATED);
	assert_int_equal(ws_lines_next(&it, &s), WS_ERR_END);
}

TEST(heads)
{
	struct ws_head h;

	assert_int_equal(ws_head_parse(ws_span_str("a.[k=v,j=w]b"), ws_span(NULL, 0), &h), WS_OK);
	assert_true(ws_span_is(h.name, "a.") && ws_span_is(h.name_tail, "b"));
	assert_int_equal(h.ntags, 2);
	assert_int_equal(ws_head_parse(ws_span_str("n#k=v"), ws_span_str("j:w"), &h),
	                 WS_ERR_MIXED_TAGS);
	assert_int_equal(ws_head_parse(ws_span_str(",k=v"), ws_span(NULL, 0), &h),
	                 WS_ERR_EMPTY_NAME);
	assert_int_equal(ws_head_parse(ws_span_str("n"), ws_span_str("k:v:w,a,b:,:c"), &h), WS_OK);
	assert_int_equal(h.ntags, 1);
	assert_true(ws_span_is(h.tags[0].value, "v:w"));
	assert_int_equal(h.bad_tags, 3);
	assert_int_equal(ws_head_parse(ws_span_str("[k=v,j=wa.b"), ws_span(NULL, 0), &h), WS_OK);
	assert_true(ws_span_is(h.name, "[k=v,j=wa.b"));
}
