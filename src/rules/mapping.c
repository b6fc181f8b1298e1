/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/mapping.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rules/pattern_index.h"
#include <windsock/name.h>
#include "rules/rule.h"
#include "rules/version.h"

struct ws_mapping {
	_Atomic unsigned refs;
	struct arena arena;
	struct rule_file *files;
	size_t nfiles;
	struct rule *first;
	struct rule **rules; /* by id: file order */
	size_t nrules;
	struct pattern_index *index;
	uint32_t *regexes; /* ids, ascending */
	size_t nregexes;
	size_t ninitializers; /* of all rules */
	uint64_t epoch;
	uint64_t original_bits;
	bool drop_unmatched;
	bool uses_sender;
};

/* Longer names are not searched for values that are known. */
#define KNOWN_SEGMENTS_MAX 32

/* A label while its series is put together. */
struct pair {
	struct ws_span name, value;
};

/* Where a step's texts begin in the buffer, which may still move. */
struct offsets {
	size_t family, help, labels, end;
};

#define PAIRS_MAX (RULE_LABELS_MAX + WS_TAGS_MAX + 1)

struct ws_scratch {
	struct ws_learned_ids *learned;
	struct pattern_index_scratch *matching;
	uint32_t *ids;
	struct offsets *offsets;
	struct ws_buf text;  /* of all steps */
	struct ws_buf name;  /* the name, when it was in two pieces */
	struct ws_buf keys;  /* sanitised tag keys */
	struct ws_buf value; /* label values being expanded */
	struct pair tags[WS_TAGS_MAX];
	size_t ntags;
	struct ws_span full_name;
	struct ws_span sender;
};

/* --- compiling --- */

static void diagnose(struct ws_buf *diags, const struct ws_mapping *m, const struct rule *rule,
                     const struct rule *other, const char *what)
{
	ws_buf_printf(diags, "%s:%u: rule [%.*s] %s rule [%.*s] (%s:%u)\n",
	              m->files[rule->file].name, rule->line, WS_SPAN_ARG(rule->name), what,
	              WS_SPAN_ARG(other->name), m->files[other->file].name, other->line);
}

static bool same_condition(const struct tag_condition *a, const struct tag_condition *b)
{
	return a->absent == b->absent && ws_span_eq(a->key, b->key) &&
	       (a->value.ptr == NULL) == (b->value.ptr == NULL) && ws_span_eq(a->value, b->value);
}

/* Whether every condition of `wide` is one of `narrow` too. */
static bool tags_cover(const struct rule *wide, const struct rule *narrow)
{
	size_t i, k;

	for (i = 0; i < wide->ntags; i++) {
		for (k = 0; k < narrow->ntags; k++) {
			if (same_condition(&wide->tags[i], &narrow->tags[k]))
				break;
		}
		if (k == narrow->ntags)
			return false;
	}
	return true;
}

static bool shadows(const struct rule *early, const struct rule *late)
{
	if (early->continues || early->bounds.least > late->bounds.least ||
	    early->bounds.most < late->bounds.most)
		return false;
	if (early->types != 0 && (late->types == 0 || (late->types & ~early->types) != 0))
		return false;
	if (!tags_cover(early, late))
		return false;
	if (early->regex != NULL)
		return late->regex != NULL && ws_span_eq(early->text, late->text);
	if (late->regex != NULL)
		return early->pattern.nparts == 1 && early->pattern.parts[0].op == PATTERN_REST;
	return pattern_covers(&early->pattern, &late->pattern);
}

static bool same_labels(const struct rule *a, const struct rule *b)
{
	size_t i;

	if (a->nlabels != b->nlabels)
		return false;
	for (i = 0; i < a->nlabels; i++) {
		if (!ws_span_eq(a->labels[i].name, b->labels[i].name))
			return false;
	}
	return true;
}

static void check_family(struct ws_buf *diags, const struct ws_mapping *m, const struct rule *rule,
                         const struct rule *other)
{
	if (rule->drop || other->drop || !ws_span_eq(rule->metric_text, other->metric_text))
		return;
	if (rule->set.has_kind && other->set.has_kind && rule->set.kind != other->set.kind)
		diagnose(diags, m, rule, other, "gives its metric another type than");
	if (rule->help_text.len > 0 && other->help_text.len > 0 &&
	    !ws_span_eq(rule->help_text, other->help_text))
		diagnose(diags, m, rule, other, "gives its metric another help text than");
	if (!same_labels(rule, other))
		diagnose(diags, m, rule, other, "gives its metric other labels than");
}

