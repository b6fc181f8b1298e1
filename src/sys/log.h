/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: what an operator can act on, to standard error, as logfmt or JSON, one line each:
 * ts=… level=… topic=… msg="…".  Errors in packets are counted, never logged.
 * Any thread once log_setup has been called; each line is one write(2).
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <windsock/span.h>

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR,
};

enum log_format {
	LOG_LOGFMT,
	LOG_JSON,
};

/* Call before the first thread starts.  Default: info, logfmt, file descriptor 2. */
void log_setup(enum log_level least, enum log_format format, int fd);

bool log_level_parse(struct ws_span text, enum log_level *level);
bool log_format_parse(struct ws_span text, enum log_format *format);

__attribute__((format(printf, 3, 4)))
void log_write(enum log_level level, const char *topic, const char *format, ...);

#define log_debug(topic, ...) log_write(LOG_DEBUG, topic, __VA_ARGS__)
#define log_info(topic, ...) log_write(LOG_INFO, topic, __VA_ARGS__)
#define log_warn(topic, ...) log_write(LOG_WARN, topic, __VA_ARGS__)
#define log_error(topic, ...) log_write(LOG_ERROR, topic, __VA_ARGS__)

#endif
