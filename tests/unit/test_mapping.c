/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <windsock/mapping.h>
#include <windsock/resolution.h>

#define FILES_MAX 4
#define TEXT_MAX  4096

/* The files a.ini, b.ini and so on; a NULL ends them. */
static struct ws_mapping *compile(const char *const *texts, const char *prefix,
                                  struct ws_buf *diags)
{
	static const char *const names[FILES_MAX] = { "a.ini", "b.ini", "c.ini", "d.ini" };
	const struct ws_mapping_options options = { .prefix = prefix };
	struct ws_source sources[FILES_MAX];
	size_t n;

	for (n = 0; n < FILES_MAX && texts[n] != NULL; n++)
		sources[n] = (struct ws_source){ names[n], ws_span_str(texts[n]) };
	return ws_mapping_new(sources, n, &options, diags);
}

static struct ws_mapping *must_compile(const char *const *texts, const char *prefix)
{
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_mapping *m = compile(texts, prefix, &diags);

	if (m == NULL)
		fail_msg("%.*s", WS_SPAN_ARG(ws_buf_text(&diags)));
	assert_int_equal(diags.len, 0);
	ws_buf_fini(&diags);
	return m;
}

static struct ws_sample sample(const char *line)
{
	struct ws_lines it;
	struct ws_sample s;

	ws_lines_init(&it, ws_span_str(line), false);
	assert_int_equal(ws_lines_next(&it, &s), WS_OK);
	return s;
}

/* "rule kind family{labels}", then what is out of the ordinary. */
static void describe_action(const struct ws_mapping *m, const struct ws_action *action,
                            const struct ws_target *t, struct ws_buf *out)
{
	struct ws_span rule = ws_span_str("-");

	if (action->rule != WS_NO_RULE)
		rule = ws_mapping_rule(m, action->rule).name;
	ws_buf_span(out, rule);
	if (action->drop)
		ws_buf_str(out, " drop");
	else
		ws_buf_printf(out, " %s %.*s{%.*s}", ws_kind_word(t->kind), WS_SPAN_ARG(t->family),
		              WS_SPAN_ARG(t->labels));
	if (action->bounds != NULL)
		ws_buf_printf(out, " %g..%g", action->bounds->least, action->bounds->most);
	if (!action->drop && action->scale != 1)
		ws_buf_printf(out, " *%g", action->scale);
	if (t->ttl_ns != 0)
		ws_buf_printf(out, " ttl %g", (double)t->ttl_ns / 1e9);
	if (!action->drop && action->op == WS_OP_NONE)
		ws_buf_str(out, " impossible");
	if (action->absolute)
		ws_buf_str(out, " absolute");
	if (!action->stop)
		ws_buf_str(out, " continues");
	if (action->initialize)
		ws_buf_str(out, " initialized");
	if (action->may_be_duplicate)
		ws_buf_printf(out, " duplicate %llx",
		              (unsigned long long)ws_mapping_duplicate_of(m, action->rule));
	if (t->unmatched)
		ws_buf_str(out, " unmatched");
	ws_buf_char(out, ';');
}

/* The resolution without its actions. */
static void describe_rest(const struct ws_resolution *r, struct ws_buf *out)
{
	size_t i;

	if (r->fits != 0 || r->takes != 0)
		ws_buf_printf(out, "fits %llx, takes %llx;", (unsigned long long)r->fits,
		              (unsigned long long)r->takes);
	if (r->divisible)
		ws_buf_str(out, r->ambiguous ? "ambiguous;" : "divisible;");
	for (i = 0; i < r->nlearns; i++)
		ws_buf_printf(out, "learns %.*s=%.*s;", WS_SPAN_ARG(r->learns[i].name),
		              WS_SPAN_ARG(r->learns[i].value));
}

/* The DAGs a.b and a.b.c are known, and a queue. */
static struct ws_learned_ids *what_is_known(void)
{
	struct ws_learned_ids *learned = ws_learned_ids_new(0, (struct ws_hash_key){ 0 });

	assert_non_null(learned);
	ws_learned_ids_add(learned, ws_span_str("dag_id"), ws_span_str("a.b"), 0);
	ws_learned_ids_add(learned, ws_span_str("dag_id"), ws_span_str("a.b.c"), 0);
	ws_learned_ids_add(learned, ws_span_str("queue"), ws_span_str("q.r"), 0);
	return learned;
}

static void describe(const struct ws_mapping *m, const char *line, char *text, size_t size)
{
	struct ws_learned_ids *learned = what_is_known();
	struct ws_resolution *r = ws_resolution_new(m, learned);
	struct ws_buf out = WS_BUF_INIT;
	struct ws_sample s = sample(line);
	size_t i;

	assert_non_null(r);
	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	if (r->err != WS_OK) {
		assert_int_equal(r->nactions, 0);
		ws_buf_printf(&out, "!%s", ws_err_reason(r->err));
	}
	for (i = 0; i < r->nactions; i++)
		describe_action(m, &r->actions[i], &r->targets[i], &out);
	describe_rest(r, &out);
	assert_true(r->nactions == 0 ||
	            r->keep == (r->actions[r->nactions - 1].rule == WS_NO_RULE));
	assert_int_equal(out.err, WS_OK);
	assert_true(out.len < size);
	memcpy(text, out.ptr == NULL ? "" : out.ptr, out.len);
	text[out.len] = '\0';
	ws_buf_fini(&out);
	ws_resolution_free(r);
	ws_learned_ids_free(learned);
}

#define RULE(name, rest) "[" name "]\n" rest "\n"
#define TASK(rest) \
	RULE("r", "match = t.<dag_id...>.<task_id...>\nmetric = m\n" rest)
#define DECLARED                                                                        \
	RULE("f", "match = f.<x>.<state>\nmetric = n\nas = counter")                    \
	"[s]\nmatch = s.<x>\nmetric = m\n"
