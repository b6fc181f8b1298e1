/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <windsock/escape.h>
#include <windsock/mapping.h>
#include <windsock/resolution.h>
#include <windsock/store.h>

#include "commands/commands.h"
#include "commands/common.h"
#include "sys/exit_code.h"

#define CAPTURES_MAX 32

/* Uses a real store, to reject what the daemon would reject: a name that collides, a family
 * that an earlier line created with another type. */
struct explainer {
	struct ws_mapping *mapping;
	struct ws_resolution *resolution;
	struct ws_learned_ids *learned; /* from the lines so far */
	struct ws_store *store;
	bool *fed; /* by action: the current sample has updated its series */
	struct ws_buf out;
};

static void put_quoted(struct ws_buf *out, struct ws_span name, struct ws_span value)
{
	ws_buf_char(out, ' ');
	ws_escape_plain(out, name);
	ws_buf_str(out, "=\"");
	ws_escape_plain(out, value);
	ws_buf_char(out, '"');
}

static void put_error(struct ws_buf *out, enum ws_err err)
{
	ws_buf_printf(out, "%s: %s\n", ws_err_reason(err), ws_err_text(err));
}

static void put_note(struct ws_buf *out, enum ws_err err, unsigned n)
{
	if (n > 0) {
		ws_buf_str(out, "  ignored   ");
		put_error(out, err);
	}
}

static void explain_parse(struct ws_buf *out, const struct ws_sample *s,
                          const struct ws_resolution *r)
{
	size_t i;

	ws_buf_str(out, "  name      ");
	ws_escape_plain(out, r->err == WS_OK ? r->head.name : s->head);
	if (r->err == WS_OK)
		ws_escape_plain(out, r->head.name_tail);
	ws_buf_printf(out, "\n  type      %s\n  value     ", ws_type_word(s->type));
	if (s->type == WS_TYPE_SET) {
		ws_escape_plain(out, s->member);
	} else {
		if (s->is_signed && s->value >= 0 && isfinite(s->value))
			ws_buf_char(out, '+');
		ws_buf_double(out, s->value);
		if (s->type == WS_TYPE_TIMER)
			ws_buf_str(out, " s");
	}
	if (s->weight > 1) {
		ws_buf_str(out, ", weight ");
		ws_buf_double(out, s->weight);
	}
	ws_buf_char(out, '\n');
	if (r->err == WS_OK && r->head.ntags > 0) {
		ws_buf_str(out, "  tags     ");
		for (i = 0; i < r->head.ntags; i++)
			put_quoted(out, r->head.tags[i].key, r->head.tags[i].value);
		ws_buf_char(out, '\n');
	}
}

static void explain_problems(struct ws_buf *out, const struct ws_sample *s,
                             const struct ws_resolution *r)
{
	put_note(out, WS_ERR_BAD_RATE, s->problems & WS_PROBLEM_RATE);
	put_note(out, WS_ERR_UNKNOWN_FIELD, s->problems & WS_PROBLEM_FIELD);
	if (r->err != WS_OK)
		return;
	put_note(out, WS_ERR_BAD_TAG, r->head.bad_tags);
	put_note(out, WS_ERR_TAG_TOO_LONG, r->head.long_tags);
	put_note(out, WS_ERR_TOO_MANY_TAGS, r->head.excess_tags);
	put_note(out, WS_ERR_RESERVED_TAG, r->reserved_tags);
	if (r->regex_gave_up > 0)
		ws_buf_str(out,
			   "  ignored   a regular expression took too many steps on this "
			   "name\n");
}

static void explain_rule(struct explainer *e, uint32_t number)
{
	struct ws_capture captures[CAPTURES_MAX];
	struct ws_rule_info rule = ws_mapping_rule(e->mapping, number);
	size_t n = ws_resolution_captures(e->mapping, e->resolution, number, captures,
	                                  CAPTURES_MAX), i;

	ws_buf_printf(&e->out, "  rule      %.*s (%s:%u)\n", WS_SPAN_ARG(rule.name),
		      rule.file, rule.line);
	if (n > 0) {
		ws_buf_str(&e->out, "    captures");
		for (i = 0; i < n; i++)
			put_quoted(&e->out, captures[i].name, captures[i].value);
		ws_buf_char(&e->out, '\n');
	}
	if (e->resolution->ambiguous)
		ws_buf_str(&e->out, "    ambiguous the name can be split in other ways too; the first "
				    "split is used because no id is known\n");
	for (i = 0; i < rule.noriginals; i++)
		ws_buf_printf(&e->out, "    unless    its sender sends what %.*s takes\n",
			      WS_SPAN_ARG(rule.originals[i]));
}

