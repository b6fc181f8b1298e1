/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: defaults, then the environment, then flags.  One table in conf.c holds them all;
 * --help is printed from it.  Opens nothing and logs nothing: what is wrong comes back as
 * text, a line each, naming the flag and how to mend it.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windsock/buf.h>

#include "sys/log.h"

/* Texts on the heap. */
struct conf_list {
	char **items;
	size_t n;
	bool given; /* by a flag or the environment, so that it is not the default */
};

struct conf {
	struct conf_list listen_udp;
	uint64_t workers;
	uint64_t read_buffer;      /* bytes asked from the kernel for each socket */
	struct conf_list mappings; /* files, or CONF_BUILTIN */
	/* In place of the mapping files' own; NULL: as they say. */
	char *prefix;
	char *airflow_version;
	char *sender_label;
	uint64_t cache_size;       /* names a worker remembers */
	struct conf_list listen_http;
	char *telemetry_path;
	bool enable_lifecycle;
	uint64_t max_connections;
	double web_timeout; /* seconds */
	uint64_t limit_series; /* limits: 0 is none */
	uint64_t limit_series_per_family;
	uint64_t limit_families;
	uint64_t limit_unmatched_families;
	enum log_level log_level;
	enum log_format log_format;
	bool check_config;
	bool version;
	bool help;
	struct conf_list rest; /* arguments that are not flags */
};

/* The name under which the mapping compiled into the program is asked for. */
#define CONF_BUILTIN "builtin:airflow"

/*
 * Fills a conf.  `args` are the `n` arguments after the program's (and the command's) name;
 * `env` is getenv, or a test's.  False: `why` has a line for everything that is wrong.
 * conf_fini is due in both cases.
 */
bool conf_parse(struct conf *conf, int n, char *const *args, char *(*env)(const char *name),
                struct ws_buf *why);
void conf_fini(struct conf *conf);

void conf_help(struct ws_buf *out);

#endif
