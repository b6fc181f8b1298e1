/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rule.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <windsock/name.h>
#include <windsock/num.h>
#include <windsock/utf8.h>
#include <windsock/version.h>

#include "rules/ini_file.h"

#define NS_PER_SECOND 1e9
#define TTL_MAX_SECONDS 1e9 /* about 30 years; as nanoseconds it fits an int64_t */

enum {
	IN_FILE = 1,
	IN_RULE = 2,
};

struct reader {
	struct arena *arena;
	struct rule_file *file;
	struct rule *rule; /* NULL: in [windsock], or before the first section */
	struct rule ***tail;
	struct ws_buf *diags;
	struct ws_buf why; /* the error in the current key or rule */
	const char *prefix;
	uint32_t file_index;
	uint64_t seen;     /* bits by key: those already in this section */
	struct ws_span learn, known, initializers;
	bool regex_given, match_given, labels_given, in_file_section, bad, no_memory;
	struct ws_span match, regex;
	struct rule *first; /* of this file */
};

static void say(struct reader *r, unsigned line, const char *sentence)
{
	ws_buf_printf(r->diags, "%s:%u: %s\n", r->file->name, line, sentence);
	r->bad = true;
}

static void say_why(struct reader *r, unsigned line)
{
	ws_buf_char(&r->why, '\0');
	say(r, line, r->why.err != WS_OK || r->no_memory ? "out of memory" : r->why.ptr);
	ws_buf_reset(&r->why);
	r->no_memory = false;
}

static struct settings *settings(struct reader *r)
{
	return r->rule != NULL ? &r->rule->set : &r->file->set;
}

/* Records what is wrong with a rule: a sentence. */
static bool reject(struct reader *r, const char *sentence)
{
	ws_buf_str(&r->why, sentence);
	return false;
}

/* Records what a key expects instead of its value: "a finite number". */
__attribute__((format(printf, 2, 3)))
static bool expect(struct reader *r, const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ws_buf_str(&r->why, what);
	return false;
}

static bool lack_memory(struct reader *r)
{
	r->no_memory = true;
	return false;
}

static bool set_bool(struct reader *r, struct ws_span v, bool *out)
{
	*out = ws_span_is(v, "yes");
	return *out || ws_span_is(v, "no") || expect(r, "yes or no");
}

/* One function per key.  False: r->why says what it expects. */

static bool set_prefix(struct reader *r, struct ws_span v)
{
	if (r->rule != NULL || r->prefix == NULL)
		settings(r)->prefix = v;
	if (v.len > 0 && v.ptr[v.len - 1] == '.')
		return expect(r, "the prefix without its last dot");
	return true;
}

static bool set_unmatched(struct reader *r, struct ws_span v)
{
	r->file->says_unmatched = true;
	r->file->drop_unmatched = ws_span_is(v, "drop");
	return r->file->drop_unmatched || ws_span_is(v, "keep") || expect(r, "keep or drop");
}

static bool set_kind(struct reader *r, struct ws_span v)
{
	struct settings *set = settings(r);
	int kind;

	for (kind = 0; kind < WS_NKINDS; kind++) {
		if (!ws_span_is(v, ws_kind_word((enum ws_kind)kind)))
			continue;
		if (r->rule == NULL && kind != WS_KIND_SUMMARY && kind != WS_KIND_HISTOGRAM)
			break;
		set->kind = (enum ws_kind)kind;
		set->has_kind = true;
		return true;
	}
	return expect(r, "%s", r->rule == NULL ? "summary or histogram, for timers"
	                                        : "counter, gauge, summary or histogram");
}

static bool set_scale(struct reader *r, struct ws_span v)
{
	double *scale = &settings(r)->scale;

	return (ws_num_parse(v, scale) && isfinite(*scale) && *scale != 0) ||
	       expect(r, "a finite number other than 0");
}

static bool parse_ttl(struct reader *r, struct ws_span v, int64_t *ns)
{
	double seconds;

	if (!ws_num_parse_duration(v, &seconds) || seconds > TTL_MAX_SECONDS)
		return expect(r, "a duration such as 90s, 10m or 24h; 0 means forever");
	*ns = (int64_t)(seconds * NS_PER_SECOND);
	return true;
}

