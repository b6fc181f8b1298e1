/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compiled mapping, as its parts see it: mapping.c builds it, resolution.c takes names
 * through it.  Immutable once it is built.
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
	struct rule **rules; /* by id: file order */
	size_t nrules;
	struct pattern_index *index;
	uint32_t *regexes; /* ids, ascending */
	size_t nregexes;
	size_t ninitializers; /* of all rules */
	uint64_t epoch;
	uint64_t original_bits;
	bool drop_unmatched;
	bool uses_sender;
};

#endif
