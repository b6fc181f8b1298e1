/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/resolution.h>

#include <math.h>
#include <stdlib.h>
#include <windsock/name.h>

#include "rules/compiled.h"
#include "rules/ops.h"
#include "rules/split.h"

/* A tag, or a label of a draft. */
struct pair {
	struct ws_span name, value;
};

#define PAIRS_MAX (RULE_LABELS_MAX + WS_TAGS_MAX + 1)

/* A target under construction. */
struct draft {
	struct ws_buf family, help;
	struct pair labels[PAIRS_MAX];
	size_t nlabels;
	const struct settings *set;
	enum ws_kind kind;
	bool unmatched;
};

/* Where a target's texts start in the text buffer, which may still move. */
struct offsets {
	size_t family, help, labels, end;
};

struct ws_scratch {
	struct ws_learned_ids *learned;
	struct pattern_index_scratch *matching;
	uint32_t *ids;
	struct offsets *offsets;
	struct ws_buf text;  /* of all targets */
	struct ws_buf name;  /* the joined name, if the head has two pieces */
	struct ws_buf keys;  /* sanitized tag keys */
	struct ws_buf value; /* expanded label values */
	struct draft draft;  /* one at a time */
	struct pair tags[WS_TAGS_MAX];
	size_t ntags;
	struct ws_span full_name;
	struct ws_span sender;
};

struct ws_resolution *ws_resolution_new(const struct ws_mapping *m, struct ws_learned_ids *learned)
{
	struct ws_resolution *r = calloc(1, sizeof(*r));
	struct ws_scratch *s = calloc(1, sizeof(*s));
	size_t n = m->nrules + m->ninitializers + 1;

	if (r == NULL || s == NULL) {
		free(r);
		free(s);
		return NULL;
	}
	r->scratch = s;
	s->learned = learned;
	r->actions = calloc(n, sizeof(*r->actions));
	r->targets = calloc(n, sizeof(*r->targets));
	s->matching = pattern_index_scratch_new(m->index);
	s->ids = calloc(n, sizeof(*s->ids));
	s->offsets = calloc(n, sizeof(*s->offsets));
	if (r->actions == NULL || r->targets == NULL || s->matching == NULL || s->ids == NULL ||
	    s->offsets == NULL) {
		ws_resolution_free(r);
		return NULL;
	}
	return r;
}

void ws_resolution_free(struct ws_resolution *r)
{
	struct ws_scratch *s;

	if (r == NULL)
		return;
	s = r->scratch;
	free(s->matching);
	free(s->ids);
	free(s->offsets);
	ws_buf_fini(&s->text);
	ws_buf_fini(&s->name);
	ws_buf_fini(&s->keys);
	ws_buf_fini(&s->value);
	ws_buf_fini(&s->draft.family);
	ws_buf_fini(&s->draft.help);
	free(s);
	free(r->actions);
	free(r->targets);
	free(r);
}

/* --- which rules match the name --------------------------------------------------------- */

/* Collects the tags, with keys as label names; the last tag with a name wins. */
static enum ws_err take_tags(struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;
	size_t i, k, room = 0;

	s->ntags = 0;
	r->reserved_tags = 0;
	ws_buf_reset(&s->keys);
	for (i = 0; i < r->head.ntags; i++)
		room += r->head.tags[i].key.len + 1;
	/* Reserved once, so that spans into the buffer stay valid. */
	if (ws_buf_reserve(&s->keys, room + 1) == NULL)
		return WS_ERR_NOMEM;
	for (i = 0; i < r->head.ntags; i++) {
		struct ws_buf key = { .ptr = s->keys.ptr + s->keys.len,
			              .cap = s->keys.cap - s->keys.len };
		struct ws_span name;

		ws_name_sanitise(&key, r->head.tags[i].key);
		name = ws_buf_text(&key);
		if (ws_name_is_reserved_label(name)) {
			r->reserved_tags++;
			continue;
		}
		s->keys.len += key.len;
		for (k = 0; k < s->ntags && !ws_span_eq(s->tags[k].name, name); k++)
			;
		s->tags[k] = (struct pair){ .name = name, .value = r->head.tags[i].value };
		s->ntags += k == s->ntags;
	}
	return WS_OK;
}

static const struct ws_span *find_tag(const struct ws_scratch *s, struct ws_span name)
{
	size_t i;

	for (i = 0; i < s->ntags; i++) {
		if (ws_span_eq(s->tags[i].name, name))
			return &s->tags[i].value;
	}
	return NULL;
}

