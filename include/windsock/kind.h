/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of Prometheus families, and what a sample does to a series of one.
 */
#ifndef WINDSOCK_KIND_H
#define WINDSOCK_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(code, word): the word is the TYPE in the exposition and `as =` in a mapping file. */
#define WS_KINDS(X)                  \
	X(COUNTER, "counter")        \
	X(GAUGE, "gauge")            \
	X(SUMMARY, "summary")        \
	X(HISTOGRAM, "histogram")

enum ws_kind {
#define X(code, word) WS_KIND_##code,
	WS_KINDS(X)
#undef X
	WS_NKINDS
};

const char *ws_kind_word(enum ws_kind kind);

/* What a sample does to its series. */
enum ws_op {
	WS_OP_NONE,     /* nothing: the type cannot become the kind */
	WS_OP_ADD,      /* counter: add, never down */
	WS_OP_UP_DOWN,  /* gauge fed by a counter: add, in both directions */
	WS_OP_COUNT,    /* counter fed by a timer: the number of events */
	WS_OP_SET,      /* gauge: the last value */
	WS_OP_RELATIVE, /* gauge: +n or -n */
	WS_OP_OBSERVE,  /* summary, histogram */
	WS_OP_MEMBER,   /* gauge fed by a set: how many distinct members in the window */
};

#define WS_BUCKETS_MAX   64
#define WS_QUANTILES_MAX 16

/*
 * What a family's series look like inside.  Buckets ascend and leave out +Inf; quantiles
 * ascend within [0, 1].  `window_ns` is how far back quantiles and sets look.
 */
struct ws_kind_options {
	const double *buckets;
	size_t nbuckets;
	const double *quantiles;
	size_t nquantiles;
	int64_t window_ns;
};

/* .005 to 10 s as the peer's and client libraries', 0.5/0.9/0.99, ten minutes. */
extern const struct ws_kind_options ws_kind_options_default;

#endif