#define TWINS                                                                           \
	RULE("a", "match = t\ntags = x\nmetric = m\nlabels = x")                         \
	RULE("b", "match = t.<x>\nmetric = m\nduplicate_of = a") RULE("c", "match = t\ndrop = yes")
#define FILE_SECTION(rest) "[windsock]\n" rest "\n"

static const struct {
	const char *text;
	const char *line;
	const char *expect;
} rows[] = {
	/* Which rule. */
	{ RULE("r", "match = a.b\nmetric = m"), "a.b:1|c", "r counter m{};" },
	{ RULE("r", "match = a.b\nmetric = m"), "a.bc:1|c", "- counter a_bc{} unmatched;" },
	{ RULE("r", "match = a.<x>\nmetric = m") RULE("s", "match = <x>.b\nmetric = n"),
	  "a.b:1|c", "r counter m{x=\"b\"};" },
	{ RULE("s", "match = <x>.b\nmetric = n") RULE("r", "match = a.<x>\nmetric = m"),
	  "a.b:1|c", "s counter n{x=\"a\"};" },
	{ RULE("r", "match = a.<x>\nmetric = m\ncontinue = yes")
	  RULE("s", "match = <x>.b\nmetric = n") RULE("t", "match = <x...>\nmetric = o"),
	  "a.b:1|c", "r counter m{x=\"b\"} continues;s counter n{x=\"a\"};" },
	{ RULE("r", "match = a.<x>\ndrop = yes"), "a.b:1|c", "r drop;" },
	{ RULE("r", "match = a.<x>\ndrop = yes\ncontinue = yes") RULE("s", "match = a.b\nmetric = m"),
	  "a.b:1|c", "r drop continues;s counter m{};" },
	{ RULE("r", "match = a\nmetric = m\ntype = c, ms") RULE("s", "match = a\nmetric = n"),
	  "a:1|ms", "r summary m{};" },
	{ RULE("r", "match = a\nmetric = m\ntype = c, ms") RULE("s", "match = a\nmetric = n"),
	  "a:1|g", "s gauge n{};" },
	/* Ids: the longest that is known, else the first segments. */
	{ TASK("known = dag_id"), "t.x.y:1|c", "r counter m{dag_id=\"x\",task_id=\"y\"};" },
	{ TASK("known = dag_id"), "t.x.y.z:1|c",
	  "r counter m{dag_id=\"x\",task_id=\"y.z\"};ambiguous;" },
	{ TASK("known = dag_id"), "t.a.b:1|c", "r counter m{dag_id=\"a\",task_id=\"b\"};" },
	{ TASK("known = dag_id"), "t.a.b.z:1|c",
	  "r counter m{dag_id=\"a.b\",task_id=\"z\"};divisible;" },
	{ TASK("known = dag_id"), "t.a.b.c:1|c",
	  "r counter m{dag_id=\"a.b\",task_id=\"c\"};divisible;" },
	{ TASK("known = dag_id"), "t.a.b.c.z:1|c",
	  "r counter m{dag_id=\"a.b.c\",task_id=\"z\"};divisible;" },
	{ TASK("known = dag_id"), "t.a.bb.c:1|c",
	  "r counter m{dag_id=\"a\",task_id=\"bb.c\"};ambiguous;" },
	{ TASK("known = task_id"), "t.x.a.b:1|c",
	  "r counter m{dag_id=\"x\",task_id=\"a.b\"};ambiguous;" },
	{ TASK(""), "t.a.b.c:1|c", "r counter m{dag_id=\"a\",task_id=\"b.c\"};" },
	{ FILE_SECTION("known = dag_id=x.y, dag_id = z") TASK("known = dag_id"), "t.x.y.z:1|c",
	  "r counter m{dag_id=\"x.y\",task_id=\"z\"};divisible;" },
	{ RULE("r", "match = t.<queue...>.<dag_id...>.<task_id...>\nmetric = m\nknown = dag_id"),
	  "t.q.r.a.b.z:1|c",
	  "r counter m{dag_id=\"a.b\",queue=\"q.r\",task_id=\"z\"};divisible;" },
	{ RULE("r", "match = d.<dag_id...>\nmetric = m\nlearn = dag_id"), "d.x.y:1|c",
	  "r counter m{dag_id=\"x.y\"};learns dag_id=x.y;" },
	{ RULE("r", "match = d\ntags = dag_id\nmetric = m\nlabels = dag_id\nlearn = dag_id"),
	  "d:1|c|#dag_id:x.y", "r counter m{dag_id=\"x.y\"};learns dag_id=x.y;" },
	{ RULE("r", "match = d.<dag_id...>\nmetric = m\nlearn = dag_id\ntype = c"), "d.x:1|g",
	  "- gauge d_x{} unmatched;" },
	/* Series of other rules, at zero; the tags come along. */
	{ DECLARED "initialize = f(state=ok), f(state=<x>.bad, x=z)\n", "s.a:3|c|#env:e",
	  "s counter n{env=\"e\",state=\"ok\",x=\"a\"} *0 continues initialized;"
	  "s counter n{env=\"e\",state=\"a.bad\",x=\"z\"} *0 continues initialized;"
	  "s counter m{env=\"e\",x=\"a\"};" },
	{ DECLARED "initialize = f\ntags = env\n", "s.a:3|c|#env:e",
	  "s counter n{x=\"a\"} *0 continues initialized;s counter m{x=\"a\"};" },
	{ RULE("f", "match = f.<x>\nmetric = n\nas = summary") RULE("s", "match = s.<x>\n"
	  "metric = m\ninitialize = f"), "s.a:3|c",
	  "s summary n{x=\"a\"} *0 continues initialized;s counter m{x=\"a\"};" },
	/* Duplicates: bits of rules that match the name, and of those that take the sample. */
	{ TWINS, "t:1|c|#x:1", "a counter m{x=\"1\"};fits 1, takes 1;" },
	{ TWINS, "t:1|c", "c drop;fits 1, takes 0;" },
	{ TWINS, "t.1:1|c", "b counter m{x=\"1\"} duplicate 1;" },
	{ TWINS, "u:1|c", "- counter u{} unmatched;" },
	/* Units. */
	{ RULE("r", "match = t\nmetric = m\nseconds = all"), "t:2|ms", "r summary m{} *1000;" },
	{ RULE("r", "match = t\nmetric = m\nseconds = all"), "t:2|g", "r gauge m{};" },
	{ RULE("r", "match = t\nmetric = m\nseconds = all\nscale = 2"), "t:2|ms",
	  "r summary m{} *2000;" },
	{ RULE("r", "match = t\nmetric = m\nseconds = - 2.99"), "t:2|ms", "r summary m{};" },
	{ RULE("r", "match = t\nmetric = m\nseconds = 3.2 -"), "t:2|ms", "r summary m{} *1000;" },
	{ FILE_SECTION("airflow_version = 2.9.1")
	  RULE("r", "match = t\nmetric = m\nseconds = 2.7.0 - 2.9.2"), "t:2|ms",
	  "r summary m{} *1000;" },
	{ FILE_SECTION("airflow_version = 2.10")
	  RULE("r", "match = t\nmetric = m\nseconds = 2.7.0 - 2.9.2"), "t:2|ms", "r summary m{};" },
	{ FILE_SECTION("dogstatsd_seconds = all") RULE("r", "match = t\nmetric = m"), "t:2|ms",
	  "r summary m{};" },
	{ FILE_SECTION("dogstatsd_seconds = all") RULE("r", "match = t\nmetric = m"),
	  "t:2|ms|#a:b", "r summary m{a=\"b\"} *1000;" },
	{ FILE_SECTION("dogstatsd_seconds = all") RULE("r", "match = t\nmetric = m"), "t:0.2|ms\n",
	  "r summary m{} *1000;" },
	{ FILE_SECTION("dogstatsd_seconds = all") RULE("r", "match = t\nmetric = m"), "t:2|ms\n",
	  "r summary m{};" },
	{ FILE_SECTION("dogstatsd_seconds = all")
	  RULE("r", "match = t\nmetric = m\ndogstatsd_seconds = none"), "t:2|ms|#a:b",
	  "r summary m{a=\"b\"};" },
	/* Labels in addition to the rule's, and tags that are not labels. */
	{ FILE_SECTION("add_labels = y=1, x=2") RULE("r", "match = t.<x>\nmetric = m"), "t.a:1|c",
	  "r counter m{x=\"a\",y=\"1\"};" },
	{ FILE_SECTION("prefix = p.<env>\nadd_labels = env")
	  RULE("r", "match = t\nmetric = m\nlabels ="), "p.e.t:1|c", "r counter m{env=\"e\"};" },
	{ FILE_SECTION("ignore_tags = run, job") RULE("r", "match = t\nmetric = m\n"
	  "ignore_tags = more"), "t:1|c|#run:1,more:2,env:e,job:3", "r counter m{env=\"e\"};" },
	{ FILE_SECTION("ignore_tags = run"), "t:1|c|#run:1,env:e", "- counter t{env=\"e\"} unmatched;" },
	/* Prefixes. */
	{ FILE_SECTION("prefix = p.q") RULE("r", "match = a\nmetric = m"), "p.q.a:1|c",
	  "r counter m{};" },
	{ FILE_SECTION("prefix = p.q") RULE("r", "match = a\nmetric = m"), "a:1|c",
	  "- counter a{} unmatched;" },
	{ FILE_SECTION("prefix = p") RULE("r", "match = a\nmetric = m\nprefix = o"), "o.a:1|c",
	  "r counter m{};" },
	{ FILE_SECTION("prefix = p") RULE("r", "match = a\nmetric = m\nprefix ="), "a:1|c",
	  "r counter m{};" },
	{ FILE_SECTION("prefix = p") RULE("r", "regex = a\nmetric = m"), "a:1|c",
	  "r counter m{};" },
	/* Unmatched. */
	{ FILE_SECTION("unmatched = drop"), "a:1|c", "" },
	{ FILE_SECTION("unmatched = keep"), "1a.b-c:1|g|#x:y,p-q:\"",
	  "- gauge _1a_b_c{p_q=\"\\\"\",x=\"y\"} unmatched;" },
	{ FILE_SECTION("as = histogram\nttl = 5s\nscale = 2"), "a:1|h",
	  "- histogram a{} *2 ttl 5 unmatched;" },
	{ "", "a:1|ms", "- summary a{} unmatched;" },
	/* Kinds. */
	{ RULE("r", "match = a\nmetric = m\nas = gauge"), "a:1|c", "r gauge m{};" },
	{ RULE("r", "match = a\nmetric = m\nas = counter"), "a:1|ms", "r counter m{};" },
	{ RULE("r", "match = a\nmetric = m\nas = counter"), "a:1|s", "r counter m{} impossible;" },
	{ FILE_SECTION("as = histogram") RULE("r", "match = a\nmetric = m"), "a:1|d",
	  "r histogram m{};" },
	{ FILE_SECTION("as = histogram") RULE("r", "match = a\nmetric = m"), "a:1|g",
	  "r gauge m{};" },
	{ FILE_SECTION("as = histogram") RULE("r", "match = a\nmetric = m\nas = summary"),
	  "a:1|d", "r summary m{};" },
	/* Bounds do not stop later rules. */
	{ RULE("r", "match = a\nmetric = m\nmin = 1\nmax = 2") RULE("s", "match = a\nmetric = n"),
	  "a:9|c", "r counter m{} 1..2;s counter n{};" },
	{ RULE("r", "match = a\ndrop = yes\nmax = -1"), "a:9|c", "r drop -inf..-1;" },
	/* Settings of the file and of the rule. */
	{ FILE_SECTION("scale = 3\nttl = 1m\nsigned = absolute")
	  RULE("r", "match = a\nmetric = m"), "a:1|g", "r gauge m{} *3 ttl 60 absolute;" },
	{ FILE_SECTION("scale = 3\nttl = 1m\nsigned = absolute")
	  RULE("r", "match = a\nmetric = m\nscale = 0.5\nttl = 0\nsigned = relative"), "a:1|g",
	  "r gauge m{} *0.5;" },
	{ FILE_SECTION("ttl = 1m\nttl_gauge = 2m\nttl_counter = 3m\nttl_summary = 4m\n"
	               "ttl_histogram = 5m") RULE("r", "match = a\nmetric = m"), "a:1|g",
	  "r gauge m{} ttl 120;" },
	{ FILE_SECTION("ttl_gauge = 2m\nttl_counter = 3m") RULE("r", "match = a\nmetric = m"),
	  "a:1|c", "r counter m{} ttl 180;" },
	{ FILE_SECTION("ttl_summary = 4m\nttl_histogram = 5m") RULE("r", "match = a\nmetric = m"),
	  "a:1|ms", "r summary m{} ttl 240;" },
	{ FILE_SECTION("ttl_summary = 4m\nttl_histogram = 5m\nas = histogram")
	  RULE("r", "match = a\nmetric = m"), "a:1|ms", "r histogram m{} ttl 300;" },
	/* Labels. */
	{ RULE("r", "match = <b>.<a>\nmetric = m"), "1.2:1|c", "r counter m{a=\"2\",b=\"1\"};" },
	{ RULE("r", "match = <b>.<a>\nmetric = m\nlabels = b"), "1.2:1|c",
	  "r counter m{b=\"1\"};" },
	{ RULE("r", "match = <b>.<a>\nmetric = m\nlabels ="), "1.2:1|c", "r counter m{};" },
	{ RULE("r", "match = <b>.<a>\nmetric = m\nlabels = z=<b>-<a>!,y=fix, b"), "1.2:1|c",
	  "r counter m{b=\"1\",y=\"fix\",z=\"1-2!\"};" },
	{ RULE("r", "match = <b>.<_>\nmetric = m"), "1.2:1|c", "r counter m{b=\"1\"};" },
	{ RULE("r", "match = x.<a>\nmetric = m"), "x.:1|c", "r counter m{};" },
	{ RULE("r", "match = x.<a>.<b>\nmetric = m"), "x..1:1|c", "r counter m{b=\"1\"};" },
	{ RULE("r", "match = <a>\nmetric = m"), "q\"\\:1|c", "r counter m{a=\"q\\\"\\\\\"};" },
	{ RULE("r", "regex = (?<a>[^.]+)\\.(?<b>.*)\nmetric = m"), "1.2.3:1|c",
	  "r counter m{a=\"1\",b=\"2.3\"};" },
	{ RULE("r", "regex = (?<a>x)?y\nmetric = m"), "y:1|c", "r counter m{};" },
	/* Names. */
	{ RULE("r", "match = <a>.<b>\nmetric = m_<a>_<b>\nlabels ="), "x-y.2:1|c",
	  "r counter m_x_y_2{};" },
	{ RULE("r", "match = <a>\nmetric = <a>\nlabels ="), "2x:1|c", "r counter _2x{};" },
	{ RULE("r", "match = x.<a>\nmetric = <a>1"), "x.:1|c", "r counter _1{};" },
	{ RULE("r", "match = x.<a>\nmetric = <a>"), "x.:1|c", "r counter {};" },
	/* Tags and dots. */
	{ RULE("r", "match = a.<x>\nmetric = m"), "a.b:1|c|#k:v,x:w",
	  "r counter m{k=\"v\",x=\"b\"};" },
	{ RULE("r", "match = a.<x>\nmetric = m\nhonor_tags = yes"), "a.b:1|c|#x:w",
	  "r counter m{x=\"w\"};" },
	{ RULE("r", "match = a.<x>\nmetric = m\nhonor_tags = yes"), "a.b:1|c",
	  "r counter m{x=\"b\"};" },
	{ RULE("r", "match = a.<x>\nmetric = m\nkeep_tags = no"), "a.b:1|c|#k:v",
	  "r counter m{x=\"b\"};" },
	{ RULE("r", "match = a\nmetric = m\ntags = k, n:1, !o\nlabels = z=<k>"),
	  "a,k=v,n=1,p=q:1|c", "r counter m{p=\"q\",z=\"v\"};" },
	{ RULE("r", "match = a\nmetric = m\ntags = k, n:1, !o\nlabels = z=<k>"),
	  "a,k=v,n=2:1|c", "- counter a{k=\"v\",n=\"2\"} unmatched;" },
	{ RULE("r", "match = a\nmetric = m\ntags = k, n:1, !o\nlabels = z=<k>"),
	  "a,n=1:1|c", "- counter a{n=\"1\"} unmatched;" },
	{ RULE("r", "match = a\nmetric = m\ntags = k, n:1, !o\nlabels = z=<k>"),
	  "a,k=v,n=1,o=1:1|c", "- counter a{k=\"v\",n=\"1\",o=\"1\"} unmatched;" },
	{ RULE("r", "match = <x>\nmetric = m\ntags = k\nlabels = x, z=<k>"), "a#k=v:1|c",
	  "r counter m{x=\"a\",z=\"v\"};" },
	{ RULE("r", "match = a\nmetric = m"), "a:1|c|#k:1,k:2", "r counter m{k=\"2\"};" },
	{ RULE("r", "match = a.b\nmetric = m"), "a.[k=v]b:1|c", "r counter m{k=\"v\"};" },
	{ RULE("r", "match = a\nmetric = m\nignore_tags = k"), "a:1|c|#k:1,j:2",
	  "r counter m{j=\"2\"};" },
	{ FILE_SECTION("ignore_tags = k"), "a:1|c|#k:1,j:2", "- counter a{j=\"2\"} unmatched;" },
	/* Rejected heads. */
	{ RULE("r", "match = a\nmetric = m"), "a,k=v:1|c|#x:y", "!mixed_tagging_styles" },
	{ RULE("r", "match = a\nmetric = m"), ",k=v:1|c", "!empty_metric_name" },
};

