/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server, the only user of microhttpd.h.  It has no thread: the owner of the event
 * loop watches the file descriptors and calls http_run when one is readable or the time
 * returned by the last call has passed.  All handlers run inside http_run, on that thread.
 *
 * The server itself handles 404, 405 with Allow, and HEAD, compresses with gzip if the client
 * accepts it, and closes a connection whose request or response exceeds its absolute
 * deadline, even if bytes keep trickling in or out.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windsock/buf.h>
#include <windsock/err.h>
#include <windsock/span.h>

enum http_method {
	HTTP_GET = 1,  /* includes HEAD */
	HTTP_POST = 2,
	HTTP_PUT = 4,
};

struct http_request {
	enum http_method method;
	struct ws_span path;
	struct ws_span accept; /* value of the Accept header; empty if missing */
};

/*
 * Filled in by a handler.  Either `body` is the whole response, or `more` streams it: it is
 * called until it returns false, each time to add the next piece (about 64 KiB) to `chunk`.
 * `done` is called once in any case, even if the client has disconnected.
 */
struct http_reply {
	unsigned status;          /* preset to 200 */
	const char *content_type; /* static text; preset to text/plain; charset=utf-8 */
	bool vary;                /* the response depends on Accept */
	struct ws_buf body;       /* freed by the server */
	bool (*more)(void *stream, struct ws_buf *chunk);
	void (*done)(void *stream);
	void *stream;
};

struct http_route {
	const char *path;
	unsigned methods; /* enum http_method, or-ed */
	void (*handle)(void *user, const struct http_request *request, struct http_reply *reply);
};

struct http_config {
	const struct http_route *routes; /* borrowed; ends with a NULL path */
	void *user;
	double deadline_seconds;         /* for a request with its response; also when idle */
	unsigned max_connections;        /* per listening socket; more wait in its backlog */
};

/* For the self metrics. */
struct http_counts {
	uint64_t requests;
	uint64_t not_found;
	uint64_t method_not_allowed;
	uint64_t deadline; /* connections closed at it, unless idle after a response */
	uint64_t rejected; /* requests that could not be served: out of memory */
};

struct http;

struct http *http_new(const struct http_config *config);

/* Adds a listening TCP socket; the server takes ownership of the fd, even on failure. */
enum ws_err http_serve(struct http *http, int listen_fd);

/* The i-th descriptor to watch for reading, or -1 after the last. */
int http_fd(const struct http *http, size_t i);

/* Does all work that is ready.  Returns the nanoseconds until the next call at the latest. */
int64_t http_run(struct http *http, int64_t now);

struct http_counts http_counts(const struct http *http);

/* Closes all connections and listening sockets.  NULL is allowed. */
void http_free(struct http *http);

#endif
