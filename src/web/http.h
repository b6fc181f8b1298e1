/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server, the only user of microhttpd.h.  It has no thread of its own: the owner of the
 * event loop watches the file descriptors and calls http_run when one is readable or the time
 * that it returned has come.  All handlers run inside http_run, on that thread.
 *
 * The server answers 404, 405 with Allow, and HEAD by itself, compresses with gzip where the
 * client accepts it, and cuts off a connection whose request or answer takes longer than
 * its absolute deadline, however slowly bytes keep trickling.
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
	HTTP_GET = 1,  /* HEAD comes with it */
	HTTP_POST = 2,
	HTTP_PUT = 4,
};

struct http_request {
	enum http_method method;
	struct ws_span path;
	struct ws_span accept; /* header values; empty when missing */
};

/*
 * What a handler fills in.  Either `body` is the whole answer, or `more` streams it: called
 * until it returns false, each time to add the next piece (some 64 KiB) to `chunk`; `done` is
 * called once in any case, also when the client went away.
 */
struct http_reply {
	unsigned status;          /* preset to 200 */
	const char *content_type; /* static text; preset to text/plain; charset=utf-8 */
	bool vary;                /* the answer depends on Accept */
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
	double deadline_seconds;         /* for one request and its answer; also for idling */
	unsigned max_connections;        /* of a listening socket; more wait in its backlog */
};

/* How requests ended, for the self-metrics. */
struct http_counts {
	uint64_t requests;
	uint64_t not_found;
	uint64_t method_not_allowed;
	uint64_t deadline; /* connections cut off, other than idle ones after an answer */
	uint64_t rejected;  /* requests that could not be served, for want of memory */
};

struct http;

struct http *http_new(const struct http_config *config);

/* Serves a listening TCP socket too; the server owns the fd from here on, also on failure. */
enum ws_err http_serve(struct http *http, int listen_fd);

/* The i-th descriptor to watch for reading, or -1 after the last. */
int http_fd(const struct http *http, size_t i);

/* Does what can be done now.  Returns nanoseconds until it must be called again in any case. */
int64_t http_run(struct http *http, int64_t now);

struct http_counts http_counts(const struct http *http);

/* Cuts all connections and closes the listening sockets.  NULL is fine. */
void http_free(struct http *http);

#endif
