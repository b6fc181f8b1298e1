/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions such as 2.9.3, and ranges of them: "2.7.0 - 2.9.2, 3.2 -", "all", "none".  The last
 * version of a range stands for all that begin with it: 3.3.1 is within "3.2 - 3.3".
 */
#ifndef WINDSOCK_VERSION_H
#define WINDSOCK_VERSION_H

#include <stdbool.h>
#include <windsock/span.h>

bool ws_version_is_valid(struct ws_span version);
bool ws_version_ranges_are_valid(struct ws_span ranges);

/* Of valid ones.  An empty version is the newest there is; empty ranges hold none. */
bool ws_version_within(struct ws_span version, struct ws_span ranges);

#endif
