/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <windsock/hash.h>

#include "sys/clock.h"
#include "sys/loop.h"

#define BATCH 64           /* datagrams per call */
#define BATCHES_A_WAKE 16  /* then a stop and the other sockets get their turn */
#define SLOT_BYTES 65536   /* more than a UDP datagram can hold */
/* Not a power of two: otherwise the starts of all slots, where small datagrams are, would
 * share a few cache sets. */
#define SLOT_STRIDE (SLOT_BYTES + 4096 + 64)

/* After reading at least this many datagrams, wait for a timer instead of waking up for each
 * datagram.  In 150 us, a default receive buffer fills only by a fraction. */
#define COALESCE_FROM 32
#define COALESCE_NS 150000

#define RETRY_NS 100000000 /* after a socket error, to avoid spinning */
#define DUE_LEAST_NS 1000

struct listener {
	struct worker *worker;
	int fd;
	struct watch *readable;
	struct watch *timer;
};

struct worker {
	struct loop *loop;
	int wakeup; /* eventfd: counts changes of `stopping` and `ping` */
	_Atomic bool stopping;
	_Atomic uint64_t ping, pong;
	int64_t drain_ns;
	bool drained; /* only for the thread until it has ended */
	int done_fd;
	struct sock_list socks;
	struct listener listeners[SOCK_MAX];
	struct ws_ingest *ingest;
	struct ws_shard *shard;
	char *slots;
	struct mmsghdr messages[BATCH];
	struct sockaddr_storage senders[BATCH];
	char addresses[BATCH][INET6_ADDRSTRLEN];
	struct ws_hash_key key;
	struct watch *due; /* timer for an empty batch, when samples wait */
	struct iovec pieces[BATCH];
	pthread_t thread;

	/* Guards only `mapping`; held to take a reference or to replace the mapping. */
	pthread_mutex_t lock;
	struct ws_mapping *mapping;
};

static struct ws_mapping *current_mapping(struct worker *w)
{
	struct ws_mapping *mapping;

	pthread_mutex_lock(&w->lock);
	mapping = ws_mapping_ref(w->mapping);
	pthread_mutex_unlock(&w->lock);
	return mapping;
}

void worker_set_mapping(struct worker *w, struct ws_mapping *mapping)
{
	struct ws_mapping *old;

	ws_mapping_ref(mapping);
	pthread_mutex_lock(&w->lock);
	old = w->mapping;
	w->mapping = mapping;
	pthread_mutex_unlock(&w->lock);
	ws_mapping_unref(old);
}

/* A hash of address and port only, not of the whole sockaddr. */
static uint64_t sender_of(const struct worker *w, int i)
{
	const struct sockaddr_in *v4 = (const void *)&w->senders[i];
	const struct sockaddr_in6 *v6 = (const void *)&w->senders[i];
	uint64_t port;

	if (v4->sin_family == AF_INET)
		return ws_hash_bytes(w->key, ws_span((const char *)&v4->sin_port,
		                                     sizeof(v4->sin_port) + sizeof(v4->sin_addr)));
	if (v6->sin6_family != AF_INET6)
		return 0;
	port = v6->sin6_port;
	return ws_hash_bytes(w->key, ws_span((const char *)&v6->sin6_addr,
	                                     sizeof(v6->sin6_addr))) + port;
}

/* The address as text, without the port; IPv4-mapped ones as IPv4. */
static struct ws_span address_of(struct worker *w, int i)
{
	const struct sockaddr_in *v4 = (const void *)&w->senders[i];
	const struct sockaddr_in6 *v6 = (const void *)&w->senders[i];
	char *text = w->addresses[i];
	const char *done = NULL;

	if (v4->sin_family == AF_INET)
		done = inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN);
	else if (v6->sin6_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		done = inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
	else if (v6->sin6_family == AF_INET6)
		done = inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN);
	return done == NULL ? ws_span(NULL, 0) : ws_span_str(done);
}

