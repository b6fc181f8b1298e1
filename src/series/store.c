/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/store.h>

#include <pthread.h>
#include <stdlib.h>
#include <windsock/hash.h>
#include <windsock/name.h>

#include "base/heap.h"
#include "series/cell.h"

/* The tables' memory is counted in the bytes of the `store` in scope. */
#define uthash_malloc(size) take(store, size)
#define uthash_free(p, size) give(store, p, size)
#include "base/table.h"

#define NEVER INT64_MAX
#define FIRST_BY_AGE 4
#define FIRST_SLOTS 64
#define FIRST_FAMILIES 16
#define HEAP_FILTER_MIN 1024
#define PREFETCH_SLOT 32
#define PREFETCH_SERIES 16

struct family;

/* One allocation, ending with the labels.  The fields that updates use come first. */
struct series {
	struct family *family;
	struct ws_cell cell;
	int64_t touched;
	int64_t scheduled; /* due time of its heap entry; NEVER: it has none */
	uint32_t slot;
	uint32_t index; /* in family->by_age */
	UT_hash_handle hh;
	char labels[];
};

struct slot {
	struct series *series; /* NULL: free */
	uint32_t generation;   /* never 0; changes each time the slot is freed */
	uint32_t next_free;    /* number of the slot plus one; 0: none */
};

static const enum ws_err family_reasons[] = {
	WS_ERR_TYPE_CONFLICT,
	WS_ERR_NAME_COLLISION,
	WS_ERR_FAMILY_SERIES_LIMIT,
};

#define NREJECTIONS (sizeof(family_reasons) / sizeof(family_reasons[0]))

/*
 * A listed family is in the table and in `sorted`, and its series can be found.  A retired
 * family is not listed, and its series wait to be freed.  It is freed when the store and the
 * last cursor have released it.
 */
struct family {
	UT_hash_handle hh;
	struct family *next_retired;
	struct series *series; /* by labels */
	struct series **by_age;  /* oldest first; NULL: a hole */
	size_t nby_age;
	size_t by_age_capacity;
	size_t nlive;
	enum ws_kind kind;
	bool listed;
	bool unmatched;
	unsigned refs; /* the store's, and one for each cursor that is in the family */
	struct ws_kind_options options;
	int64_t ttl_ns;
	uint64_t epoch;
	uint64_t rejected[NREJECTIONS];
	struct ws_span name;
	struct ws_span help;
	size_t size;      /* of this allocation */
	double numbers[]; /* of the options; the name follows them */
};

/*
 * The mutex guards everything below it and every family and series.  Only functions named
 * ws_* take it; readers' callbacks run with it held and must not call the store.
 */
struct ws_store {
	struct ws_hash_key key;
	struct ws_limits limits;

	pthread_mutex_t mutex;

	struct family *families; /* by name */
	struct family **sorted;
	size_t nfamilies;
	size_t sorted_capacity;
	size_t unmatched_families;
	struct family *retired_families;

	struct slot *slots;
	uint32_t nslots;
	uint32_t free_slot; /* as next_free */

	struct heap heap;
	size_t heap_filter_at;

	size_t nseries;
	size_t bytes;
	uint64_t created;
	uint64_t expired;
	uint64_t retired;
	uint64_t rejected[WS_NERRORS];
};

const struct ws_limits ws_limits_default = {
	.series = 1000000,
	.series_per_family = 100000,
	.families = 10000,
	.unmatched_families = 1000,
};

/* --- counted memory --------------------------------------------------------------------- */

static void *take(struct ws_store *store, size_t size)
{
	void *p = malloc(size);

	if (p != NULL)
		store->bytes += size;
	return p;
}

static void give(struct ws_store *store, void *p, size_t size)
{
	if (p != NULL)
		store->bytes -= size;
	free(p);
}

static void *retake(struct ws_store *store, void *p, size_t old_size, size_t size)
{
	void *moved = realloc(p, size);

	if (moved != NULL)
		store->bytes += size - old_size;
	return moved;
}

/* False: out of memory, *copy is unchanged. */
static bool copy_span(struct ws_store *store, struct ws_span from, struct ws_span *copy)
{
	char *p = NULL;

	if (from.len > 0) {
		p = take(store, from.len);
		if (p == NULL)
			return false;
		memcpy(p, from.ptr, from.len);
	}
	*copy = ws_span(p, from.len);
	return true;
}

static void free_span(struct ws_store *store, struct ws_span copy)
{
	give(store, (void *)(uintptr_t)copy.ptr, copy.len);
}

/* --- tables ----------------------------------------------------------------------------- */

static struct family *table_family(struct ws_store *store, struct ws_span name, unsigned hash)
{
	struct family *family;

	HASH_FIND_BYHASHVALUE(hh, store->families, name.ptr, name.len, hash, family);
	return family;
}

