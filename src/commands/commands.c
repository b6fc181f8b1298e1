/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <windsock/mapping.h>

#include "sys/clock.h"
#include "daemon/daemon.h"
#include "daemon/mapping_files.h"
#include "sys/probe.h"
#include "sys/sock.h"
#include "ingest/action.h"

static void put(FILE *to, const struct ws_buf *text)
{
	fwrite(text->ptr, 1, text->len, to);
}

/* NULL: what is wrong has been said. */
static struct ws_mapping *load(const struct conf_list *files, const struct conf *conf)
{
	struct ws_buf diags = WS_BUF_INIT;
	const struct ws_mapping_options options = {
		.prefix = conf->prefix,
		.sender_label = conf->sender_label,
		.airflow_version = conf->airflow_version,
	};
	struct ws_mapping *mapping = mapping_files_load(files, &options, &diags);

	if (mapping == NULL)
		put(stderr, &diags);
	ws_buf_fini(&diags);
	return mapping;
}

/* --- check -------------------------------------------------------------------------------
 */

#define COLUMNS 6

/* One row of the table, as texts. */
struct row {
	struct ws_buf cells[COLUMNS];
};

static void row_fini(struct row *row)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		ws_buf_fini(&row->cells[i]);
}

static void row_fill(struct row *row, const struct ws_rule_info *rule)
{
	struct ws_buf *c = row->cells;

	ws_buf_span(&c[0], rule->name);
	ws_buf_printf(&c[1], "%s:%u", rule->file, rule->line);
	if (rule->is_regex)
		ws_buf_printf(&c[2], "/%.*s/", WS_SPAN_ARG(rule->match));
	else
		ws_buf_span(&c[2], rule->match);
	ws_buf_printf(&c[3], "%s%s", rule->kind, rule->continues ? ", continue" : "");
	ws_buf_span(&c[4], rule->metric);
	ws_buf_span(&c[5], rule->labels);
}

static void row_widen(const struct row *row, size_t widths[COLUMNS])
{
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		if (row->cells[i].len > widths[i])
			widths[i] = row->cells[i].len;
	}
}

/* Empty cells are shown as a dash, so that columns can be cut by awk. */
static void row_print(const struct row *row, const size_t widths[COLUMNS], FILE *to)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		struct ws_span cell = ws_buf_text(&row->cells[i]);

		if (cell.len == 0)
			cell = ws_span_str("-");
		fwrite(cell.ptr, 1, cell.len, to);
		if (i + 1 < COLUMNS)
			fprintf(to, "%*s", (int)(widths[i] - cell.len + 2), "");
	}
	fputc('\n', to);
}

static bool print_rules(const struct ws_mapping *mapping, FILE *to)
{
	static const char *const titles[COLUMNS] = { "RULE", "FILE:LINE", "MATCH",
		                                     "KIND", "METRIC",    "LABELS" };
	size_t n = ws_mapping_rules(mapping), widths[COLUMNS] = { 1, 1, 1, 1, 1, 1 }, i;
	struct row *rows = calloc(n + 1, sizeof(*rows));

	if (rows == NULL)
		return false;
	for (i = 0; i < COLUMNS; i++)
		ws_buf_str(&rows[0].cells[i], titles[i]);
	for (i = 0; i < n; i++) {
		struct ws_rule_info rule = ws_mapping_rule(mapping, i);

		row_fill(&rows[i + 1], &rule);
	}
	for (i = 0; i <= n; i++)
		row_widen(&rows[i], widths);
	for (i = 0; i <= n; i++) {
		row_print(&rows[i], widths, to);
		row_fini(&rows[i]);
	}
	free(rows);
	return true;
}

static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fputs("windsock: cannot write to standard output\n", stderr);
	return EXIT_RUNTIME;
}

int command_check(const struct conf *conf)
{
	const struct conf_list *files = conf->rest.n > 0 ? &conf->rest : &conf->mappings;
	struct ws_mapping *mapping = load(files, conf);
	bool ok;

	if (mapping == NULL)
		return EXIT_USAGE;
	ok = print_rules(mapping, stdout);
	ws_mapping_unref(mapping);
	return finish(ok ? EXIT_OK : EXIT_RUNTIME);
}

#define WHY_MAX 512

static bool check_addresses(const struct conf_list *list, const char *flag, enum sock_kind kind)
{
	char why[WHY_MAX];
	bool good = true;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (sock_check(list->items[i], flag, kind, why, sizeof(why)) != WS_OK) {
			fprintf(stderr, "%s\n", why);
			good = false;
		}
	}
	return good;
}

int command_check_config(const struct conf *conf)
{
	bool udp = check_addresses(&conf->listen_udp, "--statsd.listen-udp", SOCK_KIND_UDP);
	bool http = check_addresses(&conf->listen_http, "--web.listen-address", SOCK_KIND_TCP);
	int code = command_check(conf);

	return udp && http ? code : EXIT_USAGE;
}

/* --- explain -----------------------------------------------------------------------------
 */

#define CAPTURES_MAX 32

/* The store is real, so that refusals are those of the daemon: a name that collides, a family
 * that an earlier line made with another type. */
