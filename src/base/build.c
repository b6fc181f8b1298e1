/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/build.h>

#ifndef WINDSOCK_VERSION
#define WINDSOCK_VERSION "0.0.0"
#endif
#ifndef WINDSOCK_REVISION
#define WINDSOCK_REVISION "unknown"
#endif

#ifdef __clang__
#define COMPILER __VERSION__ /* "Clang 14.0.6" */
#else
#define COMPILER "GCC " __VERSION__
#endif

struct ws_build ws_build(void)
{
	return (struct ws_build){ .version = WINDSOCK_VERSION,
		                  .revision = WINDSOCK_REVISION,
		                  .compiler = COMPILER };
}
