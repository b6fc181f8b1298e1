/* SPDX-License-Identifier: Apache-2.0 */
#include "web/http.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <windsock/gzip.h>
#include <windsock/negotiate.h>

#define SERVERS_MAX    16
#define BLOCK_BYTES    (64 * 1024)
#define MEMORY_LIMIT   (32 * 1024)
#define GZIP_LEAST     1024
#define NS_PER_SECOND  1e9
#define NS_PER_MS      1000000
#define LATEST_NS      (INT64_C(1000) * NS_PER_MS) /* check deadlines at least this often */

/* A connection, from accept to close. */
struct conn {
	struct http *http;
	struct conn *next, *prev;
	int fd;
	int64_t deadline;
	bool busy;     /* in a request */
	bool answered; /* at least one request has completed */
};

struct http {
	struct http_config config;
	struct MHD_Daemon *servers[SERVERS_MAX];
	int fds[SERVERS_MAX];
	size_t nservers;
	struct conn *conns;
	struct http_counts counts;
	int64_t now;
	bool closed; /* a connection was closed in this http_run */
};

/* A response in progress. */
struct answer {
	struct http_reply reply;
	struct ws_gzip *gzip;
	struct ws_buf plain, packed;
	size_t sent; /* bytes of the current buffer */
	bool ended;
};

struct http *http_new(const struct http_config *config)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http != NULL)
		http->config = *config;
	return http;
}

static int64_t deadline_of(const struct http *http)
{
	return http->now + (int64_t)(http->config.deadline_seconds * NS_PER_SECOND);
}

/* NULL: out of memory; the connection then has no absolute deadline. */
static struct conn *conn_open(struct http *http, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct conn *c = info != NULL ? calloc(1, sizeof(*c)) : NULL;

	if (c == NULL)
		return NULL;
	c->http = http;
	c->fd = info->connect_fd;
	c->deadline = deadline_of(http);
	c->next = http->conns;
	if (c->next != NULL)
		c->next->prev = c;
	http->conns = c;
	return c;
}

static void conn_close(struct conn *c)
{
	if (c == NULL)
		return;
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->http->conns = c->next;
	c->http->closed = true;
	free(c);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = conn_open(user, connection);
	} else {
		conn_close(*context);
		*context = NULL;
	}
}

static struct conn *conn_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
	struct conn *c = conn_of(connection);

	(void)user;
	(void)code;
	*context = NULL;
	if (c != NULL) {
		c->busy = false;
		c->answered = true;
		c->deadline = deadline_of(c->http);
	}
}

static void reply_fini(struct http_reply *reply)
{
	if (reply->done != NULL)
		reply->done(reply->stream);
	ws_buf_fini(&reply->body);
}

static void answer_free(void *user)
{
	struct answer *a = user;

	reply_fini(&a->reply);
	ws_buf_fini(&a->plain);
	ws_buf_fini(&a->packed);
	ws_gzip_free(a->gzip);
	free(a);
}

/* Fills the current buffer.  False: failed. */
static bool refill(struct answer *a)
{
	ws_buf_reset(&a->plain);
	ws_buf_reset(&a->packed);
	a->sent = 0;
	if (a->reply.more != NULL) {
		a->ended = !a->reply.more(a->reply.stream, &a->plain);
	} else {
		ws_buf_span(&a->plain, ws_buf_text(&a->reply.body));
		a->ended = true;
	}
	if (a->plain.err != WS_OK)
		return false;
	return a->gzip == NULL ||
	       (ws_gzip_add(a->gzip, ws_buf_text(&a->plain), a->ended, &a->packed) &&
	        a->packed.err == WS_OK);
}

static ssize_t read_answer(void *user, uint64_t at, char *out, size_t size)
{
	struct answer *a = user;
	const struct ws_buf *ready = a->gzip != NULL ? &a->packed : &a->plain;
	size_t n;

	(void)at;
	while (a->sent == ready->len) {
		if (a->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!refill(a))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	n = ready->len - a->sent;
	if (n > size)
		n = size;
	memcpy(out, ready->ptr + a->sent, n);
	a->sent += n;
	return (ssize_t)n;
}

static struct ws_span header(struct MHD_Connection *connection, const char *name)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

	return value == NULL ? ws_span(NULL, 0) : ws_span_str(value);
}

static enum MHD_Result queue(struct MHD_Connection *connection, struct MHD_Response *response,
                             unsigned status, const char *type, const char *allow, bool vary,
                             bool gzip)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (vary)
		MHD_add_response_header(response, "Vary", "Accept, Accept-Encoding");
	if (gzip)
		MHD_add_response_header(response, "Content-Encoding", "gzip");
	if (allow != NULL)
		MHD_add_response_header(response, "Allow", allow);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text,
                           const char *allow)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	return queue(connection, response, status, "text/plain; charset=utf-8", allow, false,
	             false);
}

/* Takes ownership of the reply, even on failure.  NULL: out of memory. */
static struct answer *answer_new(struct http_reply *reply, bool zip)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		reply_fini(reply);
		return NULL;
	}
	a->reply = *reply;
	if (zip)
		a->gzip = ws_gzip_new();
	return a;
}

/* For HEAD, microhttpd never asks for the body; the headers are those of GET. */
static enum MHD_Result send_reply(struct http *http, struct MHD_Connection *connection,
                                  struct http_reply *reply, bool head)
{
	bool zip = ws_negotiate_gzip(header(connection, "Accept-Encoding")) &&
	           (reply->more != NULL || reply->body.len > GZIP_LEAST);
	struct answer *a = answer_new(reply, zip && !head);
	struct MHD_Response *response;
	bool sized;

