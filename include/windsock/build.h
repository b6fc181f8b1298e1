/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build information.
 */
#ifndef WINDSOCK_BUILD_H
#define WINDSOCK_BUILD_H

struct ws_build {
	const char *version;
	const char *revision; /* of the repository, or "unknown" */
	const char *compiler; /* "GCC 12.2.0" */
};

struct ws_build ws_build(void);

#endif
