/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/kind.h>

TEST(words)
{
	assert_string_equal(ws_kind_word(WS_KIND_COUNTER), "counter");
	assert_string_equal(ws_kind_word(WS_KIND_HISTOGRAM), "histogram");
}

TEST(options)
{
	size_t i;

	assert_int_equal(ws_kind_options_default.nbuckets, 11);
	assert_int_equal(ws_kind_options_default.nquantiles, 3);
	assert_true(ws_kind_options_default.window_ns == INT64_C(600000000000));
	for (i = 1; i < ws_kind_options_default.nbuckets; i++)
		assert_true(ws_kind_options_default.buckets[i - 1] < ws_kind_options_default.buckets[i]);
}
