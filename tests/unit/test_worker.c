/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "sys/clock.h"
#include "daemon/mapping_files.h"
#include "receive/worker.h"

#define BEAT "airflow.scheduler_heartbeat:1|c"

struct bench {
	struct sock_list socks; /* the worker's, once it runs */
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_mapping *mapping;
	struct worker *worker;
	uint16_t port;
	int done_fd;
	int sender;
	int64_t drain_ns;
	bool answered_inside;
};

static struct ws_mapping *builtin(void)
{
	char name[] = CONF_BUILTIN;
	char *items[] = { name };
	const struct conf_list list = { .items = items, .n = 1 };
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_mapping *mapping = mapping_files_load(&list, NULL, &diags);

	assert_non_null(mapping);
	ws_buf_fini(&diags);
	return mapping;
}

/* Everything but the worker. */
static struct bench *bench_new(void)
{
	const struct sock_options options = { .kind = SOCK_KIND_UDP,
					      .receive_buffer = 4 << 20 };
	struct bench *b = calloc(1, sizeof(*b));
	char why[256];

	assert_non_null(b);
	assert_int_equal(
		sock_listen(&b->socks, "127.0.0.1:0", "--x", &options, why, sizeof(why)), WS_OK);
	b->port = (uint16_t)atoi(strrchr(b->socks.socks[0].name, ':') + 1);
	b->store = ws_store_new(ws_limits_default, (struct ws_hash_key){ 1, 2 });
	b->stats = ws_stats_new(1);
	b->mapping = builtin();
	b->done_fd = eventfd(0, EFD_NONBLOCK);
	b->sender = socket(AF_INET, SOCK_DGRAM, 0);
	b->drain_ns = INT64_C(60000000000);
	return b;
}

static void start(struct bench *b)
{
	const struct worker_config config = { .socks = &b->socks,
		                              .store = b->store,
		                              .stats = b->stats,
		                              .mapping = b->mapping,
		                              .drain_ns = b->drain_ns,
		                              .done_fd = b->done_fd };

	assert_int_equal(worker_start(&config, &b->worker), WS_OK);
}

static struct bench *bench_started(void)
{
	struct bench *b = bench_new();

	start(b);
	return b;
}

static void bench_free(struct bench *b)
{
	worker_free(b->worker);
	ws_mapping_unref(b->mapping);
	ws_stats_free(b->stats);
	ws_store_free(b->store);
	close(b->done_fd);
	close(b->sender);
	free(b);
}

static void send_text(const struct bench *b, const char *text)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(b->port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	assert_int_equal(sendto(b->sender, text, strlen(text), 0,
				(const struct sockaddr *)&to, sizeof(to)),
			 strlen(text));
}

static struct ws_shard sum(const struct bench *b)
{
	struct ws_shard shard;

	ws_stats_sum(b->stats, &shard);
	return shard;
}

static uint64_t datagrams(const struct bench *b)
{
	struct ws_shard shard = sum(b);

	return shard.datagrams;
}

static uint64_t receive_calls(const struct bench *b)
{
	struct ws_shard shard = sum(b);

	return shard.receive_calls;
}

/* Ten seconds at most, for slow machines and valgrind. */
static bool wait_datagrams(const struct bench *b, uint64_t n)
{
	int64_t until = clock_now() + 10000000000;

	while (datagrams(b) < n) {
		if (clock_now() > until)
			return false;
		usleep(1000);
	}
	return true;
}

TEST_WITH(datagrams_arrive, struct bench *b, bench_started, bench_free)
{
	struct ws_shard shard;

	send_text(b, "airflow.scheduler_heartbeat:1|c");
	send_text(b, "airflow.scheduler_heartbeat:1|c\nairflow.dagbag_size:7|g\n");
	assert_true(wait_datagrams(b, 2));
	worker_stop(b->worker);
	while (eventfd_read(b->done_fd, &(eventfd_t){ 0 }) != 0)
		usleep(1000);
	shard = sum(b);
	assert_int_equal(shard.datagrams, 2);
	assert_int_equal(shard.bytes, 87);
	assert_true(shard.receive_calls >= 1);
	assert_int_equal(shard.receive_errors, 0);
	assert_int_equal(ws_store_counts(b->store).series, 2);
}