static bool set_ttl(struct reader *r, struct ws_span v)
{
	int64_t *ttl = settings(r)->ttl_ns;
	int kind;

	for (kind = 0; kind < WS_NKINDS; kind++) {
		if (!parse_ttl(r, v, &ttl[kind]))
			return false;
	}
	return true;
}

#define TTL_OF(word, code)                                                 \
	static bool set_ttl_##word(struct reader *r, struct ws_span v)     \
	{                                                                  \
		return parse_ttl(r, v, &settings(r)->ttl_ns[WS_KIND_##code]); \
	}
TTL_OF(counter, COUNTER)
TTL_OF(gauge, GAUGE)
TTL_OF(summary, SUMMARY)
TTL_OF(histogram, HISTOGRAM)

static bool set_window(struct reader *r, struct ws_span v)
{
	int64_t *window = &settings(r)->options.window_ns;

	return parse_ttl(r, v, window) && (*window > 0 || expect(r, "a duration longer than 0"));
}

/* Parses ascending numbers separated by commas. */
static bool parse_numbers(struct reader *r, struct ws_span v, size_t most, const double **out,
                          size_t *n)
{
	double *numbers = arena_alloc(r->arena, most * sizeof(*numbers));
	struct ws_span one;

	if (numbers == NULL)
		return lack_memory(r);
	*n = 0;
	while (ws_span_cut(&v, ',', &one)) {
		if (*n == most)
			return expect(r, "at most %zu numbers", most);
		if (!ws_num_parse(ws_span_trim(one), &numbers[*n]) || !isfinite(numbers[*n]))
			return expect(r, "finite numbers separated by commas");
		if (*n > 0 && numbers[*n] <= numbers[*n - 1])
			return expect(r, "ascending numbers without repetition");
		(*n)++;
	}
	*out = numbers;
	return true;
}

static bool set_buckets(struct reader *r, struct ws_span v)
{
	struct ws_kind_options *options = &settings(r)->options;

	return parse_numbers(r, v, WS_BUCKETS_MAX, &options->buckets, &options->nbuckets);
}

static bool set_quantiles(struct reader *r, struct ws_span v)
{
	struct ws_kind_options *options = &settings(r)->options;

	if (!parse_numbers(r, v, WS_QUANTILES_MAX, &options->quantiles, &options->nquantiles))
		return false;
	return (options->quantiles[0] >= 0 && options->quantiles[options->nquantiles - 1] <= 1) ||
	       expect(r, "numbers from 0 to 1");
}

static bool set_signed(struct reader *r, struct ws_span v)
{
	settings(r)->absolute = ws_span_is(v, "absolute");
	return settings(r)->absolute || ws_span_is(v, "relative") ||
	       expect(r, "relative or absolute");
}

static bool set_honor_tags(struct reader *r, struct ws_span v)
{
	return set_bool(r, v, &settings(r)->honor_tags);
}

static bool set_keep_tags(struct reader *r, struct ws_span v)
{
	return set_bool(r, v, &settings(r)->keep_tags);
}

/* The next item of a list, trimmed; commas within () do not separate. */
static bool cut_item(struct ws_span *list, struct ws_span *item)
{
	size_t i, depth = 0;

	*list = ws_span_trim(*list);
	if (list->len == 0)
		return false;
	for (i = 0; i < list->len && (depth > 0 || list->ptr[i] != ','); i++)
		depth += (size_t)(list->ptr[i] == '(') - (size_t)(list->ptr[i] == ')' && depth > 0);
	*item = ws_span_trim(ws_span(list->ptr, i));
	*list = i < list->len ? ws_span(list->ptr + i + 1, list->len - i - 1) : ws_span(NULL, 0);
	return true;
}

static bool set_ignore_tags(struct reader *r, struct ws_span v)
{
	struct settings *set = settings(r);
	struct ws_span one;

	while (cut_item(&v, &one)) {
		if (!ws_name_is_label(one))
			return expect(r, "names of tags separated by commas");
		if (set->nignored == RULE_IGNORED_MAX)
			return expect(r, "at most %d tags", RULE_IGNORED_MAX);
		set->ignored[set->nignored++] = one;
	}
	return true;
}

static bool set_version(struct reader *r, struct ws_span v)
{
	if (r->file->version.len == 0)
		r->file->version = v;
	return ws_version_is_valid(v) || expect(r, "a version such as 2.9 or 3.1.5");
}

static bool set_ranges(struct reader *r, struct ws_span v, struct ws_span *ranges)
{
	*ranges = v;
	return ws_version_ranges_are_valid(v) ||
	       expect(r, "Airflow versions such as '2.7.0 - 2.9.2, 3.2 -', all or none");
}

static bool set_seconds(struct reader *r, struct ws_span v)
{
	return set_ranges(r, v, &settings(r)->seconds);
}

static bool set_dogstatsd_seconds(struct reader *r, struct ws_span v)
{
	return set_ranges(r, v, &settings(r)->dogstatsd_seconds);
}

/* In a file: known = dag_id=team.sales, dag_id=...; in a rule: known = dag_id. */
static bool set_known(struct reader *r, struct ws_span v)
{
	static const char wants[] = "capture=value, separated by commas, in [windsock]";
	struct rule_file *file = r->file;
	struct ws_span one, name;

	if (r->rule != NULL) {
		r->known = v;
		return true;
	}
	file->known = arena_alloc(r->arena, (v.len / 2 + 1) * sizeof(*file->known));
	if (file->known == NULL)
		return lack_memory(r);
	while (cut_item(&v, &one)) {
		if (ws_span_find(one, '=') == NULL)
			return expect(r, "%s", wants);
		ws_span_cut(&one, '=', &name);
		name = ws_span_trim(name);
		one = ws_span_trim(one);
		if (!ws_name_is_label(name) || one.len == 0)
			return expect(r, "%s", wants);
		file->known[file->nknown++] = (struct known_value){ .name = name, .value = one };
	}
	return true;
}

static bool set_learn(struct reader *r, struct ws_span v)
{
	r->learn = v;
	return true;
}

static bool set_initialize(struct reader *r, struct ws_span v)
{
	r->initializers = v;
	return true;
}

static bool set_duplicate_of(struct reader *r, struct ws_span v)
{
	struct rule *rule = r->rule;
	struct ws_span one;

	while (cut_item(&v, &one)) {
		if (rule->noriginals == RULE_ORIGINALS_MAX)
			return expect(r, "at most %d rules", RULE_ORIGINALS_MAX);
		rule->originals[rule->noriginals++] = one;
	}
	return rule->noriginals > 0 || expect(r, "names of earlier rules separated by commas");
}

static bool set_match(struct reader *r, struct ws_span v)
{
	r->match = v;
	r->match_given = true;
	return true;
}

static bool set_regex(struct reader *r, struct ws_span v)
{
	r->regex = v;
	r->regex_given = true;
	return true;
}

static bool set_metric(struct reader *r, struct ws_span v)
{
	r->rule->metric_text = v;
	return v.len > 0 || expect(r, "a metric name");
}

static bool set_add_labels(struct reader *r, struct ws_span v)
{
	settings(r)->add_labels = v;
	return true;
}

static bool set_labels(struct reader *r, struct ws_span v)
{
	r->rule->labels_text = v;
	r->labels_given = true;
	return true;
}

static bool set_help(struct reader *r, struct ws_span v)
{
	r->rule->help_text = v;
	return true;
}

static bool set_drop(struct reader *r, struct ws_span v)
{
	return set_bool(r, v, &r->rule->drop);
}

static bool set_continue(struct reader *r, struct ws_span v)
{
	return set_bool(r, v, &r->rule->continues);
}

static bool set_bound(struct reader *r, struct ws_span v, double *bound)
{
	return (ws_num_parse(v, bound) && !isnan(*bound)) || expect(r, "a number");
}

static bool set_min(struct reader *r, struct ws_span v)
{
	return set_bound(r, v, &r->rule->bounds.least);
}

static bool set_max(struct reader *r, struct ws_span v)
{
	return set_bound(r, v, &r->rule->bounds.most);
}

static bool set_type(struct reader *r, struct ws_span v)
{
	struct ws_span one;
	unsigned before;
	int type;

	while (ws_span_cut(&v, ',', &one)) {
		before = r->rule->types;
		for (type = 0; type < WS_NTYPES; type++) {
			if (ws_span_is(ws_span_trim(one), ws_type_wire((enum ws_type)type)))
				r->rule->types |= 1u << type;
		}
		if (r->rule->types == before)
			return expect(r, "StatsD types separated by commas: c, g, ms, h, d, s");
	}
	return true;
}

static bool set_tags(struct reader *r, struct ws_span v)
{
	struct rule *rule = r->rule;
	struct ws_span one;

	while (ws_span_cut(&v, ',', &one)) {
		struct tag_condition *tag = &rule->tags[rule->ntags];

		if (rule->ntags == RULE_TAGS_MAX)
			return expect(r, "at most %d tags", RULE_TAGS_MAX);
		one = ws_span_trim(one);
		tag->absent = one.len > 0 && one.ptr[0] == '!';
		if (tag->absent)
			one = ws_span(one.ptr + 1, one.len - 1);
		ws_span_cut(&one, ':', &tag->key);
		tag->value = one;
		if (!ws_name_is_label(tag->key) || (tag->absent && tag->value.ptr != NULL))
			return expect(r, "tags separated by commas: name, name:value or !name");
		rule->ntags++;
	}
	return true;
}

static const struct {
	const char *name;
	unsigned where;
	bool (*set)(struct reader *r, struct ws_span value);
} keys[] = {
	{ "prefix", IN_FILE | IN_RULE, set_prefix },
	{ "unmatched", IN_FILE, set_unmatched },
	{ "as", IN_FILE | IN_RULE, set_kind },
	{ "scale", IN_FILE | IN_RULE, set_scale },
	{ "ttl", IN_FILE | IN_RULE, set_ttl },
	{ "ttl_counter", IN_FILE, set_ttl_counter },
	{ "ttl_gauge", IN_FILE, set_ttl_gauge },
	{ "ttl_summary", IN_FILE, set_ttl_summary },
	{ "ttl_histogram", IN_FILE, set_ttl_histogram },
	{ "window", IN_FILE | IN_RULE, set_window },
	{ "buckets", IN_FILE | IN_RULE, set_buckets },
	{ "quantiles", IN_FILE | IN_RULE, set_quantiles },
	{ "signed", IN_FILE | IN_RULE, set_signed },
	{ "honor_tags", IN_FILE | IN_RULE, set_honor_tags },
	{ "keep_tags", IN_FILE | IN_RULE, set_keep_tags },
	{ "add_labels", IN_FILE | IN_RULE, set_add_labels },
	{ "ignore_tags", IN_FILE | IN_RULE, set_ignore_tags },
	{ "airflow_version", IN_FILE, set_version },
	{ "seconds", IN_FILE | IN_RULE, set_seconds },
	{ "dogstatsd_seconds", IN_FILE | IN_RULE, set_dogstatsd_seconds },
	{ "known", IN_FILE | IN_RULE, set_known },
	{ "match", IN_RULE, set_match },
	{ "regex", IN_RULE, set_regex },
	{ "metric", IN_RULE, set_metric },
	{ "labels", IN_RULE, set_labels },
	{ "help", IN_RULE, set_help },
	{ "type", IN_RULE, set_type },
	{ "tags", IN_RULE, set_tags },
	{ "min", IN_RULE, set_min },
	{ "max", IN_RULE, set_max },
	{ "drop", IN_RULE, set_drop },
	{ "continue", IN_RULE, set_continue },
	{ "learn", IN_RULE, set_learn },
	{ "initialize", IN_RULE, set_initialize },
	{ "duplicate_of", IN_RULE, set_duplicate_of },
};
#define NKEYS (sizeof(keys) / sizeof(keys[0]))

/* NKEYS: there is no such key. */
static size_t find_key(struct ws_span name)
{
	size_t i;

	for (i = 0; i < NKEYS && !ws_span_is(name, keys[i].name); i++)
		;
	return i;
}

/* Whether the key is allowed here.  False: r->why says why not. */
static bool admit_key(struct reader *r, struct ws_span name, size_t key)
{
	unsigned where = r->rule != NULL ? IN_RULE : IN_FILE;

	if (r->rule == NULL && !r->in_file_section)
		ws_buf_str(&r->why, "a key before the first section; begin with [windsock]");
	else if (key == NKEYS)
		ws_buf_printf(&r->why, "unknown key '%.*s'", WS_SPAN_ARG(name));
	else if ((keys[key].where & where) == 0)
		ws_buf_printf(&r->why, "'%s' belongs in %s", keys[key].name,
		              where == IN_FILE ? "a rule" : "[windsock]");
	else if (r->seen & (UINT64_C(1) << key))
		ws_buf_printf(&r->why, "'%s' is given twice; remove one", keys[key].name);
	else
		return true;
	return false;
}

/* False: r->why says what is wrong with the value. */
static bool set_key(struct reader *r, size_t key, struct ws_span value)
{
	struct ws_span kept = arena_copy(r->arena, value);

	if (!ws_utf8_is_valid(value))
		return reject(r, "the value is not UTF-8");
	if (kept.ptr == NULL)
		return lack_memory(r);
	r->seen |= UINT64_C(1) << key;
	ws_buf_printf(&r->why, "%s: expected ", keys[key].name);
	if (!keys[key].set(r, kept))
		return false;
	ws_buf_reset(&r->why);
	return true;
}

static void on_pair(void *user, unsigned line, struct ws_span section, struct ws_span name,
                    struct ws_span value)
{
	struct reader *r = user;
	size_t key = find_key(name);

	(void)section;
	if (!admit_key(r, name, key) || !set_key(r, key, value))
		say_why(r, line);
}

static bool compile_match(struct reader *r, struct rule *rule)
{
	struct ws_span prefix = rule->set.prefix;
	const struct ws_span *names;
	struct ws_buf text = WS_BUF_INIT;
	bool ok;

	if (r->regex_given) {
		rule->text = r->regex;
		rule->regex = regex_new(r->regex, &r->why);
		if (rule->regex == NULL)
			return false;
		rule->ncaptures = regex_captures(rule->regex, &names);
		memcpy(rule->variables, names, rule->ncaptures * sizeof(*names));
		return true;
	}
	ws_buf_span(&text, prefix);
	if (prefix.len > 0)
		ws_buf_char(&text, '.');
	ws_buf_span(&text, r->match);
	rule->text = arena_copy(r->arena, ws_buf_text(&text));
	ok = text.err == WS_OK && rule->text.ptr != NULL;
	ws_buf_fini(&text);
	if (!ok)
		return lack_memory(r);
	if (!pattern_parse(&rule->pattern, rule->text, &r->why))
		return false;
	rule->ncaptures = rule->pattern.ncaptures;
	memcpy(rule->variables, rule->pattern.captures,
	       rule->ncaptures * sizeof(*rule->variables));
	return true;
}

static bool add_label(struct reader *r, struct rule *rule, struct ws_span name,
                      struct ws_span value)
{
	size_t k;

	if (!ws_name_is_label(name) || ws_name_is_reserved_label(name)) {
		ws_buf_printf(&r->why, "'%.*s' cannot be a label: letters, digits and _, and not "
		                       "le, quantile or __*", WS_SPAN_ARG(name));
		return false;
	}
	if (rule->nlabels == RULE_LABELS_MAX)
		return reject(r, "more than 32 labels");
	for (k = rule->nlabels; k > 0; k--) {
		struct ws_span other = rule->labels[k - 1].name;
		size_t least = other.len < name.len ? other.len : name.len;
		int order = memcmp(other.ptr, name.ptr, least);

		if (ws_span_eq(other, name)) {
			ws_buf_printf(&r->why, "label '%.*s' is given twice", WS_SPAN_ARG(name));
			return false;
		}
		if (order < 0 || (order == 0 && other.len < name.len))
			break;
		rule->labels[k] = rule->labels[k - 1];
	}
	rule->labels[k].name = name;
	rule->nlabels++;
	return template_parse(&rule->labels[k].value, value, rule->variables, rule->nvariables,
	                      r->arena, &r->why);
}

static bool has_label(const struct rule *rule, struct ws_span name)
{
	size_t i;

	for (i = 0; i < rule->nlabels && !ws_span_eq(rule->labels[i].name, name); i++)
		;
	return i < rule->nlabels;
}

/* dag_id, status=<state>; a name alone means its own capture.  `more`: skips names that the
 * rule already has. */
static bool compile_labels(struct reader *r, struct rule *rule, struct ws_span list, bool more)
{
	struct ws_span one, name;
	struct ws_buf own = WS_BUF_INIT;
	struct ws_span kept;
	bool ok = true;

	while (ok && ws_span_trim(list).len > 0 && ws_span_cut(&list, ',', &one)) {
		one = ws_span_trim(one);
		ws_span_cut(&one, '=', &name);
		name = ws_span_trim(name);
		if (more && has_label(rule, name))
			continue;
		if (one.ptr == NULL) {
			ws_buf_reset(&own);
			ws_buf_printf(&own, "<%.*s>", WS_SPAN_ARG(name));
			kept = arena_copy(r->arena, ws_buf_text(&own));
		} else {
			kept = ws_span_trim(one);
		}
		ok = add_label(r, rule, name, kept);
	}
	ws_buf_fini(&own);
	return ok;
}

/* The labels of `labels`, of `add_labels` and of the sender label, in this order. */
static bool compile_all_labels(struct reader *r, struct rule *rule)
{
	struct ws_span address = ws_span_str("<sender>"), label = r->file->sender_label;
	size_t i;

	if (!compile_labels(r, rule, rule->labels_text, false) ||
	    !compile_labels(r, rule, rule->set.add_labels, true))
		return false;
	if (label.len > 0 && !has_label(rule, label) && !add_label(r, rule, label, address))
		return false;
	for (i = 0; i < rule->nlabels; i++)
		rule->uses_sender = rule->uses_sender ||
		                    template_uses(&rule->labels[i].value, rule->sender);
	return true;
}

/* Without `labels`, every capture is a label. */
static bool imply_labels(struct reader *r, struct rule *rule)
{
	struct ws_buf text = WS_BUF_INIT;
	size_t i;

	for (i = 0; i < rule->ncaptures; i++)
		ws_buf_printf(&text, "%s%.*s", i > 0 ? ", " : "", WS_SPAN_ARG(rule->variables[i]));
	rule->labels_text = arena_copy(r->arena, ws_buf_text(&text));
	ws_buf_fini(&text);
	return rule->labels_text.ptr != NULL || lack_memory(r);
}

/* Captures are sanitized; literals must be valid, because one bad name breaks a scrape. */
static bool is_metric_template(const struct template *t)
{
	struct ws_span one;
	size_t i, k;

	for (i = 0; i < t->nparts; i++) {
		if (t->parts[i].variable >= 0)
			continue;
		if (i == 0 && !ws_name_is_metric(t->parts[i].text))
			return false;
		for (k = 0; k < t->parts[i].text.len; k++) {
			one = ws_span(t->parts[i].text.ptr + k, 1);
			if (!ws_name_is_metric(one) && strchr("0123456789", one.ptr[0]) == NULL)
				return false;
		}
	}
	return t->nparts > 0;
}

static bool compile_metric(struct reader *r, struct rule *rule)
{
	struct ws_buf *why = &r->why;
	struct ws_span text = rule->metric_text;

	if (!template_parse(&rule->metric, text, rule->variables, rule->nvariables, r->arena, why))
		return false;
	if (!is_metric_template(&rule->metric))
		return reject(r, "a metric name is letters, digits and _, not beginning with a "
		                 "digit");
	if (ws_name_is_reserved_metric(text))
		return reject(r, "windsock_*, process_*, scrape_* and up are reserved; use "
		                 "another name");
	return template_parse(&rule->help, rule->help_text, rule->variables, rule->nvariables,
	                      r->arena, why);
}

static int find_variable(const struct rule *rule, struct ws_span name)
{
	size_t i;

	for (i = 0; i < rule->nvariables; i++) {
		if (ws_span_eq(rule->variables[i], name))
			return (int)i;
	}
	return -1;
}

/* The index of the part that is the capture <x...> of this name; nparts: none. */
static size_t find_rest(const struct pattern *pattern, struct ws_span name)
{
	size_t i;

	for (i = 0; i < pattern->nparts; i++) {
		const struct pattern_part *part = &pattern->parts[i];

		if (part->op == PATTERN_REST && part->capture >= 0 &&
		    ws_span_eq(pattern->captures[part->capture], name))
			break;
	}
	return i;
}

static bool compile_learn(struct reader *r, struct rule *rule)
{
	rule->learn = find_variable(rule, r->learn);
	return rule->learn >= 0 || r->learn.len == 0 ||
	       reject(r, "learn: expected one of the rule's captures or tags");
}

static bool compile_known(struct reader *r, struct rule *rule)
{
	const struct pattern *pattern = &rule->pattern;
	size_t i = find_rest(pattern, r->known);

	rule->known_after = SIZE_MAX;
	if (r->known.len == 0)
		return true;
	if (i == pattern->nparts)
		return reject(r, "known: expected one of the captures <x...> of match");
	rule->known = pattern->parts[i].capture;
	/* After a literal first part, it always starts at the same byte. */
	if (i == 1 && pattern->parts[0].op == PATTERN_LITERAL)
		rule->known_after = pattern->parts[0].text.len;
	return true;
}

/* status=success, other=<x> */
static bool compile_given(struct reader *r, struct rule *rule, struct initializer *d,
                          struct ws_span list)
{
	struct ws_span one, name;

	while (cut_item(&list, &one)) {
		ws_span_cut(&one, '=', &name);
		if (d->ngiven == RULE_VARIABLES_MAX || one.ptr == NULL)
			return reject(r, "initialize: expected rule(capture=text, ...)");
		d->given[d->ngiven] = ws_span_trim(name);
		d->texts[d->ngiven] = ws_span_trim(one);
		if (!template_parse(&d->values[d->ngiven], d->texts[d->ngiven], rule->variables,
		                    rule->nvariables, r->arena, &r->why))
			return false;
		d->ngiven++;
	}
	return true;
}

/* rule, rule(status=success), ... */
static bool compile_initializers(struct reader *r, struct rule *rule)
{
	struct ws_span list = r->initializers, one, name = list;

	rule->initializers = arena_alloc(r->arena, RULE_INITIALIZERS_MAX * sizeof(*rule->initializers));
	if (rule->initializers == NULL)
		return lack_memory(r);
	while (cut_item(&list, &one)) {
		struct initializer *d = &rule->initializers[rule->ninitializers];

		if (rule->ninitializers == RULE_INITIALIZERS_MAX)
			return reject(r, "initialize: expected at most 8 series");
		if (one.len > 0 && one.ptr[one.len - 1] == ')')
			one.len--;
		ws_span_cut(&one, '(', &name);
		d->name = ws_span_trim(name);
		if (one.ptr != NULL && !compile_given(r, rule, d, one))
			return false;
		rule->ninitializers++;
	}
	return true;
}

static void compile_factors(const struct reader *r, struct rule *rule)
{
	const struct settings *set = &rule->set;
	bool seconds = ws_version_within(r->file->version, set->seconds);

	rule->factor = set->scale * (seconds ? 1000 : 1);
	seconds = seconds || ws_version_within(r->file->version, set->dogstatsd_seconds);
	rule->dogstatsd_factor = set->scale * (seconds ? 1000 : 1);
}

static bool compile_rule(struct reader *r, struct rule *rule)
{
	size_t i;

	if (r->match_given == r->regex_given)
		return reject(r, "a rule needs either match = or regex =");
	if (rule->drop == (rule->metric_text.len > 0))
		return reject(r, "a rule needs either metric = or drop = yes");
	if (rule->bounds.least > rule->bounds.most)
		return reject(r, "min is greater than max: no value is within them");
	if (!compile_match(r, rule))
		return false;
	rule->nvariables = rule->ncaptures;
	for (i = 0; i < rule->ntags; i++) {
		if (!rule->tags[i].absent)
			rule->variables[rule->nvariables++] = rule->tags[i].key;
	}
	rule->sender = rule->nvariables;
	rule->variables[rule->nvariables++] = ws_span_str("sender");
	compile_factors(r, rule);
	if (!compile_learn(r, rule) || !compile_known(r, rule) ||
	    (r->initializers.len > 0 && !compile_initializers(r, rule)))
		return false;
	if (rule->drop)
		return true;
	return (r->labels_given || imply_labels(r, rule)) && compile_all_labels(r, rule) &&
	       compile_metric(r, rule);
}

/* Called at the end of a section. */
static void end_rule(struct reader *r)
{
	struct rule *rule = r->rule;

	if (rule == NULL)
		return;
	r->rule = NULL;
	if (r->bad)
		goto drop;
	if (!compile_rule(r, rule)) {
		say_why(r, rule->line);
		goto drop;
	}
	**r->tail = rule;
	*r->tail = &rule->next;
	return;
drop:
	regex_free(rule->regex);
	rule->regex = NULL;
}

static bool is_rule_name(struct ws_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!ws_name_is_metric(ws_span(s.ptr + i, 1)) && strchr("0123456789.-", s.ptr[i]) == NULL)
			return false;
	}
	return s.len > 0;
}

