/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/conf.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <windsock/name.h>
#include <windsock/num.h>
#include <windsock/version.h>

enum kind {
	KIND_SWITCH,
	KIND_NUMBER,
	KIND_SECONDS,
	KIND_TEXT,
	KIND_VERSION,
	KIND_LABEL,
	KIND_PATH,
	KIND_LIST,
	KIND_LEVEL,
	KIND_FORMAT,
	NKINDS
};

struct setting {
	const char *flag; /* without the dashes */
	enum kind kind;
	size_t at;            /* offset of its field in struct conf */
	uint64_t least, most; /* for numbers */
	const char *standard; /* the default, as text; NULL: unset */
	const char *help;
};

#define AT(field) offsetof(struct conf, field)
#define NO_LIMIT UINT32_MAX

static const struct setting settings[] = {
	{ "airflow.version", KIND_VERSION, AT(airflow_version), 0, 0, NULL,
	  "Version of the Airflow that sends; some units differ between versions." },
	{ "statsd.listen-udp", KIND_LIST, AT(listen_udp), 0, 0, "localhost:8125",
	  "Address to receive StatsD on: host:port, :port, [v6]:port." },
	{ "statsd.workers", KIND_NUMBER, AT(workers), 1, 64, "1",
	  "Number of receiving threads, each with its own sockets. All packets of one sender "
	  "go to one thread, so more than one helps only with many senders." },
	{ "statsd.read-buffer", KIND_NUMBER, AT(read_buffer), 4096, INT_MAX / 2, "8388608",
	  "Receive buffer to request for each socket, in bytes." },
	{ "statsd.mapping-config", KIND_LIST, AT(mappings), 0, 0, CONF_BUILTIN,
	  "Mapping file; SIGHUP reloads it. " CONF_BUILTIN " is built in." },
	{ "statsd.prefix", KIND_TEXT, AT(prefix), 0, 0, NULL,
	  "Prefix of all names (Airflow's statsd_prefix); overrides the mapping files." },
	{ "statsd.sender-label", KIND_LABEL, AT(sender_label), 0, 0, NULL,
	  "Adds a label with the sender's address to every series, for example to keep the "
	  "gauges of several schedulers apart." },
	{ "statsd.cache-size", KIND_NUMBER, AT(cache_size), 1, 100000000, "200000",
	  "Cache size: names per worker, up to twice that under churn." },
	{ "web.listen-address", KIND_LIST, AT(listen_http), 0, 0, ":9092",
	  "Address to listen on for HTTP." },
	{ "web.telemetry-path", KIND_PATH, AT(telemetry_path), 0, 0, "/metrics",
	  "Path under which to expose metrics." },
	{ "web.enable-lifecycle", KIND_SWITCH, AT(enable_lifecycle), 0, 0, "false",
	  "Allow reloads with POST or PUT to /-/reload." },
	{ "web.max-connections", KIND_NUMBER, AT(max_connections), 1, 10000, "64",
	  "Maximum number of simultaneous HTTP connections." },
	{ "web.timeout", KIND_SECONDS, AT(web_timeout), 0, 0, "10s",
	  "Maximum duration of an HTTP request and its response." },
	{ "limits.series", KIND_NUMBER, AT(limit_series), 0, NO_LIMIT, "1000000",
	  "Maximum number of series; 0 means no limit." },
	{ "limits.series-per-family", KIND_NUMBER, AT(limit_series_per_family), 0, NO_LIMIT,
	  "100000", "Maximum number of series per metric; 0 means no limit." },
	{ "limits.families", KIND_NUMBER, AT(limit_families), 0, NO_LIMIT, "10000",
	  "Maximum number of metrics; 0 means no limit." },
	{ "limits.unmatched-families", KIND_NUMBER, AT(limit_unmatched_families), 0, NO_LIMIT,
	  "1000", "Maximum number of metrics created from names that no rule matches; 0 means no limit." },
	{ "log.level", KIND_LEVEL, AT(log_level), 0, 0, "info",
	  "Minimum log level: debug, info, warn or error." },
	{ "log.format", KIND_FORMAT, AT(log_format), 0, 0, "logfmt",
	  "Log format: logfmt or json." },
	{ "check-config", KIND_SWITCH, AT(check_config), 0, 0, "false",
	  "Check settings, addresses and mapping files, print the rules, and exit." },
	{ "version", KIND_SWITCH, AT(version), 0, 0, "false", "Print the version and exit." },
	{ "help", KIND_SWITCH, AT(help), 0, 0, "false", "Print this and exit." },
};