static void put_signed(struct ws_buf *out, double v)
{
	if (!signbit(v))
		ws_buf_char(out, '+');
	ws_buf_double(out, v);
}

static void put_effect(struct ws_buf *out, enum ws_kind kind, const struct ws_update *u,
                       const struct ws_sample *s)
{
	ws_buf_printf(out, "    effect    %s ", ws_kind_word(kind));
	switch (u->op) {
	case WS_OP_NONE:
		ws_buf_str(out, "unchanged");
		break;
	case WS_OP_ADD:
	case WS_OP_UP_DOWN:
		put_signed(out, u->value * u->weight);
		break;
	case WS_OP_RELATIVE:
		put_signed(out, u->value);
		break;
	case WS_OP_COUNT:
		put_signed(out, u->weight);
		break;
	case WS_OP_SET:
		ws_buf_str(out, "= ");
		ws_buf_double(out, u->value);
		break;
	case WS_OP_OBSERVE:
		ws_buf_str(out, "observes ");
		ws_buf_double(out, u->value);
		if (u->weight > 1) {
			ws_buf_str(out, ", times ");
			ws_buf_double(out, u->weight);
		}
		break;
	case WS_OP_MEMBER:
		ws_buf_str(out, "counts the member \"");
		ws_escape_plain(out, s->member);
		ws_buf_char(out, '"');
		break;
	}
	ws_buf_char(out, '\n');
}

/* Like push, intern and flush in ingest.c. */
static enum ws_err apply(struct explainer *e, const struct ws_sample *s, size_t i,
                         struct ws_update *u)
{
	const struct ws_action *action = &e->resolution->actions[i];
	const struct ws_target *target = &e->resolution->targets[i];
	enum ws_err err = ws_action_update(action, s, u);

	if (err == WS_OK && target->family.len == 0)
		err = WS_ERR_EMPTY_NAME;
	if (err == WS_OK)
		err = ws_store_intern(e->store, target, 0, &u->ref);
	if (err != WS_OK)
		return err;
	if (!action->initialize)
		e->fed[action->first] = true;
	ws_store_apply(e->store, u, 1, 0);
	return u->err;
}

/* True: the sample has updated its series. */
static bool explain_feed(struct explainer *e, const struct ws_sample *s, size_t i)
{
	struct ws_update u;
	enum ws_err err = apply(e, s, i, &u);

	if (err != WS_OK) {
		ws_buf_str(&e->out, "    rejected  ");
		put_error(&e->out, err);
		return false;
	}
	if (!e->resolution->actions[i].initialize)
		put_effect(&e->out, e->resolution->targets[i].kind, &u, s);
	return true;
}

static void put_series(struct ws_buf *out, const char *what, const struct ws_target *t)
{
	ws_buf_printf(out, "    %-9s %.*s{", what, WS_SPAN_ARG(t->family));
	ws_escape_plain(out, t->labels);
	ws_buf_printf(out, "} %s\n", ws_kind_word(t->kind));
}

static void put_bounds(struct ws_buf *out, const struct ws_bounds *bounds)
{
	ws_buf_str(out, "    skipped   the value is not between ");
	ws_buf_double(out, bounds->least);
	ws_buf_str(out, " and ");
	ws_buf_double(out, bounds->most);
	ws_buf_char(out, '\n');
}

/* True: the action led to a series or to a drop by a rule. */
static bool explain_action(struct explainer *e, const struct ws_sample *s, size_t i,
                           enum ws_verdict verdict)
{
	const struct ws_action *action = &e->resolution->actions[i];
	const struct ws_target *target = &e->resolution->targets[i];

	switch (verdict) {
	case WS_VERDICT_DONE:
		break;
	case WS_VERDICT_OUTSIDE:
		put_bounds(&e->out, action->bounds);
		break;
	case WS_VERDICT_DROP:
		ws_buf_str(&e->out, "    dropped   by this rule\n");
		return true;
	case WS_VERDICT_INITIALIZE:
		put_series(&e->out, "initializes", target);
		explain_feed(e, s, i);
		break;
	case WS_VERDICT_FED:
		put_series(&e->out, "series", target);
		ws_buf_str(&e->out,
		           "    effect    none: an earlier rule has updated this series\n");
		return true;
	case WS_VERDICT_FEED:
		put_series(&e->out, "series", target);
		return explain_feed(e, s, i);
	}
	return false;
}

/* Prints the rule before its first action. */
static void explain_origin(struct explainer *e, size_t i)
{
	const struct ws_action *action = &e->resolution->actions[i];

	if (action->rule == WS_NO_RULE)
		ws_buf_str(&e->out, "  unmatched no rule matches; kept as\n");
	else if (i == 0 || action->rule != action[-1].rule)
		explain_rule(e, action->rule);
}