static bool table_add_family(struct ws_store *store, struct family *family, unsigned hash)
{
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, store->families, family->name.ptr, family->name.len,
	                            hash, family);
	return family->hh.tbl != NULL;
}

static void table_remove_family(struct ws_store *store, struct family *family)
{
	/* The family is in the table.  NOLINTNEXTLINE(clang-analyzer-*) */
	HASH_DELETE(hh, store->families, family);
}

static struct series *table_series(const struct family *family, struct ws_span labels,
                                   unsigned hash)
{
	struct series *series;

	HASH_FIND_BYHASHVALUE(hh, family->series, labels.ptr, labels.len, hash, series);
	return series;
}

static bool table_add_series(struct ws_store *store, struct family *family,
                             struct series *series, size_t len, unsigned hash)
{
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, family->series, series->labels, len, hash, series);
	return series->hh.tbl != NULL;
}

static void table_remove_series(struct ws_store *store, struct family *family,
                                struct series *series)
{
	HASH_DELETE(hh, family->series, series);
}

/* Clears the table only; the series stay in `by_age`. */
static void table_clear_series(struct ws_store *store, struct family *family)
{
	HASH_CLEAR(hh, family->series);
}

/* --- families by name ------------------------------------------------------------------- */

static int compare(struct ws_span a, struct ws_span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Compares `name` with `base` followed by `suffix`. */
static int compare_joined(struct ws_span name, struct ws_span base, struct ws_span suffix)
{
	int order;

	if (name.len <= base.len) {
		order = compare(name, base);
		return order != 0 ? order : -(suffix.len > 0);
	}
	order = compare(ws_span(name.ptr, base.len), base);
	if (order != 0)
		return order;
	return compare(ws_span(name.ptr + base.len, name.len - base.len), suffix);
}

/* The index of the first family whose name is not before `base` followed by `suffix`. */
static size_t lower_bound(const struct ws_store *store, struct ws_span base,
                          struct ws_span suffix)
{
	size_t low = 0, high = store->nfamilies;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_joined(store->sorted[middle]->name, base, suffix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct family *find_joined(const struct ws_store *store, struct ws_span base,
                                  const char *suffix)
{
	size_t at = lower_bound(store, base, ws_span_str(suffix));

	if (at == store->nfamilies ||
	    compare_joined(store->sorted[at]->name, base, ws_span_str(suffix)) != 0)
		return NULL;
	return store->sorted[at];
}

static bool sorted_reserve(struct ws_store *store)
{
	size_t capacity = store->sorted_capacity == 0 ? FIRST_FAMILIES :
							2 * store->sorted_capacity;
	struct family **sorted;

	if (store->nfamilies < store->sorted_capacity)
		return true;
	sorted = realloc(store->sorted, capacity * sizeof(struct family *));
	if (sorted == NULL)
		return false;
	store->sorted = sorted;
	store->sorted_capacity = capacity;
	return true;
}

static void sorted_insert(struct ws_store *store, struct family *family)
{
	size_t at = lower_bound(store, family->name, ws_span(NULL, 0));

	memmove(store->sorted + at + 1, store->sorted + at,
	        (store->nfamilies - at) * sizeof(struct family *));
	store->sorted[at] = family;
	store->nfamilies++;
}

static void sorted_remove(struct ws_store *store, const struct family *family)
{
	size_t at = lower_bound(store, family->name, ws_span(NULL, 0));

	store->nfamilies--;
	memmove(store->sorted + at, store->sorted + at + 1,
	        (store->nfamilies - at) * sizeof(struct family *));
}

/* --- options ---------------------------------------------------------------------------- */

/* The options that series of a kind depend on.  A set's window can change at any time. */
static const struct {
	bool buckets;
	bool quantiles;
} matters[WS_NKINDS] = {
	[WS_KIND_SUMMARY] = { .quantiles = true },
	[WS_KIND_HISTOGRAM] = { .buckets = true },
};

static bool same_numbers(const double *a, size_t na, const double *b, size_t nb)
{
	size_t i;

	if (na != nb)
		return false;
	for (i = 0; i < na; i++) {
		if (a[i] < b[i] || a[i] > b[i])
			return false;
	}
	return true;
}

static bool same_options(enum ws_kind kind, const struct ws_kind_options *a,
                         const struct ws_kind_options *b)
{
	if (matters[kind].buckets &&
	    !same_numbers(a->buckets, a->nbuckets, b->buckets, b->nbuckets))
		return false;
	if (!matters[kind].quantiles)
		return true;
	return a->window_ns == b->window_ns &&
	       same_numbers(a->quantiles, a->nquantiles, b->quantiles, b->nquantiles);
}

static void copy_numbers(double *to, const double *from, size_t n)
{
	if (n > 0)
		memcpy(to, from, n * sizeof(*to));
}

/* --- families --------------------------------------------------------------------------- */

static struct family *family_new(struct ws_store *store, const struct ws_target *target)
{
	size_t nb = matters[target->kind].buckets ? target->options.nbuckets : 0;
	size_t nq = matters[target->kind].quantiles ? target->options.nquantiles : 0;
	size_t size = sizeof(struct family) + (nb + nq) * sizeof(double) + target->family.len;
	struct family *family = take(store, size);
	char *name;

	if (family == NULL)
		return NULL;
	memset(family, 0, sizeof(*family));
	family->size = size;
	if (!copy_span(store, target->help, &family->help)) {
		give(store, family, size);
		return NULL;
	}
	copy_numbers(family->numbers, target->options.buckets, nb);
	copy_numbers(family->numbers + nb, target->options.quantiles, nq);
	name = (char *)(family->numbers + nb + nq);
	memcpy(name, target->family.ptr, target->family.len);
	family->name = ws_span(name, target->family.len);
	family->kind = target->kind;
	family->unmatched = target->unmatched;
	family->refs = 1;
	family->ttl_ns = target->ttl_ns;
	family->epoch = target->epoch;
	family->options = (struct ws_kind_options){
		.buckets = family->numbers,
		.nbuckets = nb,
		.quantiles = family->numbers + nb,
		.nquantiles = nq,
		.window_ns = target->options.window_ns,
	};
	return family;
}

static void family_unref(struct ws_store *store, struct family *family)
{
	if (--family->refs > 0)
		return;
	give(store, family->by_age, family->by_age_capacity * sizeof(struct series *));
	free_span(store, family->help);
	give(store, family, family->size);
}

static bool family_list(struct ws_store *store, struct family *family, unsigned hash)
{
	if (!sorted_reserve(store) || !table_add_family(store, family, hash))
		return false;
	sorted_insert(store, family);
	family->listed = true;
	store->unmatched_families += family->unmatched;
	return true;
}

/* Does not remove it from `sorted`. */
static void family_unlist(struct ws_store *store, struct family *family)
{
	table_remove_family(store, family);
	family->listed = false;
	store->unmatched_families -= family->unmatched;
}

static void family_drop(struct ws_store *store, struct family *family)
{
	sorted_remove(store, family);
	family_unlist(store, family);
	family_unref(store, family);
}

/* Its series vanish now; ws_store_expire frees them.  Does not remove it from `sorted`. */
static void family_retire_listed(struct ws_store *store, struct family *family)
{
	family_unlist(store, family);
	table_clear_series(store, family);
	store->nseries -= family->nlive;
	store->retired += family->nlive;
	family->next_retired = store->retired_families;
	store->retired_families = family;
}

static void family_retire(struct ws_store *store, struct family *family)
{
	sorted_remove(store, family);
	family_retire_listed(store, family);
}

/* --- series by age ---------------------------------------------------------------------- */

static bool by_age_resize(struct ws_store *store, struct family *family, size_t capacity)
{
	const size_t each = sizeof(struct series *);
	struct series **by_age = retake(store, family->by_age, family->by_age_capacity * each,
	                                capacity * each);

	if (by_age == NULL)
		return false;
	family->by_age = by_age;
	family->by_age_capacity = capacity;
	return true;
}

static bool by_age_reserve(struct ws_store *store, struct family *family)
{
	if (family->nby_age < family->by_age_capacity)
		return true;
	return by_age_resize(store, family, family->nby_age == 0 ? FIRST_BY_AGE : 2 * family->nby_age);
}

static void by_age_append(struct family *family, struct series *series)
{
	series->index = (uint32_t)family->nby_age;
	family->by_age[family->nby_age++] = series;
	family->nlive++;
}

/* Removes the holes, unless a cursor is in this family.  Other cursors do not matter: they
 * start the family at its first series or are done with it. */
static void by_age_squeeze(struct ws_store *store, struct family *family)
{
	size_t i, kept = 0;

	if (family->refs > 1 || family->nby_age <= 2 * family->nlive)
		return;
	for (i = 0; i < family->nby_age; i++) {
		if (family->by_age[i] == NULL)
			continue;
		family->by_age[i]->index = (uint32_t)kept;
		family->by_age[kept++] = family->by_age[i];
	}
	family->nby_age = kept;
	if (family->by_age_capacity > 4 * kept + FIRST_BY_AGE)
		(void)by_age_resize(store, family, 2 * kept + FIRST_BY_AGE);
}

static void by_age_remove(struct ws_store *store, struct family *family,
                          const struct series *series)
{
	family->by_age[series->index] = NULL;
	family->nlive--;
	while (family->nby_age > 0 && family->by_age[family->nby_age - 1] == NULL)
		family->nby_age--;
	by_age_squeeze(store, family);
}

/* --- slots ------------------------------------------------------------------------------ */

static void slots_chain(struct ws_store *store, uint32_t from, uint32_t to)
{
	uint32_t i;

	for (i = to; i > from; i--) {
		store->slots[i - 1] = (struct slot){
			.generation = 1,
			.next_free = store->free_slot,
		};
		store->free_slot = i;
	}
}

static bool slots_reserve(struct ws_store *store)
{
	size_t n = store->nslots == 0 ? FIRST_SLOTS : 2 * (size_t)store->nslots;
	struct slot *slots;

	if (store->free_slot != 0)
		return true;
	if (n > UINT32_MAX)
		return false;
	slots = realloc(store->slots, n * sizeof(*slots));
	if (slots == NULL)
		return false;
	store->slots = slots;
	slots_chain(store, store->nslots, (uint32_t)n);
	store->nslots = (uint32_t)n;
	return true;
}

static void slot_take(struct ws_store *store, struct series *series)
{
	struct slot *slot = &store->slots[store->free_slot - 1];

	series->slot = store->free_slot - 1;
	slot->series = series;
	store->free_slot = slot->next_free;
}

static void slot_give(struct ws_store *store, uint32_t number)
{
	struct slot *slot = &store->slots[number];

	slot->series = NULL;
	if (++slot->generation == 0)
		slot->generation = 1;
	slot->next_free = store->free_slot;
	store->free_slot = number + 1;
}

/* NULL: gone.  A free slot's generation was never handed out. */
static inline struct series *slot_series(const struct ws_store *store, struct ws_ref ref)
{
	if (ref.slot >= store->nslots || store->slots[ref.slot].generation != ref.generation)
		return NULL;
	return store->slots[ref.slot].series;
}

/* --- time to live ----------------------------------------------------------------------- */

static int64_t deadline(const struct series *series)
{
	int64_t ttl = series->family->ttl_ns;

	if (ttl <= 0 || series->touched > NEVER - ttl)
		return NEVER;
	return series->touched + ttl;
}

/* The series of a heap entry; NULL: the entry is stale. */
static struct series *entry_series(const struct ws_store *store,
                                   const struct heap_entry *entry)
{
	const struct ws_ref ref = { .slot = entry->slot, .generation = entry->generation };
	struct series *series = slot_series(store, ref);

	if (series == NULL || series->scheduled != entry->due || !series->family->listed)
		return NULL;
	return series;
}

static bool entry_holds(const void *user, const struct heap_entry *entry)
{
	return entry_series(user, entry) != NULL;
}

/* Reserves room for more entries.  Stale entries could stay until they are due, which may
 * take days; they are removed whenever the heap has doubled. */
static bool ttl_reserve(struct ws_store *store, size_t more)
{
	if (store->heap.n >= store->heap_filter_at) {
		heap_filter(&store->heap, entry_holds, store);
		store->heap_filter_at = 2 * store->heap.n + HEAP_FILTER_MIN;
	}
	return heap_reserve(&store->heap, more);
}

/* Schedules a series, unless it has an entry that is due in time. */
static void ttl_schedule(struct ws_store *store, struct series *series)
{
	int64_t due = deadline(series);

	if (due >= series->scheduled)
		return;
	series->scheduled = due;
	heap_push(&store->heap, (struct heap_entry){
					.due = due,
					.slot = series->slot,
					.generation = store->slots[series->slot].generation,
				});
}

/* Schedules all series again, since a shorter TTL also applies to those no longer sent. */
static bool ttl_change(struct ws_store *store, struct family *family, int64_t ttl_ns)
{
	size_t i;

	if (family->ttl_ns == ttl_ns)
		return true;
	if (!ttl_reserve(store, family->nlive))
		return false;
	family->ttl_ns = ttl_ns;
	for (i = 0; i < family->nby_age; i++) {
		if (family->by_age[i] != NULL)
			ttl_schedule(store, family->by_age[i]);
	}
	return true;
}

/* --- series ----------------------------------------------------------------------------- */

static size_t series_size(size_t len)
{
	return sizeof(struct series) + len;
}

static struct series *series_new(struct ws_store *store, struct family *family,
                                 struct ws_span labels, int64_t now)
{
	struct series *series = take(store, series_size(labels.len));

	if (series == NULL)
		return NULL;
	memset(series, 0, sizeof(*series));
	if (!cell_init(&series->cell, family->kind, &family->options)) {
		give(store, series, series_size(labels.len));
		return NULL;
	}
	store->bytes += cell_bytes(&series->cell, family->kind, &family->options);
	if (labels.len > 0)
		memcpy(series->labels, labels.ptr, labels.len);
	series->family = family;
	series->touched = now;
	series->scheduled = NEVER;
	return series;
}

static void series_free(struct ws_store *store, struct series *series, size_t len)
{
	struct family *family = series->family;

	store->bytes -= cell_bytes(&series->cell, family->kind, &family->options);
	cell_fini(&series->cell, family->kind);
	give(store, series, series_size(len));
}

/* NULL: out of memory. */
static struct series *series_add(struct ws_store *store, struct family *family,
                                 struct ws_span labels, unsigned hash, int64_t now)
{
	struct series *series;

	if (!by_age_reserve(store, family) || !slots_reserve(store) || !ttl_reserve(store, 1))
		return NULL;
	series = series_new(store, family, labels, now);
	if (series == NULL)
		return NULL;
	if (!table_add_series(store, family, series, labels.len, hash)) {
		series_free(store, series, labels.len);
		return NULL;
	}
	slot_take(store, series);
	by_age_append(family, series);
	ttl_schedule(store, series);
	store->nseries++;
	store->created++;
	return series;
}

static void series_remove(struct ws_store *store, struct series *series)
{
	struct family *family = series->family;

	table_remove_series(store, family, series);
	by_age_remove(store, family, series);
	slot_give(store, series->slot);
	series_free(store, series, series->hh.keylen);
	store->nseries--;
	if (family->nlive == 0)
		family_drop(store, family);
}

/* --- rejections ------------------------------------------------------------------------- */

/* `family`: also counts it for this family; may be NULL. */
static enum ws_err reject(struct ws_store *store, struct family *family, enum ws_err err)
{
	size_t i;

	store->rejected[err]++;
	for (i = 0; family != NULL && i < NREJECTIONS; i++) {
		if (family_reasons[i] == err)
			family->rejected[i]++;
	}
	return err;
}

/* Suffixes of the additional names that a summary or histogram uses. */
static const struct {
	const char *suffix;
	bool used[WS_NKINDS];
} derived[] = {
	{ "_sum", { [WS_KIND_SUMMARY] = true, [WS_KIND_HISTOGRAM] = true } },
	{ "_count", { [WS_KIND_SUMMARY] = true, [WS_KIND_HISTOGRAM] = true } },
	{ "_created", { [WS_KIND_SUMMARY] = true, [WS_KIND_HISTOGRAM] = true } },
	{ "_bucket", { [WS_KIND_HISTOGRAM] = true } },
};

#define NDERIVED (sizeof(derived) / sizeof(derived[0]))

/* The family whose name followed by the suffix is `name`. */
static struct family *find_base(const struct ws_store *store, struct ws_span name,
                                struct ws_span suffix)
{
	if (!ws_span_ends(name, suffix))
		return NULL;
	return find_joined(store, ws_span(name.ptr, name.len - suffix.len), "");
}

/* The family that uses the name as an additional one, or whose name a new family of this kind
 * would use as an additional one. */
static struct family *find_collision(const struct ws_store *store, struct ws_span name,
                                     enum ws_kind kind)
{
	size_t i;

	for (i = 0; i < NDERIVED; i++) {
		struct family *base = find_base(store, name, ws_span_str(derived[i].suffix));
		struct family *other = NULL;

		if (base != NULL && derived[i].used[base->kind])
			return base;
		if (derived[i].used[kind])
			other = find_joined(store, name, derived[i].suffix);
		if (other != NULL)
			return other;
	}
	return NULL;
}

static bool is_reached(size_t n, size_t limit)
{
	return limit != 0 && n >= limit;
}

static enum ws_err admit_family(struct ws_store *store, const struct ws_target *target)
{
	const struct ws_limits *limits = &store->limits;
	struct family *other;

	if (ws_name_is_reserved_metric(target->family))
		return reject(store, NULL, WS_ERR_RESERVED_NAME);
	other = find_collision(store, target->family, target->kind);
	if (other != NULL)
		return reject(store, other, WS_ERR_NAME_COLLISION);
	if (is_reached(store->nfamilies, limits->families))
		return reject(store, NULL, WS_ERR_FAMILY_LIMIT);
	if (target->unmatched &&
	    is_reached(store->unmatched_families, limits->unmatched_families))
		return reject(store, NULL, WS_ERR_UNMATCHED_LIMIT);
	if (is_reached(store->nseries, limits->series))
		return reject(store, NULL, WS_ERR_SERIES_LIMIT);
	return WS_OK;
}

static enum ws_err admit_series(struct ws_store *store, struct family *family)
{
	if (is_reached(family->nlive, store->limits.series_per_family))
		return reject(store, family, WS_ERR_FAMILY_SERIES_LIMIT);
	if (is_reached(store->nseries, store->limits.series))
		return reject(store, family, WS_ERR_SERIES_LIMIT);
	return WS_OK;
}

/* --- intern ----------------------------------------------------------------------------- */

struct hashes {
	unsigned family;
	unsigned labels;
};

static bool fits(const struct family *family, const struct ws_target *target)
{
	return family->kind == target->kind &&
	       same_options(family->kind, &family->options, &target->options);
}

/* Takes over help, TTL, window and `unmatched` of a later epoch.  False: out of memory,
 * nothing has changed. */
static bool adopt(struct ws_store *store, struct family *family, const struct ws_target *target)
{
	struct ws_span help;

	if (!copy_span(store, target->help, &help))
		return false;
	if (!ttl_change(store, family, target->ttl_ns)) {
		free_span(store, help);
		return false;
	}
	free_span(store, family->help);
	family->help = help;
	store->unmatched_families += target->unmatched;
	store->unmatched_families -= family->unmatched;
	family->unmatched = target->unmatched;
	family->options.window_ns = target->options.window_ns;
	family->epoch = target->epoch;
	return true;
}

/* Sets *out to the listed family with the target's name, updated to the target's epoch; NULL:
 * there is none, or it was just retired. */
static enum ws_err current_family(struct ws_store *store, const struct ws_target *target,
                                  unsigned hash, struct family **out)
{
	struct family *family = table_family(store, target->family, hash);

	*out = family;
	if (family == NULL)
		return WS_OK;
	if (target->epoch <= family->epoch && family->kind == target->kind)
		return WS_OK;
	if (target->epoch <= family->epoch)
		return reject(store, family, WS_ERR_TYPE_CONFLICT);
	if (!fits(family, target)) {
		family_retire(store, family);
		*out = NULL;
		return WS_OK;
	}
	return adopt(store, family, target) ? WS_OK : reject(store, NULL, WS_ERR_NOMEM);
}

static enum ws_err add_to_family(struct ws_store *store, struct family *family,
                                 const struct ws_target *target, unsigned hash, int64_t now,
                                 struct series **out)
{
	enum ws_err err = admit_series(store, family);

	if (err != WS_OK)
		return err;
	*out = series_add(store, family, target->labels, hash, now);
	return *out == NULL ? reject(store, NULL, WS_ERR_NOMEM) : WS_OK;
}

static enum ws_err add_with_family(struct ws_store *store, const struct ws_target *target,
                                   struct hashes hashes, int64_t now, struct series **out)
{
	enum ws_err err = admit_family(store, target);
	struct family *family;

	if (err != WS_OK)
		return err;
	family = family_new(store, target);
	if (family == NULL)
		return reject(store, NULL, WS_ERR_NOMEM);
	if (!family_list(store, family, hashes.family)) {
		family_unref(store, family);
		return reject(store, NULL, WS_ERR_NOMEM);
	}
	*out = series_add(store, family, target->labels, hashes.labels, now);
	if (*out != NULL)
		return WS_OK;
	family_drop(store, family);
	return reject(store, NULL, WS_ERR_NOMEM);
}

static enum ws_err find_or_add(struct ws_store *store, const struct ws_target *target,
                               struct hashes hashes, int64_t now, struct series **out)
{
	struct family *family;
	enum ws_err err = current_family(store, target, hashes.family, &family);

	if (err != WS_OK)
		return err;
	if (family == NULL)
		return add_with_family(store, target, hashes, now, out);
	*out = table_series(family, target->labels, hashes.labels);
	if (*out == NULL)
		return add_to_family(store, family, target, hashes.labels, now, out);
	(*out)->touched = now;
	return WS_OK;
}

enum ws_err ws_store_intern(struct ws_store *store, const struct ws_target *target, int64_t now,
                            struct ws_ref *ref)
{
	const struct hashes hashes = {
		.family = (unsigned)ws_hash_bytes(store->key, target->family),
		.labels = (unsigned)ws_hash_bytes(store->key, target->labels),
	};
	struct series *series = NULL;
	enum ws_err err;

	pthread_mutex_lock(&store->mutex);
	err = find_or_add(store, target, hashes, now, &series);
	if (err == WS_OK)
		*ref = (struct ws_ref){
			.slot = series->slot,
			.generation = store->slots[series->slot].generation,
		};
	pthread_mutex_unlock(&store->mutex);
	return err;
}

/* --- apply ------------------------------------------------------------------------------ */

static inline void prefetch(const struct ws_store *store, const struct ws_update *updates,
                            size_t i, size_t n)
{
	if (i + PREFETCH_SLOT < n && updates[i + PREFETCH_SLOT].ref.slot < store->nslots)
		__builtin_prefetch(&store->slots[updates[i + PREFETCH_SLOT].ref.slot]);
	if (i + PREFETCH_SERIES < n)
		__builtin_prefetch(slot_series(store, updates[i + PREFETCH_SERIES].ref), 1);
}

static enum ws_err update_cell(struct series *series, const struct ws_update *u, int64_t now)
{
	const struct family *family = series->family;

	return cell_update(&series->cell, family->kind, &family->options, u->op, u->value,
	                   u->weight, u->member, now);
}

/* For cells whose memory may change. */
static enum ws_err update_growing(struct ws_store *store, struct series *series,
                                  const struct ws_update *u, int64_t now)
{
	const struct family *family = series->family;
	size_t before = cell_bytes(&series->cell, family->kind, &family->options);
	enum ws_err err = update_cell(series, u, now);

	store->bytes += cell_bytes(&series->cell, family->kind, &family->options) - before;
	if (err == WS_ERR_NOMEM)
		store->rejected[err]++;
	return err;
}

static enum ws_err apply(struct ws_store *store, const struct ws_update *u, int64_t now)
{
	struct series *series = slot_series(store, u->ref);

	if (series == NULL)
		return WS_ERR_END;
	series->touched = now;
	if (u->op == WS_OP_OBSERVE || u->op == WS_OP_MEMBER)
		return update_growing(store, series, u, now);
	return update_cell(series, u, now);
}

size_t ws_store_apply(struct ws_store *store, struct ws_update *updates, size_t n, int64_t now)
{
	size_t i, failed = 0;

	pthread_mutex_lock(&store->mutex);
	for (i = 0; i < n; i++) {
		prefetch(store, updates, i, n);
		updates[i].err = apply(store, &updates[i], now);
		failed += updates[i].err != WS_OK;
	}
	pthread_mutex_unlock(&store->mutex);
	return failed;
}

/* --- expiry ----------------------------------------------------------------------------- */

/* Frees one series of the first retired family, and the family after its last series. */
static void free_retired(struct ws_store *store)
{
	struct family *family = store->retired_families;
	struct series *series = NULL;

	while (family->nby_age > 0 && series == NULL)
		series = family->by_age[--family->nby_age];
	if (series != NULL) {
		slot_give(store, series->slot);
		series_free(store, series, series->hh.keylen);
	}
	if (family->nby_age > 0)
		return;
	store->retired_families = family->next_retired;
	family_unref(store, family);
}

/* Handles the earliest heap entry, which is due. */
static void expire_top(struct ws_store *store, int64_t now)
{
	struct series *series = entry_series(store, heap_top(&store->heap));
	int64_t due;

	if (series == NULL) {
		heap_pop(&store->heap);
		return;
	}
	due = deadline(series);
	if (due == NEVER) {
		series->scheduled = NEVER;
		heap_pop(&store->heap);
	} else if (due > now) {
		series->scheduled = due;
		heap_postpone(&store->heap, due);
	} else {
		heap_pop(&store->heap);
		series_remove(store, series);
		store->expired++;
	}
}

void ws_store_retire(struct ws_store *store, struct ws_ref ref)
{
	struct series *series;

	pthread_mutex_lock(&store->mutex);
	series = slot_series(store, ref);
	if (series != NULL && series->family->listed) {
		series_remove(store, series);
		store->retired++;
	}
	pthread_mutex_unlock(&store->mutex);
}

static int64_t next_due(const struct ws_store *store)
{
	const struct heap_entry *top = heap_top(&store->heap);

	if (store->retired_families != NULL)
		return 0;
	return top == NULL ? NEVER : top->due;
}

static bool expire_one(struct ws_store *store, int64_t now)
{
	if (store->retired_families != NULL) {
		free_retired(store);
		return true;
	}
	if (next_due(store) > now)
		return false;
	expire_top(store, now);
	return true;
}

size_t ws_store_expire(struct ws_store *store, int64_t now, size_t most)
{
	size_t n = 0;

	pthread_mutex_lock(&store->mutex);
	while (n < most && expire_one(store, now))
		n++;
	pthread_mutex_unlock(&store->mutex);
	return n;
}

int64_t ws_store_due(struct ws_store *store)
{
	int64_t due;

	pthread_mutex_lock(&store->mutex);
	due = next_due(store);
	pthread_mutex_unlock(&store->mutex);
	return due;
}

void ws_store_reconfigure(struct ws_store *store,
                          bool (*keeps)(const void *user, struct ws_span family),
                          const void *user)
{
	size_t i, kept = 0;

	pthread_mutex_lock(&store->mutex);
	for (i = 0; i < store->nfamilies; i++) {
		struct family *family = store->sorted[i];

		if (family->unmatched || keeps(user, family->name))
			store->sorted[kept++] = family;
		else
			family_retire_listed(store, family);
	}
	store->nfamilies = kept;
	pthread_mutex_unlock(&store->mutex);
}

/* --- reading ---------------------------------------------------------------------------- */

/* A cursor holds a reference to its current family, so that it can continue from the family's
 * name even if the family was removed between two slices. */
struct ws_cursor {
	struct ws_store *store;
	struct family *family; /* NULL: not started, or done */
	size_t at;             /* in family->by_age */
	size_t end;            /* nby_age on entering the family; newer series are not read */
	bool begun;            /* a series of the family has been read */
	bool done;
};

struct ws_cursor *ws_cursor_new(struct ws_store *store)
{
	struct ws_cursor *cursor = calloc(1, sizeof(*cursor));

	if (cursor != NULL)
		cursor->store = store;
	return cursor;
}

static void cursor_enter(struct ws_cursor *cursor, struct family *family)
{
	struct family *left = cursor->family;

	if (family != NULL)
		family->refs++;
	cursor->family = family;
	cursor->at = 0;
	cursor->end = family != NULL ? family->nby_age : 0;
	cursor->begun = false;
	if (left == NULL)
		return;
	family_unref(cursor->store, left);
}

void ws_cursor_free(struct ws_cursor *cursor)
{
	if (cursor == NULL)
		return;
	pthread_mutex_lock(&cursor->store->mutex);
	cursor_enter(cursor, NULL);
	pthread_mutex_unlock(&cursor->store->mutex);
	free(cursor);
}

static bool is_clash(const struct ws_store *store, const struct family *family)
{
	struct ws_span total = ws_span_str("_total"), base = family->name;

	if (family->kind != WS_KIND_COUNTER || !ws_span_ends(base, total))
		return false;
	base.len -= total.len;
	return find_joined(store, base, "") != NULL ||
	       find_joined(store, base, "_created") != NULL;
}

static struct ws_family_view view_of(const struct ws_store *store, const struct family *family)
{
	return (struct ws_family_view){
		.name = family->name,
		.help = family->help,
		.kind = family->kind,
		.options = &family->options,
		.openmetrics_clash = is_clash(store, family),
	};
}

/* Where the cursor continues in `sorted`: at its family, or after its name if the family is
 * gone, even if there is a new family with that name. */
static size_t cursor_place(const struct ws_cursor *cursor)
{
	const struct ws_store *store = cursor->store;
	size_t at;

	if (cursor->family == NULL)
		return 0;
	at = lower_bound(store, cursor->family->name, ws_span(NULL, 0));
	if (at < store->nfamilies && store->sorted[at] != cursor->family &&
	    ws_span_eq(store->sorted[at]->name, cursor->family->name))
		at++;
	return at;
}

/* True: the slice is full. */
static bool read_family(struct ws_cursor *cursor, const struct ws_reader *reader)
{
	const struct family *family = cursor->family;
	const struct ws_family_view view = view_of(cursor->store, family);

	while (cursor->at < cursor->end && cursor->at < family->nby_age) {
		const struct series *series = family->by_age[cursor->at++];

		if (series == NULL)
			continue;
		reader->series(reader->user, &view, !cursor->begun,
		               ws_span(series->labels, series->hh.keylen), &series->cell);
		cursor->begun = true;
		if (reader->enough(reader->user))
			return true;
	}
	return false;
}

static bool read_slice(struct ws_cursor *cursor, const struct ws_reader *reader)
{
	const struct ws_store *store = cursor->store;
	size_t i;

	for (i = cursor_place(cursor); i < store->nfamilies; i++) {
		if (store->sorted[i] != cursor->family)
			cursor_enter(cursor, store->sorted[i]);
		if (read_family(cursor, reader))
			return true;
	}
	cursor_enter(cursor, NULL);
	cursor->done = true;
	return false;
}

bool ws_cursor_read(struct ws_cursor *cursor, const struct ws_reader *reader)
{
	bool more;

	if (cursor->done)
		return false;
	pthread_mutex_lock(&cursor->store->mutex);
	more = read_slice(cursor, reader);
	pthread_mutex_unlock(&cursor->store->mutex);
	return more;
}

struct ws_store_counts ws_store_counts(struct ws_store *store)
{
	struct ws_store_counts counts;

	pthread_mutex_lock(&store->mutex);
	counts = (struct ws_store_counts){
		.series = store->nseries,
		.families = store->nfamilies,
		.unmatched_families = store->unmatched_families,
		.created = store->created,
		.expired = store->expired,
		.retired = store->retired,
		.bytes = store->bytes,
		.limits = store->limits,
	};
	memcpy(counts.rejected, store->rejected, sizeof(counts.rejected));
	pthread_mutex_unlock(&store->mutex);
	return counts;
}

void ws_store_rejections(struct ws_store *store,
                       void (*fn)(void *user, struct ws_span family, enum ws_err err,
                                  uint64_t count),
                       void *user)
{
	size_t i, k;

	pthread_mutex_lock(&store->mutex);
	for (i = 0; i < store->nfamilies; i++) {
		const struct family *family = store->sorted[i];

		for (k = 0; k < NREJECTIONS; k++) {
			if (family->rejected[k] > 0)
				fn(user, family->name, family_reasons[k], family->rejected[k]);
		}
	}
	pthread_mutex_unlock(&store->mutex);
}

/* --- the store itself ------------------------------------------------------------------- */

struct ws_store *ws_store_new(struct ws_limits limits, struct ws_hash_key key)
{
	struct ws_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	if (pthread_mutex_init(&store->mutex, NULL) != 0) {
		free(store);
		return NULL;
	}
	store->key = key;
	store->limits = limits;
	store->heap_filter_at = HEAP_FILTER_MIN;
	return store;
}

void ws_store_free(struct ws_store *store)
{
	if (store == NULL)
		return;
	while (store->nfamilies > 0)
		family_retire_listed(store, store->sorted[--store->nfamilies]);
	while (store->retired_families != NULL)
		free_retired(store);
	heap_fini(&store->heap);
	free(store->slots);
	free(store->sorted);
	pthread_mutex_destroy(&store->mutex);
	free(store);
}
