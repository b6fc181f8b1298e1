/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of the exposition.
 */
#ifndef WINDSOCK_FORMAT_H
#define WINDSOCK_FORMAT_H

enum ws_format {
	WS_FORMAT_TEXT,        /* text/plain; version=0.0.4 */
	WS_FORMAT_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 or 0.0.1 */
};

#endif