static void on_section(void *user, unsigned line, struct ws_span name)
{
	struct reader *r = user;
	struct rule *rule, *other;

	end_rule(r);
	r->seen = 0;
	r->bad = r->match_given = r->regex_given = r->labels_given = false;
	r->learn = r->known = r->initializers = ws_span(NULL, 0);
	r->in_file_section = ws_span_is(name, "windsock");
	if (r->in_file_section) {
		if (r->first != NULL)
			say(r, line, "[windsock] must come before the first rule, once");
		return;
	}
	rule = arena_alloc(r->arena, sizeof(*rule));
	if (rule == NULL) {
		say(r, line, "out of memory");
		return;
	}
	rule->name = arena_copy(r->arena, name);
	rule->file = r->file_index;
	rule->line = line;
	rule->set = r->file->set;
	rule->set.has_kind = false;
	rule->bounds = (struct ws_bounds){ -(double)INFINITY, (double)INFINITY };
	rule->learn = rule->known = -1;
	r->rule = rule;
	if (!is_rule_name(name))
		say(r, line, "a rule's name is letters, digits, _ . and -");
	for (other = r->first; other != NULL; other = other->next) {
		if (ws_span_eq(other->name, name)) {
			ws_buf_printf(&r->why, "rule [%.*s] is also in line %u; rename one of them",
			              WS_SPAN_ARG(name), other->line);
			say_why(r, line);
		}
	}
	if (r->first == NULL)
		r->first = rule;
}