/* More than several wakeups can read, with the coalescing timer in between. */
TEST_WITH(bursts_arrive, struct bench *b, bench_started, bench_free)
{
	struct ws_shard shard;
	int i;

	for (i = 0; i < 3000; i++)
		send_text(b, "airflow.scheduler_heartbeat:1|c");
	assert_true(wait_datagrams(b, 3000));
	send_text(b, "airflow.scheduler_heartbeat:1|c");
	assert_true(wait_datagrams(b, 3001));
	worker_stop(b->worker);
	while (eventfd_read(b->done_fd, &(eventfd_t){ 0 }) != 0)
		usleep(1000);
	shard = sum(b);
	assert_int_equal(shard.applied, 3001);
	assert_true(shard.receive_calls < 3000);
}

/* More waits than the rounds of the loop take before they see the stop. */
TEST_WITH(stop_drains, struct bench *b, bench_new, bench_free)
{
	uint32_t waiting;
	int64_t begun;
	int i;

	for (i = 0; i < 8000; i++)
		send_text(b, "airflow.scheduler_heartbeat:1|c");
	/* Fewer than all where the kernel does not grant the receive buffer. */
	waiting = 8000 - sock_drops(b->socks.socks[0].fd);
	begun = clock_now();
	start(b);
	worker_stop(b->worker);
	while (eventfd_read(b->done_fd, &(eventfd_t){ 0 }) != 0)
		usleep(1000);
	assert_int_equal(datagrams(b), waiting);
	assert_true(clock_now() - begun < 5000000000);
	assert_true(worker_free(b->worker));
	b->worker = NULL;
}

TEST_WITH(stop_reports_what_it_left, struct bench *b, bench_new, bench_free)
{
	int i;

	b->drain_ns = 1;
	for (i = 0; i < 8000; i++)
		send_text(b, BEAT);
	start(b);
	assert_false(worker_free(b->worker));
	b->worker = NULL;
	assert_true(datagrams(b) < 8000);
}

TEST_WITH(mapping_is_handed_over, struct bench *b, bench_started, bench_free)
{
	struct ws_mapping *mapping = builtin();
	int i;

	for (i = 0; i < 200; i++) {
		send_text(b, "airflow.scheduler_heartbeat:1|c");
		worker_set_mapping(b->worker, i % 2 == 0 ? mapping : b->mapping);
	}
	assert_true(wait_datagrams(b, 200));
	ws_mapping_unref(mapping);
}

static bool answers_in_time(const struct bench *b)
{
	int64_t until = clock_now() + 10000000000;

	while (!worker_answers(b->worker)) {
		if (clock_now() > until)
			return false;
		usleep(1000);
	}
	return true;
}

/* Runs inside the store, so that the thread cannot apply what it has received. */
static void hold_up(void *user, const struct ws_family_view *family, bool first,
                    struct ws_span labels, const struct ws_cell *cell)
{
	struct bench *b = user;
	uint64_t calls = receive_calls(b);
	int64_t until = clock_now() + 10000000000;

	(void)family;
	(void)first;
	(void)labels;
	(void)cell;
	send_text(b, BEAT);
	while (receive_calls(b) == calls && clock_now() < until)
		usleep(1000);
	worker_answers(b->worker);
	usleep(20000);
	b->answered_inside = worker_answers(b->worker);
}

static bool at_once(void *user)
{
	(void)user;
	return true;
}

TEST_WITH(hanging_thread_does_not_answer, struct bench *b, bench_started, bench_free)
{
	const struct ws_reader reader = { .series = hold_up, .enough = at_once, .user = b };
	struct ws_cursor *cursor = ws_cursor_new(b->store);

	assert_true(worker_answers(b->worker));
	send_text(b, BEAT);
	assert_true(wait_datagrams(b, 1));
	assert_true(answers_in_time(b));
	b->answered_inside = true;
	while (ws_cursor_read(cursor, &reader))
		;
	ws_cursor_free(cursor);
	assert_false(b->answered_inside);
	assert_true(wait_datagrams(b, 2));
	assert_true(answers_in_time(b));
}
