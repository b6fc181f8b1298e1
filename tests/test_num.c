/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>

#include "num.h"

static void printed_reads_back(void **state)
{
	uint64_t seed = 42;
	char text[NUM_TEXT_MAX];
	double back;
	int i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		double v;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		v = i % 2 == 0 ? (double)(int64_t)seed / 1e12 : (double)(seed >> 40) / 1e3;
		assert_true(num_parse(ws_span(text, num_print(text, v)), &back));
		assert_true(back == v && strtod(text, NULL) == v);
	}
}

static void shortest(void **state)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = { { 0, "0" }, { 0.05, "0.05" }, { 0.5, "0.5" }, { 12.75, "12.75" },
		     { -3, "-3" }, { 1e16, "1e+16" }, { 0.1 + 0.2, "0.30000000000000004" } };
	char text[NUM_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		num_print(text, rows[i].v);
		assert_string_equal(text, rows[i].text);
	}
}

static void durations(void **state)
{
	double s;

	(void)state;
	assert_true(num_parse_duration(ws_span_str("90s"), &s) && s == 90);
	assert_true(num_parse_duration(ws_span_str("1.5h"), &s) && s == 5400);
	assert_true(num_parse_duration(ws_span_str("250ms"), &s) && s == 0.25);
	assert_true(num_parse_duration(ws_span_str("0"), &s) && s == 0);
	assert_false(num_parse_duration(ws_span_str("5"), &s));
	assert_false(num_parse_duration(ws_span_str("-1s"), &s));
	assert_false(num_parse_duration(ws_span_str("infs"), &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_reads_back),
		cmocka_unit_test(shortest),
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