TEST(every_row)
{
	char got[TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const texts[] = { rows[i].text, NULL };
		struct ws_mapping *m = must_compile(texts, NULL);

		describe(m, rows[i].line, got, sizeof(got));
		assert_string_equal(got, rows[i].expect);
		ws_mapping_unref(m);
	}
}

/* --- mistakes --- */

#define OK_RULE(name) RULE(name, "match = " name "\nmetric = m_" name)

static const struct {
	const char *text;
	const char *expect;
} mistakes[] = {
	{ "x = 1\n", "a.ini:1: a key before the first section; begin with [windsock]\n" },
	{ "rubbish\n", "a.ini:1: expected [section] or key = value\n" },
	{ "[windsock]\nwhat = 1\n", "a.ini:2: unknown key 'what'\n" },
	{ "[windsock]\nmatch = 1\n", "a.ini:2: 'match' belongs in a rule\n" },
	{ OK_RULE("r") "unmatched = drop\n", "a.ini:4: 'unmatched' belongs in [windsock]\n" },
	{ OK_RULE("r") "ttl_gauge = 1m\n", "a.ini:4: 'ttl_gauge' belongs in [windsock]\n" },
	{ OK_RULE("r") "match = b\n", "a.ini:4: 'match' is given twice; remove one\n" },
	{ OK_RULE("r") "[windsock]\n", "a.ini:4: [windsock] must come before the first rule, once\n" },
	{ OK_RULE("r") OK_RULE("r"),
	  "a.ini:4: rule [r] is also in line 1; rename one of them\n" },
	{ OK_RULE("r r"), "a.ini:1: a rule's name is letters, digits, _ . and -\n" },
	/* Values. */
	{ "[windsock]\nprefix = a.\n", "a.ini:2: prefix: expected the prefix without its last dot\n" },
	{ "[windsock]\nunmatched = maybe\n", "a.ini:2: unmatched: expected keep or drop\n" },
	{ "[windsock]\nas = gauge\n",
	  "a.ini:2: as: expected summary or histogram, for timers\n" },
	{ OK_RULE("r") "as = set\n",
	  "a.ini:4: as: expected counter, gauge, summary or histogram\n" },
	{ "[windsock]\nscale = 0\n", "a.ini:2: scale: expected a finite number other than 0\n" },
	{ "[windsock]\nscale = inf\n", "a.ini:2: scale: expected a finite number other than 0\n" },
	{ "[windsock]\nttl = soon\n",
	  "a.ini:2: ttl: expected a duration such as 90s, 10m or 24h; 0 means forever\n" },
	{ "[windsock]\nttl_gauge = -1s\n",
	  "a.ini:2: ttl_gauge: expected a duration such as 90s, 10m or 24h; 0 means forever\n" },
	{ "[windsock]\nwindow = 0\n", "a.ini:2: window: expected a duration longer than 0\n" },
	{ "[windsock]\nbuckets = 1, 1\n",
	  "a.ini:2: buckets: expected ascending numbers without repetition\n" },
	{ "[windsock]\nbuckets = 1, x\n",
	  "a.ini:2: buckets: expected finite numbers separated by commas\n" },
	{ "[windsock]\nbuckets = 1, +Inf\n",
	  "a.ini:2: buckets: expected finite numbers separated by commas\n" },
	{ "[windsock]\nquantiles = 0.5, 1.5\n", "a.ini:2: quantiles: expected numbers from 0 to 1\n" },
	{ "[windsock]\nquantiles = 0,.1,.11,.12,.13,.14,.15,.16,.17,.18,.19,.2,.3,.4,.5,.6,.7\n",
	  "a.ini:2: quantiles: expected at most 16 numbers\n" },
	{ "[windsock]\nsigned = no\n", "a.ini:2: signed: expected relative or absolute\n" },
	{ "[windsock]\nhonor_tags = 1\n", "a.ini:2: honor_tags: expected yes or no\n" },
	{ OK_RULE("r") "drop = maybe\n", "a.ini:4: drop: expected yes or no\n" },
	{ OK_RULE("r") "min = nan\n", "a.ini:4: min: expected a number\n" },
	{ OK_RULE("r") "type = c,x\n",
	  "a.ini:4: type: expected StatsD types separated by commas: c, g, ms, h, d, s\n" },
	{ OK_RULE("r") "tags = a,,b\n",
	  "a.ini:4: tags: expected tags separated by commas: name, name:value or !name\n" },
	{ OK_RULE("r") "tags = a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n",
	  "a.ini:4: tags: expected at most 16 tags\n" },
	{ "[r]\nmatch = a\nmetric =\n", "a.ini:3: metric: expected a metric name\n" },
	/* Rules. */
	{ "\n[r]\nmetric = m\n", "a.ini:2: a rule needs either match = or regex =\n" },
	{ OK_RULE("r") "regex = r\n", "a.ini:1: a rule needs either match = or regex =\n" },
	{ "[r]\nmatch = a\n", "a.ini:1: a rule needs either metric = or drop = yes\n" },
	{ OK_RULE("r") "drop = yes\n",
	  "a.ini:1: a rule needs either metric = or drop = yes\n" },
	{ OK_RULE("r") "min = 2\nmax = 1\n",
	  "a.ini:1: min is greater than max: no value is within them\n" },
	{ "[r]\nmatch = a.<x\nmetric = m\n", "a.ini:1: a '<' without a name and a '>' after it\n" },
	{ "[r]\nregex = (\nmetric = m\n",
	  "a.ini:1: error in the regular expression at byte 2: missing closing parenthesis\n" },
	{ "[r]\nmatch = a\nmetric = 1m\n",
	  "a.ini:1: a metric name is letters, digits and _, not beginning with a digit\n" },
	{ "[r]\nmatch = a\nmetric = windsock_m\n",
	  "a.ini:1: windsock_*, process_*, scrape_* and up are reserved; use another name\n" },
	{ "[r]\nmatch = a\nmetric = <x>\n",
	  "a.ini:1: <x> is neither a capture of the rule nor one of its tags\n" },
	{ "[r]\nmatch = a.<x>\nmetric = <x\n", "a.ini:1: a '<' without its '>'\n" },
	{ "[r]\nmatch = a\nmetric = m\nlabels = x\n",
	  "a.ini:1: <x> is neither a capture of the rule nor one of its tags\n" },
	{ "[r]\nmatch = a\nmetric = m\nlabels = x=1, y=2, x=3\n",
	  "a.ini:1: label 'x' is given twice\n" },
	{ "[r]\nmatch = a\nmetric = m\nlabels = le=1\n",
	  "a.ini:1: 'le' cannot be a label: letters, digits and _, and not le, quantile or __*\n" },
	{ "[r]\nmatch = <quantile>\nmetric = m\n",
	  "a.ini:1: 'quantile' cannot be a label: letters, digits and _, and not le, quantile or "
	  "__*\n" },
	{ "[r]\nmatch = a\nmetric = m\nhelp = <x>\n",
	  "a.ini:1: <x> is neither a capture of the rule nor one of its tags\n" },
	/* Several rules. */
	{ RULE("r", "match = <x>.b\nmetric = m") RULE("s", "match = a.b\nmetric = n"),
	  "a.ini:4: rule [s] is never reached: everything it matches goes to rule [r] (a.ini:1)\n" },
	{ RULE("r", "regex = a+\nmetric = m") RULE("s", "regex = a+\nmetric = n"),
	  "a.ini:4: rule [s] is never reached: everything it matches goes to rule [r] (a.ini:1)\n" },
	{ RULE("r", "match = a\nmetric = m\nas = gauge") RULE("s", "match = b\nmetric = m\nas = counter"),
	  "a.ini:5: rule [s] gives its metric a different type than rule [r] (a.ini:1)\n" },
	{ RULE("r", "match = a\nmetric = m\nhelp = A.") RULE("s", "match = b\nmetric = m\nhelp = B."),
	  "a.ini:5: rule [s] gives its metric a different help text than rule [r] (a.ini:1)\n" },
	{ RULE("r", "match = a\nmetric = m") RULE("s", "match = b.<x>\nmetric = m"),
	  "a.ini:4: rule [s] gives its metric different labels than rule [r] (a.ini:1)\n" },
	{ RULE("r", "match = a\nmetric = m\ntype = s\nas = counter"),
	  "a.ini:1: rule [r]: type s cannot become a counter\n" },
	{ OK_RULE("r") "tags = !a:b\n",
	  "a.ini:4: tags: expected tags separated by commas: name, name:value or !name\n" },
	{ RULE("r", "match = a\nmetric = m") RULE("s", "match = b\nmetric = n\nas = gauge")
	  RULE("t", "match = a\nmetric = n\nas = counter"),
	  "a.ini:8: rule [t] is never reached: everything it matches goes to rule [r] (a.ini:1)\n"
	  "a.ini:8: rule [t] gives its metric a different type than rule [s] (a.ini:4)\n" },
	{ OK_RULE("r") "duplicate_of = nope\n",
	  "a.ini:1: rule [r]: [nope] in duplicate_of is not a rule of this file\n" },
	{ OK_RULE("r") "initialize = nope\n",
	  "a.ini:1: rule [r]: [nope] in initialize is not a rule of this file\n" },
	{ RULE("g", "match = g\nmetric = g\nas = gauge") OK_RULE("r") "initialize = g\n",
	  "a.ini:5: rule [r]: [g] cannot be initialized: only rules with as = counter, summary or "
	  "histogram start at zero\n" },
	{ OK_RULE("r") "learn = x\n",
	  "a.ini:1: learn: expected one of the rule's captures or tags\n" },
	{ "[r]\nmatch = a.<x>\nmetric = m\nknown = x\n",
	  "a.ini:1: known: expected one of the captures <x...> of match\n" },
	{ OK_RULE("r") "ignore_tags = a-b\n",
	  "a.ini:4: ignore_tags: expected names of tags separated by commas\n" },
	/* Everything at once. */
	{ "[windsock]\nscale = 0\nttl = x\n[r]\nmatch = <\nmetric = m\n",
	  "a.ini:2: scale: expected a finite number other than 0\n"
	  "a.ini:3: ttl: expected a duration such as 90s, 10m or 24h; 0 means forever\n"
	  "a.ini:4: a '<' without a name and a '>' after it\n" },
	/* Text that would make a page no scraper takes. */
	{ "[r]\nmatch = a.<x>\nmetric = m-<x>\n",
	  "a.ini:1: a metric name is letters, digits and _, not beginning with a digit\n" },
	{ "[r]\nmatch = a.<x>\nmetric = 1<x>\n",
	  "a.ini:1: a metric name is letters, digits and _, not beginning with a digit\n" },
	{ "[r]\nmatch = a\nmetric = m\nhelp = \xe4\n", "a.ini:4: the value is not UTF-8\n" },
};

