/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled mapping: mapping.c builds it, resolution.c matches names against it.  Immutable
 * once it is built.
 */
#ifndef COMPILED_H
#define COMPILED_H

#include <stdatomic.h>
#include <stdint.h>

#include "rules/pattern_index.h"
#include "rules/rule.h"

struct ws_mapping {
	_Atomic unsigned refs;
	struct arena arena;
	struct rule_file *files;
	size_t nfiles;
	struct rule *first;
	struct rule **rules; /* by id, in file order */
	size_t nrules;
	struct pattern_index *index;
	uint32_t *regexes; /* ids of rules with a regex, ascending */
	size_t nregexes;
	size_t ninitializers; /* of all rules */
	uint64_t epoch;
	uint64_t original_bits;
	bool drop_unmatched;
	bool uses_sender;
};

#endif
