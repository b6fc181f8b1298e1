/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions such as 2.9.3, and ranges of them: "2.7.0 - 2.9.2, 3.2 -", "all", "none".  The end
 * of a range includes all versions that start with it: 3.3.1 is within "3.2 - 3.3".
 */
#ifndef WINDSOCK_VERSION_H
#define WINDSOCK_VERSION_H

#include <stdbool.h>
#include <windsock/span.h>

bool ws_version_is_valid(struct ws_span version);
bool ws_version_ranges_are_valid(struct ws_span ranges);

/* Both must be valid.  An empty version means the newest; empty ranges contain nothing. */
bool ws_version_within(struct ws_span version, struct ws_span ranges);

#endif
