/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/split.h"

/* Only the first segments of a name are searched for ids. */
#define SEGMENTS_MAX 32

/* A name's segments, and where the known capture can be. */
struct pieces {
	const struct rule *rule;
	struct ws_span name;
	const char *starts[SEGMENTS_MAX + 1]; /* starts[n]: the next segment, or end + 1 */
	size_t n;
	const char *only; /* where the capture must start; NULL: anywhere */
};

static void cut_segments(struct pieces *p)
{
	const char *at = p->name.ptr, *end = p->name.ptr + p->name.len;

	for (p->n = 0; at != NULL && p->n < SEGMENTS_MAX; p->n++) {
		p->starts[p->n] = at;
		at = memchr(at, '.', (size_t)(end - at));
		at = at == NULL ? NULL : at + 1;
	}
	p->starts[p->n] = at == NULL ? end + 1 : at;
}

/* Segments [i, i + len) as the known capture.  False: no match can begin there. */
static bool candidate(const struct pieces *p, size_t i, size_t len, struct ws_span *value)
{
	*value = ws_span_between(p->starts[i], p->starts[i + len] - 1);
	return p->only == NULL || p->starts[i] == p->only;
}

static bool matches(const struct pieces *p, struct ws_span value, struct ws_span *values)
{
	return pattern_match_with(&p->rule->pattern, p->name, p->rule->known, value, values);
}

/* Whether there is a split with another value of the known capture than `now`. */
static bool is_divisible(const struct pieces *p, struct ws_span now)
{
	struct ws_span value, other[RULE_VARIABLES_MAX];
	size_t i, len;

	for (len = 1; len <= p->n; len++) {
		for (i = 0; i + len <= p->n; i++) {
			if (candidate(p, i, len, &value) &&
			    (value.ptr != now.ptr || value.len != now.len) &&
			    matches(p, value, other))
				return true;
		}
	}
	return false;
}

static bool is_known(const struct rule *rule, const struct rule_file *file,
                     struct ws_learned_ids *learned, struct ws_span value)
{
	struct ws_span name = rule->variables[rule->known];
	size_t i;

	for (i = 0; i < file->nknown; i++) {
		if (ws_span_eq(file->known[i].name, name) && ws_span_eq(file->known[i].value, value))
			return true;
	}
	return ws_learned_ids_has(learned, name, value);
}

/* Splits by the longest known value that the capture can have.  False: there is none. */
static bool find_known(const struct pieces *p, const struct rule_file *file,
                       struct ws_learned_ids *learned, struct ws_span *values)
{
	struct ws_span value, other[RULE_VARIABLES_MAX];
	size_t i, len;

	for (len = p->n; len > 0; len--) {
		for (i = 0; i + len <= p->n; i++) {
			if (!candidate(p, i, len, &value) ||
			    !is_known(p->rule, file, learned, value) || !matches(p, value, other))
				continue;
			memcpy(values, other, p->rule->ncaptures * sizeof(*values));
			return true;
		}
	}
	return false;
}

struct split split_name(const struct rule *rule, const struct rule_file *file,
                        struct ws_learned_ids *learned, struct ws_span name,
                        struct ws_span *values)
{
	struct pieces p = { .rule = rule, .name = name };
	struct split split = { .matches = pattern_match(&rule->pattern, name, values) };

	if (!split.matches)
		return split;
	cut_segments(&p);
	if (rule->known_after != SIZE_MAX)
		p.only = name.ptr + rule->known_after;
	split.divisible = is_divisible(&p, values[rule->known]);
	split.known = find_known(&p, file, learned, values);
	return split;
}
