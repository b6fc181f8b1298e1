/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/loop.h"

#include <event2/event.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)

struct watch {
	struct watch *next; /* in the loop's list */
	struct event *event;
	loop_fn *fn;
	void *user;
};

struct loop {
	struct event_base *base;
	struct watch *watches;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct event_config *config = event_config_new();

	/* PRECISE_TIMER, because epoll_wait alone has a resolution of milliseconds. */
	if (loop != NULL && config != NULL &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
	                                  EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		loop->base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	if (loop != NULL && loop->base == NULL) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	struct watch *watch, *next;

	if (loop == NULL)
		return;
	for (watch = loop->watches; watch != NULL; watch = next) {
		next = watch->next;
		event_free(watch->event);
		free(watch);
	}
	event_base_free(loop->base);
	free(loop);
}

bool loop_run(struct loop *loop)
{
	return event_base_dispatch(loop->base) >= 0;
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct watch *watch = arg;

	(void)what;
	watch->fn(watch->user, fd);
}

static struct watch *watch_new(struct loop *loop, int fd, short what, loop_fn *fn, void *user)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->event = event_new(loop->base, fd, what, on_event, watch);
	if (watch->event == NULL) {
		free(watch);
		return NULL;
	}
	watch->fn = fn;
	watch->user = user;
	watch->next = loop->watches;
	loop->watches = watch;
	return watch;
}

bool watch_again(struct watch *watch)
{
	return event_add(watch->event, NULL) == 0;
}

bool loop_watch_fd(struct loop *loop, int fd, loop_fn *fn, void *user)
{
	struct watch *watch = watch_new(loop, fd, EV_READ | EV_PERSIST, fn, user);

	return watch != NULL && watch_again(watch);
}

bool loop_watch_signal(struct loop *loop, int number, loop_fn *fn, void *user)
{
	struct watch *watch = watch_new(loop, number, EV_SIGNAL | EV_PERSIST, fn, user);

	return watch != NULL && watch_again(watch);
}

struct watch *loop_watch_once(struct loop *loop, int fd, loop_fn *fn, void *user)
{
	return watch_new(loop, fd, EV_READ, fn, user);
}

struct watch *loop_timer(struct loop *loop, loop_fn *fn, void *user)
{
	return watch_new(loop, -1, 0, fn, user);
}

bool watch_arm(struct watch *timer, int64_t ns)
{
	const struct timeval wait = { .tv_sec = (time_t)(ns / SECOND_NS),
		                      .tv_usec = (suseconds_t)(ns % SECOND_NS / 1000) };

	return event_add(timer->event, &wait) == 0;
}

bool watch_is_armed(const struct watch *timer)
{
	return event_pending(timer->event, EV_TIMEOUT, NULL) != 0;
}

void loop_shutdown(void)
{
	libevent_global_shutdown();
}