static bool explain_actions(struct explainer *e, const struct ws_sample *s)
{
	const struct ws_resolution *r = e->resolution;
	struct ws_walk walk = ws_walk(s);
	enum ws_verdict verdict;
	bool good = false;
	size_t i;

	if (r->nactions == 0)
		ws_buf_str(&e->out,
		           "  unmatched no rule matches; dropped (unmatched = drop)\n");
	for (i = 0; i < r->nactions; i++) {
		verdict = ws_action_judge(&walk, &r->actions[i], e->fed[r->actions[i].first]);
		if (verdict == WS_VERDICT_DONE)
			continue;
		explain_origin(e, i);
		if (explain_action(e, s, i, verdict))
			good = true;
	}
	return good;
}

/* False: out of memory. */
static bool reset_fed(struct explainer *e)
{
	size_t size = (e->resolution->nactions + 1) * sizeof(*e->fed);
	bool *fed = realloc(e->fed, size);

	if (fed == NULL)
		return false;
	memset(fed, 0, size);
	e->fed = fed;
	return true;
}

static bool explain_sample(struct explainer *e, const struct ws_sample *s)
{
	size_t i;

	if (ws_resolve(e->mapping, s, e->resolution) != WS_OK || !reset_fed(e)) {
		ws_buf_str(&e->out, "  rejected  ");
		put_error(&e->out, WS_ERR_NOMEM);
		return false;
	}
	explain_parse(&e->out, s, e->resolution);
	explain_problems(&e->out, s, e->resolution);
	if (e->resolution->err != WS_OK) {
		ws_buf_str(&e->out, "  rejected  ");
		put_error(&e->out, e->resolution->err);
		return false;
	}
	for (i = 0; i < e->resolution->nlearns; i++)
		ws_learned_ids_add(e->learned, e->resolution->learns[i].name,
		                   e->resolution->learns[i].value, 0);
	return explain_actions(e, s);
}

static bool explain_line(struct explainer *e, struct ws_span line)
{
	struct ws_lines it;
	struct ws_sample sample;
	enum ws_err err;
	bool good = false;

	ws_escape_plain(&e->out, line);
	ws_buf_char(&e->out, '\n');
	ws_lines_init(&it, line, false);
	while ((err = ws_lines_next(&it, &sample)) != WS_ERR_END) {
		if (err == WS_OK) {
			if (explain_sample(e, &sample))
				good = true;
		} else {
			ws_buf_str(&e->out, "  rejected  ");
			put_error(&e->out, err);
		}
	}
	command_put(stdout, &e->out);
	ws_buf_reset(&e->out);
	return good;
}

/* An argument may be a whole datagram; empty lines are ignored. */
static bool explain_text(struct explainer *e, struct ws_span text)
{
	struct ws_span line;
	bool good = true;

	while (ws_span_cut(&text, '\n', &line)) {
		if (line.len > 0 && !explain_line(e, line))
			good = false;
	}
	return good;
}

static bool explain_stdin(struct explainer *e)
{
	char *line = NULL;
	size_t size = 0;
	bool good = true;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) >= 0) {
		if (!explain_text(e, ws_span(line, (size_t)n)))
			good = false;
		fflush(stdout);
	}
	free(line);
	return good;
}

static bool explain_all(struct explainer *e, const struct conf_list *lines)
{
	bool good = true;
	size_t i;

	if (lines->n == 0)
		return explain_stdin(e);
	for (i = 0; i < lines->n; i++) {
		if (!explain_text(e, ws_span_str(lines->items[i])))
			good = false;
	}
	return good;
}

int command_explain(const struct conf *conf)
{
	const struct ws_limits none = { 0 };
	struct explainer e = { .mapping = command_load(&conf->mappings, conf) };
	bool good = false;

	if (e.mapping == NULL)
		return EXIT_USAGE;
	e.learned = ws_learned_ids_new(0, (struct ws_hash_key){ 0 });
	e.resolution = ws_resolution_new(e.mapping, e.learned);
	e.store = ws_store_new(none, (struct ws_hash_key){ 0 });
	if (e.learned != NULL && e.resolution != NULL && e.store != NULL)
		good = explain_all(&e, &conf->rest);
	else
		fputs("windsock: out of memory\n", stderr);
	free(e.fed);
	ws_store_free(e.store);
	ws_resolution_free(e.resolution);
	ws_learned_ids_free(e.learned);
	ws_mapping_unref(e.mapping);
	ws_buf_fini(&e.out);
	return command_finish(good ? EXIT_OK : EXIT_RUNTIME);
}
