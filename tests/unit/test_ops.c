/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rules/ops.h"

TEST(kinds)
{
	assert_int_equal(kind_of(WS_TYPE_COUNTER, WS_KIND_SUMMARY), WS_KIND_COUNTER);
	assert_int_equal(kind_of(WS_TYPE_GAUGE, WS_KIND_SUMMARY), WS_KIND_GAUGE);
	assert_int_equal(kind_of(WS_TYPE_SET, WS_KIND_SUMMARY), WS_KIND_GAUGE);
	assert_int_equal(kind_of(WS_TYPE_TIMER, WS_KIND_SUMMARY), WS_KIND_SUMMARY);
	assert_int_equal(kind_of(WS_TYPE_HISTOGRAM, WS_KIND_HISTOGRAM), WS_KIND_HISTOGRAM);
	assert_int_equal(kind_of(WS_TYPE_DISTRIBUTION, WS_KIND_SUMMARY), WS_KIND_SUMMARY);
}

/* Columns: counter, gauge, summary, histogram. */
TEST(ops)
{
	static const enum ws_op want[WS_NTYPES][WS_NKINDS] = {
		[WS_TYPE_COUNTER] = { WS_OP_ADD, WS_OP_UP_DOWN, WS_OP_NONE, WS_OP_NONE },
		[WS_TYPE_GAUGE] = { WS_OP_NONE, WS_OP_SET, WS_OP_OBSERVE, WS_OP_OBSERVE },
		[WS_TYPE_TIMER] = { WS_OP_COUNT, WS_OP_SET, WS_OP_OBSERVE, WS_OP_OBSERVE },
		[WS_TYPE_HISTOGRAM] = { WS_OP_COUNT, WS_OP_SET, WS_OP_OBSERVE, WS_OP_OBSERVE },
		[WS_TYPE_DISTRIBUTION] = { WS_OP_COUNT, WS_OP_SET, WS_OP_OBSERVE,
		                           WS_OP_OBSERVE },
		[WS_TYPE_SET] = { WS_OP_NONE, WS_OP_MEMBER, WS_OP_NONE, WS_OP_NONE },
	};
	int type, kind;

	for (type = 0; type < WS_NTYPES; type++) {
		for (kind = 0; kind < WS_NKINDS; kind++)
			assert_int_equal(op_of((enum ws_type)type, (enum ws_kind)kind),
			                 want[type][kind]);
	}
}
