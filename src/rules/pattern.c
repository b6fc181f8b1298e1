/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pattern.h"

#include <windsock/name.h>

static bool fail(struct ws_buf *why, const char *sentence)
{
	ws_buf_str(why, sentence);
	return false;
}

static struct pattern_part *add_part(struct pattern *p, enum pattern_op op, struct ws_span text)
{
	struct pattern_part *part = &p->parts[p->nparts++];

	*part = (struct pattern_part){ .op = op, .text = text, .capture = -1 };
	return part;
}

static bool name_capture(struct pattern *p, struct pattern_part *part, struct ws_span name,
                         struct ws_buf *why)
{
	size_t i;

	if (ws_span_is(name, "_"))
		return true;
	if (!ws_name_is_label(name))
		return fail(why, "a capture's name is letters, digits and _, as in <dag_id>");
	for (i = 0; i < p->ncaptures; i++) {
		if (!ws_span_eq(p->captures[i], name))
			continue;
		ws_buf_printf(why, "<%.*s> is used twice; rename one of them",
		              WS_SPAN_ARG(name));
		return false;
	}
	part->capture = (int)p->ncaptures;
	p->captures[p->ncaptures++] = name;
	return true;
}

static bool check_choices(struct ws_span choices, struct ws_buf *why)
{
	struct ws_span one;

	while (ws_span_cut(&choices, '|', &one)) {
		if (one.len == 0)
			return fail(why, "an empty alternative; write <x:a|b>");
		if (one.ptr[0] == ' ' || one.ptr[one.len - 1] == ' ')
			return fail(why, "a space next to an alternative; break lines only after "
			                 "a '|'");
	}
	return true;
}

/* Parses the text between < and >. */
static bool add_capture(struct pattern *p, struct ws_span inside, bool whole, struct ws_buf *why)
{
	struct ws_span dots = ws_span_str("..."), name;
	struct pattern_part *part;

	if (ws_span_find(inside, ':') != NULL) {
		ws_span_cut(&inside, ':', &name);
		part = add_part(p, PATTERN_CHOICE, inside);
		return check_choices(inside, why) && name_capture(p, part, name, why);
	}
	if (!ws_span_ends(inside, dots)) {
		part = add_part(p, whole ? PATTERN_SEGMENT : PATTERN_PIECE, ws_span(NULL, 0));
		return name_capture(p, part, inside, why);
	}
	if (!whole)
		return fail(why, "<x...> matches whole segments: put a dot on both sides of it, "
		                 "or nothing");
	part = add_part(p, PATTERN_REST, ws_span(NULL, 0));
	return name_capture(p, part, ws_span(inside.ptr, inside.len - dots.len), why);
}

static bool is_open_ended(const struct pattern_part *part)
{
	return part->op != PATTERN_LITERAL && part->op != PATTERN_CHOICE;
}

/*
 * ti.<x>.rest
 *    ^  ^   whole: a dot or an end of the pattern on both sides
 */
bool pattern_parse(struct pattern *p, struct ws_span text, struct ws_buf *why)
{
	const char *at = text.ptr, *end = text.ptr + text.len, *open, *close;
	bool whole;

	*p = (struct pattern){ 0 };
	if (text.len == 0)
		return fail(why, "the pattern is empty");
	while (at < end) {
		if (p->nparts + 2 > PATTERN_PARTS_MAX || p->ncaptures == PATTERN_CAPTURES_MAX)
			return fail(why, "more than 16 captures; capture several segments with "
			                 "<x...>");
		open = memchr(at, '<', (size_t)(end - at));
		if (open == NULL)
			open = end;
		if (memchr(at, '>', (size_t)(open - at)) != NULL)
			return fail(why, "a '>' without its '<'");
		if (open > at)
			add_part(p, PATTERN_LITERAL, ws_span_between(at, open));
		if (open == end)
			break;
		close = memchr(open, '>', (size_t)(end - open));
		if (close == NULL || close == open + 1)
			return fail(why, "a '<' without a name and a '>' after it");
		whole = (open == text.ptr || open[-1] == '.') &&
		        (close + 1 == end || close[1] == '.');
		if (!add_capture(p, ws_span_between(open + 1, close), whole, why))
			return false;
		if (p->nparts > 1 && is_open_ended(&p->parts[p->nparts - 1]) &&
		    is_open_ended(&p->parts[p->nparts - 2]))
			return fail(why, "two adjacent captures; put a dot or a literal between them");
		at = close + 1;
	}
	return true;
}

/* Backtracking that remembers dead ends: each pair (part, position) is tried once. */
struct matching {
	const struct pattern *p;
	const char *from, *end;
	struct ws_span *values;
	int given; /* a capture whose value is fixed; -1: none */
	unsigned char dead[PATTERN_PARTS_MAX * (PATTERN_NAME_MAX + 1) / 8 + 1];
};

static bool match_from(struct matching *m, size_t i, const char *at);

static bool try_span(struct matching *m, const struct pattern_part *part, size_t i,
                     const char *at, const char *to)
{
	if (part->capture >= 0)
		m->values[part->capture] = ws_span_between(at, to);
	return match_from(m, i + 1, to);
}

static bool match_choice(struct matching *m, size_t i, const char *at)
{
	const struct pattern_part *part = &m->p->parts[i];
	struct ws_span left = ws_span_between(at, m->end), choices = part->text, one;

	while (ws_span_cut(&choices, '|', &one)) {
		if (ws_span_starts(left, one) && try_span(m, part, i, at, at + one.len))
			return true;
	}
	return false;
}

