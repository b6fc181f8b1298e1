/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Airflow sends most events twice, under two names; which of the two counts depends on what
 * the sender sends.  Here is what each sender has shown, and the samples that wait until it
 * has: the second name follows the first at once, so a sender that has not sent it after
 * TWINS_WAIT_NS does not.
 *
 * Bits stand for rules that have twins (see ws_resolution.fits, ws_step.twin_of).  Senders are
 * sockets (a process each); memory is bounded: of more than TWINS_SENDERS senders the one not
 * heard of for the longest time is forgotten, of more than TWINS_WAITING samples the first is
 * released.  For one thread.
 */
#ifndef TWINS_H
#define TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include "names.h"

#define TWINS_SENDERS 8192
#define TWINS_WAITING 4096
#define TWINS_WAIT_NS INT64_C(1000000000)

struct twins;

/* A sample that waits, without its texts. */
struct waiting {
	struct known *known;
	uint32_t step;
	bool first;      /* of the steps of its sample that are not dropped */
	bool is_signed;
	double value, weight;
	uint64_t sender, twin_of;
	int64_t since;
};

/* `is_twin`: the sender sends the other name; else the sample counts. */
struct twins_receiver {
	void (*release)(void *user, const struct waiting *sample, bool is_twin);
	void *user;
};

/* NULL: out of memory. */
struct twins *twins_new(struct twins_receiver receiver);
void twins_free(struct twins *twins);

/* A sample from the sender fits these rules, and these of them take it.  Releases what waited
 * for that. */
void twins_saw(struct twins *twins, uint64_t sender, uint64_t fits, uint64_t takes, int64_t now);

enum twins_verdict {
	TWINS_COUNT,
	TWINS_DROP,
	TWINS_WAIT, /* give it to twins_wait */
};
enum twins_verdict twins_judge(struct twins *twins, uint64_t sender, uint64_t twin_of,
                               int64_t now);
void twins_wait(struct twins *twins, const struct waiting *sample);

/* Releases what has waited long enough. */
void twins_expire(struct twins *twins, int64_t now);

/* Releases all; `forget`: what the bits stand for has changed. */
void twins_flush(struct twins *twins, bool forget);

size_t twins_count(const struct twins *twins);

/* When twins_expire has something to do next; INT64_MAX: never. */
int64_t twins_due(const struct twins *twins);

#endif