#define NSETTINGS (sizeof(settings) / sizeof(settings[0]))
#define ENV_MAX 64

/* Where a value comes from, for messages; `first`: it replaces the list so far. */
struct origin {
	const char *name; /* "--log.level" or "WINDSOCK_LOG_LEVEL" */
	bool first;
	bool is_default;
	struct ws_buf *why;
};

__attribute__((format(printf, 3, 4)))
static bool reject(const struct origin *from, struct ws_span value, const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ws_buf_printf(from->why, "%s=%.*s: %s\n", from->name, WS_SPAN_ARG(value), what);
	return false;
}

static bool lack_memory(const struct origin *from)
{
	ws_buf_printf(from->why, "%s: out of memory\n", from->name);
	return false;
}

static bool parse_switch(const struct setting *s, void *field, struct ws_span value,
                         const struct origin *from)
{
	bool *out = field;

	(void)s;
	if (ws_span_is(value, "true") || ws_span_is(value, "1"))
		*out = true;
	else if (ws_span_is(value, "false") || ws_span_is(value, "0"))
		*out = false;
	else
		return reject(from, value, "expected true or false");
	return true;
}

static bool parse_number(const struct setting *s, void *field, struct ws_span value,
                         const struct origin *from)
{
	uint64_t n;

	if (!ws_num_parse_u64(value, UINT64_MAX, &n) || n < s->least || n > s->most)
		return reject(from, value, "expected a whole number from %llu to %llu",
		              (unsigned long long)s->least, (unsigned long long)s->most);
	*(uint64_t *)field = n;
	return true;
}

static bool parse_seconds(const struct setting *s, void *field, struct ws_span value,
                          const struct origin *from)
{
	double seconds;

	(void)s;
	if (!ws_num_parse_duration(value, &seconds) || seconds < 0.1 || seconds > 3600)
		return reject(from, value, "expected a duration from 100ms to 1h, for example 10s");
	*(double *)field = seconds;
	return true;
}

static bool parse_text(const struct setting *s, void *field, struct ws_span value,
                       const struct origin *from)
{
	char **out = field;
	char *copy = strndup(value.ptr, value.len);

	(void)s;
	if (copy == NULL)
		return lack_memory(from);
	free(*out);
	*out = copy;
	return true;
}

static bool is_path_char(char c)
{
	return c > ' ' && c < 127 && strchr("?#%\"<>\\", c) == NULL;
}

static bool parse_version(const struct setting *s, void *field, struct ws_span value,
                          const struct origin *from)
{
	if (!parse_text(s, field, value, from))
		return false;
	return ws_version_is_valid(value) ||
	       reject(from, value, "expected a version such as 2.9 or 3.1.5");
}

static bool parse_label(const struct setting *s, void *field, struct ws_span value,
                        const struct origin *from)
{
	if (!parse_text(s, field, value, from))
		return false;
	return (ws_name_is_label(value) && !ws_name_is_reserved_label(value)) ||
	       reject(from, value, "expected a label name such as instance_ip");
}

static bool parse_path(const struct setting *s, void *field, struct ws_span value,
                       const struct origin *from)
{
	size_t i;

	if (value.len < 2 || value.ptr[0] != '/' || ws_span_starts(value, ws_span_str("/-/")))
		return reject(from, value,
			      "expected a path such as /metrics; / and /-/… are reserved");
	for (i = 0; i < value.len; i++) {
		if (!is_path_char(value.ptr[i]))
			return reject(from, value,
				      "a path may contain only letters, digits and -._~/");
	}
	return parse_text(s, field, value, from);
}

static void list_clear(struct conf_list *list)
{
	while (list->n > 0)
		free(list->items[--list->n]);
	free(list->items);
	*list = (struct conf_list){ 0 };
}

static bool list_add(struct conf_list *list, struct ws_span text)
{
	char **items = realloc(list->items, (list->n + 1) * sizeof(*items));

	if (items == NULL)
		return false;
	list->items = items;
	items[list->n] = strndup(text.ptr, text.len);
	if (items[list->n] == NULL)
		return false;
	list->n++;
	return true;
}

