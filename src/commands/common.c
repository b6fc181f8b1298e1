/* SPDX-License-Identifier: Apache-2.0 */
#include "commands/common.h"

#include "daemon/mapping_files.h"
#include "sys/exit_code.h"

void command_put(FILE *to, const struct ws_buf *text)
{
	fwrite(text->ptr, 1, text->len, to);
}

struct ws_mapping *command_load(const struct conf_list *files, const struct conf *conf)
{
	struct ws_buf diags = WS_BUF_INIT;
	const struct ws_mapping_options options = {
		.prefix = conf->prefix,
		.sender_label = conf->sender_label,
		.airflow_version = conf->airflow_version,
	};
	struct ws_mapping *mapping = mapping_files_load(files, &options, &diags);

	if (mapping == NULL)
		command_put(stderr, &diags);
	ws_buf_fini(&diags);
	return mapping;
}

int command_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fputs("windsock: cannot write to standard output\n", stderr);
	return EXIT_RUNTIME;
}
