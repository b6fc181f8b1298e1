/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/pattern_index.h"

#include <stdlib.h>

#define PATHS_MAX 64

enum edge {
	EDGE_BYTE,
	EDGE_SEGMENT, /* any bytes except dots */
	EDGE_REST,    /* any bytes */
};

struct id_list {
	uint32_t id;
	struct id_list *next;
};

/* While patterns are added: a tree with child and sibling links. */
struct node {
	enum edge edge; /* from the parent */
	char byte;
	uint32_t index; /* in the frozen arrays */
	struct node *child, *sibling;
	struct node *queue_next;
	struct id_list *ids;
};

/*
 * Frozen: nodes are numbered breadth first, so that the byte children of a node are adjacent
 * and memchr over `bytes` finds the right one.
 */
struct frozen {
	uint32_t first;   /* first byte child */
	uint32_t nbytes;
	uint32_t segment; /* child node; 0: none */
	uint32_t rest;
	const struct id_list *ids;
	enum edge edge;
};

struct pattern_index {
	struct arena *arena;
	struct node *root;
	struct frozen *nodes;
	char *bytes; /* of the edge into each node */
	uint32_t nnodes;
	uint32_t nids;
};

struct pattern_index_scratch {
	uint32_t stamp;
	uint32_t *marks; /* by node: the stamp when it was last added to a set */
	uint32_t *now, *next;
	uint32_t *ids;
};

struct pattern_index *pattern_index_new(struct arena *arena)
{
	struct pattern_index *m = arena_alloc(arena, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->arena = arena;
	m->root = arena_alloc(arena, sizeof(*m->root));
	m->nnodes = 1;
	return m->root == NULL ? NULL : m;
}

static struct node *step(struct pattern_index *m, struct node *from, enum edge edge, char byte)
{
	struct node **link = &from->child, *node;

	for (; *link != NULL; link = &(*link)->sibling) {
		if ((*link)->edge == edge && (edge != EDGE_BYTE || (*link)->byte == byte))
			return *link;
	}
	node = arena_alloc(m->arena, sizeof(*node));
	if (node == NULL)
		return NULL;
	node->edge = edge;
	node->byte = byte;
	m->nnodes++;
	return *link = node;
}

static enum edge edge_of(const struct pattern_part *part)
{
	if (part->op == PATTERN_REST)
		return EDGE_REST;
	if (part->op == PATTERN_CHOICE && ws_span_find(part->text, '.') != NULL)
		return EDGE_REST;
	return EDGE_SEGMENT;
}

static struct node *walk(struct pattern_index *m, struct node *node, struct ws_span text)
{
	size_t i;

	for (i = 0; i < text.len && node != NULL; i++)
		node = step(m, node, EDGE_BYTE, text.ptr[i]);
	return node;
}

static bool end_here(struct pattern_index *m, struct node *node, uint32_t id)
{
	struct id_list *entry = arena_alloc(m->arena, sizeof(*entry));

	if (entry == NULL)
		return false;
	entry->id = id;
	entry->next = node->ids;
	node->ids = entry;
	m->nids++;
	return true;
}

static size_t count_choices(struct ws_span choices)
{
	struct ws_span one;
	size_t n = 0;

	while (ws_span_cut(&choices, '|', &one))
		n++;
	return n;
}

/*
 * Adds the parts from i on.  Alternatives get separate paths, up to `paths` for the whole
 * pattern; beyond that they become a capture, which at the start of a pattern is active for
 * every name.
 */
static bool add_from(struct pattern_index *m, const struct pattern *p, uint32_t id, size_t i,
                     struct node *node, size_t paths)
{
	for (; i < p->nparts && node != NULL; i++) {
		const struct pattern_part *part = &p->parts[i];
		struct ws_span choices = part->text, one;
		size_t n = part->op == PATTERN_CHOICE ? count_choices(choices) : 0;

		if (part->op == PATTERN_LITERAL) {
			node = walk(m, node, part->text);
			continue;
		}
		if (n == 0 || n > paths) {
			node = step(m, node, edge_of(part), 0);
			continue;
		}
		while (ws_span_cut(&choices, '|', &one)) {
			if (!add_from(m, p, id, i + 1, walk(m, node, one), paths / n))
				return false;
		}
		return true;
	}
	return node != NULL && end_here(m, node, id);
}

bool pattern_index_add(struct pattern_index *m, const struct pattern *p, uint32_t id)
{
	return add_from(m, p, id, 0, m->root, PATHS_MAX);
}

/* Numbers a node's children: byte edges first, so that they are adjacent. */
static void number_children(struct pattern_index *m, struct node *node, struct node **tail,
                            uint32_t *count)
{
	struct frozen *out = &m->nodes[node->index];
	int pass;
	struct node *child;

	out->first = *count;
	for (pass = 0; pass < 2; pass++) {
		for (child = node->child; child != NULL; child = child->sibling) {
			if ((child->edge == EDGE_BYTE) != (pass == 0))
				continue;
			child->index = (*count)++;
			m->bytes[child->index] = child->byte;
			m->nodes[child->index].edge = child->edge;
			m->nodes[child->index].ids = child->ids;
			if (child->edge == EDGE_BYTE)
				out->nbytes++;
			else if (child->edge == EDGE_SEGMENT)
				out->segment = child->index;
			else
				out->rest = child->index;
			(*tail)->queue_next = child;
			*tail = child;
		}
	}
}

bool pattern_index_freeze(struct pattern_index *m)
{
	struct node *node, *tail = m->root;
	uint32_t count = 1;

	m->nodes = arena_alloc(m->arena, m->nnodes * sizeof(*m->nodes));
	m->bytes = arena_alloc(m->arena, m->nnodes);
	if (m->nodes == NULL || m->bytes == NULL)
		return false;
	m->nodes[0].ids = m->root->ids;
	for (node = m->root; node != NULL; node = node->queue_next)
		number_children(m, node, &tail, &count);
	return true;
}

struct pattern_index_scratch *pattern_index_scratch_new(const struct pattern_index *m)
{
	size_t n = m->nnodes, words = 3 * n + m->nids;
	struct pattern_index_scratch *s = calloc(1, sizeof(*s) + words * sizeof(uint32_t));

