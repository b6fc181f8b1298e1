/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/version.h>

#include <limits.h>

#define NUMBERS 3

/* `rest` is used for missing numbers.  False: not a version. */
static bool parse(struct ws_span s, int rest, int numbers[NUMBERS])
{
	struct ws_span one;
	size_t n, i;

	for (n = 0; n < NUMBERS; n++)
		numbers[n] = rest;
	for (n = 0; ws_span_cut(&s, '.', &one); n++) {
		if (n == NUMBERS || one.len == 0 || one.len > 6)
			return false;
		numbers[n] = 0;
		for (i = 0; i < one.len; i++) {
			if (one.ptr[i] < '0' || one.ptr[i] > '9')
				return false;
			numbers[n] = 10 * numbers[n] + (one.ptr[i] - '0');
		}
	}
	return n > 0;
}

static int compare(const int a[NUMBERS], const int b[NUMBERS])
{
	size_t i;

	for (i = 0; i < NUMBERS; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/* "2.7.0 - 2.9.2", "- 2.99", "3.2 -" or "3.1". */
static bool parse_range(struct ws_span s, int first[NUMBERS], int last[NUMBERS])
{
	struct ws_span from;
	bool is_open = ws_span_find(s, '-') != NULL;

	ws_span_cut(&s, '-', &from);
	from = ws_span_trim(from);
	if (!is_open)
		return parse(from, 0, first) && parse(from, INT_MAX, last);
	s = ws_span_trim(s);
	if (from.len == 0 && s.len == 0)
		return false;
	parse(ws_span_str("0"), 0, first);
	parse(ws_span_str("999999"), INT_MAX, last);
	if (s.len == 0)
		last[0] = INT_MAX;
	return (from.len == 0 || parse(from, 0, first)) &&
	       (s.len == 0 || parse(s, INT_MAX, last)) && compare(first, last) <= 0;
}

bool ws_version_is_valid(struct ws_span version)
{
	int numbers[NUMBERS];

	return parse(version, 0, numbers);
}

bool ws_version_ranges_are_valid(struct ws_span ranges)
{
	int first[NUMBERS], last[NUMBERS];
	struct ws_span one;

	if (ws_span_is(ranges, "all") || ws_span_is(ranges, "none"))
		return true;
	while (ws_span_cut(&ranges, ',', &one)) {
		if (!parse_range(ws_span_trim(one), first, last))
			return false;
	}
	return true;
}

bool ws_version_within(struct ws_span version, struct ws_span ranges)
{
	int numbers[NUMBERS] = { INT_MAX, INT_MAX, INT_MAX }, first[NUMBERS], last[NUMBERS];
	struct ws_span one;

	if (ranges.len == 0 || ws_span_is(ranges, "none"))
		return false;
	if (ws_span_is(ranges, "all"))
		return true;
	if (version.len > 0)
		parse(version, 0, numbers);
	while (ws_span_cut(&ranges, ',', &one)) {
		if (parse_range(ws_span_trim(one), first, last) &&
		    compare(numbers, first) >= 0 && compare(numbers, last) <= 0)
			return true;
	}
	return false;
}
