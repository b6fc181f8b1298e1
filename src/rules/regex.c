/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

/* Limits for a match, in pcre2's units: backtracking steps and memory. */
#define STEPS_MAX 50000
#define HEAP_KIB  1024

/* UTF mode, because a label that starts or ends within a character would break the scrape. */
#define OPTIONS (PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C)

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
	struct ws_span names[REGEX_CAPTURES_MAX]; /* point into the code's name table */
	uint32_t groups[REGEX_CAPTURES_MAX];
	size_t ncaptures;
};

/* Table entries have `size` bytes: a big-endian group number and a NUL-terminated name. */
static bool read_names(struct regex *re, struct ws_buf *why)
{
	uint32_t count = 0, size = 0, i;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table);
	if (count > REGEX_CAPTURES_MAX) {
		ws_buf_str(why, "more than 16 named groups");
		return false;
	}
	for (i = 0; i < count; i++, table += size) {
		re->groups[i] = (uint32_t)table[0] << 8 | table[1];
		re->names[i] = ws_span_str((const char *)table + 2);
	}
	re->ncaptures = count;
	return true;
}

struct regex *regex_new(struct ws_span text, struct ws_buf *why)
{
	struct regex *re = calloc(1, sizeof(*re));
	PCRE2_UCHAR message[120];
	PCRE2_SIZE at;
	int code;

	if (re == NULL) {
		ws_buf_str(why, "out of memory");
		return NULL;
	}
	re->code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len, OPTIONS, &code, &at, NULL);
	if (re->code == NULL) {
		pcre2_get_error_message(code, message, sizeof(message));
		ws_buf_printf(why, "error in the regular expression at byte %zu: %s", at + 1,
		              (const char *)message);
		goto fail;
	}
	re->limits = pcre2_match_context_create(NULL);
	if (re->limits == NULL) {
		ws_buf_str(why, "out of memory");
		goto fail;
	}
	pcre2_set_match_limit(re->limits, STEPS_MAX);
	pcre2_set_heap_limit(re->limits, HEAP_KIB);
	if (!read_names(re, why))
		goto fail;
	return re;
fail:
	regex_free(re);
	return NULL;
}

void regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	pcre2_match_context_free(re->limits);
	pcre2_code_free(re->code);
	free(re);
}

size_t regex_captures(const struct regex *re, const struct ws_span **names)
{
	*names = re->names;
	return re->ncaptures;
}

enum regex_result regex_match(const struct regex *re, struct ws_span name,
                              struct ws_span *values)
{
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(re->code, NULL);
	const PCRE2_SIZE *at;
	uint32_t pairs;
	size_t i;
	int rc;

	if (data == NULL)
		return REGEX_GAVE_UP;
	rc = pcre2_match(re->code, (PCRE2_SPTR)name.ptr, name.len, 0, 0, data, re->limits);
	at = pcre2_get_ovector_pointer(data);
	pairs = pcre2_get_ovector_count(data);
	for (i = 0; i < re->ncaptures && rc > 0; i++) {
		uint32_t g = re->groups[i];

		if (g >= pairs || g >= (uint32_t)rc || at[2 * g] == PCRE2_UNSET ||
		    at[2 * g] > at[2 * g + 1])
			values[i] = ws_span(name.ptr, 0);
		else
			values[i] = ws_span(name.ptr + at[2 * g], at[2 * g + 1] - at[2 * g]);
	}
	pcre2_match_data_free(data);
	if (rc > 0)
		return REGEX_YES;
	return rc == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_GAVE_UP;
}
