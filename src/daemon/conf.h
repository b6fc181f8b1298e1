/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: defaults, then the environment, then flags.  One table in conf.c holds them all;
 * --help is printed from it.  Opens nothing and logs nothing: errors are returned as text,
 * one line each, with the flag and how to fix it.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <windsock/buf.h>

#include "sys/log.h"

/* Strings on the heap. */
struct conf_list {
	char **items;
	size_t n;
	bool given; /* by a flag or the environment; false: the default */
};

struct conf {
	struct conf_list listen_udp;
	uint64_t workers;
	uint64_t read_buffer;      /* bytes requested from the kernel for each socket */
	struct conf_list mappings; /* files, or CONF_BUILTIN */
	/* These override the mapping files' own settings; NULL: use the files'. */
	char *prefix;
	char *airflow_version;
	char *sender_label;
	uint64_t cache_size;       /* names that each worker caches */
	struct conf_list listen_http;
	char *telemetry_path;
	bool enable_lifecycle;
	uint64_t max_connections;
	double web_timeout; /* seconds */
	uint64_t limit_series; /* for all limits, 0: no limit */
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

/* The file name that selects the mapping compiled into the program. */
#define CONF_BUILTIN "builtin:airflow"

/*
 * Fills a conf.  `args` are the `n` arguments after the name of the program (and the
 * command); `env` is getenv, or a test's substitute.  False: `why` has a line for every
 * error.  Call conf_fini in either case.
 */
bool conf_parse(struct conf *conf, int n, char *const *args, char *(*env)(const char *name),
                struct ws_buf *why);
void conf_fini(struct conf *conf);

void conf_help(struct ws_buf *out);

#endif
