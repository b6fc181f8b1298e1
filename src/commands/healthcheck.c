/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "sys/clock.h"
#include "sys/exit_code.h"
#include "sys/probe.h"
#include "sys/sock.h"

#define WHY_MAX 512
#define HEALTHY "/-/healthy"

static int unwell(const char *why)
{
	fprintf(stderr, "windsock: not healthy: %s\n", why);
	return EXIT_RUNTIME;
}

static int ask_health(const char *address, const char *flag, const char *path,
                      const struct conf *conf)
{
	int64_t deadline = clock_now() + (int64_t)(conf->web_timeout * 1e9);
	char why[WHY_MAX];
	int status;

	if (sock_check(address, flag, SOCK_KIND_TCP, why, sizeof(why)) != WS_OK) {
		fprintf(stderr, "%s\n", why);
		return EXIT_USAGE;
	}
	status = probe_get(address, flag, path, deadline, why, sizeof(why));
	if (status == 200)
		return EXIT_OK;
	if (status >= 0)
		snprintf(why, sizeof(why), "%s%s answers %d", address, path, status);
	return unwell(why);
}

/* "http://host:port/path"; the default path is that of the health endpoint. */
static int ask_url(const char *url, const struct conf *conf)
{
	static const char scheme[] = "http://";
	const char *address, *path;
	char *copy;
	int code;

	if (strncmp(url, scheme, strlen(scheme)) != 0) {
		fprintf(stderr, "%s: expected http://host:port, optionally with a path\n", url);
		return EXIT_USAGE;
	}
	address = url + strlen(scheme);
	path = strchr(address, '/');
	copy = strndup(address, path == NULL ? strlen(address) : (size_t)(path - address));
	if (copy == NULL)
		return unwell("out of memory");
	code = ask_health(copy, "URL", path == NULL ? HEALTHY : path, conf);
	free(copy);
	return code;
}

int command_healthcheck(const struct conf *conf)
{
	if (conf->rest.n > 1) {
		fputs("windsock: healthcheck takes one URL\n", stderr);
		return EXIT_USAGE;
	}
	if (conf->rest.n == 1)
		return ask_url(conf->rest.items[0], conf);
	return ask_health(conf->listen_http.items[0], "--web.listen-address", HEALTHY, conf);
}
