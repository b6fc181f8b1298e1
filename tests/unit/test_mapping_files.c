/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/mapping_files.h"

static struct ws_mapping *load(char *file, char *more, struct ws_buf *diags)
{
	char *items[] = { file, more };
	const struct conf_list list = { .items = items, .n = more != NULL ? 2 : 1 };
	struct ws_mapping *mapping = mapping_files_load(&list, NULL, diags);

	ws_buf_char(diags, '\0');
	return mapping;
}

TEST(builtin)
{
	char name[] = CONF_BUILTIN;
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_mapping *mapping = load(name, NULL, &diags);

	if (mapping == NULL)
		fail_msg("%s", diags.ptr);
	assert_true(ws_mapping_rules(mapping) > 0);
	assert_string_equal(ws_mapping_rule(mapping, 0).file, CONF_BUILTIN);
	ws_mapping_unref(mapping);
	ws_buf_fini(&diags);
}

TEST(unreadable_files_are_all_named)
{
	char missing[] = "/nonexistent/a.ini", directory[] = "/";
	struct ws_buf diags = WS_BUF_INIT;

	assert_null(load(missing, directory, &diags));
	assert_string_equal(diags.ptr,
	                    "/nonexistent/a.ini: cannot be read: No such file or directory\n"
	                    "/: cannot be read: Is a directory\n");
	ws_buf_fini(&diags);
}

TEST(bad_file_has_its_line)
{
	char name[] = "/tmp/windsock-test-XXXXXX";
	int fd = mkstemp(name);
	struct ws_buf diags = WS_BUF_INIT;
	static const char text[] = "[a]\nmatch = a.<b\n";

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_null(load(name, NULL, &diags));
	assert_true(strncmp(diags.ptr, name, strlen(name)) == 0);
	assert_true(diags.ptr[strlen(name)] == ':');
	unlink(name);
	ws_buf_fini(&diags);
}

TEST(huge_file_is_rejected)
{
	char name[] = "/tmp/windsock-test-XXXXXX";
	int fd = mkstemp(name);
	struct ws_buf diags = WS_BUF_INIT;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, MAPPING_FILE_MAX + 1), 0);
	close(fd);
	assert_null(load(name, NULL, &diags));
	assert_non_null(strstr(diags.ptr, "larger than 4194304 bytes"));
	unlink(name);
	ws_buf_fini(&diags);
}
