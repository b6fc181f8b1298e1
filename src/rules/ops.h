/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which StatsD type may become which kind of family, and by which operation.
 */
#ifndef OPS_H
#define OPS_H

#include <windsock/kind.h>
#include <windsock/type.h>

/* The kind that a sample of this type becomes when no rule says; timers become `observed`. */
enum ws_kind kind_of(enum ws_type type, enum ws_kind observed);

/* The op that takes a sample of this type into a family of this kind. */
enum ws_op op_of(enum ws_type type, enum ws_kind kind);

#endif