TEST(every_mistake)
{
	char got[TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const char *const texts[] = { mistakes[i].text, NULL };
		struct ws_buf diags = WS_BUF_INIT;

		if (compile(texts, NULL, &diags) != NULL)
			fail_msg("taken: %s", mistakes[i].text);
		snprintf(got, sizeof(got), "%.*s", WS_SPAN_ARG(ws_buf_text(&diags)));
		assert_string_equal(got, mistakes[i].expect);
		ws_buf_fini(&diags);
	}
}

/* Rules that look alike and are both of use. */
TEST(not_shadowed)
{
	static const char *const fine[] = {
		RULE("r", "match = <x>.b\nmetric = m\ncontinue = yes") RULE("s", "match = a.b\nmetric = n"),
		RULE("r", "match = <x>.b\nmetric = m\nmin = 0") RULE("s", "match = a.b\nmetric = n"),
		RULE("r", "match = <x>.b\nmetric = m\ntype = c") RULE("s", "match = a.b\nmetric = n"),
		RULE("r", "match = <x>.b\nmetric = m\ntags = t") RULE("s", "match = a.b\nmetric = n"),
		RULE("r", "match = a.b\nmetric = m\ntags = t")
		RULE("s", "match = a.b\nmetric = n\ntags = !t"),
		RULE("r", "match = a.b\nmetric = m\ntags = t:1")
		RULE("s", "match = a.b\nmetric = n\ntags = t:2"),
	};
	size_t i;

	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		const char *const texts[] = { fine[i], NULL };

		ws_mapping_unref(must_compile(texts, NULL));
	}
}

