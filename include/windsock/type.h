/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The StatsD types.
 */
#ifndef WINDSOCK_TYPE_H
#define WINDSOCK_TYPE_H

/* X(code, text on the wire, word for people). */
#define WS_TYPES(X)                     \
	X(COUNTER, "c", "counter")      \
	X(GAUGE, "g", "gauge")          \
	X(TIMER, "ms", "timer")         \
	X(HISTOGRAM, "h", "histogram")  \
	X(DISTRIBUTION, "d", "distribution") \
	X(SET, "s", "set")

enum ws_type {
#define X(code, wire, word) WS_TYPE_##code,
	WS_TYPES(X)
#undef X
	WS_NTYPES
};

const char *ws_type_wire(enum ws_type type);
const char *ws_type_word(enum ws_type type);

#endif
