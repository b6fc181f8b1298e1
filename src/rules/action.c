/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/action.h>

#include <math.h>

enum ws_err ws_action_update(const struct ws_action *action, const struct ws_sample *s,
                             struct ws_update *update)
{
	enum ws_op op = (enum ws_op)action->op;
	double v = action->initialize ? 0 : s->value * action->scale;

	/* Infinities are not relative: -inf is the gauge's new value. */
	if (s->type == WS_TYPE_GAUGE && op == WS_OP_SET && s->is_signed && isfinite(v) &&
	    !action->absolute)
		op = WS_OP_RELATIVE;
	*update = (struct ws_update){
		.op = op, .value = v, .weight = action->initialize ? 0 : s->weight
	};
	if (op == WS_OP_NONE)
		return WS_ERR_TYPE_MISMATCH;
	if (op == WS_OP_MEMBER || op == WS_OP_COUNT || op == WS_OP_SET)
		return WS_OK;
	if (!isfinite(v))
		return WS_ERR_NOT_FINITE;
	return op == WS_OP_ADD && v < 0 ? WS_ERR_NEGATIVE_COUNTER : WS_OK;
}
