/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping files compiled: which series a sample goes to.  docs/mapping.md is the language.
 *
 * A mapping is immutable and reference counted; any number of threads may use it at once, each
 * with a scratch of its own.  It opens no file: texts come in, diagnostics go out.
 */
#ifndef WINDSOCK_MAPPING_H
#define WINDSOCK_MAPPING_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/buf.h>
#include <windsock/err.h>
#include <windsock/learned_ids.h>
#include <windsock/line.h>
#include <windsock/span.h>
#include <windsock/store.h>

struct ws_mapping;

/* One file: a name for messages, and its text. */
struct ws_source {
	const char *name;
	struct ws_span text;
};

struct ws_mapping_options {
	/* In place of every file's own; NULL: as the files say. */
	const char *prefix;
	const char *airflow_version; /* a valid one: see ws_version_is_valid */
	const char *sender_label;    /* on every series: the sender's address; a label's name */
	uint64_t epoch; /* of the targets: one more than that of the mapping before */
};

/* Whether it is a version such as 2.9 or 3.1.5. */
bool ws_version_is_valid(const char *version);

/*
 * Compiles the files, each a reading of the whole stream of its own, in this order.  Everything that is
 * wrong is added to `diags`, a line each: "file:line: what is wrong and how to mend it\n".
 * NULL when there is anything.
 */
struct ws_mapping *ws_mapping_new(const struct ws_source *sources, size_t n,
                                  const struct ws_mapping_options *options,
                                  struct ws_buf *diags);
struct ws_mapping *ws_mapping_ref(struct ws_mapping *mapping);
void ws_mapping_unref(struct ws_mapping *mapping);

/* A rule as a person wrote it. */
struct ws_rule_info {
	struct ws_span name;   /* unique over all files */
	const char *file;
	unsigned line;
	struct ws_span match;  /* prefix and pattern, or the regular expression */
	struct ws_span metric; /* template; empty: the rule drops */
	struct ws_span labels; /* as written or implied: "dag_id, status=<state>" */
	const char *kind;      /* "counter"…, "auto" when the sample's type decides, "drop" */
	bool is_regex;
	bool continues;
	const struct ws_span *originals; /* names of the rules in duplicate_of */
	size_t noriginals;
};

/* Whether samples need their sender: the same name is another series for each. */
bool ws_mapping_uses_sender(const struct ws_mapping *mapping);

size_t ws_mapping_rules(const struct ws_mapping *mapping);
struct ws_rule_info ws_mapping_rule(const struct ws_mapping *mapping, size_t i);

/* Whether a rule makes, or by its template might make, this family: for ws_store_reconfigure. */
bool ws_mapping_makes(const void *mapping, struct ws_span family);

/*
 * What becomes of a sample: steps in order, one for each rule that takes it.  A step with
 * bounds applies only to values within them, and only an applied step ends its file's turn.
 */
#define WS_NO_RULE UINT32_MAX

/* Values of a sample as sent, a timer's in seconds; infinite: no bound. */
struct ws_bounds {
	double least, most;
};

struct ws_step {
	uint32_t rule;     /* WS_NO_RULE: unmatched = keep */
	uint32_t file;     /* index of the file */
	bool drop;
	bool stop;         /* later steps of this file are not for this sample */
	bool absolute;     /* signed gauge values are not relative */
	bool initialize;        /* the series only: it is to exist, at zero */
	uint64_t duplicate_of;    /* bits: drop it from senders that send what one of these rules takes */
	const struct ws_bounds *bounds; /* NULL: none; lives as long as the mapping */
	double scale;
	enum ws_op op;
	struct ws_target target; /* unless drop; spans into the resolution's text */
};

struct ws_capture {
	struct ws_span name, value;
};

#define WS_LEARNS_MAX 4

/* A scratch: working memory and the result of the last resolve. */
struct ws_resolution {
	struct ws_step *steps;
	size_t nsteps;
	bool keep;          /* unmatched = keep: there is a step with WS_NO_RULE at the end */
	bool unmatched;     /* no rule took it whatever its value */
	enum ws_err err;    /* the head is refused: see ws_head_parse; no steps */
	struct ws_head head;
	/* Rules that have duplicates: which of them the name fits, which of them take the sample.  A
	 * sender of the first kind alone sends no duplicates. */
	uint64_t fits, takes;
	bool divisible;     /* a value learned later may split the name otherwise */
	bool ambiguous;     /* and none that is known has split it now */
	struct ws_capture learns[WS_LEARNS_MAX]; /* what the name teaches */
	size_t nlearns;
	unsigned reserved_tags; /* ignored for their name */
	unsigned regex_gave_up;
	struct ws_scratch *scratch; /* private */
};

/* A scratch serves one mapping; `learned` may be NULL and outlives it.  NULL: out of memory. */
struct ws_resolution *ws_resolution_new(const struct ws_mapping *mapping,
                                        struct ws_learned_ids *learned);
void ws_resolution_free(struct ws_resolution *resolution);

/*
 * Takes head, tags and type of the sample through the rules.  Spans of the result live until
 * the next call.  Time and memory are bounded by the length of the head.
 * WS_OK, or WS_ERR_NOMEM.  (A refused head is WS_OK with resolution->err.)
 */
enum ws_err ws_mapping_resolve(const struct ws_mapping *mapping, const struct ws_sample *sample,
                               struct ws_resolution *resolution);

/* The captures by which a step's rule took the sample of the last resolve, for explanations. */
size_t ws_mapping_captures(const struct ws_mapping *mapping, struct ws_resolution *resolution,
                           uint32_t rule, struct ws_capture *out, size_t most);

#endif
