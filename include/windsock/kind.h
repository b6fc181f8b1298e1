/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of Prometheus families, and the operations that a sample can perform on a series.
 */
#ifndef WINDSOCK_KIND_H
#define WINDSOCK_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(code, word): the word is for TYPE in the exposition and for `as =` in a mapping file. */
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
	WS_OP_NONE,     /* the type cannot become the kind */
	WS_OP_ADD,      /* counter: add, never negative */
	WS_OP_UP_DOWN,  /* gauge fed by a counter: add, in both directions */
	WS_OP_COUNT,    /* counter fed by a timer: the number of events */
	WS_OP_SET,      /* gauge: the last value */
	WS_OP_RELATIVE, /* gauge: +n or -n */
	WS_OP_OBSERVE,  /* summary, histogram */
	WS_OP_MEMBER,   /* gauge fed by a set: the number of distinct members in the window */
};

#define WS_BUCKETS_MAX   64
#define WS_QUANTILES_MAX 16

/*
 * The options of a family's series.  Buckets ascend, without +Inf; quantiles ascend within
 * [0, 1].  `window_ns` is how far back quantiles and sets look.
 */
struct ws_kind_options {
	const double *buckets;
	size_t nbuckets;
	const double *quantiles;
	size_t nquantiles;
	int64_t window_ns;
};

/* Buckets from .005 to 10 s, as in statsd_exporter and the client libraries; quantiles 0.5,
 * 0.9 and 0.99; a window of ten minutes. */
extern const struct ws_kind_options ws_kind_options_default;

#endif
