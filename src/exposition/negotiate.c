/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/negotiate.h>

/* q values are in thousandths, the finest resolution that RFC 9110 (12.4.2) allows. */
#define Q_ONE 1000
#define Q_MISSING (-1)

#define FORMATS 3 /* OpenMetrics 0.0.1 counts as one */
#define ESCAPINGS 4

/* One element of either header: a media range or a coding, with its parameters and q. */
struct element {
	struct ws_span name;
	struct ws_span version;
	struct ws_span escaping;
	int q;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Media types, codings and parameter names are case-insensitive. */
static bool is_word(struct ws_span s, const char *word)
{
	size_t i;

	if (s.len != strlen(word))
		return false;
	for (i = 0; i < s.len; i++) {
		if (lower(s.ptr[i]) != word[i])
			return false;
	}
	return true;
}

/* Like ws_span_cut, but ignores separators in quoted strings and trims the piece. */
static bool cut(struct ws_span *rest, char separator, struct ws_span *piece)
{
	bool quoted = false;
	size_t i;

	if (rest->ptr == NULL)
		return false;
	for (i = 0; i < rest->len; i++) {
		char c = rest->ptr[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == separator && !quoted)
			break;
	}
	if (i >= rest->len) {
		*piece = ws_span_trim(*rest);
		*rest = ws_span(NULL, 0);
	} else {
		*piece = ws_span_trim(ws_span(rest->ptr, i));
		*rest = ws_span(rest->ptr + i + 1, rest->len - i - 1);
	}
	return true;
}

static struct ws_span unquote(struct ws_span s)
{
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
		return ws_span(s.ptr + 1, s.len - 2);
	return s;
}

/* 0, 1, 0.75, 1.000; decimals after the third are accepted and ignored. */
static bool parse_q(struct ws_span s, int *q)
{
	int value, weight = Q_ONE / 10;
	size_t i;

	if (s.len == 0 || (s.ptr[0] != '0' && s.ptr[0] != '1'))
		return false;
	value = (s.ptr[0] - '0') * Q_ONE;
	if (s.len > 1 && s.ptr[1] != '.')
		return false;
	for (i = 2; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		value += (s.ptr[i] - '0') * weight;
		weight /= 10;
	}
	if (value > Q_ONE)
		return false;
	*q = value;
	return true;
}

static bool parse_parameter(struct ws_span text, struct element *e)
{
	const char *equals = ws_span_find(text, '=');
	struct ws_span name, value;

	if (equals == NULL)
		return true;
	name = ws_span_trim(ws_span_between(text.ptr, equals));
	value = ws_span_trim(ws_span_between(equals + 1, text.ptr + text.len));
	value = unquote(value);
	if (is_word(name, "q"))
		return parse_q(value, &e->q);
	if (is_word(name, "version"))
		e->version = value;
	else if (is_word(name, "escaping"))
		e->escaping = value;
	return true;
}

/* False: the element cannot be parsed; it is skipped. */
static bool parse_element(struct ws_span text, struct element *e)
{
	struct ws_span parameter;

	*e = (struct element){ .q = Q_ONE };
	if (!cut(&text, ';', &e->name) || e->name.len == 0)
		return false;
	while (cut(&text, ';', &parameter)) {
		if (!parse_parameter(parameter, e))
			return false;
	}
	return true;
}

static bool next_element(struct ws_span *rest, struct element *e)
{
	struct ws_span text;

	while (cut(rest, ',', &text)) {
		if (parse_element(text, e))
			return true;
	}
	return false;
}

static enum ws_escaping escaping_of(struct ws_span name)
{
	if (ws_span_is(name, "allow-utf-8"))
		return WS_ESCAPING_ALLOW_UTF8;
	if (ws_span_is(name, "dots"))
		return WS_ESCAPING_DOTS;
	if (ws_span_is(name, "values"))
		return WS_ESCAPING_VALUES;
	return WS_ESCAPING_UNDERSCORES;
}

/* Whether the element names one of our formats, in a version that we write. */
static bool offered(const struct element *e, struct ws_negotiated *a)
{
	bool no_version = e->version.len == 0;

	*a = (struct ws_negotiated){ .escaping = escaping_of(e->escaping) };
	if (is_word(e->name, "application/openmetrics-text")) {
		a->format = WS_FORMAT_OPENMETRICS;
		a->openmetrics_001 = no_version || ws_span_is(e->version, "0.0.1");
		return a->openmetrics_001 || ws_span_is(e->version, "1.0.0");
	}
	a->format = WS_FORMAT_TEXT;
	return is_word(e->name, "text/plain") &&
	       (no_version || ws_span_is(e->version, "0.0.4"));
}

/*
 * Of the formats that the client names, the one with the highest q wins, the first among
 * equals.  A wildcard means text, since any client that sends only a wildcard can read text;
 * it wins if its q is higher than every named format's and text is not named itself.
 */
struct ws_negotiated ws_negotiate(struct ws_span header)
{
	struct ws_negotiated best = { .format = WS_FORMAT_TEXT }, candidate;
	struct element e;
	int best_q = 0, any_q = 0;
	bool text_named = false;

