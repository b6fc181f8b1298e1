/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/action.h"

#include <math.h>

static bool is_same_series(const struct ws_step *a, const struct ws_step *b)
{
	return !a->drop && a->target.kind == b->target.kind &&
	       ws_span_eq(a->target.family, b->target.family) &&
	       ws_span_eq(a->target.labels, b->target.labels);
}

struct step step_of(const struct ws_resolution *r, uint32_t i)
{
	const struct ws_step *from = &r->steps[i];
	uint32_t first = 0;

	while (first < i && !is_same_series(&r->steps[first], from))
		first++;
	return (struct step){
		.op = (uint8_t)from->op,
		.drop = from->drop,
		.stop = from->stop,
		.absolute = from->absolute,
		.initialize = from->initialize,
		.file = (uint16_t)from->file,
		.duplicate = from->duplicate_of != 0 ? (uint16_t)(from->rule + 1) : 0,
		.first = (uint16_t)first,
		.bounds = from->bounds,
		.scale = from->scale,
	};
}

enum ws_err step_update(const struct step *step, const struct ws_sample *s,
			struct ws_update *update)
{
	enum ws_op op = (enum ws_op)step->op;
	double v = step->initialize ? 0 : s->value * step->scale;

	/* An infinity is no change: -inf is what the gauge is from now on. */
	if (s->type == WS_TYPE_GAUGE && op == WS_OP_SET && s->is_signed && isfinite(v) &&
	    !step->absolute)
		op = WS_OP_RELATIVE;
	*update = (struct ws_update){
		.ref = step->ref, .op = op, .value = v, .weight = step->initialize ? 0 : s->weight
	};
	if (op == WS_OP_NONE)
		return WS_ERR_TYPE_MISMATCH;
	if (op == WS_OP_MEMBER || op == WS_OP_COUNT || op == WS_OP_SET)
		return WS_OK;
	if (!isfinite(v))
		return WS_ERR_NOT_FINITE;
	return op == WS_OP_ADD && v < 0 ? WS_ERR_NEGATIVE_COUNTER : WS_OK;
}
