/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/err.h>

static const struct {
	const char *reason;
	const char *text;
	enum ws_scope scope;
} errors[WS_NERRORS] = {
#define X(code, reason_, scope_, text_) \
	[WS_ERR_##code] = { .reason = reason_, .text = text_, .scope = WS_SCOPE_##scope_ },
	WS_ERRORS(X)
#undef X
};

const char *ws_err_reason(enum ws_err err)
{
	return errors[err].reason;
}

const char *ws_err_text(enum ws_err err)
{
	return errors[err].text;
}

enum ws_scope ws_err_scope(enum ws_err err)
{
	return errors[err].scope;
}
