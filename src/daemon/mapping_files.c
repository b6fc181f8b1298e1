/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/mapping_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536

/* mappings/airflow.ini, converted to build/builtin.c by the Makefile. */
extern const char builtin_airflow[];
extern const unsigned long builtin_airflow_size;

/* Reads the whole file.  0 or errno; EFBIG if it exceeds MAPPING_FILE_MAX. */
static int read_all(int fd, struct ws_buf *text)
{
	while (text->len <= MAPPING_FILE_MAX) {
		char *at = ws_buf_reserve(text, PIECE);
		ssize_t n;

		if (at == NULL)
			return ENOMEM;
		n = read(fd, at, PIECE);
		if (n == 0)
			return 0;
		if (n > 0)
			text->len += (size_t)n;
		else if (errno != EINTR)
			return errno;
	}
	return EFBIG;
}

static int read_file(const char *name, struct ws_buf *text)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return errno;
	err = read_all(fd, text);
	close(fd);
	return err;
}

static bool load_one(const char *name, struct ws_buf *text, struct ws_buf *diags)
{
	int err;

	if (strcmp(name, CONF_BUILTIN) == 0) {
		ws_buf_add(text, builtin_airflow, builtin_airflow_size);
		err = text->err == WS_OK ? 0 : ENOMEM;
	} else {
		err = read_file(name, text);
	}
	if (err == EFBIG)
		ws_buf_printf(diags, "%s: larger than %u bytes; split it into several files\n",
		              name, MAPPING_FILE_MAX);
	else if (err != 0)
		ws_buf_printf(diags, "%s: cannot be read: %s\n", name, strerror(err));
	return err == 0;
}

struct ws_mapping *mapping_files_load(const struct conf_list *files,
                                      const struct ws_mapping_options *options,
                                      struct ws_buf *diags)
{
	struct ws_source *sources = calloc(files->n + 1, sizeof(*sources));
	struct ws_buf *texts = calloc(files->n + 1, sizeof(*texts));
	struct ws_mapping *mapping = NULL;
	bool ok = sources != NULL && texts != NULL;
	size_t i;

	if (!ok)
		ws_buf_str(diags, "out of memory\n");
	for (i = 0; sources != NULL && texts != NULL && i < files->n; i++) {
		if (!load_one(files->items[i], &texts[i], diags))
			ok = false;
		sources[i] = (struct ws_source){ .name = files->items[i],
			                         .text = ws_buf_text(&texts[i]) };
	}
	if (ok)
		mapping = ws_mapping_new(sources, files->n, options, diags);
	for (i = 0; texts != NULL && i < files->n; i++)
		ws_buf_fini(&texts[i]);
	free(texts);
	free(sources);
	return mapping;
}
