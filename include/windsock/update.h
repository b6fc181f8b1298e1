/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sample changes: a series by number, and the operation on its value.
 */
#ifndef WINDSOCK_UPDATE_H
#define WINDSOCK_UPDATE_H

#include <windsock/err.h>
#include <windsock/kind.h>

/* A series, by number; outlives it harmlessly. */
struct ws_ref {
	uint32_t slot;
	uint32_t generation; /* 0: no series */
};

struct ws_update {
	struct ws_ref ref;
	enum ws_op op;     /* fits the family's kind: as ws_op_of gave it */
	enum ws_err err;   /* out */
	double value;      /* scaled; finite unless the op is SET */
	double weight;     /* how many events it stands for: COUNT, OBSERVE */
	uint64_t member;   /* MEMBER: keyed hash of the member */
};

#endif
