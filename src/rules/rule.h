/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads mapping files into rules and checks each rule on its own.  mapping.c compiles them.
 */
#ifndef RULE_H
#define RULE_H

#include <windsock/action.h>
#include <windsock/buf.h>
#include <windsock/kind.h>
#include <windsock/source.h>
#include <windsock/type.h>

#include "base/arena.h"
#include "rules/pattern.h"
#include "rules/regex.h"
#include "rules/template.h"

#define RULE_LABELS_MAX 32
#define RULE_TAGS_MAX   16
#define RULE_VARIABLES_MAX (PATTERN_CAPTURES_MAX + RULE_TAGS_MAX + 1)
#define RULE_IGNORED_MAX  16
#define RULE_INITIALIZERS_MAX 8
#define RULE_ORIGINALS_MAX    4

/* Settings that a file gives for all its rules, and a rule can override. */
struct settings {
	struct ws_span prefix;
	enum ws_kind kind;   /* a file's is for timers; valid if has_kind */
	bool has_kind;
	double scale;
	struct ws_span seconds;           /* ranges of Airflow versions; see version.h */
	struct ws_span dogstatsd_seconds; /* further ones, for lines from DogStatsD clients */
	struct ws_span ignored[RULE_IGNORED_MAX]; /* tags */
	size_t nignored;
	struct ws_span add_labels; /* as written */
	int64_t ttl_ns[WS_NKINDS];
	struct ws_kind_options options;
	bool absolute;       /* signed = absolute */
	bool honor_tags;
	bool keep_tags;
};

/* tags = a, !b, c:v */
struct tag_condition {
	struct ws_span key, value; /* value.ptr NULL: any */
	bool absent;
};

struct rule_label {
	struct ws_span name;
	struct template value;
};

/* initialize = rule(label=text): creates a series of another rule, at zero. */
struct initializer {
	struct ws_span name;     /* of the rule */
	const struct rule *rule; /* set by mapping.c */
	/* By variable of that rule: its value, from this rule's.  parts NULL: empty. */
	struct template values[RULE_VARIABLES_MAX];
	struct ws_span given[RULE_VARIABLES_MAX], texts[RULE_VARIABLES_MAX];
	size_t ngiven;
};

struct rule {
	struct rule *next;
	struct ws_span name;
	uint32_t file;
	unsigned line;
	struct settings set;
	struct ws_span text; /* prefix and pattern, or the regular expression */
	struct pattern pattern;
	struct regex *regex; /* freed by rules_free */
	struct ws_span metric_text, help_text, labels_text;
	struct template metric, help;
	bool drop, continues;
	unsigned types; /* bits by ws_type; 0: all */
	struct ws_bounds bounds;
	struct tag_condition tags[RULE_TAGS_MAX];
	size_t ntags;
	struct rule_label labels[RULE_LABELS_MAX]; /* names ascending */
	size_t nlabels;
	struct ws_span variables[RULE_VARIABLES_MAX]; /* captures, tags, the sender */
	size_t nvariables, ncaptures;
	size_t sender; /* index of the variable with the sender's address */
	bool uses_sender;
	int learn; /* index of a variable whose values are learned; -1: none */
	int known; /* index of a capture that prefers known ids; -1: none */
	size_t known_after; /* bytes before it, if they are one literal; else SIZE_MAX */
	struct initializer *initializers;
	size_t ninitializers;
	struct ws_span originals[RULE_ORIGINALS_MAX]; /* names of rules */
	size_t noriginals;
	uint64_t duplicate_of;   /* bits of the rules in `originals` */
	uint64_t original_bit;  /* of this rule, if others are its duplicates; else 0 */
	double factor, dogstatsd_factor; /* scale, times 1000 if timers are sent in seconds */
};

/* An id that is known without being learned. */
struct known_value {
	struct ws_span name, value;
};

struct rule_file {
	const char *name;
	struct settings set;
	bool says_unmatched, drop_unmatched;
	struct ws_span sender_label; /* for all rules; empty: none */
	struct ws_span version; /* airflow_version; empty: the newest */
	struct known_value *known;
	size_t nknown;
};

/*
 * Reads one file and appends its rules to *tail in order.  Errors go to diags; rules without
 * errors are appended nevertheless.  False: out of memory.
 */
bool rules_read(struct arena *arena, const struct ws_source *source, uint32_t file_index,
                const struct ws_mapping_options *options, struct rule_file *file,
                struct rule ***tail, struct ws_buf *diags);

/* Frees what is not in the arena: the regexes. */
void rules_free(struct rule *first);

#endif
