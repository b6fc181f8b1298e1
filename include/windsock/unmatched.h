/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that no rule matched, the latest seen, for people: how often, when, and the last value.
 *
 * Each shard has a list of its own with one writer, and a sample whose name is on it costs a few
 * relaxed stores.  The list's mutex is taken for a name that comes onto it, and by readers.
 * When it is full, a new name takes the place of the one not seen for longest.
 */
#ifndef WINDSOCK_UNMATCHED_H
#define WINDSOCK_UNMATCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/buf.h>
#include <windsock/hash.h>
#include <windsock/line.h>

#define WS_UNMATCHED_MAX  100
#define WS_UNMATCHED_TEXT 160

struct ws_unmatched;

struct ws_unmatched *ws_unmatched_new(unsigned nshards, struct ws_hash_key key);
void ws_unmatched_free(struct ws_unmatched *unmatched);

/* Where a name stands, so that it need not be looked up; all zero to begin with. */
struct ws_unmatched_place {
	uint32_t slot, serial;
};

/* For the one writer of a shard.  True: the name was not on the list and has come onto it. */
bool ws_unmatched_add(struct ws_unmatched *unmatched, unsigned shard,
                      struct ws_unmatched_place *place, const struct ws_sample *s, int64_t now);
void ws_unmatched_forget(struct ws_unmatched *unmatched, unsigned shard);

struct ws_unmatched_name {
	/* The name without tags, and those of its first sample as on the wire: a part of the
	 * head or what stands behind "|#".  Any bytes, both cut to fit. */
	char name[WS_UNMATCHED_TEXT], tags[WS_UNMATCHED_TEXT];
	size_t name_len, tags_len;
	bool tags_in_head;
	uint64_t hash;
	uint64_t count; /* samples since it came onto the list */
	int64_t last;
	enum ws_type type; /* of the last sample, as is what follows */
	bool is_signed;
	double value; /* a timer's in seconds; a set's means nothing */
};

/* What the shards have seen together, the latest first; how many.  None when out of memory. */
size_t ws_unmatched_list(struct ws_unmatched *unmatched,
                         struct ws_unmatched_name out[WS_UNMATCHED_MAX]);

/* The last sample as a line for `windsock explain`, as far as it was kept. */
void ws_unmatched_line(const struct ws_unmatched_name *name, struct ws_buf *out);

#endif
