/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/exposition.h>

#include <math.h>
#include <stdlib.h>
#include <windsock/name.h>

#include "series/cell.h"

#define SLICE_BYTES (64 * 1024)

struct ws_exposition {
	struct ws_cursor *cursor;
	struct ws_buf *out; /* during ws_exposition_more */
	size_t begin;       /* length of `out` at the start of the slice */
	enum ws_format format;
	int64_t now;
	/* le="0.005" or quantile="0.5" of the current family, concatenated. */
	struct ws_buf suffixes;
	size_t ends[WS_BUCKETS_MAX + 1];
};

struct ws_exposition *ws_exposition_new(struct ws_store *store, enum ws_format format,
                                       int64_t now)
{
	struct ws_exposition *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->format = format;
	e->now = now;
	e->cursor = ws_cursor_new(store);
	if (e->cursor == NULL) {
		free(e);
		return NULL;
	}
	return e;
}

void ws_exposition_free(struct ws_exposition *e)
{
	if (e == NULL)
		return;
	ws_cursor_free(e->cursor);
	ws_buf_fini(&e->suffixes);
	free(e);
}

static void write_meta(struct ws_buf *out, const char *what, struct ws_span name)
{
	ws_buf_str(out, what);
	ws_buf_span(out, name);
	ws_buf_char(out, ' ');
}

static void write_unit(struct ws_buf *out, struct ws_span name)
{
	static const char *const units[] = { "seconds", "bytes", "ratio" };
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct ws_span unit = ws_span_str(units[i]);

		if (name.len < unit.len + 2 || !ws_span_ends(name, unit) ||
		    name.ptr[name.len - unit.len - 1] != '_')
			continue;
		write_meta(out, "# UNIT ", name);
		ws_buf_span(out, unit);
		ws_buf_char(out, '\n');
	}
}

static void write_head(struct ws_buf *out, enum ws_format format, struct ws_span name,
                       enum ws_kind kind, struct ws_span help, bool clash)
{
	struct ws_span total = ws_span_str("_total");
	const char *word = ws_kind_word(kind);
	bool openmetrics = format == WS_FORMAT_OPENMETRICS;

	if (openmetrics && kind == WS_KIND_COUNTER) {
		if (!clash && ws_span_ends(name, total) && name.len > total.len)
			name.len -= total.len;
		else
			word = "unknown";
	}
	if (!openmetrics && help.len > 0) {
		write_meta(out, "# HELP ", name);
		ws_name_escape_help(out, help, false);
		ws_buf_char(out, '\n');
	}
	write_meta(out, "# TYPE ", name);
	ws_buf_str(out, word);
	ws_buf_char(out, '\n');
	if (!openmetrics)
		return;
	write_unit(out, name);
	if (help.len > 0) {
		write_meta(out, "# HELP ", name);
		ws_name_escape_help(out, help, true);
		ws_buf_char(out, '\n');
	}
}

void ws_exposition_head(struct ws_buf *out, enum ws_format format, const char *name,
                        enum ws_kind kind, const char *help)
{
	write_head(out, format, ws_span_str(name), kind, ws_span_str(help), false);
}

static void add_suffix(struct ws_exposition *e, size_t i, const char *label, double v)
{
	ws_buf_str(&e->suffixes, label);
	ws_buf_str(&e->suffixes, "=\"");
	ws_buf_float(&e->suffixes, v);
	ws_buf_char(&e->suffixes, '"');
	e->ends[i] = e->suffixes.len;
}

static void begin_family(struct ws_exposition *e, const struct ws_family_view *family)
{
	const struct ws_kind_options *options = family->options;
	size_t i;

	write_head(e->out, e->format, family->name, family->kind, family->help,
	           family->openmetrics_clash);
	ws_buf_reset(&e->suffixes);
	if (family->kind == WS_KIND_SUMMARY) {
		for (i = 0; i < options->nquantiles; i++)
			add_suffix(e, i, "quantile", options->quantiles[i]);
	} else if (family->kind == WS_KIND_HISTOGRAM) {
		for (i = 0; i < options->nbuckets; i++)
			add_suffix(e, i, "le", options->buckets[i]);
		add_suffix(e, i, "le", (double)INFINITY);
	}
}