/* An armed timer is kept.  If it fires early, on_due arms it again. */
static void arm_due(struct worker *w)
{
	int64_t due = ws_ingest_due(w->ingest), left;

	if (due == INT64_MAX || watch_is_armed(w->due))
		return;
	left = due - clock_now();
	watch_arm(w->due, left < DUE_LEAST_NS ? DUE_LEAST_NS : left);
}

static void on_due(void *user, int what)
{
	struct worker *w = user;
	struct ws_mapping *mapping = current_mapping(w);

	(void)what;
	if (ws_ingest_begin(w->ingest, mapping, clock_now()) == WS_OK)
		ws_ingest_end(w->ingest);
	ws_mapping_unref(mapping);
	arm_due(w);
}

static struct ws_datagram datagram_of(struct worker *w, int i, bool named)
{
	const struct mmsghdr *m = &w->messages[i];

	return (struct ws_datagram){
		.bytes = ws_span(w->pieces[i].iov_base, m->msg_len),
		.truncated = (m->msg_hdr.msg_flags & MSG_TRUNC) != 0,
		.sender = sender_of(w, i),
		.address = named ? address_of(w, i) : ws_span(NULL, 0),
	};
}

static void take_batch(struct worker *w, int n)
{
	struct ws_mapping *mapping = current_mapping(w);
	const bool named = ws_mapping_uses_sender(mapping);
	uint64_t bytes = 0;
	int i;

	for (i = 0; i < n; i++)
		bytes += w->messages[i].msg_len;
	if (ws_ingest_begin(w->ingest, mapping, clock_now()) == WS_OK) {
		for (i = 0; i < n; i++) {
			const struct ws_datagram datagram = datagram_of(w, i, named);

			ws_ingest_datagram(w->ingest, &datagram);
		}
		ws_ingest_end(w->ingest);
	} else {
		WS_SHARD_ADD(w->shard->receive_errors, 1);
	}
	ws_mapping_unref(mapping);
	arm_due(w);
	WS_SHARD_ADD(w->shard->datagrams, (uint64_t)n);
	WS_SHARD_ADD(w->shard->bytes, bytes);
}

