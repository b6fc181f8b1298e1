/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of one thread: descriptors, signals, timers; the only user of libevent.
 * A loop owns its watches and frees them.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct watch;

/* `what` is the descriptor, the signal's number, or -1 for a timer. */
typedef void loop_fn(void *user, int what);

/* NULL: out of memory or descriptors.  No locking: one thread at a time. */
struct loop *loop_new(void);

/* Call before closing the descriptors that it watches.  NULL is allowed. */
void loop_free(struct loop *loop);

/* Runs callbacks until loop_stop.  False: the loop itself failed. */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Calls fn each time the descriptor is readable or the signal has arrived.  False: failed. */
bool loop_watch_fd(struct loop *loop, int fd, loop_fn *fn, void *user);
bool loop_watch_signal(struct loop *loop, int number, loop_fn *fn, void *user);

/* After each watch_again, calls fn once when the descriptor is readable.  NULL: failed. */
struct watch *loop_watch_once(struct loop *loop, int fd, loop_fn *fn, void *user);
bool watch_again(struct watch *watch);

/* Calls fn once, `ns` after the last watch_arm.  NULL: failed. */
struct watch *loop_timer(struct loop *loop, loop_fn *fn, void *user);
bool watch_arm(struct watch *timer, int64_t ns);
bool watch_is_armed(const struct watch *timer);

/* Frees libevent's global memory; call at the end of the program, after the last loop. */
void loop_shutdown(void);

#endif
