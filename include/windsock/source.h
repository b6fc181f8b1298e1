/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of a mapping: the texts of its files, and settings that override them.
 */
#ifndef WINDSOCK_SOURCE_H
#define WINDSOCK_SOURCE_H

#include <stdint.h>
#include <windsock/span.h>

/* One file: its name for messages, and its text. */
struct ws_source {
	const char *name;
	struct ws_span text;
};

struct ws_mapping_options {
	/* These override every file's own setting; NULL: use the file's. */
	const char *prefix;
	const char *airflow_version; /* valid as in version.h */
	const char *sender_label;    /* label on every series, with the sender's address */
	uint64_t epoch; /* of the targets: one more than the previous mapping's */
};

#endif
