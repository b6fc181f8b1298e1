/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/line.h>

#include <math.h>
#include <windsock/num.h>
#include <windsock/utf8.h>

/* A rate is invalid if one sample would represent more than this many. */
#define WEIGHT_MAX 1e9

static bool parse_type(struct ws_span s, enum ws_type *type)
{
	if (s.len == 1) {
		switch (s.ptr[0]) {
		case 'c':
			*type = WS_TYPE_COUNTER;
			return true;
		case 'g':
			*type = WS_TYPE_GAUGE;
			return true;
		case 'h':
			*type = WS_TYPE_HISTOGRAM;
			return true;
		case 'd':
			*type = WS_TYPE_DISTRIBUTION;
			return true;
		case 's':
			*type = WS_TYPE_SET;
			return true;
		default:
			return false;
		}
	}
	if (s.len == 2 && s.ptr[0] == 'm' && s.ptr[1] == 's') {
		*type = WS_TYPE_TIMER;
		return true;
	}
	return false;
}

void ws_lines_init(struct ws_lines *it, struct ws_span datagram, bool truncated)
{
	it->rest = datagram;
	it->line = ws_span(NULL, 0);
	it->group = ws_span(NULL, 0);
	it->values = ws_span(NULL, 0);
	it->count = 0;
	it->ascii = ws_utf8_is_ascii(datagram);
	it->truncated = truncated;
	it->newline = datagram.len > 0 && datagram.ptr[datagram.len - 1] == '\n';
}

/* The next line without LF or CRLF.  A trailing newline does not start another line; an empty
 * datagram has no lines. */
static bool next_line(struct ws_lines *it)
{
	const char *end;

	if (it->rest.len == 0)
		return false;
	end = memchr(it->rest.ptr, '\n', it->rest.len);
	if (end == NULL) {
		it->line = it->rest;
		it->rest = ws_span(NULL, 0);
	} else {
		it->line = ws_span_between(it->rest.ptr, end);
		it->rest = ws_span_between(end + 1, it->rest.ptr + it->rest.len);
	}
	if (it->line.len > 0 && it->line.ptr[it->line.len - 1] == '\r')
		it->line.len--;
	it->count++;
	return true;
}

/* Whether there are name-style tags. */
static bool has_name_tags(struct ws_span head)
{
	size_t i;

	for (i = 0; i < head.len; i++) {
		if (head.ptr[i] == ',' || head.ptr[i] == '#' || head.ptr[i] == '[')
			return true;
	}
	return false;
}

static enum ws_err begin_line(struct ws_lines *it)
{
	struct ws_span line = it->line;
	const char *colon;

	if (it->truncated && it->rest.ptr == NULL)
		return WS_ERR_TRUNCATED;
	if (!it->ascii && !ws_utf8_is_valid(line))
		return WS_ERR_MALFORMED_LINE;
	if (line.len > 2 && line.ptr[0] == '_') {
		if (ws_span_starts(line, ws_span_str("_e{")))
			return WS_ERR_EVENT;
		if (ws_span_starts(line, ws_span_str("_sc|")))
			return WS_ERR_SERVICE_CHECK;
	}
	colon = memchr(line.ptr, ':', line.len);
	if (colon == NULL || colon == line.ptr)
		return WS_ERR_MALFORMED_LINE;
	it->form.head = ws_span_between(line.ptr, colon);
	if (it->form.head.len > WS_NAME_MAX)
		return WS_ERR_NAME_TOO_LONG;
	it->group = ws_span_between(colon + 1, line.ptr + line.len);
	return WS_OK;
}

/* The field up to the next '|'; leaves *p at the '|' or at the end. */
static struct ws_span take_field(const char **p, const char *end)
{
	const char *from = *p;
	const char *bar = memchr(from, '|', (size_t)(end - from));

	*p = bar == NULL ? end : bar;
	return ws_span_between(from, *p);
}

/* The field up to the next '|' or ':'; a ':' starts another sample of the same line. */
static struct ws_span take_short_field(const char **p, const char *end)
{
	const char *from = *p;

	while (*p < end && **p != '|' && **p != ':')
		(*p)++;
	return ws_span_between(from, *p);
}

static void parse_rate(struct ws_sample *s, struct ws_span text)
{
	double rate;

	if (ws_num_parse(text, &rate) && rate > 0 && rate <= 1 && 1 / rate <= WEIGHT_MAX)
		s->weight = 1 / rate;
	else
		s->problems |= WS_PROBLEM_RATE;
}

/* A field after the type.  DogStatsD's container id, timestamp, external data and cardinality
 * are accepted and ignored; they may contain ':'. */
static enum ws_err parse_field(struct ws_sample *s, const char **p, const char *end)
{
	static const char *const ignored[] = { "c:", "e:", "card:" };
	struct ws_span left = ws_span_between(*p, end), field;
	size_t i;

	if (left.len > 0 && left.ptr[0] == '#') {
		field = take_field(p, end);
		s->is_dogstatsd = true;
		s->tags = ws_span(field.ptr + 1, field.len - 1);
		return WS_OK;
	}
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		if (ws_span_starts(left, ws_span_str(ignored[i]))) {
			take_field(p, end);
			s->is_dogstatsd = true;
			return WS_OK;
		}
	}
	field = take_short_field(p, end);
	if (field.len == 0)
		return WS_ERR_MALFORMED_COMPONENT;
	if (field.ptr[0] == '@')
		parse_rate(s, ws_span(field.ptr + 1, field.len - 1));
	else if (field.ptr[0] != 'T')
		s->problems |= WS_PROBLEM_FIELD;
	return WS_OK;
}

/* All fields after the type; continues after a bad one, to find the next sample. */
static enum ws_err parse_fields(struct ws_sample *s, const char **p, const char *end)
{
	enum ws_err err = WS_OK, one;

