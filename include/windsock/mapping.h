/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping: the compiled mapping files, which decide the series of each sample.
 * docs/mapping.md describes the language.
 *
 * A mapping is immutable and reference counted; any number of threads may use it at once,
 * each with its own ws_resolution.  It opens no files: texts come in, diagnostics go out.
 */
#ifndef WINDSOCK_MAPPING_H
#define WINDSOCK_MAPPING_H

#include <stdbool.h>
#include <windsock/buf.h>
#include <windsock/source.h>
#include <windsock/span.h>

struct ws_mapping;

/*
 * Compiles the files in this order; each one sees every sample.  Every error is added to
 * `diags` as a line: "file:line: what is wrong and how to fix it\n".  NULL if there are any.
 */
struct ws_mapping *ws_mapping_new(const struct ws_source *sources, size_t n,
                                  const struct ws_mapping_options *options,
                                  struct ws_buf *diags);
struct ws_mapping *ws_mapping_ref(struct ws_mapping *mapping);
void ws_mapping_unref(struct ws_mapping *mapping);

/* A rule as written in its file. */
struct ws_rule_info {
	struct ws_span name;   /* unique over all files */
	const char *file;
	unsigned line;
	struct ws_span match;  /* prefix and pattern, or the regular expression */
	struct ws_span metric; /* template; empty: the rule drops */
	struct ws_span labels; /* as written or implied: "dag_id, status=<state>" */
	const char *kind;      /* "counter"…, "auto" (by the sample's type) or "drop" */
	bool is_regex;
	bool continues;
	const struct ws_span *originals; /* names of the rules in duplicate_of */
	size_t noriginals;
};

/* Whether samples need their sender: each sender then has its own series of a name. */
bool ws_mapping_uses_sender(const struct ws_mapping *mapping);

size_t ws_mapping_rules(const struct ws_mapping *mapping);
struct ws_rule_info ws_mapping_rule(const struct ws_mapping *mapping, size_t i);

/* Bits of the rules that this rule's samples may duplicate; see ws_resolution.  0: none. */
uint64_t ws_mapping_duplicate_of(const struct ws_mapping *mapping, uint32_t rule);

/* Whether a rule creates this family, or could by its template; for ws_store_reconfigure. */
bool ws_mapping_makes(const void *mapping, struct ws_span family);

#endif
