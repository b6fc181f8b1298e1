/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which StatsD types can become which kinds of family, and by which operation.
 */
#ifndef OPS_H
#define OPS_H

#include <windsock/kind.h>
#include <windsock/type.h>

/* The default kind for a type; timers, histograms and distributions become `observed`. */
enum ws_kind kind_of(enum ws_type type, enum ws_kind observed);

/* The op that applies a sample of this type to this kind; WS_OP_NONE: impossible. */
enum ws_op op_of(enum ws_type type, enum ws_kind kind);

#endif