	if (s == NULL)
		return NULL;
	s->marks = (uint32_t *)(s + 1);
	s->now = s->marks + n;
	s->next = s->now + n;
	s->ids = s->next + n;
	return s;
}

/* Adds a node to the set, and the captures after it, since they may be empty. */
static uint32_t put(const struct pattern_index *m, struct pattern_index_scratch *s, uint32_t *set,
                    uint32_t n, uint32_t node)
{
	if (s->marks[node] == s->stamp)
		return n;
	s->marks[node] = s->stamp;
	set[n++] = node;
	if (m->nodes[node].segment != 0)
		n = put(m, s, set, n, m->nodes[node].segment);
	if (m->nodes[node].rest != 0)
		n = put(m, s, set, n, m->nodes[node].rest);
	return n;
}

static void next_stamp(const struct pattern_index *m, struct pattern_index_scratch *s)
{
	if (++s->stamp == 0) {
		memset(s->marks, 0, m->nnodes * sizeof(*s->marks));
		s->stamp = 1;
	}
}

static uint32_t advance(const struct pattern_index *m, struct pattern_index_scratch *s, uint32_t n, char c)
{
	uint32_t count = 0, i;

	next_stamp(m, s);
	for (i = 0; i < n; i++) {
		uint32_t at = s->now[i];
		const struct frozen *node = &m->nodes[at];
		const char *found = NULL;

		if (node->edge == EDGE_REST || (node->edge == EDGE_SEGMENT && c != '.'))
			count = put(m, s, s->next, count, at);
		if (node->nbytes > 0)
			found = memchr(m->bytes + node->first, c, node->nbytes);
		if (found != NULL)
			count = put(m, s, s->next, count, (uint32_t)(found - m->bytes));
	}
	return count;
}

static size_t collect(const struct pattern_index *m, struct pattern_index_scratch *s, uint32_t n)
{
	const struct id_list *entry;
	size_t count = 0, k;
	uint32_t i;

	for (i = 0; i < n; i++) {
		for (entry = m->nodes[s->now[i]].ids; entry != NULL; entry = entry->next) {
			/* Few patterns match, so an insertion sort is fastest. */
			for (k = count; k > 0 && s->ids[k - 1] > entry->id; k--)
				;
			/* Already there, by another path. */
			if (k > 0 && s->ids[k - 1] == entry->id)
				continue;
			memmove(s->ids + k + 1, s->ids + k, (count - k) * sizeof(*s->ids));
			s->ids[k] = entry->id;
			count++;
		}
	}
	return count;
}

size_t pattern_index_find(const struct pattern_index *m, struct pattern_index_scratch *s,
                          struct ws_span name, const uint32_t **ids)
{
	uint32_t n, *swap;
	size_t i;

	next_stamp(m, s);
	n = put(m, s, s->now, 0, 0);
	for (i = 0; i < name.len && n > 0; i++) {
		n = advance(m, s, n, name.ptr[i]);
		swap = s->now;
		s->now = s->next;
		s->next = swap;
	}
	*ids = s->ids;
	return collect(m, s, n);
}
