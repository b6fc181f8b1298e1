/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping files from disk, or the one that is compiled in, made into a mapping.
 */
#ifndef MAPPING_FILES_H
#define MAPPING_FILES_H

#include <windsock/buf.h>
#include <windsock/mapping.h>

#include "daemon/conf.h"

/* Bytes a mapping file may have. */
#define MAPPING_FILE_MAX (4u << 20)

/* NULL when there is anything in `diags`: "file: …" or "file:line: …" lines.  `options` NULL:
 * as the files say. */
struct ws_mapping *mapping_files_load(const struct conf_list *files,
                                      const struct ws_mapping_options *options,
                                      struct ws_buf *diags);

#endif