/* --- several files --- */

TEST(each_file_sees_every_sample)
{
	const char *const texts[] = {
		RULE("r", "match = a.<x>\nmetric = m") RULE("s", "match = <x...>\nmetric = n"),
		RULE("r", "match = <x>.b\ndrop = yes") RULE("t", "match = c\nmetric = o"),
		NULL,
	};
	struct ws_mapping *m = must_compile(texts, NULL);
	struct ws_resolution *r = ws_resolution_new(m, NULL);
	struct ws_sample s = sample("a.b:1|c");
	char got[TEXT_MAX];

	describe(m, "a.b:1|c", got, sizeof(got));
	assert_string_equal(got, "r counter m{x=\"b\"};b.ini/r drop;");
	describe(m, "q:1|c", got, sizeof(got));
	assert_string_equal(got, "s counter n{x=\"q\"};");
	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	assert_int_equal(r->actions[0].file, 0);
	assert_int_equal(r->actions[1].file, 1);
	ws_resolution_free(r);
	ws_mapping_unref(m);
}

TEST(last_file_decides_on_unmatched)
{
	const char *const drop[] = { FILE_SECTION("unmatched = keep"),
		                     FILE_SECTION("unmatched = drop"), FILE_SECTION(""), NULL };
	const char *const keep[] = { FILE_SECTION("unmatched = drop"),
		                     FILE_SECTION("unmatched = keep"), NULL };
	struct ws_mapping *m = must_compile(drop, NULL);
	char got[TEXT_MAX];

	describe(m, "a:1|c", got, sizeof(got));
	assert_string_equal(got, "");
	ws_mapping_unref(m);
	m = must_compile(keep, NULL);
	describe(m, "a:1|c", got, sizeof(got));
	assert_string_equal(got, "- counter a{} unmatched;");
	ws_mapping_unref(m);
}

