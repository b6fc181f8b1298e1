/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <windsock/num.h>

TEST(printed_reads_back)
{
	uint64_t seed = 42;
	char text[WS_NUM_TEXT_MAX];
	double back;
	int i;

	for (i = 0; i < 200000; i++) {
		double v;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		v = i % 2 == 0 ? (double)(int64_t)seed / 1e12 : (double)(seed >> 40) / 1e3;
		assert_true(ws_num_parse(ws_span(text, ws_num_print(text, v)), &back));
		assert_true(back == v && strtod(text, NULL) == v);
	}
}

TEST(shortest)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = { { 0, "0" }, { 0.05, "0.05" }, { 0.5, "0.5" }, { 12.75, "12.75" },
		     { -3, "-3" }, { 1e16, "1e+16" }, { 0.1 + 0.2, "0.30000000000000004" },
		     { 0.001, "0.001" }, { 1e-4, "0.0001" }, { 1e-5, "1e-05" },
		     { 999999999999999, "999999999999999" },
		     { 100, "100" }, { -0.0, "0" }, { 4503599627370495.5, "4503599627370495.5" } };
	char text[WS_NUM_TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ws_num_print(text, rows[i].v);
		assert_string_equal(text, rows[i].text);
	}
}

/* As few digits as read back, by way of the C library. */
TEST(as_short_as_can_be)
{
	uint64_t seed = 7;
	int i;

	for (i = 0; i < 300000; i++) {
		double v = 1, back;
		char text[WS_NUM_TEXT_MAX], reference[WS_NUM_TEXT_MAX];
		int precision, n = 0, digits = 0;
		const char *p;

		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		switch (i % 4) {
		case 0: /* any double of a size that is met */
			v = ldexp((double)(seed >> 11), (int)(seed % 90) - 90);
			break;
		case 1: /* next to a power of ten */
			v = pow(10, (int)(seed >> 60) - 3) * (1 + ((int)(seed >> 40) % 9 - 4) * 0x1p-53);
			break;
		case 2: /* next to a power of two */
			v = ldexp(1 + ((int)(seed >> 40) % 5 - 2) * 0x1p-53, (int)(seed >> 59) - 13);
			break;
		case 3: /* what arithmetic makes of decimals */
			v = (double)(seed >> 44) * 0.001 + 0.1;
			break;
		}
		ws_num_print(text, v);
		assert_true(ws_num_parse(ws_span_str(text), &back) && back == v);
		assert_true(strtod(text, NULL) == v);
		for (precision = 1; precision <= 17; precision++) {
			snprintf(reference, sizeof(reference), "%.*e", precision - 1, v);
			if (strtod(reference, NULL) == v)
				break;
		}
		/* The zeros before the first digit, and those at the end of an integer, are none. */
		for (p = text; *p != '\0' && *p != 'e'; p++) {
			if (*p >= '0' && *p <= '9' && (digits > 0 || *p != '0')) {
				digits++;
				if (*p != '0')
					n = digits;
			}
		}
		if (n > precision)
			print_error("%s, %s\n", text, reference);
		assert_true(n <= precision);
	}
}

TEST(durations)
{
	double s;

	assert_true(ws_num_parse_duration(ws_span_str("90s"), &s) && s == 90);
	assert_true(ws_num_parse_duration(ws_span_str("1.5h"), &s) && s == 5400);
	assert_true(ws_num_parse_duration(ws_span_str("250ms"), &s) && s == 0.25);
	assert_true(ws_num_parse_duration(ws_span_str("0"), &s) && s == 0);
	assert_false(ws_num_parse_duration(ws_span_str("5"), &s));
	assert_false(ws_num_parse_duration(ws_span_str("-1s"), &s));
	assert_false(ws_num_parse_duration(ws_span_str("infs"), &s));
}
