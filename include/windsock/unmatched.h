/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names most recently seen that no rule matched: how often, when, and the last value.
 *
 * Each shard has its own list with one writer; a sample whose name is listed costs a few
 * relaxed stores.  The list's mutex is taken to add a name, and by readers.  In a full list,
 * a new name replaces the least recently seen one.
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

/* The position of a name, which saves the lookup; zero it before first use. */
struct ws_unmatched_place {
	uint32_t slot, serial;
};

/* Only for the writer of the shard.  True: the name is new and was added to the list. */
bool ws_unmatched_add(struct ws_unmatched *unmatched, unsigned shard,
                      struct ws_unmatched_place *place, const struct ws_sample *s, int64_t now);
void ws_unmatched_forget(struct ws_unmatched *unmatched, unsigned shard);

struct ws_unmatched_name {
	/* The name without tags, and the tags of its first sample as sent: the end of the
	 * head, or the text after "|#".  May hold any bytes; both truncated. */
	char name[WS_UNMATCHED_TEXT], tags[WS_UNMATCHED_TEXT];
	size_t name_len, tags_len;
	bool tags_in_head;
	uint64_t hash;
	uint64_t count; /* samples since it was listed */
	int64_t last;   /* monotonic nanoseconds */
	/* Of the last sample: */
	enum ws_type type;
	bool is_signed;
	double value; /* a timer's in seconds; meaningless for a set */
};

/* Merges the lists of all shards, latest first; returns the number.  0 when out of memory. */
size_t ws_unmatched_list(struct ws_unmatched *unmatched,
                         struct ws_unmatched_name out[WS_UNMATCHED_MAX]);

/* Rebuilds the last sample as a line for `windsock explain`, from what was kept of it. */
void ws_unmatched_line(const struct ws_unmatched_name *name, struct ws_buf *out);

#endif
