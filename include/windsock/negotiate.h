/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP content negotiation as Prometheus uses it: Accept and Accept-Encoding with q values
 * (RFC 9110, 12.4 and 12.5).  Works on header values only; the fallback is text 0.0.4.
 */
#ifndef WINDSOCK_NEGOTIATE_H
#define WINDSOCK_NEGOTIATE_H

#include <stdbool.h>
#include <windsock/format.h>
#include <windsock/span.h>

enum ws_escaping {
	WS_ESCAPING_UNDERSCORES, /* also for a missing or unknown parameter */
	WS_ESCAPING_ALLOW_UTF8,
	WS_ESCAPING_DOTS,
	WS_ESCAPING_VALUES,
};

struct ws_negotiated {
	enum ws_format format;
	bool openmetrics_001; /* version=0.0.1 was chosen */
	enum ws_escaping escaping;
};

/* An empty span is a missing header. */
struct ws_negotiated ws_negotiate(struct ws_span header);

/* The Content-Type of the response: a static string. */
const char *ws_negotiate_content_type(struct ws_negotiated a);

/* Whether JSON is requested by name and text is not preferred. */
bool ws_negotiate_json(struct ws_span header);

/* Whether Accept-Encoding allows gzip and does not prefer identity. */
bool ws_negotiate_gzip(struct ws_span header);

#endif
