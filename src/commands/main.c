/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windsock/build.h>

#include "commands/commands.h"
#include "daemon/conf.h"
#include "daemon/daemon.h"
#include "sys/exit_code.h"
#include "web/process.h"

static void version(struct ws_buf *out)
{
	const struct ws_build b = ws_build();

	ws_buf_printf(out, "windsock, version %s (revision %s)\n  built with: %s, C11\n",
	              b.version, b.revision, b.compiler);
}

static int print(void (*text)(struct ws_buf *out))
{
	struct ws_buf out = WS_BUF_INIT;

	text(&out);
	fwrite(out.ptr, 1, out.len, stdout);
	ws_buf_fini(&out);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_RUNTIME;
}

/* Without a command: the daemon. */
static int run(const struct conf *conf)
{
	if (conf->rest.n > 0) {
		fprintf(stderr,
			"%s: unknown command; the commands are check, explain and "
			"healthcheck, and flags begin with --\n",
			conf->rest.items[0]);
		return EXIT_USAGE;
	}
	return conf->check_config ? command_check_config(conf) : daemon_run(conf);
}

static const struct {
	const char *name;
	int (*run)(const struct conf *conf);
} commands[] = {
	{ "check", command_check },
	{ "explain", command_explain },
	{ "healthcheck", command_healthcheck },
};

int main(int argc, char **argv)
{
	int (*command)(const struct conf *conf) = run;
	int first = 1, code;
	struct ws_buf why = WS_BUF_INIT;
	struct conf conf;
	bool ok;
	size_t i;

	process_started();
	for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			command = commands[i].run;
			first = 2;
		}
	}
	ok = conf_parse(&conf, argc > first ? argc - first : 0, argv + first, getenv, &why);
	if (conf.help) {
		code = print(conf_help);
	} else if (conf.version) {
		code = print(version);
	} else if (!ok) {
		fwrite(why.ptr, 1, why.len, stderr);
		code = EXIT_USAGE;
	} else {
		code = command(&conf);
	}
	ws_buf_fini(&why);
	conf_fini(&conf);
	return code;
}