/* The number of datagrams; 0: the queue is empty; -1: socket error. */
static int receive(struct worker *w, int fd)
{
	int n, i;

	for (i = 0; i < BATCH; i++)
		w->messages[i].msg_hdr.msg_namelen = sizeof(w->senders[i]);
	do {
		n = recvmmsg(fd, w->messages, BATCH, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	WS_SHARD_ADD(w->shard->receive_calls, 1);
	if (n > 0) {
		take_batch(w, n);
		return n;
	}
	if (n == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
		return 0;
	WS_SHARD_ADD(w->shard->receive_errors, 1);
	return -1;
}

static void on_readable(void *user, int what)
{
	struct listener *l = user;
	int batches, n = BATCH, total = 0;

	(void)what;
	for (batches = 0; batches < BATCHES_A_WAKE && n == BATCH; batches++) {
		n = receive(l->worker, l->fd);
		total += n > 0 ? n : 0;
	}
	if (n < 0)
		watch_arm(l->timer, RETRY_NS);
	else if (n < BATCH && total >= COALESCE_FROM)
		watch_arm(l->timer, COALESCE_NS);
	else
		watch_again(l->readable);
}

static void on_wakeup(void *user, int fd)
{
	struct worker *w = user;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
	atomic_store(&w->pong, atomic_load(&w->ping));
	if (atomic_load(&w->stopping))
		loop_stop(w->loop);
}

/* Reads what arrived before the stop, but does not wait for senders that keep sending. */
static bool drain_all(struct worker *w)
{
	int64_t until = clock_now() + w->drain_ns;
	bool all = true;
	size_t i;
	int n;

	for (i = 0; i < w->socks.n; i++) {
		do {
			n = receive(w, w->socks.socks[i].fd);
		} while (n > 0 && clock_now() < until);
		all = all && n <= 0;
	}
	return all;
}

static void add_one(int fd)
{
	const uint64_t one = 1;

	/* This fails only if the counter would overflow, and then the eventfd is readable. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	w->drained = drain_all(w);
	ws_ingest_settle(w->ingest);
	add_one(w->done_fd);
	return NULL;
}

static bool map_slots(struct worker *w)
{
	void *at = mmap(NULL, (size_t)BATCH * SLOT_STRIDE, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int i;

	if (at == MAP_FAILED)
		return false;
	w->slots = at;
	for (i = 0; i < BATCH; i++) {
		w->pieces[i] = (struct iovec){ .iov_base = w->slots + (size_t)i * SLOT_STRIDE,
			                       .iov_len = SLOT_BYTES };
		w->messages[i].msg_hdr = (struct msghdr){ .msg_name = &w->senders[i],
			                                  .msg_iov = &w->pieces[i],
			                                  .msg_iovlen = 1 };
	}
	return true;
}

static bool watch_socket(struct worker *w, size_t i)
{
	struct listener *l = &w->listeners[i];

	l->worker = w;
	l->fd = w->socks.socks[i].fd;
	l->readable = loop_watch_once(w->loop, l->fd, on_readable, l);
	l->timer = loop_timer(w->loop, on_readable, l);
	return l->readable != NULL && l->timer != NULL && watch_again(l->readable);
}

static bool watch_all(struct worker *w)
{
	size_t i;

	w->loop = loop_new();
	w->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->loop == NULL || w->wakeup < 0)
		return false;
	w->due = loop_timer(w->loop, on_due, w);
	if (w->due == NULL || !loop_watch_fd(w->loop, w->wakeup, on_wakeup, w))
		return false;
	for (i = 0; i < w->socks.n; i++) {
		if (!watch_socket(w, i))
			return false;
	}
	return true;
}

/* Blocks all signals in the thread; the main thread handles them. */
static bool start_thread(struct worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0)
		pthread_setname_np(w->thread, "worker"); /* for top -H; may fail */
	if (err != 0) {
		errno = err;
		return false;
	}
	return true;
}

/* Everything but the sockets. */
static void release(struct worker *w)
{
	loop_free(w->loop);
	if (w->wakeup >= 0)
		close(w->wakeup);
	if (w->slots != NULL)
		munmap(w->slots, (size_t)BATCH * SLOT_STRIDE);
	ws_ingest_free(w->ingest);
	ws_mapping_unref(w->mapping);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

enum ws_err worker_start(const struct worker_config *config, struct worker **out)
{
	struct worker *w = calloc(1, sizeof(*w));
	enum ws_err err = WS_ERR_NOMEM;
	int saved;

	if (w == NULL)
		return WS_ERR_NOMEM;
	pthread_mutex_init(&w->lock, NULL);
	w->wakeup = -1;
	w->done_fd = config->done_fd;
	w->drain_ns = config->drain_ns;
	w->socks = *config->socks;
	w->mapping = ws_mapping_ref(config->mapping);
	w->key = config->ingest.key;
	w->shard = ws_stats_shard(config->stats, config->ingest.shard);
	w->ingest = ws_ingest_new(config->store, config->stats, &config->ingest);
	if (w->ingest == NULL)
		goto fail;
	err = WS_ERR_SYSTEM;
	if (!map_slots(w) || !watch_all(w) || !start_thread(w))
		goto fail;
	*out = w;
	return WS_OK;
fail:
	saved = errno;
	release(w);
	errno = saved;
	return err;
}

const struct sock_list *worker_socks(const struct worker *w)
{
	return &w->socks;
}

bool worker_answers(struct worker *w)
{
	bool pong = atomic_load(&w->pong) == atomic_load(&w->ping);

	atomic_fetch_add(&w->ping, 1);
	add_one(w->wakeup);
	return pong;
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stopping, true);
	add_one(w->wakeup);
}

bool worker_free(struct worker *w)
{
	struct sock_list socks;
	bool drained;

	if (w == NULL)
		return true;
	worker_stop(w);
	pthread_join(w->thread, NULL);
	drained = w->drained;
	socks = w->socks;
	release(w); /* frees the loop before the descriptors that it watches are closed */
	sock_close_all(&socks);
	return drained;
}
