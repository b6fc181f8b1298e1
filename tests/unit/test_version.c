/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/version.h>

TEST(versions)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "2", true }, { "2.9", true }, { "2.10.3", true }, { "999999.0", true },
		{ "", false }, { ".", false }, { "2.", false }, { "2..1", false },
		{ "2.9.1.1", false }, { "v2", false }, { "2.9b1", false }, { "-1", false },
		{ "1234567", false },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ws_version_is_valid(ws_span_str(rows[i].text)), rows[i].valid);
}

TEST(ranges)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "all", true }, { "none", true }, { "2.7.0 - 2.9.2", true }, { "3.2 -", true },
		{ "- 2.99", true }, { "2.7-2.8,3.1", true }, { "3", true },
		{ "", false }, { "-", false }, { "2.9 - 2.7", false }, { "2.7 - x", false },
		{ "2.7,", false }, { "some", false },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ws_version_ranges_are_valid(ws_span_str(rows[i].text)),
		                 rows[i].valid);
}

TEST(within)
{
	static const struct {
		const char *version, *ranges;
		bool within;
	} rows[] = {
		{ "2.7.0", "2.7.0 - 2.9.2", true },
		{ "2.7", "2.7.0 - 2.9.2", true },
		{ "2.9.2", "2.7.0 - 2.9.2", true },
		{ "2.9.3", "2.7.0 - 2.9.2", false },
		{ "2.10.1", "2.7.0 - 2.9.2", false },
		{ "2.6.3", "2.7.0 - 2.9.2", false },
		{ "3.3.2", "2.2 - 2.3, 3.2 - 3.3", true },
		{ "2.3.4", "2.2 - 2.3, 3.2 - 3.3", true },
		{ "3.1", "2.2 - 2.3, 3.2 - 3.3", false },
		{ "2.11.0", "- 2.99", true },
		{ "3.0", "- 2.99", false },
		{ "", "- 2.99", false },
		{ "", "3.2 -", true },
		{ "", "all", true },
		{ "2.1", "none", false },
		{ "2.1", "", false },
		{ "3.1.7", "3.1", true },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ws_version_within(ws_span_str(rows[i].version),
		                                ws_span_str(rows[i].ranges)),
		                 rows[i].within);
}