TEST(files_must_agree_on_a_family)
{
	const char *const texts[] = { "\n" RULE("r", "match = a\nmetric = m\nas = gauge"),
		                      RULE("s", "match = b\nmetric = m\nas = counter"), NULL };
	struct ws_buf diags = WS_BUF_INIT;

	assert_null(compile(texts, NULL, &diags));
	assert_true(ws_span_is(ws_buf_text(&diags),
	            "b.ini:1: rule [s] gives its metric a different type than rule [r] (a.ini:2)\n"));
	ws_buf_fini(&diags);
}

TEST(prefix_option_wins_over_the_files)
{
	const char *const texts[] = {
		FILE_SECTION("prefix = p") RULE("r", "match = a\nmetric = m")
		RULE("s", "match = a\nmetric = n\nprefix = own"), NULL };
	struct ws_mapping *m = must_compile(texts, "o.o");
	char got[TEXT_MAX];

	describe(m, "o.o.a:1|c", got, sizeof(got));
	assert_string_equal(got, "r counter m{};");
	describe(m, "own.a:1|c", got, sizeof(got));
	assert_string_equal(got, "s counter n{};");
	ws_mapping_unref(m);
	m = must_compile(texts, "");
	describe(m, "a:1|c", got, sizeof(got));
	assert_string_equal(got, "r counter m{};");
	ws_mapping_unref(m);
}