/* Whether the tags meet the rule's conditions; their values follow the captures. */
static bool takes_tags(const struct rule *rule, const struct ws_scratch *s,
                       struct ws_span *values)
{
	size_t i, n = rule->ncaptures;

	for (i = 0; i < rule->ntags; i++) {
		const struct tag_condition *tag = &rule->tags[i];
		const struct ws_span *value = find_tag(s, tag->key);

		if ((value == NULL) != tag->absent)
			return false;
		if (value == NULL)
			continue;
		if (tag->value.ptr != NULL && !ws_span_eq(*value, tag->value))
			return false;
		values[n++] = *value;
	}
	return true;
}

/* Whether the regex or pattern matches the name; fills the captures. */
static bool takes_name(const struct ws_mapping *m, const struct rule *rule,
                       struct ws_resolution *r, struct ws_span *values)
{
	struct ws_span name = r->scratch->full_name;
	struct split split;

	if (rule->known >= 0) {
		split = split_name(rule, &m->files[rule->file], r->scratch->learned, name, values);
		r->divisible = r->divisible || split.divisible;
		r->ambiguous = r->ambiguous || (split.divisible && !split.known);
		return split.matches;
	}
	if (rule->regex == NULL)
		return pattern_match(&rule->pattern, name, values);
	switch (regex_match(rule->regex, name, values)) {
	case REGEX_YES:
		return true;
	case REGEX_GAVE_UP:
		r->regex_gave_up++;
		return false;
	case REGEX_NO:
		return false;
	}
	return false;
}

/* Whether the rule takes the sample; type and tags are cheaper than the name, so they come
 * first.  Fills values: captures, tags, sender. */
static bool takes(const struct ws_mapping *m, const struct rule *rule, enum ws_type type,
                  struct ws_resolution *r, struct ws_span *values)
{
	if (rule->types != 0 && (rule->types & (1u << type)) == 0)
		return false;
	values[rule->sender] = r->scratch->sender;
	return takes_tags(rule, r->scratch, values) && takes_name(m, rule, r, values);
}

/* The rules that may match, with pattern or regex, in ascending order. */
static size_t find_candidates(const struct ws_mapping *m, struct ws_scratch *s)
{
	const uint32_t *ids;
	size_t n = pattern_index_find(m->index, s->matching, s->full_name, &ids), i = 0, k = 0;
	size_t count = 0;

	while (i < n || k < m->nregexes) {
		if (k == m->nregexes || (i < n && ids[i] < m->regexes[k]))
			s->ids[count++] = ids[i++];
		else
			s->ids[count++] = m->regexes[k++];
	}
	return count;
}

/* --- labels ----------------------------------------------------------------------------- */

