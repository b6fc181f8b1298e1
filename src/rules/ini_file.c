/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/ini_file.h"

#include <ini.h>

/* Limits of inih's default build. */
#define LINE_MAX_BYTES    198
#define SECTION_MAX_BYTES 48

struct reading {
	const struct ini_handler *handler;
	struct ws_span rest;
	unsigned line;
	bool indented;      /* the current line starts with a blank */
	struct ws_buf section, key, value; /* the pending pair */
	unsigned key_line;  /* 0: none */
};

static void flush(struct reading *r)
{
	if (r->key_line != 0 && r->value.err == WS_OK && r->key.err == WS_OK)
		r->handler->pair(r->handler->user, r->key_line, ws_buf_text(&r->section),
		                 ws_buf_text(&r->key), ws_buf_text(&r->value));
	r->key_line = 0;
}

static const char *section_mistake(struct ws_span line)
{
	const char *close = ws_span_find(line, ']');

	if (close == NULL)
		return "the section has no ']'";
	if ((size_t)(close - line.ptr) - 1 > SECTION_MAX_BYTES)
		return "the section's name is longer than 48 bytes; shorten it (the pattern "
		       "belongs in match =)";
	return NULL;
}

/* A line that inih would misread or skip. */
static const char *mistake(const struct reading *r, struct ws_span line)
{
	struct ws_span text = ws_span_trim(line);

	if (line.len > LINE_MAX_BYTES)
		return "the line is longer than 198 bytes; break it, and begin the next line with "
		       "a space";
	if (ws_span_find(line, '\0') != NULL)
		return "a NUL byte";
	if (text.len == 0 || text.ptr[0] == ';' || text.ptr[0] == '#')
		return NULL;
	if (text.ptr[0] == '[' && !r->indented)
		return section_mistake(text);
	if (r->indented && r->key_line != 0)
		return NULL;
	if (ws_span_find(text, '=') == NULL && ws_span_find(text, ':') == NULL)
		return "expected [section] or key = value";
	return NULL;
}

/* inih's fgets. */
static char *read_line(char *at, int size, void *stream)
{
	struct reading *r = stream;
	struct ws_span line;
	const char *wrong;

	if (r->rest.len == 0 || !ws_span_cut(&r->rest, '\n', &line))
		return NULL;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	r->line++;
	r->indented = line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
	wrong = mistake(r, line);
	if (wrong != NULL || line.len + 2 > (size_t)size) {
		r->handler->wrong(r->handler->user, r->line, wrong ? wrong : "line too long");
		line.len = 0;
	}
	if (line.len > 0 && line.ptr[0] == '[') {
		struct ws_span name;

		flush(r);
		line.len = (size_t)(ws_span_find(line, ']') - line.ptr) + 1;
		name = ws_span(line.ptr + 1, line.len - 2);
		r->handler->section(r->handler->user, r->line, name);
	}
	if (line.len > 0)
		memcpy(at, line.ptr, line.len);
	at[line.len] = '\n';
	at[line.len + 1] = '\0';
	return at;
}

static int on_pair(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;

	if (r->indented && r->key_line != 0 && ws_span_is(ws_buf_text(&r->key), key)) {
		/* <x:a|b|
		 *     c>  is joined without a blank. */
		if (!ws_span_ends(ws_buf_text(&r->value), ws_span_str("|")))
			ws_buf_char(&r->value, ' ');
		ws_buf_str(&r->value, value);
		return 1;
	}
	flush(r);
	ws_buf_reset(&r->section);
	ws_buf_reset(&r->key);
	ws_buf_reset(&r->value);
	ws_buf_str(&r->section, section);
	ws_buf_str(&r->key, key);
	ws_buf_str(&r->value, value);
	r->key_line = r->line;
	return 1;
}

bool ini_file_parse(struct ws_span text, const struct ini_handler *handler)
{
	struct reading r = { .handler = handler, .rest = text };
	bool ok;

	ok = ini_parse_stream(read_line, &r, on_pair, &r) >= 0;
	flush(&r);
	ok = ok && r.section.err == WS_OK && r.key.err == WS_OK && r.value.err == WS_OK;
	ws_buf_fini(&r.section);
	ws_buf_fini(&r.key);
	ws_buf_fini(&r.value);
	return ok;
}
