/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker remembers: names (head, type and tags as sent) and what becomes of them.
 *
 * Two generations.  A name that is new, or found in the old one, is in the young one; when
 * that is full, the old one is forgotten and the young one is the old one.  So a flood of
 * names that come once pushes out its like, not what is sent all the time, and memory is
 * bounded.
 */
#ifndef NAMES_H
#define NAMES_H

#include <windsock/hash_key.h>
#include <windsock/line.h>
#include <windsock/unmatched.h>

#include "step.h"

/* What few names have. */
struct known_more {
	struct known *next_divisible; /* of its generation */
	uint16_t bad_tags, long_tags, excess_tags, reserved_tags;
	/* When divisible: a hash of the labels, and the version of what was known then. */
	uint64_t split, split_version;
	int64_t taught; /* when it last taught what it teaches */
	struct ws_unmatched_place place; /* when unmatched */
};

/* A name; its text stands behind the steps. */
struct known {
	struct known_more *more; /* NULL: nothing of it */
	uint64_t fits, takes;    /* rules that have twins */
	uint16_t nsteps;
	uint16_t head_len, tags_len;
	uint8_t sender_len;
	uint8_t type; /* enum ws_type */
	uint8_t err;  /* enum ws_err: the head is refused */
	bool is_dogstatsd, unmatched;
	/* With `more`: some tags were ignored, a later id may split it, it teaches ids. */
	bool has_bad_tags, divisible, teaches;
	bool ambiguous;
	struct step steps[];
};

/* Head, tags, sender, type and is_dogstatsd. */
struct ws_sample known_sample(const struct known *k);

struct names;

/* A generation holds `size` names.  NULL: out of memory. */
struct names *names_new(struct ws_hash_key key, size_t size);
void names_free(struct names *names);
void names_forget(struct names *names);

/* Before each window of at most `more` samples: no room for as many new names in the young
 * generation?  Then names_turn; what names_find and names_add gave until then is void. */
bool names_are_full(const struct names *names, size_t more);
void names_turn(struct names *names);

uint64_t names_hash(const struct names *names, const struct ws_sample *s);

/* Memory that names_find will touch, a while ahead: first the place, then what stands there.
 */
void names_prefetch(const struct names *names, uint64_t hash);
void names_prefetch_known(const struct names *names, uint64_t hash);

struct known *names_find(struct names *names, const struct ws_sample *s, uint64_t hash);

/* The part that few names have, all zero; NULL: out of memory. */
struct known_more *names_add_more(struct names *names, struct known *k);

/* All zero but for text, type, is_dogstatsd and nsteps.  NULL: out of memory. */
struct known *names_add(struct names *names, const struct ws_sample *s, uint64_t hash,
			size_t nsteps);

/*
 * Names that may be split otherwise when something is learned: mark puts one on the list of its
 * generation, first begins with the list of the young one and next goes on to the old one.
 */
void names_mark_divisible(struct names *names, struct known *k);
struct known *names_first_divisible(const struct names *names);
struct known *names_next_divisible(const struct names *names, const struct known *k);

#endif
