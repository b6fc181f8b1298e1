/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/unmatched.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <windsock/buf.h>
#include <windsock/hash.h>

/* Limits how many slots, and how much time, a flood of new names can take per batch. */
#define TAKEOVERS_MAX 4
#define NO_SLOT       UINT32_MAX
#define FILTER        1024

struct slot {
	char name[WS_UNMATCHED_TEXT], tags[WS_UNMATCHED_TEXT];
	size_t name_len, tags_len;
	bool tags_in_head;
	uint32_t serial; /* the writer's: differs for each name in this slot; never 0 */
	_Atomic uint64_t count;
	_Atomic unsigned form; /* 2 * type + is_signed */
	_Atomic double value;
};

struct shard {
	pthread_mutex_t mutex; /* guards what readers see, except atomics */
	size_t n;
	/* By slot, in arrays of their own because they are searched. */
	uint64_t hashes[WS_UNMATCHED_MAX]; /* of whole names */
	_Atomic int64_t lasts[WS_UNMATCHED_MAX];
	struct slot slots[WS_UNMATCHED_MAX];
	/* Used by the writer only: */
	uint32_t serial;
	uint8_t filter[FILTER]; /* number of hashes by hash % FILTER; 0: no need to search */
	int64_t batch;
	unsigned takeovers; /* in this batch */
};

struct ws_unmatched {
	struct ws_hash_key key;
	unsigned nshards;
	struct shard shards[];
};

struct ws_unmatched *ws_unmatched_new(unsigned nshards, struct ws_hash_key key)
{
	struct ws_unmatched *u = calloc(1, sizeof(*u) + nshards * sizeof(u->shards[0]));
	unsigned i;

	if (u == NULL)
		return NULL;
	u->key = key;
	u->nshards = nshards;
	for (i = 0; i < nshards; i++)
		pthread_mutex_init(&u->shards[i].mutex, NULL);
	return u;
}

void ws_unmatched_free(struct ws_unmatched *u)
{
	unsigned i;

	for (i = 0; u != NULL && i < u->nshards; i++)
		pthread_mutex_destroy(&u->shards[i].mutex);
	free(u);
}

#define LOAD(field)         atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

/* Truncates between characters. */
static size_t copy(char to[WS_UNMATCHED_TEXT], struct ws_span text)
{
	size_t n = text.len < WS_UNMATCHED_TEXT ? text.len : WS_UNMATCHED_TEXT;

	while (n > 0 && n < text.len && ((unsigned char)text.ptr[n] & 0xc0) == 0x80)
		n--;
	if (n > 0)
		memcpy(to, text.ptr, n);
	return n;
}

static uint32_t oldest(const struct shard *l)
{
	uint32_t found = 0, i;

	for (i = 1; i < l->n; i++) {
		if (LOAD(l->lasts[i]) < LOAD(l->lasts[found]))
			found = i;
	}
	return found;
}

/* The slot with the hash, else a free one, else the oldest.  NO_SLOT: the batch has had its
 * TAKEOVERS_MAX. */
static uint32_t slot_for(struct shard *l, uint64_t hash, int64_t now)
{
	uint32_t i;

	for (i = 0; l->filter[hash % FILTER] > 0 && i < l->n; i++) {
		if (l->hashes[i] == hash)
			return i;
	}
	if (l->n < WS_UNMATCHED_MAX)
		return (uint32_t)l->n;
	if (l->batch != now) {
		l->batch = now;
		l->takeovers = 0;
	}
	return l->takeovers++ < TAKEOVERS_MAX ? oldest(l) : NO_SLOT;
}

/* The name without tags in InfluxDB or Librato style. */
static struct ws_span name_of(const struct ws_sample *s)
{
	size_t n = 0;

	while (n < s->head.len && s->head.ptr[n] != ',' && s->head.ptr[n] != '#')
		n++;
	return ws_span(s->head.ptr, n);
}

static void settle(struct shard *l, uint32_t i, uint64_t hash, const struct ws_sample *s)
{
	struct ws_span name = name_of(s), tags = s->tags;
	struct slot *slot = &l->slots[i];

	if (i < l->n)
		l->filter[l->hashes[i] % FILTER]--;
	l->filter[hash % FILTER]++;
	pthread_mutex_lock(&l->mutex);
	l->hashes[i] = hash;
	slot->tags_in_head = tags.len == 0;
	if (slot->tags_in_head)
		tags = ws_span(name.ptr + name.len, s->head.len - name.len);
	slot->name_len = copy(slot->name, name);
	slot->tags_len = copy(slot->tags, tags);
	STORE(slot->count, 0);
	if (i == l->n)
		l->n++;
	pthread_mutex_unlock(&l->mutex);
	if (++l->serial == 0)
		l->serial = 1;
	slot->serial = l->serial;
}

