/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP content negotiation as Prometheus uses it: Accept and Accept-Encoding with q values
 * (RFC 9110, 12.4 and 12.5).  Pure text; when nothing matches, text 0.0.4 is the answer.
 */
#ifndef ACCEPT_H
#define ACCEPT_H

#include <stdbool.h>
#include <windsock/span.h>

enum accept_format {
	ACCEPT_TEXT,        /* text/plain; version=0.0.4 */
	ACCEPT_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 or 0.0.1 */
};

enum accept_escaping {
	ACCEPT_UNDERSCORES, /* what a missing or unknown parameter means */
	ACCEPT_ALLOW_UTF8,
	ACCEPT_DOTS,
	ACCEPT_VALUES,
};

struct accept {
	enum accept_format format;
	bool openmetrics_001; /* version=0.0.1 was chosen */
	enum accept_escaping escaping;
};

/* An empty span is a missing header. */
struct accept accept_negotiate(struct ws_span header);

/* The Content-Type of the answer: a static string. */
const char *accept_content_type(struct accept a);

/* Whether JSON is asked for by name, and text is not preferred. */
bool accept_json(struct ws_span header);

/* Whether Accept-Encoding allows gzip and does not prefer identity. */
bool accept_gzip(struct ws_span header);

#endif