struct explainer {
	struct ws_mapping *mapping;
	struct ws_resolution *resolution;
	struct ws_learned_ids *learned; /* of the lines so far */
	struct ws_store *store;
	struct step *steps; /* of the resolution */
	uint64_t serial;    /* of the sample at hand */
	struct ws_buf out;
};

/* Bytes as sent; what a terminal would act on is shown as \x... */
static void put_raw(struct ws_buf *out, struct ws_span text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < ' ' || c == 127)
			ws_buf_printf(out, "\\x%02x", c);
		else
			ws_buf_char(out, (char)c);
	}
}

static void put_quoted(struct ws_buf *out, struct ws_span name, struct ws_span value)
{
	ws_buf_char(out, ' ');
	put_raw(out, name);
	ws_buf_str(out, "=\"");
	put_raw(out, value);
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
	put_raw(out, r->err == WS_OK ? r->head.name : s->head);
	if (r->err == WS_OK)
		put_raw(out, r->head.name_tail);
	ws_buf_printf(out, "\n  type      %s\n  value     ", ws_type_word(s->type));
	if (s->type == WS_TYPE_SET) {
		put_raw(out, s->member);
	} else {
		if (s->is_signed && s->value >= 0 && isfinite(s->value))
			ws_buf_char(out, '+');
		ws_buf_double(out, s->value);
		if (s->type == WS_TYPE_TIMER)
			ws_buf_str(out, " s");
	}
	if (s->weight > 1) {
		ws_buf_str(out, ", weighs ");
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

static void explain_rule(struct explainer *e, const struct ws_step *step)
{
	struct ws_capture captures[CAPTURES_MAX];
	struct ws_rule_info rule = ws_mapping_rule(e->mapping, step->rule);
	size_t n = ws_mapping_captures(e->mapping, e->resolution, step->rule, captures,
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
		ws_buf_str(&e->out, "    ambiguous the name can be split otherwise too; the first "
				    "split is taken while no value is known\n");
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
		put_raw(out, s->member);
		ws_buf_char(out, '"');
		break;
	}
	ws_buf_char(out, '\n');
}

/* As ingest does it. */
static enum ws_err apply(struct explainer *e, const struct step_walk *walk, uint32_t i,
                         struct ws_update *u)
{
	const struct ws_target *target = &e->resolution->steps[i].target;
	enum ws_err err = step_update(&e->steps[i], walk->sample, u);

	if (err == WS_OK && target->family.len == 0)
		err = WS_ERR_EMPTY_NAME;
	if (err == WS_OK)
		err = ws_store_intern(e->store, target, 0, &u->ref);
	if (err != WS_OK)
		return err;
	if (!e->steps[i].initialize)
		step_feed(walk, e->steps, i);
	ws_store_apply(e->store, u, 1, 0);
	return u->err;
}

/* True when the series has it. */
static bool explain_feed(struct explainer *e, const struct step_walk *walk, uint32_t i)
{
	struct ws_update u;
	enum ws_err err = apply(e, walk, i, &u);

	if (err != WS_OK) {
		ws_buf_str(&e->out, "    refused   ");
		put_error(&e->out, err);
		return false;
	}
	if (!e->steps[i].initialize)
		put_effect(&e->out, e->resolution->steps[i].target.kind, &u, walk->sample);
	return true;
}

static void put_series(struct ws_buf *out, const char *what, const struct ws_target *t)
{
	ws_buf_printf(out, "    %-9s %.*s{", what, WS_SPAN_ARG(t->family));
	put_raw(out, t->labels);
	ws_buf_printf(out, "} %s\n", ws_kind_word(t->kind));
}

static void put_bounds(struct ws_buf *out, const struct ws_step *step)
{
	ws_buf_str(out, "    passed    the value is not within ");
	ws_buf_double(out, step->bounds->least);
	ws_buf_str(out, " and ");
	ws_buf_double(out, step->bounds->most);
	ws_buf_char(out, '\n');
}

/* True when the step led to a series or a deliberate drop. */
static bool explain_step(struct explainer *e, const struct step_walk *walk, uint32_t i,
                         enum step_verdict verdict)
{
	const struct ws_step *step = &e->resolution->steps[i];

	if (step->rule == WS_NO_RULE)
		ws_buf_str(&e->out, "  unmatched no rule takes it; kept as\n");
	else if (i == 0 || step->rule != step[-1].rule)
		explain_rule(e, step);
	switch (verdict) {
	case STEP_DONE:
		break;
	case STEP_OUTSIDE:
		put_bounds(&e->out, step);
		break;
	case STEP_DROP:
		ws_buf_str(&e->out, "    dropped   by this rule\n");
		return true;
	case STEP_INITIALIZE:
		put_series(&e->out, "initializes", &step->target);
		explain_feed(e, walk, i);
		break;
	case STEP_AGAIN:
		put_series(&e->out, "series", &step->target);
		ws_buf_str(&e->out,
		           "    effect    none: an earlier rule has fed this series\n");
		return true;
	case STEP_FEED:
		put_series(&e->out, "series", &step->target);
		return explain_feed(e, walk, i);
	}
	return false;
}

static bool explain_steps(struct explainer *e, const struct ws_sample *s)
{
	const struct ws_resolution *r = e->resolution;
	struct step_walk walk = step_walk(s, ++e->serial);
	enum step_verdict verdict;
	bool good = false;
	uint32_t i;

	if (r->nsteps == 0)
		ws_buf_str(&e->out,
		           "  unmatched no rule takes it; dropped (unmatched = drop)\n");
	for (i = 0; i < r->nsteps; i++) {
		verdict = step_next(&walk, e->steps, i);
		if (verdict != STEP_DONE && explain_step(e, &walk, i, verdict))
			good = true;
	}
	return good;
}

static bool take_steps(struct explainer *e)
{
	const struct ws_resolution *r = e->resolution;
	struct step *steps = realloc(e->steps, (r->nsteps + 1) * sizeof(*steps));
	uint32_t i;

	if (steps == NULL)
		return false;
	e->steps = steps;
	for (i = 0; i < r->nsteps; i++)
		steps[i] = step_of(r, i);
	return true;
}

static bool explain_sample(struct explainer *e, const struct ws_sample *s)
{
	size_t i;

	if (ws_mapping_resolve(e->mapping, s, e->resolution) != WS_OK || !take_steps(e)) {
		ws_buf_str(&e->out, "  refused   ");
		put_error(&e->out, WS_ERR_NOMEM);
		return false;
	}
	explain_parse(&e->out, s, e->resolution);
	explain_problems(&e->out, s, e->resolution);
	if (e->resolution->err != WS_OK) {
		ws_buf_str(&e->out, "  refused   ");
		put_error(&e->out, e->resolution->err);
		return false;
	}
	for (i = 0; i < e->resolution->nlearns; i++)
		ws_learned_ids_add(e->learned, e->resolution->learns[i].name,
		                   e->resolution->learns[i].value, 0);
	return explain_steps(e, s);
}

static bool explain_line(struct explainer *e, struct ws_span line)
{
	struct ws_lines it;
	struct ws_sample sample;
	enum ws_err err;
	bool good = false;

	put_raw(&e->out, line);
	ws_buf_char(&e->out, '\n');
	ws_lines_init(&it, line, false);
	while ((err = ws_lines_next(&it, &sample)) != WS_ERR_END) {
		if (err == WS_OK) {
			if (explain_sample(e, &sample))
				good = true;
		} else {
			ws_buf_str(&e->out, "  refused   ");
			put_error(&e->out, err);
		}
	}
	put(stdout, &e->out);
	ws_buf_reset(&e->out);
	return good;
}

/* An argument may be a whole datagram; empty lines are nothing. */
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
	struct explainer e = { .mapping = load(&conf->mappings, conf) };
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
	free(e.steps);
	ws_store_free(e.store);
	ws_resolution_free(e.resolution);
	ws_learned_ids_free(e.learned);
	ws_mapping_unref(e.mapping);
	ws_buf_fini(&e.out);
	return finish(good ? EXIT_OK : EXIT_RUNTIME);
}

/* --- healthcheck -------------------------------------------------------------------------
 */

#define HEALTHY "/-/healthy"

static int unwell(const char *why)
{
	fprintf(stderr, "windsock: not healthy: %s\n", why);
	return EXIT_RUNTIME;
}

static int ask_health(const char *address, const char *flag, const char *path,
                      const struct conf *conf)
{
	int64_t deadline = clock_now() + (int64_t)(conf->web_timeout * 1e9);
	char why[WHY_MAX];
	int status;

	if (sock_check(address, flag, SOCK_KIND_TCP, why, sizeof(why)) != WS_OK) {
		fprintf(stderr, "%s\n", why);
		return EXIT_USAGE;
	}
	status = probe_get(address, flag, path, deadline, why, sizeof(why));
	if (status == 200)
		return EXIT_OK;
	if (status >= 0)
		snprintf(why, sizeof(why), "%s%s answers %d", address, path, status);
	return unwell(why);
}

/* "http://host:port/path"; without a path it is the one for health. */
static int ask_url(const char *url, const struct conf *conf)
{
	static const char scheme[] = "http://";
	const char *address, *path;
	char *copy;
	int code;

	if (strncmp(url, scheme, strlen(scheme)) != 0) {
		fprintf(stderr, "%s: write http://host:port, with a path or without\n", url);
		return EXIT_USAGE;
	}
	address = url + strlen(scheme);
	path = strchr(address, '/');
	copy = strndup(address, path == NULL ? strlen(address) : (size_t)(path - address));
	if (copy == NULL)
		return unwell("out of memory");
	code = ask_health(copy, "URL", path == NULL ? HEALTHY : path, conf);
	free(copy);
	return code;
}

int command_healthcheck(const struct conf *conf)
{
	if (conf->rest.n > 1) {
		fputs("windsock: healthcheck takes one URL\n", stderr);
		return EXIT_USAGE;
	}
	if (conf->rest.n == 1)
		return ask_url(conf->rest.items[0], conf);
	return ask_health(conf->listen_http.items[0], "--web.listen-address", HEALTHY, conf);
}