/* False: no slot for this name. */
static bool find_place(struct ws_unmatched *u, struct shard *l,
                       struct ws_unmatched_place *place, const struct ws_sample *s,
                       int64_t now, bool *is_new)
{
	uint64_t hash = ws_hash_bytes(u->key, name_of(s));
	uint32_t i = slot_for(l, hash, now);

	if (i == NO_SLOT)
		return false;
	*is_new = i == l->n || l->hashes[i] != hash;
	if (*is_new)
		settle(l, i, hash, s);
	*place = (struct ws_unmatched_place){ i, l->slots[i].serial };
	return true;
}

bool ws_unmatched_add(struct ws_unmatched *u, unsigned shard, struct ws_unmatched_place *place,
                      const struct ws_sample *s, int64_t now)
{
	struct shard *l = &u->shards[shard];
	struct slot *slot;
	bool is_new = false;

	if ((place->serial == 0 || l->slots[place->slot].serial != place->serial) &&
	    !find_place(u, l, place, s, now, &is_new))
		return false;
	slot = &l->slots[place->slot];
	STORE(slot->count, LOAD(slot->count) + 1);
	STORE(slot->form, (unsigned)s->type * 2 + s->is_signed);
	STORE(slot->value, s->value);
	STORE(l->lasts[place->slot], now);
	return is_new;
}

void ws_unmatched_forget(struct ws_unmatched *u, unsigned shard)
{
	struct shard *l = &u->shards[shard];
	size_t i;

	pthread_mutex_lock(&l->mutex);
	for (i = 0; i < l->n; i++)
		l->slots[i].serial = 0;
	memset(l->filter, 0, sizeof(l->filter));
	l->n = 0;
	pthread_mutex_unlock(&l->mutex);
}

/* --- reading ---------------------------------------------------------------------------- */

static size_t copy_shard(struct shard *l, struct ws_unmatched_name *out)
{
	size_t i, n;

	pthread_mutex_lock(&l->mutex);
	n = l->n;
	for (i = 0; i < n; i++) {
		const struct slot *slot = &l->slots[i];
		unsigned form = LOAD(slot->form);

		out[i] = (struct ws_unmatched_name){
			.name_len = slot->name_len,
			.tags_len = slot->tags_len,
			.tags_in_head = slot->tags_in_head,
			.hash = l->hashes[i],
			.count = LOAD(slot->count),
			.last = LOAD(l->lasts[i]),
			.type = (enum ws_type)(form / 2),
			.is_signed = form % 2 != 0,
			.value = LOAD(slot->value),
		};
		memcpy(out[i].name, slot->name, slot->name_len);
		memcpy(out[i].tags, slot->tags, slot->tags_len);
	}
	pthread_mutex_unlock(&l->mutex);
	return n;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_hash(const void *a, const void *b)
{
	return compare(((const struct ws_unmatched_name *)a)->hash,
	               ((const struct ws_unmatched_name *)b)->hash);
}

/* Names of the same batch are ordered by text. */
static int latest_first(const void *a, const void *b)
{
	const struct ws_unmatched_name *x = a, *y = b;
	size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order;

	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	order = memcmp(x->name, y->name, len);
	return order != 0 ? order : compare(x->name_len, y->name_len);
}

/* Merges names of several shards; `names` is sorted by hash.  Returns the number left. */
static size_t merge(struct ws_unmatched_name *names, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		struct ws_unmatched_name *last;
		uint64_t count = names[i].count;

		if (kept == 0 || names[kept - 1].hash != names[i].hash) {
			names[kept++] = names[i];
			continue;
		}
		last = &names[kept - 1];
		count += last->count;
		if (names[i].last > last->last)
			*last = names[i];
		last->count = count;
	}
	return kept;
}

size_t ws_unmatched_list(struct ws_unmatched *u, struct ws_unmatched_name out[WS_UNMATCHED_MAX])
{
	struct ws_unmatched_name *all = malloc(u->nshards * WS_UNMATCHED_MAX * sizeof(*all));
	size_t n = 0;
	unsigned i;

	if (all == NULL)
		return 0;
	for (i = 0; i < u->nshards; i++)
		n += copy_shard(&u->shards[i], all + n);
	qsort(all, n, sizeof(*all), by_hash);
	n = merge(all, n);
	qsort(all, n, sizeof(*all), latest_first);
	n = n < WS_UNMATCHED_MAX ? n : WS_UNMATCHED_MAX;
	memcpy(out, all, n * sizeof(*all));
	free(all);
	return n;
}

void ws_unmatched_line(const struct ws_unmatched_name *name, struct ws_buf *out)
{
	struct ws_span tags = ws_span(name->tags, name->tags_len);
	double value = name->type == WS_TYPE_TIMER ? name->value * 1000 : name->value;

	ws_buf_add(out, name->name, name->name_len);
	if (name->tags_in_head)
		ws_buf_span(out, tags);
	if (name->type == WS_TYPE_SET)
		ws_buf_str(out, ":?");
	else
		ws_buf_printf(out, name->is_signed && !isnan(value) ? ":%+.15g" : ":%.15g", value);
	ws_buf_printf(out, "|%s", ws_type_wire(name->type));
	if (!name->tags_in_head && tags.len > 0) {
		ws_buf_str(out, "|#");
		ws_buf_span(out, tags);
	}
}
