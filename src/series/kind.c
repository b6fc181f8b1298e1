/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/kind.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const words[WS_NKINDS] = {
#define X(code, word) [WS_KIND_##code] = word,
	WS_KINDS(X)
#undef X
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