static bool parse_list(const struct setting *s, void *field, struct ws_span value,
                       const struct origin *from)
{
	struct conf_list *list = field;

	(void)s;
	if (from->first)
		list_clear(list);
	if (value.len == 0)
		return reject(from, value, "is empty");
	list->given = !from->is_default;
	return list_add(list, value) || lack_memory(from);
}

static bool parse_level(const struct setting *s, void *field, struct ws_span value,
                        const struct origin *from)
{
	(void)s;
	return log_level_parse(value, field) ||
	       reject(from, value, "expected debug, info, warn or error");
}

static bool parse_format(const struct setting *s, void *field, struct ws_span value,
                         const struct origin *from)
{
	(void)s;
	return log_format_parse(value, field) || reject(from, value, "expected logfmt or json");
}

static const struct {
	bool (*parse)(const struct setting *s, void *field, struct ws_span value,
	              const struct origin *from);
	const char *placeholder;
} kinds[NKINDS] = {
	[KIND_SWITCH] = { parse_switch, "" },
	[KIND_NUMBER] = { parse_number, "=N" },
	[KIND_SECONDS] = { parse_seconds, "=TIME" },
	[KIND_TEXT] = { parse_text, "=TEXT" },
	[KIND_VERSION] = { parse_version, "=VERSION" },
	[KIND_LABEL] = { parse_label, "=LABEL" },
	[KIND_PATH] = { parse_path, "=PATH" },
	[KIND_LIST] = { parse_list, "=TEXT" },
	[KIND_LEVEL] = { parse_level, "=LEVEL" },
	[KIND_FORMAT] = { parse_format, "=FORMAT" },
};

static bool setting_set(const struct setting *s, struct conf *conf, struct ws_span value,
                        const struct origin *from)
{
	return kinds[s->kind].parse(s, (char *)conf + s->at, value, from);
}

/* statsd.listen-udp becomes WINDSOCK_STATSD_LISTEN_UDP. */
static void env_name(char out[ENV_MAX], const char *flag)
{
	size_t n = (size_t)snprintf(out, ENV_MAX, "WINDSOCK_%s", flag), i;

	for (i = 0; i < n; i++) {
		if (out[i] == '.' || out[i] == '-')
			out[i] = '_';
		else if (out[i] >= 'a' && out[i] <= 'z')
			out[i] = (char)(out[i] - 'a' + 'A');
	}
}

static bool set_defaults(struct conf *conf, struct ws_buf *why)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < NSETTINGS; i++) {
		struct origin from = {
			.name = settings[i].flag, .first = true, .is_default = true, .why = why
		};

		if (settings[i].standard != NULL &&
		    !setting_set(&settings[i], conf, ws_span_str(settings[i].standard),
				 &from))
			ok = false;
	}
	return ok;
}

/* Not --version and --help: they are for a single run, and images set WINDSOCK_VERSION. */
static bool has_env(const struct setting *s)
{
	return s->at != AT(version) && s->at != AT(help);
}

/* Sets each item of a list separated by commas or blanks. */
static bool set_pieces(const struct setting *s, struct conf *conf, struct ws_span text,
                       struct origin *from)
{
	bool ok = true;

	while (text.len > 0) {
		size_t n = 0;

		while (n < text.len && strchr(", \t\n", text.ptr[n]) == NULL)
			n++;
		if (n > 0) {
			if (!setting_set(s, conf, ws_span(text.ptr, n), from))
				ok = false;
			from->first = false;
			text = ws_span(text.ptr + n, text.len - n);
		} else {
			text = ws_span(text.ptr + 1, text.len - 1);
		}
	}
	return ok;
}

/*
 * An empty variable counts as not set.  Unknown WINDSOCK_* variables are not an error: if
 * there is a service called windsock, Kubernetes sets WINDSOCK_SERVICE_HOST and more in every
 * container.
 */
static bool set_from_env(struct conf *conf, char *(*env)(const char *), struct ws_buf *why)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < NSETTINGS; i++) {
		char name[ENV_MAX];
		struct origin from = { .name = name, .first = true, .why = why };
		const struct setting *s = &settings[i];
		const char *text;
		bool set;

		env_name(name, s->flag);
		text = has_env(s) ? env(name) : NULL;
		if (text == NULL || text[0] == '\0')
			continue;
		if (s->kind == KIND_LIST)
			set = set_pieces(s, conf, ws_span_str(text), &from);
		else
			set = setting_set(s, conf, ws_span_trim(ws_span_str(text)), &from);
		ok = ok && set;
	}
	return ok;
}