static bool match_open(struct matching *m, size_t i, const char *at)
{
	const struct pattern_part *part = &m->p->parts[i];
	const char *to = at;

	if (part->capture >= 0 && part->capture == m->given)
		return at == m->values[m->given].ptr &&
		       match_from(m, i + 1, at + m->values[m->given].len);
	if (i + 1 == m->p->nparts) {
		/* The last part takes the rest.  (A name's ptr is never NULL.) */
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		if (part->op != PATTERN_REST && memchr(at, '.', (size_t)(m->end - at)) != NULL)
			return false;
		return !(part->op == PATTERN_PIECE && at == m->end) &&
		       try_span(m, part, i, at, m->end);
	}
	if (part->op == PATTERN_PIECE) {
		if (at == m->end || *at == '.')
			return false;
		to++;
	}
	for (;; to++) {
		if (try_span(m, part, i, at, to))
			return true;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		if (to == m->end || (*to == '.' && part->op != PATTERN_REST))
			return false;
	}
}

static bool match_part(struct matching *m, size_t i, const char *at)
{
	const struct pattern_part *part = &m->p->parts[i];

	switch (part->op) {
	case PATTERN_LITERAL:
		return ws_span_starts(ws_span_between(at, m->end), part->text) &&
		       match_from(m, i + 1, at + part->text.len);
	case PATTERN_CHOICE:
		return match_choice(m, i, at);
	case PATTERN_SEGMENT:
	case PATTERN_PIECE:
	case PATTERN_REST:
		return match_open(m, i, at);
	}
	return false;
}

static bool match_from(struct matching *m, size_t i, const char *at)
{
	size_t bit = i * (PATTERN_NAME_MAX + 1) + (size_t)(at - m->from);

	if (i == m->p->nparts)
		return at == m->end;
	if (m->dead[bit / 8] & (1u << bit % 8))
		return false;
	if (match_part(m, i, at))
		return true;
	m->dead[bit / 8] |= (unsigned char)(1u << bit % 8);
	return false;
}

static bool match(const struct pattern *p, struct ws_span name, int given,
                  struct ws_span *values)
{
	struct matching m;

	if (name.len > PATTERN_NAME_MAX)
		return false;
	m.p = p;
	m.from = name.ptr;
	m.end = name.ptr + name.len;
	m.values = values;
	m.given = given;
	memset(m.dead, 0, p->nparts * (PATTERN_NAME_MAX + 1) / 8 + 1);
	return match_from(&m, 0, name.ptr);
}

bool pattern_match(const struct pattern *p, struct ws_span name, struct ws_span *values)
{
	return match(p, name, -1, values);
}

bool pattern_match_with(const struct pattern *p, struct ws_span name, int capture,
                        struct ws_span value, struct ws_span *values)
{
	values[capture] = value;
	return match(p, name, capture, values);
}

/*
 * Covering is decided with witnesses: names that `narrow` matches, made of its literals and,
 * for captures, of a byte that no pattern can contain as a literal.  Only a capture of `wide`
 * can match that byte, so one witness represents all names of the same form.  Forms differ in
 * the alternatives taken, in which segments are empty, and in the number of segments of each
 * <x...>: more segments than `wide` can distinguish make no difference.  With more than
 * WITNESSES_MAX forms, the result is false.
 */
#define WITNESS_BYTE  '\x01'
#define WITNESSES_MAX 512

struct witnesses {
	const struct pattern *wide, *narrow;
	struct ws_buf name;
	size_t left;
	size_t most_segments;
	bool covered;
};

static void witness_from(struct witnesses *w, size_t i);

static void witness_with(struct witnesses *w, size_t i, struct ws_span text)
{
	size_t len = w->name.len;

	if (!w->covered)
		return;
	ws_buf_span(&w->name, text);
	witness_from(w, i + 1);
	w->name.len = len;
}

static void witness_segments(struct witnesses *w, size_t i)
{
	size_t len = w->name.len, n;

	for (n = 1; n <= w->most_segments && w->covered; n++) {
		if (n > 1)
			ws_buf_char(&w->name, '.');
		ws_buf_char(&w->name, WITNESS_BYTE);
		witness_from(w, i + 1);
	}
	w->name.len = len;
	witness_with(w, i, ws_span_str(""));
}

static void witness_from(struct witnesses *w, size_t i)
{
	static const char byte[] = { WITNESS_BYTE };
	struct ws_span values[PATTERN_CAPTURES_MAX], choices, one;
	const struct pattern_part *part = &w->narrow->parts[i];

	if (i == w->narrow->nparts) {
		if (w->left == 0 || w->name.err != WS_OK)
			w->covered = false;
		else
			w->covered = pattern_match(w->wide, ws_buf_text(&w->name), values);
		w->left -= w->left > 0;
		return;
	}
	switch (part->op) {
	case PATTERN_LITERAL:
		witness_with(w, i, part->text);
		break;
	case PATTERN_CHOICE:
		choices = part->text;
		while (ws_span_cut(&choices, '|', &one))
			witness_with(w, i, one);
		break;
	case PATTERN_SEGMENT:
		witness_with(w, i, ws_span(byte, 1));
		witness_with(w, i, ws_span_str(""));
		break;
	case PATTERN_PIECE:
		witness_with(w, i, ws_span(byte, 1));
		break;
	case PATTERN_REST:
		witness_segments(w, i);
		break;
	}
}

bool pattern_covers(const struct pattern *wide, const struct pattern *narrow)
{
	struct witnesses w = {
		.wide = wide,
		.narrow = narrow,
		.left = WITNESSES_MAX,
		.most_segments = wide->nparts + 1,
		.covered = true,
	};

	witness_from(&w, 0);
	ws_buf_fini(&w.name);
	return w.covered;
}
