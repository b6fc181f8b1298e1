/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a sample belongs: family and series, by name.
 */
#ifndef WINDSOCK_TARGET_H
#define WINDSOCK_TARGET_H

#include <windsock/kind.h>
#include <windsock/span.h>

/* Everything needed to find or make the family and the series. */
struct ws_target {
	struct ws_span family; /* a valid metric name */
	struct ws_span help;   /* may be empty */
	struct ws_span labels; /* rendered: a="x",b="y", names ascending, values escaped */
	enum ws_kind kind;
	struct ws_kind_options options; /* copied; must not change while the family lives */
	int64_t ttl_ns;        /* 0: for ever */
	uint64_t epoch;        /* of the configuration that says so; later ones are greater */
	bool unmatched;
};

#endif