/* `as` against the StatsD types the rule is for. */
static void check_kind(struct ws_buf *diags, const struct ws_mapping *m, const struct rule *rule)
{
	int type;

	for (type = 0; rule->set.has_kind && type < WS_NTYPES; type++) {
		if ((rule->types & (1u << type)) == 0 ||
		    ws_op_of((enum ws_type)type, rule->set.kind) != WS_OP_NONE)
			continue;
		ws_buf_printf(diags, "%s:%u: rule [%.*s]: type %s cannot become a %s\n",
		              m->files[rule->file].name, rule->line, WS_SPAN_ARG(rule->name),
		              ws_type_wire((enum ws_type)type), ws_kind_word(rule->set.kind));
	}
}

static void check_rules(struct ws_buf *diags, const struct ws_mapping *m)
{
	size_t i, k;

	for (i = 0; i < m->nrules; i++) {
		const struct rule *rule = m->rules[i];
		bool reached = true;

		check_kind(diags, m, rule);
		for (k = 0; k < i; k++) {
			check_family(diags, m, rule, m->rules[k]);
			/* One rule in front is enough; families are compared with all. */
			if (reached && m->rules[k]->file == rule->file &&
			    shadows(m->rules[k], rule)) {
				diagnose(diags, m, rule, m->rules[k],
				         "is never reached: everything it matches goes to");
				reached = false;
			}
		}
	}
}

static void complain(struct ws_buf *diags, const struct ws_mapping *m, const struct rule *rule,
                     struct ws_span name, const char *what)
{
	ws_buf_printf(diags, "%s:%u: rule [%.*s]: [%.*s] %s\n", m->files[rule->file].name,
	              rule->line, WS_SPAN_ARG(rule->name), WS_SPAN_ARG(name), what);
}

/* The rule of that name in the same file. */
static struct rule *find_rule(const struct ws_mapping *m, const struct rule *rule,
                              struct ws_span name)
{
	size_t i;

	for (i = 0; i < m->nrules; i++) {
		if (m->rules[i]->file == rule->file && ws_span_eq(m->rules[i]->name, name))
			return m->rules[i];
	}
	return NULL;
}

static void link_originals(struct ws_buf *diags, struct ws_mapping *m, struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->noriginals; i++) {
		struct rule *original = find_rule(m, rule, rule->originals[i]);

		if (original == NULL) {
			complain(diags, m, rule, rule->originals[i],
			         "in duplicate_of is no rule of this file");
			continue;
		}
		if (original->original_bit == 0) {
			original->original_bit = m->original_bits + 1;
			m->original_bits |= original->original_bit;
		}
		if (original->original_bit == 0)
			complain(diags, m, rule, rule->originals[i],
			         "is one original too many; a mapping can have 64");
		rule->duplicate_of |= original->original_bit;
	}
}

static void link_initializers(struct ws_buf *diags, struct ws_mapping *m, struct rule *rule)
{
	size_t i;

	m->ninitializers += rule->ninitializers;
	for (i = 0; i < rule->ninitializers; i++) {
		struct initializer *d = &rule->initializers[i];

		d->rule = find_rule(m, rule, d->name);
		if (d->rule == NULL)
			complain(diags, m, rule, d->name, "in initialize is no rule of this file");
		else if (d->rule->drop || !d->rule->set.has_kind ||
		         d->rule->set.kind == WS_KIND_GAUGE)
			complain(diags, m, rule, d->name, "cannot be initialized: only rules with as = "
			                                  "counter, summary or histogram have series "
			                                  "at zero");
	}
}

/* The help text of a metric is written once; every rule that makes the metric has it. */
static void inherit_help(struct ws_mapping *m, struct rule *rule)
{
	struct ws_buf why = WS_BUF_INIT;
	size_t i;

	for (i = 0; i < m->nrules && rule->help_text.len == 0 && !rule->drop; i++) {
		const struct rule *other = m->rules[i];

		if (other->help_text.len == 0 ||
		    !ws_span_eq(other->metric_text, rule->metric_text) ||
		    !template_parse(&rule->help, other->help_text, rule->variables,
		                    rule->nvariables, &m->arena, &why))
			continue;
		rule->help_text = other->help_text;
	}
	if (rule->help_text.len == 0)
		rule->help.nparts = 0;
	ws_buf_fini(&why);
}

