/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The family and series that a sample goes to, by name.
 */
#ifndef WINDSOCK_TARGET_H
#define WINDSOCK_TARGET_H

#include <windsock/kind.h>
#include <windsock/span.h>

/* Everything needed to find or create the family and the series. */
struct ws_target {
	struct ws_span family; /* a valid metric name */
	struct ws_span help;   /* may be empty */
	struct ws_span labels; /* rendered: a="x",b="y", names ascending, values escaped */
	enum ws_kind kind;
	struct ws_kind_options options; /* the store copies them when it creates the family */
	int64_t ttl_ns;        /* 0: never expires */
	uint64_t epoch;        /* of the mapping; later ones are greater */
	bool unmatched;
};

#endif
