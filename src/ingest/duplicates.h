/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Airflow sends most events twice, under two names; which of the two counts depends on what
 * the sender sends.  Here is what each sender has shown, and the samples that wait until it
 * has: the second name follows the first at once, so a sender that has not sent it after
 * DUPLICATES_WAIT_NS does not.
 *
 * Bits stand for rules that have duplicates (see ws_resolution.fits and
 * ws_mapping_duplicate_of).  Senders are sockets, a process each.  Memory is bounded: beyond
 * DUPLICATES_SENDERS senders the one that was silent for the longest time is forgotten, beyond
 * DUPLICATES_WAITING samples the first is released.  For one thread.
 */
#ifndef DUPLICATES_H
#define DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUPLICATES_SENDERS 8192
#define DUPLICATES_WAITING 4096
#define DUPLICATES_WAIT_NS INT64_C(1000000000)

struct cache_entry;
struct duplicates;

/* A sample that waits, without its texts. */
struct waiting {
	struct cache_entry *entry;
	uint32_t action;
	bool first;      /* of the actions of its sample that feed a series */
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
void duplicates_free(struct duplicates *duplicates);

/* A sample from the sender fits these rules, and these of them take it.  Releases what waited
 * for that. */
void duplicates_saw(struct duplicates *duplicates, uint64_t sender, uint64_t fits,
                    uint64_t takes, int64_t now);

enum duplicates_verdict {
	DUPLICATES_COUNT,
	DUPLICATES_DROP,
	DUPLICATES_WAIT, /* give it to duplicates_wait */
};
enum duplicates_verdict duplicates_judge(struct duplicates *duplicates, uint64_t sender,
                                         uint64_t duplicate_of, int64_t now);
void duplicates_wait(struct duplicates *duplicates, const struct waiting *sample);

/* Releases what has waited long enough. */
void duplicates_expire(struct duplicates *duplicates, int64_t now);

/* Releases all; `forget`: what the bits stand for has changed. */
void duplicates_flush(struct duplicates *duplicates, bool forget);

size_t duplicates_count(const struct duplicates *duplicates);

/* When duplicates_expire has something to do next; INT64_MAX: never. */
int64_t duplicates_due(const struct duplicates *duplicates);

#endif