	while (next_element(&header, &e)) {
		if (is_word(e.name, "*/*") || is_word(e.name, "text/*")) {
			any_q = e.q > any_q ? e.q : any_q;
			continue;
		}
		if (!offered(&e, &candidate))
			continue;
		text_named |= candidate.format == WS_FORMAT_TEXT;
		if (e.q > best_q) {
			best = candidate;
			best_q = e.q;
		}
	}
	/* If text is named, its own q takes precedence over the wildcard's. */
	if (any_q > best_q && !text_named)
		return (struct ws_negotiated){ .format = WS_FORMAT_TEXT };
	return best;
}

const char *ws_negotiate_content_type(struct ws_negotiated a)
{
#define TYPES(media)                                                                         \
	{                                                                                    \
		[WS_ESCAPING_UNDERSCORES] = media "; charset=utf-8; escaping=underscores",        \
		[WS_ESCAPING_ALLOW_UTF8] = media "; charset=utf-8; escaping=allow-utf-8",         \
		[WS_ESCAPING_DOTS] = media "; charset=utf-8; escaping=dots",                      \
		[WS_ESCAPING_VALUES] = media "; charset=utf-8; escaping=values",                  \
	}
	static const char *const types[FORMATS][ESCAPINGS] = {
		TYPES("text/plain; version=0.0.4"),
		TYPES("application/openmetrics-text; version=1.0.0"),
		TYPES("application/openmetrics-text; version=0.0.1"),
	};
#undef TYPES

	if (a.format == WS_FORMAT_TEXT)
		return types[0][a.escaping];
	return types[a.openmetrics_001 ? 2 : 1][a.escaping];
}

bool ws_negotiate_json(struct ws_span header)
{
	int json = 0, text = 0;
	struct element e;

	while (next_element(&header, &e)) {
		if (is_word(e.name, "application/json"))
			json = e.q;
		else if (is_word(e.name, "text/plain"))
			text = e.q;
	}
	return json > text;
}

bool ws_negotiate_gzip(struct ws_span header)
{
	int gzip = Q_MISSING, identity = Q_MISSING, any = Q_MISSING;
	struct element e;

	while (next_element(&header, &e)) {
		if (is_word(e.name, "gzip") || is_word(e.name, "x-gzip"))
			gzip = e.q;
		else if (is_word(e.name, "identity"))
			identity = e.q;
		else if (is_word(e.name, "*"))
			any = e.q;
	}
	/* The asterisk applies to codings that are not named. */
	if (gzip == Q_MISSING)
		gzip = any;
	if (identity == Q_MISSING)
		identity = any;
	return gzip > 0 && gzip >= identity;
}
