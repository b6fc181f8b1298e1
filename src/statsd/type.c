/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/type.h>

static const struct {
	const char *wire;
	const char *word;
} types[WS_NTYPES] = {
#define X(code, wire_, word_) [WS_TYPE_##code] = { .wire = wire_, .word = word_ },
	WS_TYPES(X)
#undef X
};

const char *ws_type_wire(enum ws_type type)
{
	return types[type].wire;
}

const char *ws_type_word(enum ws_type type)
{
	return types[type].word;
}