static void on_wrong(void *user, unsigned line, const char *sentence)
{
	say(user, line, sentence);
}

bool rules_read(struct arena *arena, const struct ws_source *source, uint32_t file_index,
                const struct ws_mapping_options *options, struct rule_file *file,
                struct rule ***tail, struct ws_buf *diags)
{
	struct reader r = {
		.arena = arena, .file = file, .tail = tail, .diags = diags,
		.prefix = options->prefix, .file_index = file_index,
	};
	const struct ini_handler handler = { on_pair, on_section, on_wrong, &r };
	bool ok;

	*file = (struct rule_file){ .name = source->name };
	file->set = (struct settings){
		.kind = WS_KIND_SUMMARY, .scale = 1, .options = ws_kind_options_default, .keep_tags = true,
	};
	if (options->prefix != NULL)
		file->set.prefix = ws_span_str(options->prefix);
	if (options->airflow_version != NULL)
		file->version = ws_span_str(options->airflow_version);
	if (options->sender_label != NULL)
		file->sender_label = ws_span_str(options->sender_label);
	ok = ini_file_parse(source->text, &handler);
	end_rule(&r);
	ws_buf_fini(&r.why);
	return ok && diags->err == WS_OK;
}

void rules_free(struct rule *first)
{
	for (; first != NULL; first = first->next)
		regex_free(first->regex);
}
