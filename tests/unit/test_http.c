/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <zlib.h>

#include "sys/clock.h"
#include "web/http.h"
#include "sys/sock.h"

#define SECOND INT64_C(1000000000)
#define ANSWER_MAX (1 << 20)

/* What a stream does, and what happened to it. */
struct stream {
	unsigned chunks; /* to send; 0: without end */
	unsigned mores, dones;
};

/* The server, with its own time, and what its handlers saw. */
struct bench {
	struct http *http;
	uint16_t port;
	int64_t now;
	struct stream stream;
	unsigned handled;
	enum http_method method;
	char accept[32];
	char answer[ANSWER_MAX]; /* of the last request */
	size_t len;
};

static void handle_small(void *user, const struct http_request *request,
                         struct http_reply *reply)
{
	struct bench *b = user;

	b->handled++;
	b->method = request->method;
	assert_true(request->accept.len < sizeof(b->accept));
	if (request->accept.len > 0)
		memcpy(b->accept, request->accept.ptr, request->accept.len);
	b->accept[request->accept.len] = '\0';
	ws_buf_span(&reply->body, request->path);
}

static void handle_large(void *user, const struct http_request *request,
                         struct http_reply *reply)
{
	int i;

	(void)user;
	(void)request;
	reply->status = 503;
	reply->content_type = "text/x-large";
	reply->vary = true;
	for (i = 0; i < 5000; i++)
		ws_buf_char(&reply->body, 'y');
}

static bool stream_more(void *stream, struct ws_buf *chunk)
{
	struct stream *s = stream;
	int i;

	for (i = 0; i < 10000; i++)
		ws_buf_char(chunk, 'z');
	return ++s->mores != s->chunks;
}

static void stream_done(void *stream)
{
	struct stream *s = stream;

	s->dones++;
}

static void handle_stream(void *user, const struct http_request *request,
                          struct http_reply *reply)
{
	struct bench *b = user;

	(void)request;
	reply->more = stream_more;
	reply->done = stream_done;
	reply->stream = &b->stream;
}

static const struct http_route routes[] = {
	{ "/small", HTTP_GET, handle_small },
	{ "/change", HTTP_POST | HTTP_PUT, handle_small },
	{ "/large", HTTP_GET, handle_large },
	{ "/stream", HTTP_GET, handle_stream },
	{ NULL, 0, NULL },
};

static struct bench *bench_new(void)
{
	const struct sock_options tcp = { .kind = SOCK_KIND_TCP };
	struct bench *b = calloc(1, sizeof(*b));
	const struct http_config config = { .routes = routes,
		                            .user = b,
		                            .deadline_seconds = 5,
		                            .max_connections = 10 };
	struct sock_list list = { .n = 0 };
	char why[256];

	assert_non_null(b);
	assert_int_equal(sock_listen(&list, "127.0.0.1:0", "--x", &tcp, why, sizeof(why)),
	                 WS_OK);
	b->port = (uint16_t)atoi(strrchr(list.socks[0].name, ':') + 1);
	b->now = 1000 * SECOND;
	b->http = http_new(&config);
	assert_non_null(b->http);
	assert_int_equal(http_fd(b->http, 0), -1);
	assert_int_equal(http_serve(b->http, list.socks[0].fd), WS_OK);
	assert_true(http_fd(b->http, 0) >= 0);
	assert_int_equal(http_fd(b->http, 1), -1);
	return b;
}

static void bench_free(struct bench *b)
{
	http_free(b->http);
	free(b);
}

