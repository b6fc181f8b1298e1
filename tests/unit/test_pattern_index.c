/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rules/pattern_index.h"

/*
 * Random patterns against random names over a small alphabet, so that many match: the index
 * must find every pattern that pattern_match accepts, in order, and may find others only
 * because of alternatives.
 */
#define ROUNDS   300
#define PATTERNS 12
#define LOOKUPS  40

static uint64_t seed;

static unsigned roll(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static void random_pattern(struct ws_buf *out)
{
	static const char *const parts[] = {
		"a", "b", "ab", ".", ".", ".", "<x>", "<_>", "<x...>", "<_...>", "<x:a|b.b>",
		"<_:a|ab>", "", "-",
	};
	unsigned i, n = 1 + roll(7);

	ws_buf_reset(out);
	for (i = 0; i < n; i++)
		ws_buf_str(out, parts[roll(sizeof(parts) / sizeof(parts[0]))]);
}

/* A copy in the arena of a valid pattern. */
static struct pattern *any_pattern(struct arena *arena)
{
	struct pattern *p = arena_alloc(arena, sizeof(*p));
	struct ws_buf text = WS_BUF_INIT, why = WS_BUF_INIT;

	do {
		random_pattern(&text);
	} while (text.len == 0 ||
	         !pattern_parse(p, arena_copy(arena, ws_buf_text(&text)), &why));
	ws_buf_fini(&text);
	ws_buf_fini(&why);
	return p;
}

static size_t random_name(char *out)
{
	size_t i, n = roll(10);

	for (i = 0; i < n; i++)
		out[i] = "ab.-.a"[roll(6)];
	return n;
}

static bool has_choice(const struct pattern *p)
{
	size_t i;

	for (i = 0; i < p->nparts; i++) {
		if (p->parts[i].op == PATTERN_CHOICE || p->parts[i].op == PATTERN_PIECE)
			return true;
	}
	return false;
}

static size_t compare(const struct pattern_index *m, struct pattern_index_scratch *scratch,
                      struct pattern *const *p, struct ws_span name)
{
	struct ws_span values[PATTERN_CAPTURES_MAX];
	const uint32_t *ids;
	size_t found = pattern_index_find(m, scratch, name, &ids), at = 0, fitting = 0;
	uint32_t id;

	for (id = 0; id < PATTERNS; id++) {
		bool offered = at < found && ids[at] == id;
		bool fits = pattern_match(p[id], name, values);

		at += offered;
		fitting += fits;
		if (fits && !offered)
			fail_msg("%.*s is missed", WS_SPAN_ARG(name));
		if (offered && !fits && !has_choice(p[id]))
			fail_msg("%.*s is too much", WS_SPAN_ARG(name));
	}
	/* Each once and in ascending order. */
	assert_int_equal(at, found);
	return fitting;
}

TEST(random_sets)
{
	struct pattern *p[PATTERNS];
	size_t fitting = 0;
	uint32_t i;
	char name[16];
	int round;

	seed = 20250101;
	for (round = 0; round < ROUNDS; round++) {
		struct arena arena = ARENA_INIT;
		struct pattern_index *m = pattern_index_new(&arena);
		struct pattern_index_scratch *scratch;

		for (i = 0; i < PATTERNS; i++) {
			p[i] = any_pattern(&arena);
			assert_true(pattern_index_add(m, p[i], i));
		}
		assert_true(pattern_index_freeze(m));
		scratch = pattern_index_scratch_new(m);
		for (i = 0; i < LOOKUPS; i++)
			fitting += compare(m, scratch, p, ws_span(name, random_name(name)));
		free(scratch);
		arena_fini(&arena);
	}
	/* The names are such that it matters. */
	assert_true(fitting > 5000);
}

TEST(an_empty_index_finds_nothing)
{
	struct arena arena = ARENA_INIT;
	struct pattern_index *m = pattern_index_new(&arena);
	struct pattern_index_scratch *scratch;
	const uint32_t *ids;

	assert_true(pattern_index_freeze(m));
	scratch = pattern_index_scratch_new(m);
	assert_int_equal(pattern_index_find(m, scratch, ws_span_str("a.b"), &ids), 0);
	assert_int_equal(pattern_index_find(m, scratch, ws_span_str(""), &ids), 0);
	free(scratch);
	arena_fini(&arena);
}

/* Ids are returned sorted, whatever the order in which they were added. */
TEST(same_pattern_twice)
{
	struct arena arena = ARENA_INIT;
	struct pattern_index *m = pattern_index_new(&arena);
	struct ws_buf why = WS_BUF_INIT;
	struct pattern_index_scratch *scratch;
	struct pattern p;
	const uint32_t *ids;

	assert_true(pattern_parse(&p, ws_span_str("a.<x>"), &why));
	assert_true(pattern_index_add(m, &p, 7) && pattern_index_add(m, &p, 2) &&
	            pattern_index_add(m, &p, 5));
	assert_true(pattern_index_freeze(m));
	scratch = pattern_index_scratch_new(m);
	assert_int_equal(pattern_index_find(m, scratch, ws_span_str("a.b"), &ids), 3);
	assert_true(ids[0] == 2 && ids[1] == 5 && ids[2] == 7);
	free(scratch);
	arena_fini(&arena);
}
