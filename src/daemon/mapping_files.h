/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles a mapping from files on disk or the built-in one.
 */
#ifndef MAPPING_FILES_H
#define MAPPING_FILES_H

#include <windsock/buf.h>
#include <windsock/mapping.h>

#include "daemon/conf.h"

/* Maximum size of a mapping file in bytes. */
#define MAPPING_FILE_MAX (4u << 20)

/* NULL on errors, which are lines in `diags`: "file: …" or "file:line: …".  `options` NULL:
 * nothing overrides the files. */
struct ws_mapping *mapping_files_load(const struct conf_list *files,
                                      const struct ws_mapping_options *options,
                                      struct ws_buf *diags);

#endif