	if (a == NULL) {
		http->counts.rejected++;
		return MHD_NO;
	}
	/* Without memory for gzip, send plain text. */
	zip = zip && (head || a->gzip != NULL);
	sized = reply->more == NULL && !zip;
	response = MHD_create_response_from_callback(sized ? reply->body.len : MHD_SIZE_UNKNOWN,
	                                             BLOCK_BYTES, read_answer, a, answer_free);
	if (response == NULL) {
		answer_free(a);
		return MHD_NO;
	}
	/* libmicrohttpd (0.9.75) sends the last chunk even for a HEAD of unknown size, which
	 * a client would read as the next response.  HTTP/1.0 has no chunks. */
	if (head && !sized)
		MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
	return queue(connection, response, reply->status, reply->content_type, NULL, reply->vary,
	             zip);
}

static const char *allow_of(unsigned methods)
{
	switch (methods) {
	case HTTP_GET:
		return "GET, HEAD";
	case HTTP_POST | HTTP_PUT:
		return "POST, PUT";
	default:
		return "GET, HEAD, POST, PUT";
	}
}

static unsigned method_of(const char *name, bool *head)
{
	*head = strcmp(name, "HEAD") == 0;
	if (*head || strcmp(name, "GET") == 0)
		return HTTP_GET;
	if (strcmp(name, "POST") == 0)
		return HTTP_POST;
	return strcmp(name, "PUT") == 0 ? HTTP_PUT : 0;
}

static enum MHD_Result serve(struct http *http, struct MHD_Connection *connection,
                             const char *path, const char *method_name)
{
	struct http_reply reply = { .status = 200, .content_type = "text/plain; charset=utf-8" };
	const struct http_route *route = http->config.routes;
	struct http_request request;
	unsigned method;
	bool head;

	http->counts.requests++;
	method = method_of(method_name, &head);
	while (route->path != NULL && strcmp(route->path, path) != 0)
		route++;
	if (route->path == NULL) {
		http->counts.not_found++;
		return say(connection, 404, "not found\n", NULL);
	}
	if ((route->methods & method) == 0) {
		http->counts.method_not_allowed++;
		return say(connection, 405, "method not allowed\n", allow_of(route->methods));
	}
	request = (struct http_request){ .method = (enum http_method)method,
		                         .path = ws_span_str(path),
		                         .accept = header(connection, "Accept") };
	route->handle(http->config.user, &request, &reply);
	return send_reply(http, connection, &reply, head);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
	static char seen;
	struct http *http = user;
	struct conn *c = conn_of(connection);

	(void)version;
	(void)upload;
	if (*context == NULL) {
		*context = &seen;
		if (c != NULL && !c->busy) {
			c->busy = true;
			c->deadline = deadline_of(http);
		}
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	return serve(http, connection, path, method);
}

enum ws_err http_serve(struct http *http, int listen_fd)
{
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *server = NULL;

	if (http->nservers < SERVERS_MAX)
		server = MHD_start_daemon(
			MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
			MHD_OPTION_LISTEN_SOCKET, listen_fd,
			MHD_OPTION_CONNECTION_LIMIT, http->config.max_connections,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_LIMIT,
			MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
			MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
	if (server == NULL) {
		close(listen_fd);
		return WS_ERR_SYSTEM;
	}
	info = MHD_get_daemon_info(server, MHD_DAEMON_INFO_EPOLL_FD);
	http->fds[http->nservers] = info->epoll_fd;
	http->servers[http->nservers++] = server;
	return WS_OK;
}

int http_fd(const struct http *http, size_t i)
{
	return i < http->nservers ? http->fds[i] : -1;
}

/* Closes connections past their deadline.  microhttpd's own timeout is for inactivity only,
 * so slow bytes would keep a connection open. */
static int64_t cut_off(struct http *http)
{
	int64_t next = LATEST_NS;
	struct conn *c;

	for (c = http->conns; c != NULL; c = c->next) {
		if (c->deadline <= http->now) {
			shutdown(c->fd, SHUT_RDWR);
			/* An idle keep-alive connection is not an error. */
			http->counts.deadline += c->busy || !c->answered;
			c->deadline = INT64_MAX;
		} else if (c->deadline - http->now < next) {
			next = c->deadline - http->now;
		}
	}
	return next;
}

int64_t http_run(struct http *http, int64_t now)
{
	int64_t next;
	MHD_UNSIGNED_LONG_LONG ms;
	size_t i;

	http->now = now;
	http->closed = false;
	next = cut_off(http);
	for (i = 0; i < http->nservers; i++) {
		MHD_run(http->servers[i]);
		if (MHD_get_timeout(http->servers[i], &ms) == MHD_YES &&
		    (int64_t)ms * NS_PER_MS < next)
			next = (int64_t)ms * NS_PER_MS;
	}
	/* At the connection limit, microhttpd stops accepting until its next run, which
	 * nothing would trigger: run again at once. */
	return http->closed ? 0 : next;
}

struct http_counts http_counts(const struct http *http)
{
	return http->counts;
}

void http_free(struct http *http)
{
	size_t i;

	if (http == NULL)
		return;
	for (i = 0; i < http->nservers; i++)
		MHD_stop_daemon(http->servers[i]);
	free(http);
}
