/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StatsD on the wire: datagram -> lines -> samples, as spans into the datagram.
 *
 *     airflow.ti.finish,dag_id=d:1|c|@0.5|#env:prod,x:y|T1700000000
 *     head ................... ^ ^        tags ......  further fields
 *                          value type
 *
 * Follows the StatsD metric types text of Etsy, the DogStatsD protocol 1.0 to 1.4, and the
 * edge cases of prometheus/statsd_exporter; docs/statsd.md has the table.  Spans carry their
 * length, so NUL is a byte like any other; bytes are never changed.  No allocation, no state
 * outside the iterator; any number of threads.
 */
#ifndef WINDSOCK_LINE_H
#define WINDSOCK_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/err.h>
#include <windsock/span.h>
#include <windsock/type.h>

#define WS_NAME_MAX 1024 /* bytes of a head */
#define WS_TAGS_MAX 64   /* tags per line */
#define WS_TAG_MAX  1024 /* bytes of a tag's key or value */

/* Bits of ws_sample.problems: the sample is valid, but part of its line was ignored. */
#define WS_PROBLEM_RATE  1u
#define WS_PROBLEM_FIELD 2u

struct ws_sample {
	struct ws_span head;   /* name, including any name-style tags */
	struct ws_span tags;   /* the text after "|#"; may be empty */
	struct ws_span member; /* a set's value; other types: the number's text */
	struct ws_span sender; /* its address if ws_mapping_uses_sender, else empty */
	double value;          /* not for sets; a timer's in seconds */
	double weight;         /* 1/rate, at least 1 */
	enum ws_type type;
	bool is_signed;        /* the number was written with + or - */
	/* Written by a DogStatsD client: it has fields such as |#, or a number with a point
	 * or an exponent in a datagram that ends with a newline. */
	bool is_dogstatsd;
	unsigned problems;
};

struct ws_lines {
	struct ws_span rest;   /* of the datagram */
	struct ws_span line;   /* the current line, without LF or CRLF */
	struct ws_span group;  /* unparsed rest of the line; ptr NULL: none */
	struct ws_span values; /* packed values not yet returned; ptr NULL: none */
	struct ws_sample form; /* what the packed values share */
	bool packed;           /* there are several values */
	uint64_t count;        /* lines started so far, including empty ones */
	bool ascii;
	bool truncated;
	bool newline;          /* the datagram ends with one */
};

/* Starts a datagram.  `truncated`: by the kernel, so its last line is not used. */
void ws_lines_init(struct ws_lines *it, struct ws_span datagram, bool truncated);

/*
 * The next sample: WS_OK with *out filled, WS_ERR_END at the end of the datagram, otherwise
 * the reason why a line or a sample was rejected (it->line is the line); keep calling.
 */
enum ws_err ws_lines_next(struct ws_lines *it, struct ws_sample *out);

struct ws_tag {
	struct ws_span key; /* as sent, not sanitized */
	struct ws_span value;
};

/* A parsed head. */
struct ws_head {
	/* The name in two pieces: SignalFX tags are cut out of its middle. */
	struct ws_span name;
	struct ws_span name_tail;
	struct ws_tag tags[WS_TAGS_MAX];
	size_t ntags;
	/* Numbers of ignored tags, by reason. */
	unsigned bad_tags;
	unsigned long_tags;
	unsigned excess_tags;
};

/*
 * Splits name and tags in all four styles: name,k=v (InfluxDB), name#k=v (Librato), na[k=v]me
 * (SignalFX), |#k:v (DogStatsD).  Rejects two styles on one line, and an empty name.
 */
enum ws_err ws_head_parse(struct ws_span head, struct ws_span tags, struct ws_head *out);

#endif
