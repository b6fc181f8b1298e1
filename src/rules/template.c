/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/template.h"

#include <windsock/name.h>

static int find_variable(const struct ws_span *names, size_t n, struct ws_span name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (ws_span_eq(names[i], name))
			return (int)i;
	}
	return -1;
}

static size_t count_parts(struct ws_span text)
{
	size_t i, n = 1;

	for (i = 0; i < text.len; i++)
		n += text.ptr[i] == '<' ? 2 : 0;
	return n;
}

bool template_parse(struct template *t, struct ws_span text, const struct ws_span *names,
                    size_t n, struct arena *arena, struct ws_buf *why)
{
	const char *at = text.ptr, *end = text.len > 0 ? text.ptr + text.len : at, *open, *close;
	struct ws_span name;
	int variable;

	t->nparts = 0;
	t->parts = arena_alloc(arena, count_parts(text) * sizeof(*t->parts));
	if (t->parts == NULL) {
		ws_buf_str(why, "out of memory");
		return false;
	}
	for (; at < end; at = close + 1) {
		open = memchr(at, '<', (size_t)(end - at));
		if (open == NULL)
			open = end;
		if (open > at)
			t->parts[t->nparts++] = (struct template_part){
				.text = ws_span_between(at, open), .variable = -1
			};
		if (open == end)
			break;
		close = memchr(open, '>', (size_t)(end - open));
		if (close == NULL) {
			ws_buf_str(why, "a '<' without its '>'");
			return false;
		}
		name = ws_span_between(open + 1, close);
		variable = find_variable(names, n, name);
		if (variable < 0) {
			ws_buf_printf(why, "<%.*s> is neither a capture of the rule nor one of its "
			                   "tags", WS_SPAN_ARG(name));
			return false;
		}
		t->parts[t->nparts++] = (struct template_part){ .variable = variable };
	}
	return true;
}

bool template_uses(const struct template *t, size_t variable)
{
	size_t i;

	for (i = 0; i < t->nparts; i++) {
		if (t->parts[i].variable == (int)variable)
			return true;
	}
	return false;
}

bool template_may_make(const struct template *t, struct ws_span text)
{
	const struct template_part *first = t->parts, *last;

	if (t->nparts == 0)
		return text.len == 0;
	last = &t->parts[t->nparts - 1];
	if (t->nparts == 1)
		return first->variable >= 0 || ws_span_eq(first->text, text);
	return (first->variable >= 0 || ws_span_starts(text, first->text)) &&
	       (last->variable >= 0 || ws_span_ends(text, last->text));
}

void template_expand(const struct template *t, const struct ws_span *values, bool sanitise,
                     struct ws_buf *out)
{
	size_t i;

	for (i = 0; i < t->nparts; i++) {
		const struct template_part *part = &t->parts[i];

		if (part->variable < 0)
			ws_buf_span(out, part->text);
		else if (sanitise)
			ws_name_sanitise(out, values[part->variable]);
		else
			ws_buf_span(out, values[part->variable]);
	}
}
