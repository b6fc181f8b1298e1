/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams in, updates of the store out; one per worker, used by one thread at a time.
 *
 * A name is taken through the rules once; afterwards a keyed hash of its bytes leads to its
 * series.  Known samples cost no allocation and no lock but one per batch.
 */
#ifndef WINDSOCK_INGEST_H
#define WINDSOCK_INGEST_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/hash_key.h>
#include <windsock/mapping.h>
#include <windsock/stats.h>
#include <windsock/store.h>
#include <windsock/unmatched.h>

struct ws_ingest;

struct ws_ingest_options {
	unsigned shard;            /* of the stats: this ingest is its only writer */
	size_t cache_size;        /* names surely remembered, twice as many at most; 0: 200,000 */
	struct ws_hash_key key;
	struct ws_learned_ids *learned; /* shared, outlives the ingest; NULL: nothing is learned */
	struct ws_unmatched *unmatched; /* outlives the ingest; NULL: no list is kept */
	/* A name that series were made from is split otherwise since something was learned; the
	 * series are gone.  NULL: nobody wants to know. */
	void (*on_resplit)(void *user, struct ws_span name);
	/* A name has come onto the list of unmatched ones.  NULL: nobody wants to know. */
	void (*on_unmatched)(void *user, struct ws_span head);
	void *user;
};

struct ws_ingest *ws_ingest_new(struct ws_store *store, struct ws_stats *stats,
                                const struct ws_ingest_options *options);
void ws_ingest_free(struct ws_ingest *ingest);

/*
 * A batch: begin, any number of datagrams, end.  Datagrams must stay where they are until end.
 * The mapping is borrowed until end; when it is another one than in the last batch, what was
 * remembered is forgotten (the ingest holds a reference to the one it remembers names of).
 * begin fails only when out of memory: then no datagram may be given and no end called.
 */
enum ws_err ws_ingest_begin(struct ws_ingest *ingest, struct ws_mapping *mapping, int64_t now);
void ws_ingest_datagram(struct ws_ingest *ingest, struct ws_span datagram, bool truncated);
void ws_ingest_end(struct ws_ingest *ingest);

/*
 * Who sends the datagrams that follow: a hash of its address and port, the same for all that
 * comes from one socket (see duplicate_of in docs/mapping.md), and the address as text, which stays
 * where it is until end; it may be empty when ws_mapping_uses_sender says no.
 */
void ws_ingest_sender(struct ws_ingest *ingest, uint64_t sender, struct ws_span address);

/*
 * Samples may wait a moment for what their sender shows.  When an empty batch would release
 * some; INT64_MAX: none waits.  settle, outside a batch, releases all.
 */
int64_t ws_ingest_due(const struct ws_ingest *ingest);
void ws_ingest_settle(struct ws_ingest *ingest);

#endif