/* --- the rest of the contract --- */

TEST(options_and_help)
{
	const char *const texts[] = {
		FILE_SECTION("buckets = 1, 2.5\nwindow = 1m")
		RULE("r", "match = a.<x>\nmetric = m\nas = histogram\nhelp = About <x>.")
		RULE("s", "match = b\nmetric = n\nquantiles = 0, 0.25, 1\nwindow = 2m"), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);
	struct ws_resolution *r = ws_resolution_new(m, NULL);
	struct ws_sample s = sample("a.b:1|ms");
	const struct ws_target *t = &r->targets[0];

	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	assert_true(ws_span_is(t->help, "About b."));
	assert_int_equal(t->options.nbuckets, 2);
	assert_true(t->options.buckets[0] == 1 && t->options.buckets[1] == 2.5);
	assert_int_equal(t->options.window_ns, 60 * INT64_C(1000000000));
	s = sample("b:1|ms");
	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	assert_int_equal(t->help.len, 0);
	assert_int_equal(t->options.nquantiles, 3);
	assert_true(t->options.quantiles[1] == 0.25);
	assert_int_equal(t->options.window_ns, 120 * INT64_C(1000000000));
	ws_resolution_free(r);
	ws_mapping_unref(m);
}

TEST(reserved_tags_are_counted)
{
	const char *const texts[] = { RULE("r", "match = a\nmetric = m"), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);
	struct ws_resolution *r = ws_resolution_new(m, NULL);
	struct ws_sample s = sample("a:1|c|#le:1,quantile:2,__x:3,--x:4,ok:5,bad");

	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	/* A run of dashes is one underscore. */
	assert_int_equal(r->reserved_tags, 3);
	assert_int_equal(r->head.bad_tags, 1);
	assert_true(ws_span_is(r->targets[0].labels, "_x=\"4\",ok=\"5\""));
	s = sample("a:1|c");
	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	assert_int_equal(r->reserved_tags, 0);
	ws_resolution_free(r);
	ws_mapping_unref(m);
}