static void link_rules(struct ws_buf *diags, struct ws_mapping *m)
{
	size_t i;

	for (i = 0; i < m->nrules; i++) {
		link_originals(diags, m, m->rules[i]);
		link_initializers(diags, m, m->rules[i]);
		inherit_help(m, m->rules[i]);
	}
}

/* A name that an earlier file's rule has already: file/name. */
static bool qualify_names(struct ws_mapping *m)
{
	struct ws_buf text = WS_BUF_INIT;
	bool ok = true;
	size_t i, k;

	for (i = 0; i < m->nrules && ok; i++) {
		struct rule *rule = m->rules[i];

		for (k = 0; k < i && !ws_span_eq(m->rules[k]->name, rule->name); k++)
			;
		if (k == i)
			continue;
		ws_buf_reset(&text);
		ws_buf_printf(&text, "%s/%.*s", m->files[rule->file].name, WS_SPAN_ARG(rule->name));
		rule->name = arena_copy(&m->arena, ws_buf_text(&text));
		ok = text.err == WS_OK && rule->name.ptr != NULL;
	}
	ws_buf_fini(&text);
	return ok;
}

static bool index_rules(struct ws_mapping *m)
{
	struct rule *rule;
	uint32_t id = 0;

	for (rule = m->first; rule != NULL; rule = rule->next)
		m->nrules++;
	m->rules = arena_alloc(&m->arena, (m->nrules + 1) * sizeof(*m->rules));
	m->regexes = arena_alloc(&m->arena, (m->nrules + 1) * sizeof(*m->regexes));
	m->index = pattern_index_new(&m->arena);
	if (m->rules == NULL || m->regexes == NULL || m->index == NULL)
		return false;
	for (rule = m->first; rule != NULL; rule = rule->next, id++) {
		m->rules[id] = rule;
		m->uses_sender = m->uses_sender || rule->uses_sender;
		if (rule->regex != NULL)
			m->regexes[m->nregexes++] = id;
		else if (!pattern_index_add(m->index, &rule->pattern, id))
			return false;
	}
	return pattern_index_freeze(m->index);
}

static void mapping_free(struct ws_mapping *m)
{
	rules_free(m->first);
	arena_fini(&m->arena);
	free(m);
}

struct ws_mapping *ws_mapping_new(const struct ws_source *sources, size_t n,
                                  const struct ws_mapping_options *options,
                                  struct ws_buf *diags)
{
	static const struct ws_mapping_options as_the_files_say;
	struct ws_mapping *m = calloc(1, sizeof(*m));
	size_t before = diags->len, i;
	struct rule **tail;
	bool ok;

	if (m == NULL)
		goto nomem;
	atomic_init(&m->refs, 1);
	if (options == NULL)
		options = &as_the_files_say;
	m->epoch = options->epoch;
	m->nfiles = n;
	m->files = arena_alloc(&m->arena, (n + 1) * sizeof(*m->files));
	tail = &m->first;
	ok = m->files != NULL;
	for (i = 0; i < n && ok; i++) {
		ok = rules_read(&m->arena, &sources[i], (uint32_t)i,
		                options, &m->files[i], &tail, diags);
		m->files[i].name = arena_copy(&m->arena, ws_span_str(sources[i].name)).ptr;
		if (m->files[i].says_unmatched)
			m->drop_unmatched = m->files[i].drop_unmatched;
		ok = ok && m->files[i].name != NULL;
	}
	if (!ok || !index_rules(m))
		goto nomem;
	m->uses_sender = m->uses_sender || options->sender_label != NULL;
	link_rules(diags, m);
	if (!qualify_names(m))
		goto nomem;
	check_rules(diags, m);
	if (diags->len == before && diags->err == WS_OK)
		return m;
	mapping_free(m);
	return NULL;
nomem:
	if (m != NULL)
		mapping_free(m);
	ws_buf_str(diags, "out of memory while reading the mapping\n");
	return NULL;
}

bool ws_version_is_valid(const char *version)
{
	return ws_version_is_valid_span(ws_span_str(version));
}

