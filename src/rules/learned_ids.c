/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/learned_ids.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <windsock/hash.h>

#include "base/table.h"

/* The table is ordered by `seen`, least recently seen first. */
struct value {
	UT_hash_handle hh;
	int64_t seen;
	size_t len;
	char text[]; /* name, NUL, value */
};

struct ws_learned_ids {
	pthread_mutex_t mutex;
	struct ws_hash_key key;
	struct value *values;
	size_t most;
	_Atomic uint64_t version;
};

/* Captures have short names; a name on the wire has at most WS_NAME_MAX bytes. */
#define TEXT_MAX 2048

struct text {
	char bytes[TEXT_MAX];
	size_t len;
	unsigned hash;
};

static bool join(const struct ws_learned_ids *l, struct ws_span name, struct ws_span value,
                 struct text *text)
{
	text->len = name.len + 1 + value.len;
	if (name.len == 0 || value.len == 0 || text->len > sizeof(text->bytes))
		return false;
	memcpy(text->bytes, name.ptr, name.len);
	text->bytes[name.len] = '\0';
	memcpy(text->bytes + name.len + 1, value.ptr, value.len);
	text->hash = (unsigned)ws_hash_bytes(l->key, ws_span(text->bytes, text->len));
	return true;
}

struct ws_learned_ids *ws_learned_ids_new(size_t most, struct ws_hash_key key)
{
	struct ws_learned_ids *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	if (pthread_mutex_init(&l->mutex, NULL) != 0) {
		free(l);
		return NULL;
	}
	l->key = key;
	l->most = most > 0 ? most : WS_LEARNED_IDS_DEFAULT;
	atomic_init(&l->version, 1);
	return l;
}

static void forget_first(struct ws_learned_ids *l)
{
	struct value *v = l->values;

	HASH_DELETE(hh, l->values, v);
	free(v);
	atomic_fetch_add_explicit(&l->version, 1, memory_order_release);
}

void ws_learned_ids_free(struct ws_learned_ids *l)
{
	if (l == NULL)
		return;
	while (l->values != NULL)
		forget_first(l);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

static struct value *find(struct ws_learned_ids *l, const struct text *text)
{
	struct value *v;

	HASH_FIND_BYHASHVALUE(hh, l->values, text->bytes, text->len, text->hash, v);
	return v;
}

static bool append(struct ws_learned_ids *l, struct value *v, unsigned hash)
{
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, l->values, v->text, v->len, hash, v);
	return v->hh.tbl != NULL;
}

static bool add_new(struct ws_learned_ids *l, const struct text *text, int64_t now)
{
	struct value *v = malloc(sizeof(*v) + text->len);

	if (v == NULL)
		return false;
	v->seen = now;
	v->len = text->len;
	memcpy(v->text, text->bytes, text->len);
	if (!append(l, v, text->hash)) {
		free(v);
		return false;
	}
	if (HASH_COUNT(l->values) > l->most)
		forget_first(l);
	atomic_fetch_add_explicit(&l->version, 1, memory_order_release);
	return true;
}

/* Moves the value to the end of the table.  When out of memory, it is lost. */
static void see_again(struct ws_learned_ids *l, struct value *v, unsigned hash, int64_t now)
{
	v->seen = now;
	if (v->hh.next == NULL)
		return;
	HASH_DELETE(hh, l->values, v);
	if (!append(l, v, hash)) {
		free(v);
		atomic_fetch_add_explicit(&l->version, 1, memory_order_release);
	}
}

bool ws_learned_ids_add(struct ws_learned_ids *l, struct ws_span name, struct ws_span value, int64_t now)
{
	struct text text;
	struct value *v;
	bool is_new = false;

	if (l == NULL || !join(l, name, value, &text))
		return false;
	pthread_mutex_lock(&l->mutex);
	v = find(l, &text);
	if (v == NULL)
		is_new = add_new(l, &text, now);
	else
		see_again(l, v, text.hash, now);
	pthread_mutex_unlock(&l->mutex);
	return is_new;
}

bool ws_learned_ids_has(struct ws_learned_ids *l, struct ws_span name, struct ws_span value)
{
	struct text text;
	bool has;

	if (l == NULL || !join(l, name, value, &text))
		return false;
	pthread_mutex_lock(&l->mutex);
	has = find(l, &text) != NULL;
	pthread_mutex_unlock(&l->mutex);
	return has;
}

uint64_t ws_learned_ids_version(const struct ws_learned_ids *l)
{
	return l == NULL ? 0 : atomic_load_explicit(&l->version, memory_order_acquire);
}

size_t ws_learned_ids_expire(struct ws_learned_ids *l, int64_t before)
{
	size_t n = 0;

	if (l == NULL)
		return 0;
	pthread_mutex_lock(&l->mutex);
	for (; l->values != NULL && l->values->seen < before; n++)
		forget_first(l);
	pthread_mutex_unlock(&l->mutex);
	return n;
}

size_t ws_learned_ids_count(struct ws_learned_ids *l)
{
	size_t n;

	if (l == NULL)
		return 0;
	pthread_mutex_lock(&l->mutex);
	n = HASH_COUNT(l->values);
	pthread_mutex_unlock(&l->mutex);
	return n;
}