TEST(exploding_regex_is_given_up)
{
	const char *const texts[] = { RULE("r", "regex = (a+)+b\nmetric = m")
		                      RULE("s", "match = <x...>\nmetric = n\nlabels ="), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);
	struct ws_resolution *r = ws_resolution_new(m, NULL);
	struct ws_sample s = sample("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc:1|c");

	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	assert_int_equal(r->regex_gave_up, 1);
	assert_int_equal(r->nactions, 1);
	assert_true(ws_span_is(r->targets[0].family, "n"));
	ws_resolution_free(r);
	ws_mapping_unref(m);
}

/* Whatever a regular expression takes apart, labels stay UTF-8. */
TEST(regex_does_not_cut_characters)
{
	const char *const texts[] = { RULE("r", "regex = (?<a>.)(?<b>.*)\nmetric = m"), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);
	char got[TEXT_MAX];

	describe(m, "\xc3\xa4z:1|c", got, sizeof(got));
	assert_string_equal(got, "r counter m{a=\"\xc3\xa4\",b=\"z\"};");
	ws_mapping_unref(m);
}

TEST(rules_as_written)
{
	const char *const texts[] = {
		FILE_SECTION("prefix = p")
		RULE("r", "match = a.<x>.<y>\nmetric = m_<x>\nas = gauge\ncontinue = yes")
		RULE("s", "regex = (?<k>.)\nmetric = n\nlabels = k, z = <k>")
		RULE("t", "match = c\ndrop = yes"),
		NULL,
	};
	struct ws_mapping *m = must_compile(texts, NULL);
	struct ws_rule_info r;

	assert_int_equal(ws_mapping_rules(m), 3);
	r = ws_mapping_rule(m, 0);
	assert_true(ws_span_is(r.name, "r") && ws_span_is(r.match, "p.a.<x>.<y>"));
	assert_true(ws_span_is(r.metric, "m_<x>") && ws_span_is(r.labels, "x, y"));
	assert_string_equal(r.kind, "gauge");
	assert_string_equal(r.file, "a.ini");
	assert_int_equal(r.line, 3);
	assert_true(r.continues && !r.is_regex);
	r = ws_mapping_rule(m, 1);
	assert_true(ws_span_is(r.match, "(?<k>.)") && ws_span_is(r.labels, "k, z = <k>"));
	assert_string_equal(r.kind, "auto");
	assert_true(!r.continues && r.is_regex);
	r = ws_mapping_rule(m, 2);
	assert_string_equal(r.kind, "drop");
	assert_int_equal(r.metric.len, 0);
	/* A template may make any family that starts and ends like it. */
	assert_true(ws_mapping_makes(m, ws_span_str("m_anything")));
	assert_false(ws_mapping_makes(m, ws_span_str("anything")));
	ws_mapping_unref(m);
}

TEST(makes_by_name)
{
	const char *const texts[] = { RULE("r", "match = a\nmetric = m")
		                      RULE("s", "match = b\ndrop = yes"), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);

	assert_true(ws_mapping_makes(m, ws_span_str("m")));
	assert_false(ws_mapping_makes(m, ws_span_str("mm")));
	assert_false(ws_mapping_makes(m, ws_span_str("b")));
	ws_mapping_unref(m);
}

TEST(captures_explain)
{
	const char *const texts[] = {
		RULE("r", "match = a.<x>.<y...>\nmetric = m\ntype = ms\ntags = k, !o, j"), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);
	struct ws_resolution *r = ws_resolution_new(m, NULL);
	struct ws_sample s = sample("a.1.2.3:1|ms|#j:J,k:K");
	struct ws_capture c[8];

	assert_int_equal(ws_resolve(m, &s, r), WS_OK);
	assert_int_equal(ws_resolution_captures(m, r, 0, c, 8), 4);
	assert_true(ws_span_is(c[0].name, "x") && ws_span_is(c[0].value, "1"));
	assert_true(ws_span_is(c[1].name, "y") && ws_span_is(c[1].value, "2.3"));
	assert_true(ws_span_is(c[2].name, "k") && ws_span_is(c[2].value, "K"));
	assert_true(ws_span_is(c[3].name, "j") && ws_span_is(c[3].value, "J"));
	assert_int_equal(ws_resolution_captures(m, r, 0, c, 1), 1);
	ws_resolution_free(r);
	ws_mapping_unref(m);
}

TEST(references)
{
	const char *const texts[] = { RULE("r", "match = a\nmetric = m"), NULL };
	struct ws_mapping *m = must_compile(texts, NULL);

	assert_ptr_equal(ws_mapping_ref(m), m);
	ws_mapping_unref(m);
	assert_int_equal(ws_mapping_rules(m), 1);
	ws_mapping_unref(m);
	ws_mapping_unref(NULL);
	ws_resolution_free(NULL);
}

/* Earlier text in diags is kept and does not count as an error. */
TEST(diags_are_added)
{
	const char *const good[] = { RULE("r", "match = a\nmetric = m"), NULL };
	const char *const bad[] = { "x\n", NULL };
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_mapping *m;

	ws_buf_str(&diags, "before\n");
	m = compile(good, NULL, &diags);
	assert_non_null(m);
	ws_mapping_unref(m);
	assert_null(compile(bad, NULL, &diags));
	assert_true(ws_span_is(ws_buf_text(&diags),
	                       "before\na.ini:1: expected [section] or key = value\n"));
	ws_buf_fini(&diags);
}