static int client(const struct bench *b)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(b->port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Runs the server until there is something to read; returns what there is, 0 at the end.  At
 * most ten seconds of real time. */
static size_t take(struct bench *b, int fd, char *out, size_t size)
{
	int64_t until = clock_now() + 10 * SECOND;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	do {
		assert_true(clock_now() < until);
		http_run(b->http, b->now);
	} while (poll(&p, 1, 1) == 0);
	n = recv(fd, out, size, 0);
	return n > 0 ? (size_t)n : 0;
}

static void take_all(struct bench *b, int fd)
{
	size_t n;

	b->len = 0;
	do {
		assert_true(b->len < ANSWER_MAX - 1);
		n = take(b, fd, b->answer + b->len, ANSWER_MAX - 1 - b->len);
		b->len += n;
	} while (n > 0);
	b->answer[b->len] = '\0';
	close(fd);
}

/* `request` is a method and a path; `headers` end with \r\n each. */
static void ask(struct bench *b, const char *request, const char *headers)
{
	int fd = client(b);

	put(fd, request);
	put(fd, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
	put(fd, headers);
	put(fd, "\r\n");
	take_all(b, fd);
}

static const char *body(const struct bench *b)
{
	const char *end = strstr(b->answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static bool has(const struct bench *b, const char *text)
{
	return strstr(b->answer, text) != NULL;
}

static unsigned status(const struct bench *b)
{
	assert_int_equal(strncmp(b->answer, "HTTP/1.1 ", 9), 0);
	return (unsigned)atoi(b->answer + 9);
}

TEST_WITH(routes_and_methods, struct bench *b, bench_new, bench_free)
{
	ask(b, "GET /small?x=1", "Accept: text/x\r\n");
	assert_int_equal(status(b), 200);
	assert_string_equal(body(b), "/small");
	assert_string_equal(b->accept, "text/x");
	assert_int_equal(b->method, HTTP_GET);
	assert_true(has(b, "Content-Type: text/plain; charset=utf-8\r\n"));
	assert_true(has(b, "Content-Length: 6\r\n"));
	assert_true(has(b, "Cache-Control: no-store\r\n"));
	assert_false(has(b, "Vary"));
	assert_int_equal(http_counts(b->http).requests, 1);
}

TEST_WITH(request_bodies_are_ignored, struct bench *b, bench_new, bench_free)
{
	ask(b, "POST /change", "Content-Length: 0\r\n");
	assert_int_equal(status(b), 200);
	assert_int_equal(b->method, HTTP_POST);
	assert_string_equal(b->accept, "");
	ask(b, "PUT /change", "Content-Length: 3\r\n\r\nabc");
	assert_int_equal(status(b), 200);
	assert_int_equal(b->method, HTTP_PUT);
	assert_int_equal(b->handled, 2);
}

TEST_WITH(head_has_no_body, struct bench *b, bench_new, bench_free)
{
	ask(b, "HEAD /small", "");
	assert_int_equal(status(b), 200);
	assert_true(has(b, "Content-Length: 6\r\n"));
	assert_string_equal(body(b), "");
	assert_int_equal(b->method, HTTP_GET);
	ask(b, "HEAD /stream", "Accept-Encoding: gzip\r\n");
	assert_true(has(b, "Content-Encoding: gzip\r\n"));
	assert_string_equal(body(b), "");
	assert_int_equal(b->stream.mores, 0);
	assert_int_equal(b->stream.dones, 1);
}

TEST_WITH(not_found, struct bench *b, bench_new, bench_free)
{
	static const char *const requests[] = { "GET /", "GET /smal", "GET /small/", "PUT /x" };
	size_t i;

	for (i = 0; i < 4; i++) {
		ask(b, requests[i], "Content-Length: 0\r\n");
		assert_int_equal(status(b), 404);
		assert_string_equal(body(b), "not found\n");
		assert_int_equal(http_counts(b->http).not_found, i + 1);
	}
	assert_int_equal(http_counts(b->http).requests, 4);
	assert_int_equal(b->handled, 0);
}

TEST_WITH(method_not_allowed, struct bench *b, bench_new, bench_free)
{
	static const struct {
		const char *request, *allow;
	} rows[] = {
		{ "POST /small", "Allow: GET, HEAD\r\n" },
		{ "DELETE /small", "Allow: GET, HEAD\r\n" },
		{ "GET /change", "Allow: POST, PUT\r\n" },
		{ "HEAD /change", "Allow: POST, PUT\r\n" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(b, rows[i].request, "Content-Length: 0\r\n");
		assert_int_equal(status(b), 405);
		assert_true(has(b, rows[i].allow));
		assert_int_equal(http_counts(b->http).method_not_allowed, i + 1);
	}
	assert_int_equal(b->handled, 0);
}

/* How many bytes `c` a gzip stream holds; all others fail. */
static size_t unpacked(const char *packed, size_t size, char c)
{
	static char out[ANSWER_MAX];
	z_stream z = { .next_in = (Bytef *)(uintptr_t)packed,
		       .avail_in = (uInt)size,
		       .next_out = (Bytef *)out,
		       .avail_out = sizeof(out) };
	size_t i;

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	for (i = 0; i < z.total_out; i++)
		assert_int_equal(out[i], c);
	return z.total_out;
}

/* HTTP/1.0 has no chunks: the body is all there is behind the headers. */
static void ask_gzip(struct bench *b, const char *path)
{
	int fd = client(b);

	put(fd, "GET ");
	put(fd, path);
	put(fd, " HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
	take_all(b, fd);
}

TEST_WITH(gzip_where_it_pays, struct bench *b, bench_new, bench_free)
{
	ask(b, "GET /large", "");
	assert_int_equal(status(b), 503);
	assert_true(has(b, "Content-Type: text/x-large\r\n"));
	assert_true(has(b, "Vary: Accept, Accept-Encoding\r\n"));
	assert_false(has(b, "Content-Encoding"));
	assert_int_equal(strlen(body(b)), 5000);
	ask_gzip(b, "/large");
	assert_true(has(b, "Content-Encoding: gzip\r\n"));
	assert_true(b->len < 1000);
	assert_int_equal(unpacked(body(b), (size_t)(b->answer + b->len - body(b)), 'y'), 5000);
	ask_gzip(b, "/small");
	assert_false(has(b, "Content-Encoding"));
	assert_string_equal(body(b), "/small");
}

TEST_WITH(streams_are_whole, struct bench *b, bench_new, bench_free)
{
	int fd = client(b);

	b->stream.chunks = 30;
	put(fd, "GET /stream HTTP/1.0\r\n\r\n");
	take_all(b, fd);
	assert_int_equal(strlen(body(b)), 300000);
	assert_int_equal(strspn(body(b), "z"), 300000);
	assert_int_equal(b->stream.mores, 30);
	assert_int_equal(b->stream.dones, 1);
	b->stream = (struct stream){ .chunks = 30 };
	ask_gzip(b, "/stream");
	assert_int_equal(unpacked(body(b), (size_t)(b->answer + b->len - body(b)), 'z'),
	                 300000);
	assert_int_equal(b->stream.mores, 30);
	assert_int_equal(b->stream.dones, 1);
}

/* A response that has started and never ends. */
static int endless(struct bench *b)
{
	int fd = client(b);
	char some[100];

	put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(take(b, fd, some, sizeof(some)) > 0);
	assert_int_equal(b->stream.dones, 0);
	return fd;
}

static void run_until_done(struct bench *b)
{
	int64_t until = clock_now() + 10 * SECOND;

	while (b->stream.dones == 0) {
		assert_true(clock_now() < until);
		http_run(b->http, b->now);
	}
}

TEST_WITH(client_disconnects, struct bench *b, bench_new, bench_free)
{
	close(endless(b));
	run_until_done(b);
	http_free(b->http);
	b->http = NULL;
	assert_int_equal(b->stream.dones, 1);
}

TEST_WITH(free_ends_streams, struct bench *b, bench_new, bench_free)
{
	int fd = endless(b);

	http_free(b->http);
	b->http = NULL;
	assert_int_equal(b->stream.dones, 1);
	close(fd);
}

TEST_WITH(deadline_of_answers, struct bench *b, bench_new, bench_free)
{
	int fd = endless(b);

	b->now += 5 * SECOND - 1;
	http_run(b->http, b->now);
	assert_int_equal(http_counts(b->http).deadline, 0);
	b->now += 1;
	run_until_done(b);
	assert_int_equal(http_counts(b->http).deadline, 1);
	assert_int_equal(b->stream.dones, 1);
	close(fd);
}

/* Bytes that keep trickling do not postpone it; http_run asks to be called in time. */
TEST_WITH(deadline_of_requests, struct bench *b, bench_new, bench_free)
{
	int fd = client(b);

	/* Time stands still until the first answer shows that both are accepted. */
	put(fd, "GET /sm");
	ask(b, "GET /small", "");
	b->now += 5 * SECOND - 1000;
	put(fd, "a");
	assert_true(http_run(b->http, b->now) <= 1000);
	assert_int_equal(http_counts(b->http).deadline, 0);
	b->now += 1000;
	put(fd, "l");
	take_all(b, fd);
	assert_int_equal(b->len, 0);
	assert_int_equal(http_counts(b->http).deadline, 1);
	assert_int_equal(http_counts(b->http).requests, 1);
}

/* Kept open after an answer: closed too, but nothing went wrong. */
TEST_WITH(idle_is_no_error, struct bench *b, bench_new, bench_free)
{
	int fd = client(b);

	put(fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
	b->len = take(b, fd, b->answer, ANSWER_MAX - 1);
	assert_int_equal(status(b), 200);
	http_run(b->http, b->now);
	b->now += 5 * SECOND;
	take_all(b, fd);
	assert_int_equal(b->len, 0);
	assert_int_equal(http_counts(b->http).deadline, 0);
}

TEST(nothing_to_free)
{
	http_free(NULL);
}
