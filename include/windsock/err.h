/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every reason to reject something, in one list: the code, the `reason` label it is counted
 * under, what is lost, and a sentence for people.
 */
#ifndef WINDSOCK_ERR_H
#define WINDSOCK_ERR_H

/* What is lost, and the metric that counts it. */
enum ws_scope {
	WS_SCOPE_NONE,   /* not counted: internal to the program */
	WS_SCOPE_LINE,   /* the whole line; windsock_rejected_total */
	WS_SCOPE_SAMPLE, /* one sample of the line; windsock_rejected_total */
	WS_SCOPE_FIELD,  /* a tag, rate or field, not the sample; windsock_rejected_total */
	WS_SCOPE_SERIES, /* the sample: its series cannot be created; windsock_series_refused_total */
};

/* X(code, reason, scope, sentence).  docs/statsd.md has the same rows. */
#define WS_ERRORS(X)                                                                         \
	X(OK, "ok", NONE, "no error")                                                        \
	X(END, "end", NONE, "nothing left")                                                  \
	X(NOMEM, "out_of_memory", SERIES, "out of memory")                                   \
	X(INVALID, "invalid", NONE, "not valid")                                             \
	X(SYSTEM, "system", NONE, "a system call failed")                            \
	X(MALFORMED_LINE, "malformed_line", LINE,                                            \
	  "no ':', no name before it, bytes that are not UTF-8, or ':' in a tag of the name")    \
	X(NO_PARTS, "not_enough_parts_after_colon", LINE, "no '|' after the value")          \
	X(MIXED_TAGS, "mixed_tagging_styles", LINE,                                          \
	  "tags in the name and after '|#' on one line")                                     \
	X(EMPTY_NAME, "empty_metric_name", LINE, "the metric name is empty")                 \
	X(NAME_TOO_LONG, "name_too_long", LINE, "the name is longer than 1024 bytes")        \
	X(TRUNCATED, "truncated", LINE, "the datagram was cut in this line")                 \
	X(EVENT, "dogstatsd_event", LINE, "a DogStatsD event, skipped")                      \
	X(SERVICE_CHECK, "dogstatsd_service_check", LINE, "a DogStatsD service check, skipped") \
	X(MALFORMED_VALUE, "malformed_value", SAMPLE, "the value is not a number")           \
	X(MALFORMED_COMPONENT, "malformed_component", SAMPLE, "an empty field after '|'")     \
	X(ILLEGAL_EVENT, "illegal_event", SAMPLE, "the type is none of c, g, ms, h, d, s")   \
	X(PACKED_SET, "invalid_extended_aggregate_type", SAMPLE, "packed values on a set")   \
	X(NEGATIVE_COUNTER, "illegal_negative_counter", SAMPLE, "a counter cannot go down")  \
	X(NOT_FINITE, "not_finite", SAMPLE, "NaN or infinity where a finite number is expected") \
	X(OVERFLOW, "overflow", SAMPLE, "the addition leaves the range of finite numbers")   \
	X(TYPE_MISMATCH, "type_mismatch", SAMPLE,                                            \
	  "a rule asks for a kind that this StatsD type cannot become")                      \
	X(SET_FULL, "set_full", SAMPLE, "the set is full")          \
	X(BAD_RATE, "invalid_sample_factor", FIELD, "the sample rate is not in (0, 1]; 1 is used") \
	X(BAD_TAG, "malformed_tag", FIELD, "a tag without a key or a value")                  \
	X(RESERVED_TAG, "reserved_tag", FIELD, "a tag named le, quantile or __*")             \
	X(TAG_TOO_LONG, "tag_too_long", FIELD, "a tag's key or value is longer than 1024 bytes") \
	X(TOO_MANY_TAGS, "too_many_tags", FIELD, "more than 64 tags on a line")               \
	X(UNKNOWN_FIELD, "unknown_field", FIELD, "an unknown '|' field")             \
	X(SERIES_LIMIT, "series_limit", SERIES, "the limit on series is reached")            \
	X(FAMILY_SERIES_LIMIT, "family_series_limit", SERIES,                                \
	  "the limit on series of one family is reached")                                    \
	X(FAMILY_LIMIT, "family_limit", SERIES, "the limit on families is reached")          \
	X(UNMATCHED_LIMIT, "unmatched_limit", SERIES,                                        \
	  "the limit on families of unmatched names is reached")                             \
	X(TYPE_CONFLICT, "type_conflict", SERIES, "the family exists with another type")     \
	X(NAME_COLLISION, "name_collision", SERIES,                                          \
	  "a summary or histogram already uses this name")                        \
	X(RESERVED_NAME, "reserved_name", SERIES, "the name is reserved for windsock itself")

enum ws_err {
#define X(code, reason, scope, text) WS_ERR_##code,
	WS_ERRORS(X)
#undef X
	WS_NERRORS,
	WS_OK = WS_ERR_OK
};

/* The `reason` label. */
const char *ws_err_reason(enum ws_err err);

/* One sentence for a person. */
const char *ws_err_text(enum ws_err err);

enum ws_scope ws_err_scope(enum ws_err err);

#endif
