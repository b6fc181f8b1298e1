/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXIT_CODE_H
#define EXIT_CODE_H

/* Exit codes of the program. */
enum {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1, /* such as: cannot listen, out of memory */
	EXIT_USAGE = 2,   /* invalid flags, settings or mapping files */
};

#endif
