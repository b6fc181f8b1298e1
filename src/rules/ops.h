/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which StatsD types can become which kinds of family, and by which operation.
 */
#ifndef OPS_H
#define OPS_H

#include <windsock/kind.h>
#include <windsock/type.h>

/* The default kind for a sample of this type; timers, histograms and distributions become
 * `observed`. */
enum ws_kind kind_of(enum ws_type type, enum ws_kind observed);

/* The op that applies a sample of this type to a family of this kind; WS_OP_NONE: it
 * cannot. */
enum ws_op op_of(enum ws_type type, enum ws_kind kind);

#endif
