/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Airflow sends most events twice, under two cache; which of the two counts depends on what
 * the sender sends.  Here is what each sender has shown, and the samples that wait until it
 * has: the second name follows the first at once, so a sender that has not sent it after
 * DUPLICATES_WAIT_NS does not.
 *
 * Bits stand for rules that have duplicates (see ws_resolution.fits, ws_step.duplicate_of).  Senders are
 * sockets (a process each); memory is bounded: of more than DUPLICATES_SENDERS senders the one not
 * heard of for the longest time is forgotten, of more than DUPLICATES_WAITING samples the first is
 * released.  For one thread.
 */
#ifndef DUPLICATES_H
#define DUPLICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/cache.h"

#define DUPLICATES_SENDERS 8192
#define DUPLICATES_WAITING 4096
#define DUPLICATES_WAIT_NS INT64_C(1000000000)

struct duplicates;

/* A sample that waits, without its texts. */
struct waiting {
	struct cache_entry *entry;
	uint32_t step;
	bool first;      /* of the steps of its sample that are not dropped */
	bool is_signed;
	double value, weight;
	uint64_t sender, duplicate_of;
	int64_t since;
};

/* `is_duplicate`: the sender sends the other name; else the sample counts. */
struct duplicates_receiver {
	void (*release)(void *user, const struct waiting *sample, bool is_duplicate);
	void *user;
};

/* NULL: out of memory. */
struct duplicates *duplicates_new(struct duplicates_receiver receiver);
void duplicates_free(struct duplicates *twins);

/* A sample from the sender fits these rules, and these of them take it.  Releases what waited
 * for that. */
void duplicates_saw(struct duplicates *twins, uint64_t sender, uint64_t fits, uint64_t takes, int64_t now);

enum duplicates_verdict {
	DUPLICATES_COUNT,
	DUPLICATES_DROP,
	DUPLICATES_WAIT, /* give it to duplicates_wait */
};
enum duplicates_verdict duplicates_judge(struct duplicates *twins, uint64_t sender, uint64_t duplicate_of,
                                         int64_t now);
void duplicates_wait(struct duplicates *twins, const struct waiting *sample);

/* Releases what has waited long enough. */
void duplicates_expire(struct duplicates *twins, int64_t now);

/* Releases all; `forget`: what the bits stand for has changed. */
void duplicates_flush(struct duplicates *twins, bool forget);

size_t duplicates_count(const struct duplicates *twins);

/* When duplicates_expire has something to do next; INT64_MAX: never. */
int64_t duplicates_due(const struct duplicates *twins);

#endif
