/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/kind.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const words[WS_NKINDS] = {
#define X(code, word) [WS_KIND_##code] = word,
	WS_KINDS(X)
#undef X
};

/* Timer, histogram and distribution are one thing under three names. */
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

static const double default_buckets[] = {
	0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
};

static const double default_quantiles[] = { 0.5, 0.9, 0.99 };

const struct ws_kind_options ws_kind_options_default = {
	.buckets = default_buckets,
	.nbuckets = COUNT_OF(default_buckets),
	.quantiles = default_quantiles,
	.nquantiles = COUNT_OF(default_quantiles),
	.window_ns = INT64_C(600) * 1000000000,
};

const char *ws_kind_word(enum ws_kind kind)
{
	return words[kind];
}

enum ws_kind ws_kind_of(enum ws_type type, enum ws_kind observed)
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

enum ws_op ws_op_of(enum ws_type type, enum ws_kind kind)
{
	return ops[type][kind];
}