	while (*p < end && **p == '|') {
		(*p)++;
		one = parse_field(s, p, end);
		if (one != WS_OK)
			err = one;
	}
	return err;
}

/*
 * 12.5|ms|@0.1|#a:b          one group; packed: 1:2:3|ms
 * ^    ^  ^                  classic: 1|c:2|c is two groups
 */
static enum ws_err begin_group(struct ws_lines *it)
{
	const char *p = it->group.ptr, *end = p + it->group.len;
	struct ws_sample *s = &it->form;
	struct ws_span values, type;
	enum ws_err err;

	s->tags = ws_span(NULL, 0);
	s->sender = ws_span(NULL, 0);
	s->weight = 1;
	s->problems = 0;
	s->is_dogstatsd = false;
	values = take_field(&p, end);
	if (p == end) {
		it->group = ws_span(NULL, 0);
		return WS_ERR_NO_PARTS;
	}
	p++;
	type = take_short_field(&p, end);
	err = parse_fields(s, &p, end);
	/* p is at a ':' or at the end. */
	it->group = p < end ? ws_span_between(p + 1, end) : ws_span(NULL, 0);
	if (!parse_type(type, &s->type))
		return WS_ERR_ILLEGAL_EVENT;
	if (err != WS_OK)
		return err;
	it->packed = memchr(values.ptr, ':', values.len) != NULL;
	if (it->packed) {
		/* The ':' could be part of a name-style tag's value. */
		if (has_name_tags(s->head)) {
			it->group = ws_span(NULL, 0);
			return WS_ERR_MALFORMED_LINE;
		}
		if (s->type == WS_TYPE_SET)
			return WS_ERR_PACKED_SET;
	}
	it->values = values;
	return WS_OK;
}

static bool is_fraction(struct ws_span number)
{
	return ws_span_find(number, '.') != NULL || ws_span_find(number, 'e') != NULL;
}

static enum ws_err next_value(struct ws_lines *it, struct ws_sample *out)
{
	struct ws_span text;

	if (it->packed) {
		ws_span_cut(&it->values, ':', &text);
	} else {
		text = it->values;
		it->values = ws_span(NULL, 0);
	}
	*out = it->form;
	out->member = text;
	out->is_signed = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
	if (out->type == WS_TYPE_SET)
		return text.len > 0 ? WS_OK : WS_ERR_MALFORMED_VALUE;
	if (!ws_num_parse(text, &out->value))
		return WS_ERR_MALFORMED_VALUE;
	out->is_dogstatsd = out->is_dogstatsd || (it->newline && is_fraction(text));
	if (out->type == WS_TYPE_TIMER)
		out->value /= 1000;
	return WS_OK;
}

enum ws_err ws_lines_next(struct ws_lines *it, struct ws_sample *out)
{
	enum ws_err err;

	while (it->values.ptr == NULL) {
		if (it->group.ptr == NULL) {
			if (!next_line(it))
				return WS_ERR_END;
			if (it->line.len == 0)
				continue;
			err = begin_line(it);
			if (err != WS_OK)
				return err;
		}
		err = begin_group(it);
		if (err != WS_OK)
			return err;
	}
	return next_value(it, out);
}

static void add_tag(struct ws_head *h, struct ws_span key, struct ws_span value)
{
	if (key.len == 0 || value.len == 0)
		h->bad_tags++;
	else if (key.len > WS_TAG_MAX || value.len > WS_TAG_MAX)
		h->long_tags++;
	else if (h->ntags == WS_TAGS_MAX)
		h->excess_tags++;
	else
		h->tags[h->ntags++] = (struct ws_tag){ .key = key, .value = value };
}

/* k=v,k2=v2; or k:v,#k2:v2, with ':' and an optional '#' before each key. */
static void parse_tags(struct ws_head *h, struct ws_span text, char between)
{
	struct ws_span tag, key;

	while (ws_span_cut(&text, ',', &tag)) {
		if (between == ':' && tag.len > 0 && tag.ptr[0] == '#')
			tag = ws_span(tag.ptr + 1, tag.len - 1);
		if (ws_span_find(tag, between) == NULL) {
			h->bad_tags++;
			continue;
		}
		ws_span_cut(&tag, between, &key);
		add_tag(h, key, tag);
	}
}

/* Splits the head into name and tags; the first of , # [ decides the style. */
static void parse_name(struct ws_head *h, struct ws_span head)
{
	const char *end = head.ptr + head.len, *p, *close;

	h->name = head;
	h->name_tail = ws_span(NULL, 0);
	for (p = head.ptr; p < end && *p != ',' && *p != '#' && *p != '['; p++)
		;
	if (p == end)
		return;
	if (*p != '[') {
		h->name = ws_span_between(head.ptr, p);
		parse_tags(h, ws_span_between(p + 1, end), '=');
		return;
	}
	close = memchr(p, ']', (size_t)(end - p));
	if (close == NULL)
		return;
	h->name = ws_span_between(head.ptr, p);
	h->name_tail = ws_span_between(close + 1, end);
	parse_tags(h, ws_span_between(p + 1, close), '=');
}

enum ws_err ws_head_parse(struct ws_span head, struct ws_span tags, struct ws_head *out)
{
	out->ntags = 0;
	out->bad_tags = 0;
	out->long_tags = 0;
	out->excess_tags = 0;
	parse_name(out, head);
	if (tags.len > 0) {
		if (out->ntags > 0)
			return WS_ERR_MIXED_TAGS;
		parse_tags(out, tags, ':');
	}
	return out->name.len + out->name_tail.len == 0 ? WS_ERR_EMPTY_NAME : WS_OK;
}