static const struct setting *setting_find(struct ws_span flag)
{
	size_t i;

	for (i = 0; i < NSETTINGS; i++) {
		if (ws_span_is(flag, settings[i].flag))
			return &settings[i];
	}
	return NULL;
}

/* The length of the common prefix, good enough to suggest a flag. */
static size_t likeness(struct ws_span a, const char *b)
{
	size_t n = 0;

	while (n < a.len && b[n] != '\0' && a.ptr[n] == b[n])
		n++;
	return n;
}

static bool reject_unknown(struct ws_span flag, struct ws_buf *why)
{
	const char *near = NULL;
	size_t best = 3, i;

	for (i = 0; i < NSETTINGS; i++) {
		size_t n = likeness(flag, settings[i].flag);

		if (n > best) {
			best = n;
			near = settings[i].flag;
		}
	}
	ws_buf_printf(why, "--%.*s: unknown flag; ", WS_SPAN_ARG(flag));
	if (near != NULL)
		ws_buf_printf(why, "did you mean --%s? ", near);
	ws_buf_str(why, "windsock --help lists all flags\n");
	return false;
}

struct cursor {
	char *const *args;
	int n, i;
	bool seen[NSETTINGS];
	struct ws_buf *why;
};

static bool flag_value(struct cursor *c, const char *name, const char *equals,
                       struct ws_span *value)
{
	if (equals != NULL) {
		*value = ws_span_str(equals + 1);
		return true;
	}
	if (c->i + 1 < c->n) {
		*value = ws_span_str(c->args[++c->i]);
		return true;
	}
	ws_buf_printf(c->why, "%s: needs a value, such as %s=…\n", name, name);
	return false;
}

/* --name=value, --name value, --switch, --no-switch. */
static bool set_flag(struct conf *conf, struct cursor *c)
{
	const char *text = c->args[c->i] + 2, *equals = strchr(text, '=');
	struct ws_span flag =
		equals == NULL ? ws_span_str(text) : ws_span_between(text, equals);
	const struct setting *s = setting_find(flag);
	struct ws_span value = ws_span_str("true");
	char name[ENV_MAX];
	struct origin from = { .name = name, .why = c->why };

	if (s == NULL && equals == NULL && ws_span_starts(flag, ws_span_str("no-"))) {
		s = setting_find(ws_span(flag.ptr + 3, flag.len - 3));
		if (s != NULL && s->kind == KIND_SWITCH)
			value = ws_span_str("false");
		else
			s = NULL;
	}
	if (s == NULL)
		return reject_unknown(flag, c->why);
	snprintf(name, sizeof(name), "--%s", s->flag);
	if ((s->kind != KIND_SWITCH || equals != NULL) &&
	    !flag_value(c, name, equals, &value))
		return false;
	from.first = !c->seen[s - settings];
	c->seen[s - settings] = true;
	return setting_set(s, conf, value, &from);
}

static bool keep_rest(struct conf *conf, const char *arg, struct ws_buf *why)
{
	if (list_add(&conf->rest, ws_span_str(arg)))
		return true;
	ws_buf_str(why, "out of memory\n");
	return false;
}

static bool set_from_args(struct conf *conf, int n, char *const *args, struct ws_buf *why)
{
	struct cursor c = { .args = args, .n = n, .why = why };
	bool ok = true, only_rest = false;

	for (c.i = 0; c.i < n; c.i++) {
		const char *arg = args[c.i];
		bool good;

		if (!only_rest && strcmp(arg, "--") == 0) {
			only_rest = true;
			continue;
		}
		if (only_rest || arg[0] != '-' || arg[1] == '\0') {
			good = keep_rest(conf, arg, why);
		} else if (arg[1] == '-') {
			good = set_flag(conf, &c);
		} else if (strcmp(arg, "-h") == 0) {
			good = conf->help = true;
		} else {
			ws_buf_printf(why, "%s: flags begin with two dashes; windsock --help "
			                   "lists all flags\n", arg);
			good = false;
		}
		ok = ok && good;
	}
	return ok;
}

