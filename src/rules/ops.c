/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ops.h"

/* Timers, histograms and distributions are treated alike. */
#define OBSERVED                                                              \
	{                                                                     \
		[WS_KIND_COUNTER] = WS_OP_COUNT, [WS_KIND_GAUGE] = WS_OP_SET, \
		[WS_KIND_SUMMARY] = WS_OP_OBSERVE,                            \
		[WS_KIND_HISTOGRAM] = WS_OP_OBSERVE,                          \
	}

static const enum ws_op ops[WS_NTYPES][WS_NKINDS] = {
	[WS_TYPE_COUNTER] = {
		[WS_KIND_COUNTER] = WS_OP_ADD,
		[WS_KIND_GAUGE] = WS_OP_UP_DOWN,
	},
	[WS_TYPE_GAUGE] = {
		[WS_KIND_GAUGE] = WS_OP_SET,
		[WS_KIND_SUMMARY] = WS_OP_OBSERVE,
		[WS_KIND_HISTOGRAM] = WS_OP_OBSERVE,
	},
	[WS_TYPE_TIMER] = OBSERVED,
	[WS_TYPE_HISTOGRAM] = OBSERVED,
	[WS_TYPE_DISTRIBUTION] = OBSERVED,
	[WS_TYPE_SET] = {
		[WS_KIND_GAUGE] = WS_OP_MEMBER,
	},
};

enum ws_kind kind_of(enum ws_type type, enum ws_kind observed)
{
	switch (type) {
	case WS_TYPE_COUNTER:
		return WS_KIND_COUNTER;
	case WS_TYPE_GAUGE:
	case WS_TYPE_SET:
		return WS_KIND_GAUGE;
	case WS_TYPE_TIMER:
	case WS_TYPE_HISTOGRAM:
	case WS_TYPE_DISTRIBUTION:
	case WS_NTYPES:
		break;
	}
	return observed;
}

enum ws_op op_of(enum ws_type type, enum ws_kind kind)
{
	return ops[type][kind];
}
