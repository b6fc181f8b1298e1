/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "commands/commands.h"
#include "commands/common.h"
#include "sys/exit_code.h"
#include "sys/sock.h"

#define COLUMNS 6

struct row {
	struct ws_buf cells[COLUMNS];
};

static void row_fini(struct row *row)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		ws_buf_fini(&row->cells[i]);
}

static void row_fill(struct row *row, const struct ws_rule_info *rule)
{
	struct ws_buf *c = row->cells;

	ws_buf_span(&c[0], rule->name);
	ws_buf_printf(&c[1], "%s:%u", rule->file, rule->line);
	if (rule->is_regex)
		ws_buf_printf(&c[2], "/%.*s/", WS_SPAN_ARG(rule->match));
	else
		ws_buf_span(&c[2], rule->match);
	ws_buf_printf(&c[3], "%s%s", rule->kind, rule->continues ? ", continue" : "");
	ws_buf_span(&c[4], rule->metric);
	ws_buf_span(&c[5], rule->labels);
}

static void row_widen(const struct row *row, size_t widths[COLUMNS])
{
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		if (row->cells[i].len > widths[i])
			widths[i] = row->cells[i].len;
	}
}

/* Prints empty cells as a dash, so that awk can split the columns. */
static void row_print(const struct row *row, const size_t widths[COLUMNS], FILE *to)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++) {
		struct ws_span cell = ws_buf_text(&row->cells[i]);

		if (cell.len == 0)
			cell = ws_span_str("-");
		fwrite(cell.ptr, 1, cell.len, to);
		if (i + 1 < COLUMNS)
			fprintf(to, "%*s", (int)(widths[i] - cell.len + 2), "");
	}
	fputc('\n', to);
}

static bool print_rules(const struct ws_mapping *mapping, FILE *to)
{
	static const char *const titles[COLUMNS] = { "RULE", "FILE:LINE", "MATCH",
		                                     "KIND", "METRIC",    "LABELS" };
	size_t n = ws_mapping_rules(mapping), widths[COLUMNS] = { 1, 1, 1, 1, 1, 1 }, i;
	struct row *rows = calloc(n + 1, sizeof(*rows));

	if (rows == NULL)
		return false;
	for (i = 0; i < COLUMNS; i++)
		ws_buf_str(&rows[0].cells[i], titles[i]);
	for (i = 0; i < n; i++) {
		struct ws_rule_info rule = ws_mapping_rule(mapping, i);

		row_fill(&rows[i + 1], &rule);
	}
	for (i = 0; i <= n; i++)
		row_widen(&rows[i], widths);
	for (i = 0; i <= n; i++) {
		row_print(&rows[i], widths, to);
		row_fini(&rows[i]);
	}
	free(rows);
	return true;
}

int command_check(const struct conf *conf)
{
	const struct conf_list *files = conf->rest.n > 0 ? &conf->rest : &conf->mappings;
	struct ws_mapping *mapping = command_load(files, conf);
	bool ok;

	if (mapping == NULL)
		return EXIT_USAGE;
	ok = print_rules(mapping, stdout);
	ws_mapping_unref(mapping);
	return command_finish(ok ? EXIT_OK : EXIT_RUNTIME);
}

#define WHY_MAX 512

static bool check_addresses(const struct conf_list *list, const char *flag, enum sock_kind kind)
{
	char why[WHY_MAX];
	bool good = true;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (sock_check(list->items[i], flag, kind, why, sizeof(why)) != WS_OK) {
			fprintf(stderr, "%s\n", why);
			good = false;
		}
	}
	return good;
}

int command_check_config(const struct conf *conf)
{
	bool udp = check_addresses(&conf->listen_udp, "--statsd.listen-udp", SOCK_KIND_UDP);
	bool http = check_addresses(&conf->listen_http, "--web.listen-address", SOCK_KIND_TCP);
	int code = command_check(conf);

	return udp && http ? code : EXIT_USAGE;
}