struct ws_mapping *ws_mapping_ref(struct ws_mapping *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void ws_mapping_unref(struct ws_mapping *m)
{
	if (m != NULL && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
		mapping_free(m);
}

size_t ws_mapping_rules(const struct ws_mapping *m)
{
	return m->nrules;
}

struct ws_rule_info ws_mapping_rule(const struct ws_mapping *m, size_t i)
{
	const struct rule *rule = m->rules[i];

	return (struct ws_rule_info){
		.name = rule->name,
		.file = m->files[rule->file].name,
		.line = rule->line,
		.match = rule->text,
		.metric = rule->metric_text,
		.labels = rule->labels_text,
		.kind = rule->drop ? "drop"
		        : rule->set.has_kind ? ws_kind_word(rule->set.kind) : "auto",
		.is_regex = rule->regex != NULL,
		.continues = rule->continues,
		.originals = rule->originals,
		.noriginals = rule->noriginals,
	};
}

bool ws_mapping_uses_sender(const struct ws_mapping *m)
{
	return m->uses_sender;
}

bool ws_mapping_makes(const void *mapping, struct ws_span family)
{
	const struct ws_mapping *m = mapping;
	size_t i;

	for (i = 0; i < m->nrules; i++) {
		const struct rule *rule = m->rules[i];

		if (!rule->drop && template_may_make(&rule->metric, family))
			return true;
	}
	return false;
}

/* --- resolving --- */

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
	r->steps = calloc(n, sizeof(*r->steps));
	s->matching = pattern_index_scratch_new(m->index);
	s->ids = calloc(n, sizeof(*s->ids));
	s->offsets = calloc(n, sizeof(*s->offsets));
	if (r->steps == NULL || s->matching == NULL || s->ids == NULL || s->offsets == NULL) {
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
	free(s);
	free(r->steps);
	free(r);
}

/* Tag keys as label names; a later tag of the same name wins. */
static enum ws_err take_tags(struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;
	size_t i, k, room = 0;

	s->ntags = 0;
	r->reserved_tags = 0;
	ws_buf_reset(&s->keys);
	for (i = 0; i < r->head.ntags; i++)
		room += r->head.tags[i].key.len + 1;
	/* Reserved at once, so that the spans into it stay true. */
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

static bool is_known(const struct ws_mapping *m, const struct rule *rule,
                     struct ws_learned_ids *learned, struct ws_span value)
{
	const struct rule_file *file = &m->files[rule->file];
	struct ws_span name = rule->variables[rule->known];
	size_t i;

	for (i = 0; i < file->nknown; i++) {
		if (ws_span_eq(file->known[i].name, name) && ws_span_eq(file->known[i].value, value))
			return true;
	}
	return ws_learned_ids_has(learned, name, value);
}

/* Where the segments of a name begin, and behind the last: the place after its end. */
static size_t find_segments(struct ws_span name, const char *starts[KNOWN_SEGMENTS_MAX + 1])
{
	const char *at = name.ptr, *end = name.ptr + name.len;
	size_t n = 0;

	for (; at != NULL && n < KNOWN_SEGMENTS_MAX; n++) {
		starts[n] = at;
		at = memchr(at, '.', (size_t)(end - at));
		at = at == NULL ? NULL : at + 1;
	}
	starts[n] = at == NULL ? end + 1 : at;
	return n;
}

/*
 * Splits the name where its known capture is a value that is known, the longest there is; else
 * as the pattern says.  Only whole segments can be such values.
 */
static bool split(const struct ws_mapping *m, const struct rule *rule, struct ws_resolution *r,
                  struct ws_span *values)
{
	const char *starts[KNOWN_SEGMENTS_MAX + 1];
	struct ws_span name = r->scratch->full_name, other[RULE_VARIABLES_MAX];
	bool divisible = false, found = false;
	size_t nsegments, len, i;
	const char *only = NULL; /* where the capture begins, when all before it is literal */

	if (!pattern_match(&rule->pattern, name, values))
		return false;
	nsegments = find_segments(name, starts);
	if (rule->known_after != SIZE_MAX)
		only = name.ptr + rule->known_after;
	for (len = nsegments; len > 0 && !(found && divisible); len--) {
		for (i = 0; i + len <= nsegments; i++) {
			struct ws_span value = ws_span_between(starts[i], starts[i + len] - 1);
			bool known;

			if (only != NULL && starts[i] != only)
				continue;
			known = !found && is_known(m, rule, r->scratch->learned, value);

			if ((divisible && !known) ||
			    !pattern_match_with(&rule->pattern, name, rule->known, value, other))
				continue;
			divisible = divisible || value.ptr != values[rule->known].ptr ||
			            value.len != values[rule->known].len;
			if (known)
				memcpy(values, other, rule->ncaptures * sizeof(*values));
			found = found || known;
		}
	}
	r->divisible = r->divisible || divisible;
	r->ambiguous = r->ambiguous || (divisible && !found);
	return true;
}

/* Static conditions, then the pattern; fills values with captures and tags. */
static bool takes(const struct ws_mapping *m, const struct rule *rule, enum ws_type type,
                  struct ws_resolution *r, struct ws_span *values)
{
	const struct ws_scratch *s = r->scratch;
	size_t i, n = rule->ncaptures;

	if (rule->types != 0 && (rule->types & (1u << type)) == 0)
		return false;
	values[rule->sender] = s->sender;
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
	if (rule->known >= 0)
		return split(m, rule, r, values);
	if (rule->regex == NULL)
		return pattern_match(&rule->pattern, s->full_name, values);
	switch (regex_match(rule->regex, s->full_name, values)) {
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

/* The candidates of both kinds, ascending. */
static size_t candidates(const struct ws_mapping *m, struct ws_scratch *s)
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

static int order_of(struct ws_span a, struct ws_span b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	int order = least == 0 ? 0 : memcmp(a.ptr, b.ptr, least);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static void insert(struct pair *pairs, size_t *n, struct pair p)
{
	size_t k;

	for (k = *n; k > 0 && order_of(pairs[k - 1].name, p.name) > 0; k--)
		pairs[k] = pairs[k - 1];
	pairs[k] = p;
	(*n)++;
}

static bool is_used(const struct rule *rule, struct ws_span tag)
{
	size_t i;

	for (i = 0; i < rule->set.nignored; i++) {
		if (ws_span_eq(rule->set.ignored[i], tag))
			return true;
	}

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

static void write_pairs(const struct pair *pairs, size_t n, struct ws_buf *out)
{
	bool first = true;
	size_t i;

	for (i = 0; i < n; i++) {
		/* An empty value is the same series as no label. */
		if (pairs[i].value.len == 0)
			continue;
		if (!first)
			ws_buf_char(out, ',');
		first = false;
		ws_buf_span(out, pairs[i].name);
		ws_buf_str(out, "=\"");
		ws_name_escape_value(out, pairs[i].value);
		ws_buf_char(out, '"');
	}
}

/* Expands into s->value at once with room for all, so that spans stay true. */
static bool expand_labels(const struct rule *rule, const struct ws_span *values,
                          struct ws_scratch *s, struct pair *pairs, size_t *n)
{
	size_t ends[RULE_LABELS_MAX], i, from = 0;

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
	/* Nothing written means no memory either; such labels are left out all the same. */
	for (i = 0; i < rule->nlabels && s->value.len > 0; from = ends[i++])
		insert(pairs, n, (struct pair){ rule->labels[i].name,
		                                ws_span(s->value.ptr + from, ends[i] - from) });
	return s->value.err == WS_OK;
}

/* Ends `name`.  Its failure is one of the text: half a name would be another series. */
static void add_name(struct ws_buf *text, struct ws_buf *name)
{
	ws_buf_span(text, ws_buf_text(name));
	if (name->err != WS_OK)
		text->err = name->err;
	ws_buf_fini(name);
}

static void set_kind_options(struct ws_step *step, const struct settings *set, enum ws_type type,
                      enum ws_kind kind)
{
	step->op = ws_op_of(type, kind);
	step->absolute = set->absolute;
	step->target.kind = kind;
	step->target.options = set->options;
	step->target.ttl_ns = set->ttl_ns[kind];
}

static double scale_of(const struct rule *rule, const struct ws_sample *sample)
{
	if (sample->type != WS_TYPE_TIMER)
		return rule->set.scale;
	return sample->is_dogstatsd ? rule->dogstatsd_factor : rule->factor;
}

/* `by` is the rule that took the sample: the same one, or one that initializes the series. */
static bool write_step(const struct ws_mapping *m, const struct rule *rule,
                       const struct rule *by, enum ws_type type, const struct ws_span *values,
                       struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;
	struct ws_step *step = &r->steps[r->nsteps];
	struct offsets *at = &s->offsets[r->nsteps];
	struct pair pairs[PAIRS_MAX];
	size_t n = 0, i;

	at->family = s->text.len;
	if (!rule->drop) {
		struct ws_buf name = WS_BUF_INIT;

		/* A buffer of its own: sanitising looks at whether the name is empty so far. */
		template_expand(&rule->metric, values, true, &name);
		/* An empty capture before a digit: <x>1. */
		if (name.len > 0 && name.ptr[0] >= '0' && name.ptr[0] <= '9')
			ws_buf_char(&s->text, '_');
		add_name(&s->text, &name);
	}
	at->help = s->text.len;
	template_expand(&rule->help, values, false, &s->text);
	at->labels = s->text.len;
	if (!rule->drop) {
		if (!expand_labels(rule, values, s, pairs, &n))
			return false;
		for (i = 0; rule->set.keep_tags && i < s->ntags; i++) {
			if (!is_used(rule, s->tags[i].name) && !is_used(by, s->tags[i].name))
				insert(pairs, &n, s->tags[i]);
		}
		write_pairs(pairs, n, &s->text);
		set_kind_options(step, &rule->set, type,
		          rule->set.has_kind ? rule->set.kind
		                             : ws_kind_of(type, m->files[rule->file].set.kind));
	}
	at->end = s->text.len;
	return s->text.err == WS_OK;
}

static bool is_bounded(const struct rule *rule)
{
	return isfinite(rule->bounds.least) || isfinite(rule->bounds.most);
}

/* One step for a rule that takes the sample. */
static bool add_step(const struct ws_mapping *m, uint32_t id, const struct ws_sample *sample,
                     const struct ws_span *values, struct ws_resolution *r)
{
	const struct rule *rule = m->rules[id];

	r->steps[r->nsteps] = (struct ws_step){
		.rule = id,
		.file = rule->file,
		.drop = rule->drop,
		.stop = !rule->continues,
		.bounds = is_bounded(rule) ? &rule->bounds : NULL,
		.scale = scale_of(rule, sample),
		.duplicate_of = rule->duplicate_of,
	};
	if (!write_step(m, rule, rule, sample->type, values, r))
		return false;
	r->nsteps++;
	return true;
}

static bool add_initialized(const struct ws_mapping *m, const struct rule *rule, uint32_t id,
                         const struct initializer *d, const struct ws_span *values,
                         struct ws_resolution *r)
{
	struct ws_span theirs[RULE_VARIABLES_MAX];
	struct ws_buf texts[RULE_VARIABLES_MAX];
	/* Of which type is no matter, but it must be one that the series can take. */
	enum ws_type type = d->rule->set.kind == WS_KIND_COUNTER ? WS_TYPE_COUNTER : WS_TYPE_TIMER;
	bool ok = true;
	size_t i, k;

	r->steps[r->nsteps] = (struct ws_step){
		.rule = id,
		.file = rule->file,
		.initialize = true,
		.bounds = is_bounded(rule) ? &rule->bounds : NULL,
		.duplicate_of = rule->duplicate_of,
	};
	for (i = 0; i < d->rule->nvariables; i++) {
		struct ws_span name = d->rule->variables[i];

		texts[i] = (struct ws_buf)WS_BUF_INIT;
		for (k = 0; k < d->ngiven && !ws_span_eq(d->given[k], name); k++)
			;
		if (k < d->ngiven) {
			template_expand(&d->values[k], values, false, &texts[i]);
			theirs[i] = ws_buf_text(&texts[i]);
			ok = ok && texts[i].err == WS_OK;
			continue;
		}
		for (k = 0; k < rule->nvariables && !ws_span_eq(rule->variables[k], name); k++)
			;
		theirs[i] = k < rule->nvariables ? values[k] : ws_span_str("");
	}
	ok = ok && write_step(m, d->rule, rule, type, theirs, r);
	for (i = 0; i < d->rule->nvariables; i++)
		ws_buf_fini(&texts[i]);
	r->nsteps += ok;
	return ok;
}

static bool add_steps(const struct ws_mapping *m, uint32_t id, const struct ws_sample *sample,
                      const struct ws_span *values, struct ws_resolution *r)
{
	const struct rule *rule = m->rules[id];
	size_t i;

	/* Before the rule itself, which may end its file's turn. */
	for (i = 0; i < rule->ninitializers; i++) {
		if (!add_initialized(m, rule, id, &rule->initializers[i], values, r))
			return false;
	}
	if (rule->learn >= 0 && r->nlearns < WS_LEARNS_MAX)
		r->learns[r->nlearns++] = (struct ws_capture){
			.name = rule->variables[rule->learn],
			.value = values[rule->learn],
		};
	return add_step(m, id, sample, values, r);
}

static bool add_unmatched(const struct ws_mapping *m, enum ws_type type, struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;
	struct ws_step *step = &r->steps[r->nsteps];
	struct offsets *at = &s->offsets[r->nsteps];
	struct pair pairs[PAIRS_MAX];
	struct ws_buf name = WS_BUF_INIT;
	struct settings set = { .scale = 1, .options = ws_kind_options_default };
	enum ws_kind observed = WS_KIND_SUMMARY;
	size_t n = 0, i;

	if (m->nfiles > 0) {
		set = m->files[0].set;
		observed = set.kind;
	}
	*step = (struct ws_step){ .rule = WS_NO_RULE, .stop = true };
	set_kind_options(step, &set, type, ws_kind_of(type, observed));
	step->scale = set.scale;
	step->target.unmatched = true;
	at->family = s->text.len;
	ws_name_sanitise(&name, s->full_name);
	add_name(&s->text, &name);
	at->help = s->text.len;
	ws_buf_str(&s->text, "StatsD metric that no rule matched.");
	at->labels = s->text.len;
	for (i = 0; i < s->ntags; i++) {
		size_t k;

		for (k = 0; k < set.nignored && !ws_span_eq(set.ignored[k], s->tags[i].name); k++)
			;
		if (k == set.nignored)
			insert(pairs, &n, s->tags[i]);
	}
	if (m->nfiles > 0 && m->files[0].sender_label.len > 0)
		insert(pairs, &n, (struct pair){ m->files[0].sender_label, s->sender });
	write_pairs(pairs, n, &s->text);
	at->end = s->text.len;
	r->nsteps++;
	r->keep = true;
	return s->text.err == WS_OK;
}

static void set_targets(const struct ws_mapping *m, struct ws_resolution *r)
{
	const struct ws_scratch *s = r->scratch;
	size_t i;

	for (i = 0; i < r->nsteps; i++) {
		const struct offsets *at = &s->offsets[i];
		struct ws_target *target = &r->steps[i].target;

		target->epoch = m->epoch;
		if (s->text.ptr == NULL)
			continue;
		target->family = ws_span(s->text.ptr + at->family, at->help - at->family);
		target->help = ws_span(s->text.ptr + at->help, at->labels - at->help);
		target->labels = ws_span(s->text.ptr + at->labels, at->end - at->labels);
	}
}

static enum ws_err begin(const struct ws_sample *sample, struct ws_resolution *r)
{
	struct ws_scratch *s = r->scratch;

	r->nsteps = 0;
	r->keep = r->unmatched = r->divisible = r->ambiguous = false;
	r->fits = r->takes = 0;
	r->nlearns = 0;
	r->regex_gave_up = 0;
	r->reserved_tags = 0;
	ws_buf_reset(&s->text);
	r->err = ws_head_parse(sample->head, sample->tags, &r->head);
	if (r->err != WS_OK)
		return WS_OK;
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

enum ws_err ws_mapping_resolve(const struct ws_mapping *m, const struct ws_sample *sample,
                               struct ws_resolution *r)
{
	struct ws_span values[RULE_VARIABLES_MAX];
	struct ws_scratch *s = r->scratch;
	uint32_t done = UINT32_MAX; /* the file whose last step is found */
	enum ws_err err = begin(sample, r);
	size_t n, i;

	if (err != WS_OK || r->err != WS_OK)
		return err;
	n = candidates(m, s);
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
		if (!add_steps(m, s->ids[i], sample, values, r))
			return WS_ERR_NOMEM;
		if (!rule->continues && !is_bounded(rule))
			done = rule->file;
	}
	r->unmatched = r->nsteps == 0;
	if (r->unmatched && !m->drop_unmatched && !add_unmatched(m, sample->type, r))
		return WS_ERR_NOMEM;
	set_targets(m, r);
	return WS_OK;
}

size_t ws_mapping_captures(const struct ws_mapping *m, struct ws_resolution *r, uint32_t rule_id,
                           struct ws_capture *out, size_t most)
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
