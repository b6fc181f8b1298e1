/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/mapping.h>

#include <stdlib.h>

#include "rules/compiled.h"
#include "rules/verify.h"

static void complain(struct ws_buf *diags, const struct ws_mapping *m, const struct rule *rule,
                     struct ws_span name, const char *what)
{
	ws_buf_printf(diags, "%s:%u: rule [%.*s]: [%.*s] %s\n", m->files[rule->file].name,
	              rule->line, WS_SPAN_ARG(rule->name), WS_SPAN_ARG(name), what);
}

/* The rule with this name in the same file. */
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
			         "in duplicate_of is not a rule of this file");
			continue;
		}
		if (original->original_bit == 0) {
			original->original_bit = m->original_bits + 1;
			m->original_bits |= original->original_bit;
		}
		if (original->original_bit == 0)
			complain(diags, m, rule, rule->originals[i],
			         "is one too many in duplicate_of; a mapping can have 64");
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
			complain(diags, m, rule, d->name, "in initialize is not a rule of this file");
		else if (d->rule->drop || !d->rule->set.has_kind ||
		         d->rule->set.kind == WS_KIND_GAUGE)
			complain(diags, m, rule, d->name, "cannot be initialized: only rules with as = "
			                                  "counter, summary or histogram start at "
			                                  "zero");
	}
}

/* A rule without help takes it from another rule of the same metric. */
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

/* Renames a rule to file/name if an earlier file has a rule with its name. */
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
	verify_rules(m->rules, m->nrules, m->files, diags);
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

uint64_t ws_mapping_duplicate_of(const struct ws_mapping *m, uint32_t rule)
{
	return m->rules[rule]->duplicate_of;
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
