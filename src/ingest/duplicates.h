/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Airflow sends most events twice, under two names; which one counts depends on what the
 * sender sends.  This module tracks what each sender has sent, and holds samples until that
 * is known: the second name follows the first at once, so a sender that has not sent it
 * within DUPLICATES_WAIT_NS does not send it at all.
 *
 * Each bit is a rule that has duplicates (see ws_resolution.fits and
 * ws_mapping_duplicate_of).  A sender is a socket, usually one per process.  Memory is
 * bounded: room for a new sender is made by dropping the least recently seen one of its hash
 * set (DUPLICATES_SENDERS in all), room for a waiting sample (DUPLICATES_WAITING) by
 * releasing the oldest.  Not thread-safe.
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

/* A waiting sample, without its texts. */
struct waiting {
	struct cache_entry *entry;
	uint32_t action;
	bool first;      /* the first action of its sample that feeds a series */
	bool is_signed;
	double value, weight;
	uint64_t sender, duplicate_of;
	int64_t since;
};

/* `is_duplicate`: the sender also sends the other name; otherwise the sample counts. */
struct duplicates_receiver {
	void (*release)(void *user, const struct waiting *sample, bool is_duplicate);
	void *user;
};

/* NULL: out of memory. */
struct duplicates *duplicates_new(struct duplicates_receiver receiver);
void duplicates_free(struct duplicates *duplicates);

/* Records a sample's ws_resolution.fits and .takes for its sender, and releases the samples
 * that this decides. */
void duplicates_saw(struct duplicates *duplicates, uint64_t sender, uint64_t fits,
                    uint64_t takes, int64_t now);

enum duplicates_verdict {
	DUPLICATES_COUNT,
	DUPLICATES_DROP,
	DUPLICATES_WAIT, /* pass it to duplicates_wait */
};
enum duplicates_verdict duplicates_judge(struct duplicates *duplicates, uint64_t sender,
                                         uint64_t duplicate_of, int64_t now);
void duplicates_wait(struct duplicates *duplicates, const struct waiting *sample);

/* Releases the samples that have waited for DUPLICATES_WAIT_NS. */
void duplicates_expire(struct duplicates *duplicates, int64_t now);

/* Releases all samples; `forget` also drops the senders, for when the bits change meaning. */
void duplicates_flush(struct duplicates *duplicates, bool forget);

size_t duplicates_count(const struct duplicates *duplicates);

/* When duplicates_expire has something to do next; INT64_MAX: no sample waits. */
int64_t duplicates_due(const struct duplicates *duplicates);

#endif
