/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/negotiate.h>

#define TEXT  "text/plain; version=0.0.4; charset=utf-8; escaping="
#define OPEN1 "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
#define OPEN0 "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping="

static const struct {
	const char *header;
	const char *type;
} rows[] = {
	{ "", TEXT "underscores" },
	{ "*/*", TEXT "underscores" },
	{ "text/html,*/*;q=0.8", TEXT "underscores" },
	{ "application/json", TEXT "underscores" },
	/* What Prometheus has sent over the years. */
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
	  "application/openmetrics-text;version=0.0.1;q=0.5,"
	  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
	  "*/*;q=0.2", OPEN1 "allow-utf-8" },
	{ "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  OPEN0 "underscores" },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	  "encoding=delimited,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", TEXT "underscores" },
	/* Versions. */
	{ "application/openmetrics-text", OPEN0 "underscores" },
	{ "application/openmetrics-text;version=2.0.0", TEXT "underscores" },
	{ "application/openmetrics-text;version=\"1.0.0\"", OPEN1 "underscores" },
	{ "text/plain;escaping=dots", TEXT "dots" },
	{ "text/plain;version=1.0.0;escaping=dots", TEXT "underscores" },
	{ "text/plain;version=0.0.4;escaping=values", TEXT "values" },
	{ "text/plain;escaping=what", TEXT "underscores" },
	/* Quality: the highest, the first of equals. */
	{ "text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.501",
	  OPEN1 "underscores" },
	{ "text/plain;escaping=dots,application/openmetrics-text;version=1.0.0", TEXT "dots" },
	{ "application/openmetrics-text;version=1.0.0,text/plain", OPEN1 "underscores" },
	{ "application/openmetrics-text;version=1.0.0;q=0", TEXT "underscores" },
	{ "application/openmetrics-text;version=1.0.0;q=0.5,*/*", TEXT "underscores" },
	{ "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.5", OPEN1 "underscores" },
	{ "text/plain;q=0.1;escaping=dots,text/*;q=0.9", TEXT "dots" },
	/* Elements that cannot be read are passed over. */
	{ "application/openmetrics-text;version=1.0.0;q=2,text/plain;q=0.1", TEXT "underscores" },
	{ "application/openmetrics-text;version=1.0.0;q=x", TEXT "underscores" },
	{ ",,;q=1,application/openmetrics-text;version=1.0.0;q=1.000", OPEN1 "underscores" },
	/* Case, blanks, quotes. */
	{ " Application/OpenMetrics-Text ; Version=1.0.0 ; Q=0.5 ", OPEN1 "underscores" },
	{ "x/y;a=\"b,text/plain;escaping=dots\"", TEXT "underscores" },
	{ "x/y;a=\"b\\\",\",application/openmetrics-text;version=1.0.0", OPEN1 "underscores" },
	{ "x/y;a=\"never ends,application/openmetrics-text;version=1.0.0", TEXT "underscores" },
};

TEST(formats)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
			ws_negotiate_content_type(ws_negotiate(ws_span_str(rows[i].header))),
			rows[i].type);
	assert_int_equal(ws_negotiate(ws_span(NULL, 0)).format, WS_FORMAT_TEXT);
}

static const struct {
	const char *header;
	bool gzip;
} encodings[] = {
	{ "", false },
	{ "gzip", true },
	{ "x-gzip", true },
	{ "GZIP", true },
	{ "gzip, deflate, br", true },
	{ "deflate", false },
	{ "gzip;q=0", false },
	{ "gzip;q=0.001", true },
	{ "*", true },
	{ "*;q=0", false },
	{ "identity", false },
	{ "identity;q=0.5, gzip;q=0.4", false },
	{ "identity;q=0.5, gzip;q=0.5", true },
	{ "gzip;q=0, *", false },
	{ "gzip;q=1.5", false },
};

TEST(compression)
{
	size_t i;

	for (i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		if (ws_negotiate_gzip(ws_span_str(encodings[i].header)) != encodings[i].gzip)
			fail_msg("Accept-Encoding: %s", encodings[i].header);
	}
	assert_false(ws_negotiate_gzip(ws_span(NULL, 0)));
}

TEST(json_is_requested_by_name)
{
	static const char *const asked[] = { "application/json", "text/html, application/JSON;q=0.5",
		                             "application/json,*/*;q=0.9",
		                             "text/plain;q=0.2, application/json;q=0.3" };
	static const char *const other[] = { "", "*/*", "text/html,*/*", "application/json;q=0",
		                             "application/json,text/plain", "application/json;q=x" };
	size_t i;

	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_true(ws_negotiate_json(ws_span_str(asked[i])));
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(ws_negotiate_json(ws_span_str(other[i])));
}