bool conf_parse(struct conf *conf, int n, char *const *args, char *(*env)(const char *name),
                struct ws_buf *why)
{
	bool defaults, from_env, from_args;

	*conf = (struct conf){ 0 };
	defaults = set_defaults(conf, why);
	from_env = set_from_env(conf, env, why);
	from_args = set_from_args(conf, n, args, why);
	return defaults && from_env && from_args;
}

void conf_fini(struct conf *conf)
{
	list_clear(&conf->listen_udp);
	list_clear(&conf->mappings);
	list_clear(&conf->listen_http);
	list_clear(&conf->rest);
	free(conf->prefix);
	free(conf->airflow_version);
	free(conf->sender_label);
	free(conf->telemetry_path);
	*conf = (struct conf){ 0 };
}

#define HELP_WIDTH 88
#define HELP_INDENT 6

/* A paragraph, wrapped at blanks. */
static void help_wrap(struct ws_buf *out, const char *text)
{
	struct ws_span rest = ws_span_str(text), word;
	size_t column = 0;

	while (ws_span_cut(&rest, ' ', &word)) {
		if (column > 0 && column + 1 + word.len > HELP_WIDTH) {
			ws_buf_char(out, '\n');
			column = 0;
		}
		if (column == 0) {
			ws_buf_printf(out, "%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		} else {
			ws_buf_char(out, ' ');
			column++;
		}
		ws_buf_span(out, word);
		column += word.len;
	}
	ws_buf_char(out, '\n');
}

static void help_setting(struct ws_buf *out, const struct setting *s)
{
	char env[ENV_MAX];

	env_name(env, s->flag);
	if (s->kind == KIND_SWITCH) {
		ws_buf_printf(out, "  --[no-]%s\n", s->flag);
	} else if (s->kind == KIND_LIST) {
		ws_buf_printf(out, "  --%s=%s …\n", s->flag, s->standard);
	} else {
		ws_buf_printf(out, "  --%s=%s\n", s->flag,
		              s->standard != NULL ? s->standard
		                                  : kinds[s->kind].placeholder + 1);
	}
	help_wrap(out, s->help);
	if (!has_env(s))
		return;
	ws_buf_printf(out, "%*s%s%s\n", HELP_INDENT, "", env,
		      s->kind == KIND_LIST ? " (repeat the flag, or list them with commas)"
					   : "");
}

/* The part of a flag before its dot; empty if it has none. */
static struct ws_span help_group(const char *flag)
{
	const char *dot = strchr(flag, '.');

	return dot == NULL ? ws_span(NULL, 0) : ws_span_between(flag, dot);
}

static void help_heading(struct ws_buf *out, struct ws_span group)
{
	static const struct {
		const char *group, *heading;
	} headings[] = {
		{ "airflow", "Airflow" },
		{ "statsd", "StatsD" },
		{ "web", "HTTP" },
		{ "limits", "Limits" },
		{ "log", "Log" },
		{ "", "Other" },
	};
	size_t i;

	for (i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
		if (ws_span_is(group, headings[i].group))
			ws_buf_printf(out, "\n%s:\n", headings[i].heading);
	}
}

void conf_help(struct ws_buf *out)
{
	struct ws_span group = ws_span_str("none");
	size_t i;

	ws_buf_str(out, "usage: windsock [FLAG...]\n"
			"       windsock check [FLAG...] [FILE...]\n"
			"       windsock explain [FLAG...] [LINE...]\n"
			"       windsock healthcheck [FLAG...] [URL]\n"
			"\n"
			"Turns the StatsD metrics of Apache Airflow into Prometheus metrics.\n"
			"\n"
			"Commands:\n"
			"  check        check mapping files (or the configured ones) and print "
			"their rules\n"
			"  explain      show what happens to StatsD lines (from standard input by "
			"default)\n"
			"  healthcheck  check a running windsock (the configured one, or "
			"http://host:port)\n"
			"\n"
			"Each flag can be set by the environment variable below it; the flag takes "
			"precedence.\nThe value shown is the default. SIGHUP reloads the mapping "
			"files.\n");
	for (i = 0; i < NSETTINGS; i++) {
		struct ws_span its = help_group(settings[i].flag);

		if (!ws_span_eq(its, group))
			help_heading(out, its);
		group = its;
		help_setting(out, &settings[i]);
	}
}
