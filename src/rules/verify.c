/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/verify.h"

#include "rules/ops.h"

static void diagnose(struct ws_buf *diags, const struct rule_file *files,
                     const struct rule *rule, const struct rule *other, const char *what)
{
	ws_buf_printf(diags, "%s:%u: rule [%.*s] %s rule [%.*s] (%s:%u)\n",
	              files[rule->file].name, rule->line, WS_SPAN_ARG(rule->name), what,
	              WS_SPAN_ARG(other->name), files[other->file].name, other->line);
}

static bool same_condition(const struct tag_condition *a, const struct tag_condition *b)
{
	if (a->absent != b->absent || !ws_span_eq(a->key, b->key))
		return false;
	if (a->value.ptr == NULL || b->value.ptr == NULL)
		return a->value.ptr == b->value.ptr;
	return ws_span_eq(a->value, b->value);
}

/* Whether `narrow` has every condition of `wide`. */
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

static void check_family(struct ws_buf *diags, const struct rule_file *files, const struct rule *rule,
                         const struct rule *other)
{
	if (rule->drop || other->drop || !ws_span_eq(rule->metric_text, other->metric_text))
		return;
	if (rule->set.has_kind && other->set.has_kind && rule->set.kind != other->set.kind)
		diagnose(diags, files, rule, other, "gives its metric a different type than");
	if (rule->help_text.len > 0 && other->help_text.len > 0 &&
	    !ws_span_eq(rule->help_text, other->help_text))
		diagnose(diags, files, rule, other, "gives its metric a different help text than");
	if (!same_labels(rule, other))
		diagnose(diags, files, rule, other, "gives its metric different labels than");
}

/* Checks `as` against the StatsD types of the rule. */
static void check_kind(struct ws_buf *diags, const struct rule_file *files, const struct rule *rule)
{
	int type;

	for (type = 0; rule->set.has_kind && type < WS_NTYPES; type++) {
		if ((rule->types & (1u << type)) == 0 ||
		    op_of((enum ws_type)type, rule->set.kind) != WS_OP_NONE)
			continue;
		ws_buf_printf(diags, "%s:%u: rule [%.*s]: type %s cannot become a %s\n",
		              files[rule->file].name, rule->line, WS_SPAN_ARG(rule->name),
		              ws_type_wire((enum ws_type)type), ws_kind_word(rule->set.kind));
	}
}

void verify_rules(struct rule *const *rules, size_t n, const struct rule_file *files,
                  struct ws_buf *diags)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		bool reached = true;

		check_kind(diags, files, rules[i]);
		for (k = 0; k < i; k++) {
			check_family(diags, files, rules[i], rules[k]);
			/* One shadowing rule is enough; families are compared with all. */
			if (reached && rules[k]->file == rules[i]->file && shadows(rules[k], rules[i])) {
				diagnose(diags, files, rules[i], rules[k],
				         "is never reached: everything it matches goes to");
				reached = false;
			}
		}
	}
}