static struct ws_span suffix(const struct ws_exposition *e, size_t i)
{
	size_t from = i == 0 ? 0 : e->ends[i - 1];

	return ws_span(e->suffixes.ptr + from, e->ends[i] - from);
}

static char *copy(char *to, struct ws_span s)
{
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	return to + s.len;
}

/* name_sum{labels,extra} and a blank.  Most of an exposition, hence a single reservation. */
static void write_name(struct ws_buf *out, struct ws_span name, const char *ending,
                       struct ws_span labels, struct ws_span extra)
{
	struct ws_span end = ws_span_str(ending);
	char *from = ws_buf_reserve(out, name.len + end.len + labels.len + extra.len + 4);
	char *at = from;

	if (from == NULL)
		return;
	at = copy(at, name);
	at = copy(at, end);
	if (labels.len + extra.len > 0) {
		*at++ = '{';
		at = copy(at, labels);
		if (labels.len > 0 && extra.len > 0)
			*at++ = ',';
		at = copy(at, extra);
		*at++ = '}';
	}
	*at++ = ' ';
	out->len += (size_t)(at - from);
}

static void write_number(struct ws_buf *out, double v)
{
	ws_buf_double(out, v);
	ws_buf_char(out, '\n');
}

static void write_sum_and_count(struct ws_exposition *e, const struct ws_family_view *family,
                                struct ws_span labels, const struct ws_cell *cell)
{
	const struct ws_span none = ws_span(NULL, 0);

	write_name(e->out, family->name, "_sum", labels, none);
	write_number(e->out, cell_sum(cell, family->kind));
	write_name(e->out, family->name, "_count", labels, none);
	ws_buf_u64(e->out, cell_count(cell, family->kind));
	ws_buf_char(e->out, '\n');
}

static void write_summary(struct ws_exposition *e, const struct ws_family_view *family,
                          struct ws_span labels, const struct ws_cell *cell)
{
	double quantiles[WS_QUANTILES_MAX];
	size_t i;

	cell_quantiles(cell, family->options, e->now, quantiles);
	for (i = 0; i < family->options->nquantiles; i++) {
		/* A single NaN would turn an avg() over all series into NaN. */
		if (isnan(quantiles[i]))
			continue;
		write_name(e->out, family->name, "", labels, suffix(e, i));
		write_number(e->out, quantiles[i]);
	}
	write_sum_and_count(e, family, labels, cell);
}

static void write_histogram(struct ws_exposition *e, const struct ws_family_view *family,
                            struct ws_span labels, const struct ws_cell *cell)
{
	size_t i;

	for (i = 0; i <= family->options->nbuckets; i++) {
		write_name(e->out, family->name, "_bucket", labels, suffix(e, i));
		ws_buf_u64(e->out, cell_bucket(cell, family->options, i));
		ws_buf_char(e->out, '\n');
	}
	write_sum_and_count(e, family, labels, cell);
}

static void write_series(void *user, const struct ws_family_view *family, bool first,
                         struct ws_span labels, const struct ws_cell *cell)
{
	struct ws_exposition *e = user;

	if (first)
		begin_family(e, family);
	switch (family->kind) {
	case WS_KIND_COUNTER:
	case WS_KIND_GAUGE:
		write_name(e->out, family->name, "", labels, ws_span(NULL, 0));
		write_number(e->out, cell_number(cell, family->options, e->now));
		break;
	case WS_KIND_SUMMARY:
		write_summary(e, family, labels, cell);
		break;
	case WS_KIND_HISTOGRAM:
		write_histogram(e, family, labels, cell);
		break;
	case WS_NKINDS:
		break;
	}
}

static bool enough(void *user)
{
	const struct ws_exposition *e = user;

	return e->out->len - e->begin >= SLICE_BYTES || e->out->err != WS_OK;
}

bool ws_exposition_more(struct ws_exposition *e, struct ws_buf *out)
{
	const struct ws_reader reader = { write_series, enough, e };

	e->out = out;
	e->begin = out->len;
	return ws_cursor_read(e->cursor, &reader) && out->err == WS_OK;
}

void ws_exposition_end(struct ws_buf *out, enum ws_format format)
{
	if (format == WS_FORMAT_OPENMETRICS)
		ws_buf_str(out, "# EOF\n");
}
