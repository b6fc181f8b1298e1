/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/recent.h>

#include <pthread.h>
#include <stdlib.h>

struct list {
	struct ws_recent_entry entries[WS_RECENT_MAX]; /* the latest first */
	size_t n;
};

struct ws_recent {
	pthread_mutex_t mutex; /* guards the lists; memory work only */
	struct list lists[WS_NRECENT];
};

struct ws_recent *ws_recent_new(void)
{
	struct ws_recent *recent = calloc(1, sizeof(*recent));

	if (recent != NULL)
		pthread_mutex_init(&recent->mutex, NULL);
	return recent;
}

void ws_recent_free(struct ws_recent *recent)
{
	if (recent == NULL)
		return;
	pthread_mutex_destroy(&recent->mutex);
	free(recent);
}

static size_t find(const struct list *list, const struct ws_recent_entry *entry)
{
	struct ws_span text = ws_span(entry->text, entry->len);
	size_t i;

	for (i = 0; i < list->n; i++) {
		const struct ws_recent_entry *other = &list->entries[i];

		if (other->why == entry->why && ws_span_eq(ws_span(other->text, other->len), text))
			break;
	}
	return i;
}

/* Moves or adds the entry to the front; a full list drops its last entry. */
static void put_first(struct list *list, struct ws_recent_entry *entry)
{
	size_t i = find(list, entry);

	entry->count = 1;
	if (i < list->n)
		entry->count += list->entries[i].count;
	else if (list->n < WS_RECENT_MAX)
		list->n++;
	else
		i--;
	memmove(list->entries + 1, list->entries, i * sizeof(*entry));
	list->entries[0] = *entry;
}

void ws_recent_add(struct ws_recent *recent, enum ws_recent_kind kind, struct ws_span text,
                   enum ws_err why, int64_t now)
{
	struct ws_recent_entry entry = { .why = why, .last = now };

	if (recent == NULL)
		return;
	entry.len = text.len < WS_RECENT_TEXT ? text.len : WS_RECENT_TEXT;
	if (entry.len > 0)
		memcpy(entry.text, text.ptr, entry.len);
	pthread_mutex_lock(&recent->mutex);
	put_first(&recent->lists[kind], &entry);
	pthread_mutex_unlock(&recent->mutex);
}

size_t ws_recent_list(struct ws_recent *recent, enum ws_recent_kind kind,
                      struct ws_recent_entry out[WS_RECENT_MAX])
{
	const struct list *list = &recent->lists[kind];
	size_t n;

	pthread_mutex_lock(&recent->mutex);
	n = list->n;
	memcpy(out, list->entries, n * sizeof(*out));
	pthread_mutex_unlock(&recent->mutex);
	return n;
}