static int order_of(struct ws_span a, struct ws_span b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int order = least == 0 ? 0 : memcmp(a.ptr, b.ptr, least);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Keeps the names in ascending order. */
static void add_label(struct draft *d, struct ws_span name, struct ws_span value)
{
	size_t k;

	for (k = d->nlabels; k > 0 && order_of(d->labels[k - 1].name, name) > 0; k--)
		d->labels[k] = d->labels[k - 1];
	d->labels[k] = (struct pair){ name, value };
	d->nlabels++;
}

static bool is_ignored(const struct settings *set, struct ws_span tag)
{
	size_t i;

	for (i = 0; i < set->nignored && !ws_span_eq(set->ignored[i], tag); i++)
		;
	return i < set->nignored;
}

/* A tag that is a label, a condition or ignored does not become a label by itself. */
static bool is_used(const struct rule *rule, struct ws_span tag)
{
	size_t i;

	if (is_ignored(&rule->set, tag))
		return true;
	for (i = 0; i < rule->nlabels; i++) {
		if (ws_span_eq(rule->labels[i].name, tag))
			return true;
	}
	for (i = 0; i < rule->ntags; i++) {
		if (!rule->tags[i].absent && ws_span_eq(rule->tags[i].key, tag))
			return true;
	}
	return false;
}

/* Expands all values into s->value first, because the buffer may move meanwhile. */
static bool add_rule_labels(const struct rule *rule, const struct ws_span *values,
                            struct ws_scratch *s, struct draft *d)
{
	size_t ends[RULE_LABELS_MAX] = { 0 }, i, from = 0;

	ws_buf_reset(&s->value);
	for (i = 0; i < rule->nlabels; i++) {
		const struct ws_span *tag = NULL;

		if (rule->set.honor_tags)
			tag = find_tag(s, rule->labels[i].name);
		if (tag != NULL)
			ws_buf_span(&s->value, *tag);
		else
			template_expand(&rule->labels[i].value, values, false, &s->value);
		ends[i] = s->value.len;
	}
	/* If all values are empty, ptr may be NULL; empty labels are omitted anyway. */
	for (i = 0; i < rule->nlabels && s->value.len > 0; from = ends[i++])
		add_label(d, rule->labels[i].name, ws_span(s->value.ptr + from, ends[i] - from));
	return s->value.err == WS_OK;
}

static void write_labels(const struct draft *d, struct ws_buf *out)
{
	bool first = true;
	size_t i;

	for (i = 0; i < d->nlabels; i++) {
		const struct pair *label = &d->labels[i];

		/* A label with an empty value is the same as no label. */
		if (label->value.len == 0)
			continue;
		if (!first)
			ws_buf_char(out, ',');
		first = false;
		ws_buf_span(out, label->name);
		ws_buf_str(out, "=\"");
		ws_name_escape_value(out, label->value);
		ws_buf_char(out, '"');
	}
}

/* --- actions and targets ---------------------------------------------------------------- */

/* Starts the scratch's draft again; family, help and labels are empty. */
static struct draft *begin_draft(struct ws_scratch *s, const struct settings *set,
                                 enum ws_kind kind, bool unmatched)
{
	struct draft *d = &s->draft;

	ws_buf_reset(&d->family);
	ws_buf_reset(&d->help);
	d->nlabels = 0;
	d->set = set;
	d->kind = kind;
	d->unmatched = unmatched;
	return d;
}

/* Appends the draft and its action.  False: out of memory. */
static bool append(struct ws_resolution *r, struct ws_action action, enum ws_type type)
{
	struct ws_scratch *s = r->scratch;
	const struct draft *d = &s->draft;
	struct offsets *at = &s->offsets[r->nactions];

	action.op = (uint8_t)op_of(type, d->kind);
	action.absolute = d->set->absolute;
	at->family = s->text.len;
	ws_buf_span(&s->text, ws_buf_text(&d->family));
	at->help = s->text.len;
	ws_buf_span(&s->text, ws_buf_text(&d->help));
	at->labels = s->text.len;
	write_labels(d, &s->text);
	at->end = s->text.len;
	r->targets[r->nactions] = (struct ws_target){
		.kind = d->kind,
		.options = d->set->options,
		.ttl_ns = d->set->ttl_ns[d->kind],
		.unmatched = d->unmatched,
	};
	r->actions[r->nactions++] = action;
	/* A truncated name would be another family. */
	return s->text.err == WS_OK && d->family.err == WS_OK && d->help.err == WS_OK;
}

static void write_family(const struct rule *rule, const struct ws_span *values,
                         struct ws_buf *out)
{
	template_expand(&rule->metric, values, true, out);
	/* The capture before a digit may be empty: <x>1. */
	if (out->len > 0 && out->ptr[0] >= '0' && out->ptr[0] <= '9' &&
	    ws_buf_reserve(out, 1) != NULL) {
		memmove(out->ptr + 1, out->ptr, out->len++);
		out->ptr[0] = '_';
	}
}

/* Adds the series of `rule`; `by` is the rule that took the sample: the same one, or one that
 * initializes the series. */
static bool add_series(const struct ws_mapping *m, const struct rule *rule, const struct rule *by,
                       struct ws_action action, enum ws_type type, const struct ws_span *values,
                       struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;
	enum ws_kind kind = rule->set.has_kind
	                            ? rule->set.kind
	                            : kind_of(type, m->files[rule->file].set.kind);
	struct draft *d = begin_draft(s, &rule->set, kind, false);
	size_t i;

	write_family(rule, values, &d->family);
	template_expand(&rule->help, values, false, &d->help);
	if (!add_rule_labels(rule, values, s, d))
		return false;
	for (i = 0; rule->set.keep_tags && i < s->ntags; i++) {
		if (!is_used(rule, s->tags[i].name) && !is_used(by, s->tags[i].name))
			add_label(d, s->tags[i].name, s->tags[i].value);
	}
	return append(r, action, type);
}

static bool is_bounded(const struct rule *rule)
{
	return isfinite(rule->bounds.least) || isfinite(rule->bounds.most);
}

static struct ws_action action_of(const struct rule *rule, uint32_t id)
{
	return (struct ws_action){
		.bounds = is_bounded(rule) ? &rule->bounds : NULL,
		.rule = id,
		.file = (uint16_t)rule->file,
		.may_be_duplicate = rule->duplicate_of != 0,
	};
}

static double scale_of(const struct rule *rule, const struct ws_sample *sample)
{
	if (sample->type != WS_TYPE_TIMER)
		return rule->set.scale;
	return sample->is_dogstatsd ? rule->dogstatsd_factor : rule->factor;
}

static bool add_rule(const struct ws_mapping *m, uint32_t id, const struct ws_sample *sample,
                     const struct ws_span *values, struct ws_resolution *r)
{
	const struct rule *rule = m->rules[id];
	struct ws_action action = action_of(rule, id);

	action.scale = scale_of(rule, sample);
	action.drop = rule->drop;
	action.stop = !rule->continues;
	if (!rule->drop)
		return add_series(m, rule, rule, action, sample->type, values, r);
	r->scratch->offsets[r->nactions] = (struct offsets){ 0 };
	r->targets[r->nactions] = (struct ws_target){ 0 };
	r->actions[r->nactions++] = action;
	return true;
}

/* The value of a variable of the initialized rule: as given, else of this rule's variable
 * with the same name. */
static struct ws_span initial_value(const struct rule *rule, const struct initializer *init,
                                    struct ws_span name, const struct ws_span *values,
                                    struct ws_buf *text)
{
	size_t k;

	for (k = 0; k < init->ngiven; k++) {
		if (!ws_span_eq(init->given[k], name))
			continue;
		template_expand(&init->values[k], values, false, text);
		return ws_buf_text(text);
	}
	for (k = 0; k < rule->nvariables; k++) {
		if (ws_span_eq(rule->variables[k], name))
			return values[k];
	}
	return ws_span(NULL, 0);
}

static bool add_initializer(const struct ws_mapping *m, const struct rule *rule, uint32_t id,
                            const struct initializer *init, const struct ws_span *values,
                            struct ws_resolution *r)
{
	const struct rule *other = init->rule;
	struct ws_action action = action_of(rule, id);
	struct ws_span theirs[RULE_VARIABLES_MAX];
	struct ws_buf texts[RULE_VARIABLES_MAX];
	/* Any type that the series can take. */
	enum ws_type type = other->set.kind == WS_KIND_COUNTER ? WS_TYPE_COUNTER : WS_TYPE_TIMER;
	bool ok = true;
	size_t i;

	action.initialize = true;
	for (i = 0; i < other->nvariables; i++) {
		texts[i] = (struct ws_buf)WS_BUF_INIT;
		theirs[i] = initial_value(rule, init, other->variables[i], values, &texts[i]);
		ok = ok && texts[i].err == WS_OK;
	}
	ok = ok && add_series(m, other, rule, action, type, theirs, r);
	for (i = 0; i < other->nvariables; i++)
		ws_buf_fini(&texts[i]);
	return ok;
}

/* Adds all actions of a rule that takes the sample. */
static bool add_actions(const struct ws_mapping *m, uint32_t id, const struct ws_sample *sample,
                        const struct ws_span *values, struct ws_resolution *r)
{
	const struct rule *rule = m->rules[id];
	size_t i;

	/* Before the rule's own action, which may stop the sample in this file. */
	for (i = 0; i < rule->ninitializers; i++) {
		if (!add_initializer(m, rule, id, &rule->initializers[i], values, r))
			return false;
	}
	if (rule->learn >= 0 && r->nlearns < WS_LEARNS_MAX)
		r->learns[r->nlearns++] = (struct ws_capture){
			.name = rule->variables[rule->learn],
			.value = values[rule->learn],
		};
	return add_rule(m, id, sample, values, r);
}

/* Adds the series of an unmatched name, with the settings of the first file. */
static bool add_unmatched(const struct ws_mapping *m, enum ws_type type, struct ws_resolution *r)
{
	const struct settings standard = {
		.kind = WS_KIND_SUMMARY, .scale = 1, .options = ws_kind_options_default,
	};
	struct ws_scratch *s = r->scratch;
	const struct settings *set = m->nfiles > 0 ? &m->files[0].set : &standard;
	struct draft *d = begin_draft(s, set, kind_of(type, set->kind), true);
	size_t i;

	ws_name_sanitise(&d->family, s->full_name);
	ws_buf_str(&d->help, "StatsD metric that no rule matched.");
	for (i = 0; i < s->ntags; i++) {
		if (!is_ignored(set, s->tags[i].name))
			add_label(d, s->tags[i].name, s->tags[i].value);
	}
	if (m->nfiles > 0 && m->files[0].sender_label.len > 0)
		add_label(d, m->files[0].sender_label, s->sender);
	r->keep = true;
	return append(r, (struct ws_action){ .rule = WS_NO_RULE, .stop = true, .scale = set->scale },
	              type);
}

static bool is_same_series(const struct ws_resolution *r, size_t a, size_t b)
{
	const struct ws_target *t = &r->targets[a], *u = &r->targets[b];

	return !r->actions[a].drop && t->kind == u->kind && ws_span_eq(t->family, u->family) &&
	       ws_span_eq(t->labels, u->labels);
}

/* Sets the spans, now that the text buffer no longer moves. */
static void finish(const struct ws_mapping *m, struct ws_resolution *r)
{
	const struct ws_scratch *s = r->scratch;
	const char *text = s->text.ptr;
	size_t i, first;

	for (i = 0; i < r->nactions; i++) {
		const struct offsets *at = &s->offsets[i];
		struct ws_target *target = &r->targets[i];

		target->epoch = m->epoch;
		if (text != NULL) {
			target->family = ws_span(text + at->family, at->help - at->family);
			target->help = ws_span(text + at->help, at->labels - at->help);
			target->labels = ws_span(text + at->labels, at->end - at->labels);
		}
		for (first = 0; first < i && !is_same_series(r, first, i); first++)
			;
		r->actions[i].first = (uint16_t)first;
	}
}

/* --- resolving -------------------------------------------------------------------------- */

/* From the parsed head: the name in one piece, and the tags. */
static enum ws_err take_head(const struct ws_sample *sample, struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;

	s->full_name = r->head.name;
	s->sender = sample->sender;
	if (r->head.name_tail.len > 0) {
		ws_buf_reset(&s->name);
		ws_buf_span(&s->name, r->head.name);
		ws_buf_span(&s->name, r->head.name_tail);
		s->full_name = ws_buf_text(&s->name);
		if (s->name.err != WS_OK)
			return WS_ERR_NOMEM;
	}
	return take_tags(r);
}

static void reset(struct ws_resolution *r)
{
	r->nactions = 0;
	r->keep = r->unmatched = r->divisible = r->ambiguous = false;
	r->fits = r->takes = 0;
	r->nlearns = 0;
	r->regex_gave_up = 0;
	r->reserved_tags = 0;
	ws_buf_reset(&r->scratch->text);
}

enum ws_err ws_resolve(const struct ws_mapping *m, const struct ws_sample *sample,
                       struct ws_resolution *r)
{
	struct ws_span values[RULE_VARIABLES_MAX];
	struct ws_scratch *s = r->scratch;
	uint32_t done = UINT32_MAX; /* file whose later rules are skipped */
	size_t n, i;

	reset(r);
	r->err = ws_head_parse(sample->head, sample->tags, &r->head);
	if (r->err != WS_OK)
		return WS_OK;
	if (take_head(sample, r) != WS_OK)
		return WS_ERR_NOMEM;
	n = find_candidates(m, s);
	for (i = 0; i < n; i++) {
		const struct rule *rule = m->rules[s->ids[i]];

		if (rule->file == done && rule->original_bit == 0)
			continue;
		if (rule->original_bit != 0 && rule->regex == NULL &&
		    pattern_match(&rule->pattern, s->full_name, values))
			r->fits |= rule->original_bit;
		if (!takes(m, rule, sample->type, r, values))
			continue;
		r->takes |= rule->original_bit;
		if (rule->file == done)
			continue;
		if (!add_actions(m, s->ids[i], sample, values, r))
			return WS_ERR_NOMEM;
		if (!rule->continues && !is_bounded(rule))
			done = rule->file;
	}
	r->unmatched = r->nactions == 0;
	if (r->unmatched && !m->drop_unmatched && !add_unmatched(m, sample->type, r))
		return WS_ERR_NOMEM;
	finish(m, r);
	return WS_OK;
}

size_t ws_resolution_captures(const struct ws_mapping *m, struct ws_resolution *r,
                              uint32_t rule_id, struct ws_capture *out, size_t most)
{
	struct ws_span values[RULE_VARIABLES_MAX];
	const struct rule *rule = m->rules[rule_id];
	size_t i, n = 0;
	enum ws_type type = WS_TYPE_COUNTER;

	while (rule->types != 0 && (rule->types & (1u << type)) == 0)
		type++;
	if (!takes(m, rule, type, r, values))
		return 0;
	for (i = 0; i < rule->nvariables && n < most; i++) {
		if (i == rule->sender && !rule->uses_sender)
			continue;
		out[n++] = (struct ws_capture){ .name = rule->variables[i], .value = values[i] };
	}
	return n;
}
