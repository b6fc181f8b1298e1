/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping files from disk, or the one that is compiled in, made into a mapping.
 */
#ifndef LOAD_H
#define LOAD_H

#include <windsock/buf.h>
#include <windsock/mapping.h>

#include "conf.h"

/* Bytes a mapping file may have. */
#define LOAD_FILE_MAX (4u << 20)

/* NULL when there is anything in `diags`: "file: …" or "file:line: …" lines.  `options` NULL:
 * as the files say. */
struct ws_mapping *load_mapping(const struct conf_list *files,
                                const struct ws_mapping_options *options,
                                struct ws_buf *diags);

#endif
