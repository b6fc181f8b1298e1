/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapping is compiled from: the texts of files, and what the command line says instead
 * of them.
 */
#ifndef WINDSOCK_SOURCE_H
#define WINDSOCK_SOURCE_H

#include <stdint.h>
#include <windsock/span.h>

/* One file: a name for messages, and its text. */
struct ws_source {
	const char *name;
	struct ws_span text;
};

struct ws_mapping_options {
	/* In place of every file's own; NULL: as the files say. */
	const char *prefix;
	const char *airflow_version; /* a valid one: see version.h */
	const char *sender_label;    /* on every series: the sender's address; a label's name */
	uint64_t epoch; /* of the targets: one more than that of the mapping before */
};

#endif
