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
#include <windsock/buf.h>
#include <windsock/source.h>
#include <windsock/span.h>

struct ws_mapping;

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

/* Bits of the rules whose samples this rule's duplicate: see ws_resolution.  0: none. */
uint64_t ws_mapping_duplicate_of(const struct ws_mapping *mapping, uint32_t rule);

/* Whether a rule makes, or by its template might make, this family: for ws_store_reconfigure. */
bool ws_mapping_makes(const void *mapping, struct ws_span family);

#endif
