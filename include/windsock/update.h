/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sample changes: a series, and the operation on its value.
 */
#ifndef WINDSOCK_UPDATE_H
#define WINDSOCK_UPDATE_H

#include <windsock/err.h>
#include <windsock/kind.h>

/* Refers to a series; once the series is gone, it refers to none. */
struct ws_ref {
	uint32_t slot;
	uint32_t generation; /* 0: no series */
};

struct ws_update {
	struct ws_ref ref;
	enum ws_op op;     /* must match the family's kind, else TYPE_MISMATCH */
	enum ws_err err;   /* set by ws_store_apply */
	double value;      /* scaled; finite for ADD, UP_DOWN, RELATIVE and OBSERVE */
	double weight;     /* events it stands for; not used by SET, RELATIVE and MEMBER */
	uint64_t member;   /* MEMBER: keyed hash of the member */
};

#endif
