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
#include <windsock/hash.h>
#include <windsock/learned_ids.h>
#include <windsock/mapping.h>
#include <windsock/recent.h>
#include <windsock/stats.h>
#include <windsock/store.h>
#include <windsock/unmatched.h>

struct ws_ingest;

struct ws_ingest_options {
	unsigned shard;           /* of the stats: this ingest is its only writer */
	size_t cache_size;        /* names that are kept at least, twice as many at most; 0: 200,000 */
	struct ws_hash_key key;
	struct ws_learned_ids *learned; /* shared, outlives the ingest; NULL: nothing is learned */
	struct ws_unmatched *unmatched; /* outlives the ingest; NULL: no list is kept */
	struct ws_recent *recent;       /* the same */
	/* A learned id splits a name in another way; the series under the wrong labels are gone.
	 * NULL: ignored. */
	void (*on_resplit)(void *user, struct ws_span name);
	/* A name is new on the list of unmatched ones.  NULL: ignored. */
	void (*on_unmatched)(void *user, struct ws_span head);
	void *user;
};

struct ws_ingest *ws_ingest_new(struct ws_store *store, struct ws_stats *stats,
                                const struct ws_ingest_options *options);
void ws_ingest_free(struct ws_ingest *ingest);

/* A datagram and who sent it.  Bytes and address are borrowed until the end of the batch. */
struct ws_datagram {
	struct ws_span bytes;
	bool truncated;         /* the kernel cut it: its last line is not used */
	uint64_t sender;        /* hash of address and port, one for each socket that sends */
	struct ws_span address; /* as text; may be empty unless ws_mapping_uses_sender */
};

/*
 * A batch: begin, any number of datagrams, end.
 * The mapping is borrowed until end; when it is another one than in the last batch, the cache is
 * dropped (the ingest holds a reference to the mapping of its cache).
 * begin fails only when out of memory: then no datagram may be given and no end called.
 */
enum ws_err ws_ingest_begin(struct ws_ingest *ingest, struct ws_mapping *mapping, int64_t now);
void ws_ingest_datagram(struct ws_ingest *ingest, const struct ws_datagram *datagram);
void ws_ingest_end(struct ws_ingest *ingest);

/*
 * Samples may wait a moment for what their sender shows.  When an empty batch would release
 * some; INT64_MAX: none waits.  settle, outside a batch, releases all.
 */
int64_t ws_ingest_due(const struct ws_ingest *ingest);
void ws_ingest_settle(struct ws_ingest *ingest);

#endif
