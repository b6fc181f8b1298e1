/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams in, store updates out.  One per worker, used by one thread at a time.
 *
 * A name is matched against the rules once; after that, a keyed hash of its bytes finds its
 * series.  Samples of cached names need no allocation and one lock per batch.
 */
#ifndef WINDSOCK_INGEST_H
#define WINDSOCK_INGEST_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/hash.h>
#include <windsock/learned_ids.h>
#include <windsock/mapping.h>
#include <windsock/recent.h>
#include <windsock/stats.h>
#include <windsock/store.h>
#include <windsock/unmatched.h>

struct ws_ingest;

struct ws_ingest_options {
	unsigned shard;           /* of the stats; this ingest is its only writer */
	size_t cache_size;        /* names kept; up to twice that under churn; 0: 200,000 */
	struct ws_hash_key key;
	struct ws_learned_ids *learned; /* shared, outlives the ingest; NULL: nothing is learned */
	struct ws_unmatched *unmatched; /* outlives the ingest; NULL: no list is kept */
	struct ws_recent *recent;       /* the same */
	/* A learned id changed how this name splits; its series with the old labels were
	 * removed.  May be NULL. */
	void (*on_resplit)(void *user, struct ws_span name);
	/* A name was added to the list of unmatched names.  May be NULL. */
	void (*on_unmatched)(void *user, struct ws_span head);
	void *user;
};

struct ws_ingest *ws_ingest_new(struct ws_store *store, struct ws_stats *stats,
                                const struct ws_ingest_options *options);
void ws_ingest_free(struct ws_ingest *ingest);

/* A datagram and its sender.  Bytes and address are borrowed until the end of the batch. */
struct ws_datagram {
	struct ws_span bytes;
	bool truncated;         /* by the kernel; the last line is not used */
	uint64_t sender;        /* hash of address and port: identifies the sending socket */
	struct ws_span address; /* as text; may be empty unless ws_mapping_uses_sender */
};

/*
 * A batch: begin, any number of datagrams, end.  The mapping is borrowed until end.  If it
 * differs from the last batch's, the cache is cleared (the ingest holds a reference to the
 * mapping of its cache).  begin fails only when out of memory; then the batch has not begun:
 * pass no datagrams and do not call end.
 */
enum ws_err ws_ingest_begin(struct ws_ingest *ingest, struct ws_mapping *mapping, int64_t now);
void ws_ingest_datagram(struct ws_ingest *ingest, const struct ws_datagram *datagram);
void ws_ingest_end(struct ws_ingest *ingest);

/*
 * A possible duplicate may wait up to a second to see whether its sender also sends the
 * original.  due: the time from which an empty batch releases waiting samples; INT64_MAX:
 * none waits.  settle releases all of them; call it outside a batch.
 */
int64_t ws_ingest_due(const struct ws_ingest *ingest);
void ws_ingest_settle(struct ws_ingest *ingest);

#endif
