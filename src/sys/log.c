/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <windsock/utf8.h>

/* Maximum length of a line with its newline: below PIPE_BUF (4096), so that lines written by
 * several threads or processes to one pipe never mix. */
#define LINE_MAX_BYTES 2048

/* Reserved for the end of a line: "…", '"', '}' and the newline. */
#define LINE_TAIL 8

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "debug", LOG_DEBUG },
	{ "info", LOG_INFO },
	{ "warn", LOG_WARN },
	{ "error", LOG_ERROR },
};

/* Set by log_setup before the first thread starts, then only read. */
static struct {
	enum log_level least;
	enum log_format format;
	int fd;
} settings = { .least = LOG_INFO, .format = LOG_LOGFMT, .fd = STDERR_FILENO };

struct text {
	char bytes[LINE_MAX_BYTES];
	size_t len;
	bool full; /* something did not fit */
};

void log_setup(enum log_level least, enum log_format format, int fd)
{
	settings.least = least;
	settings.format = format;
	settings.fd = fd;
}

bool log_level_parse(struct ws_span text, enum log_level *level)
{
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (ws_span_is(text, levels[i].name)) {
			*level = levels[i].level;
			return true;
		}
	}
	return false;
}

bool log_format_parse(struct ws_span text, enum log_format *format)
{
	if (ws_span_is(text, "logfmt"))
		*format = LOG_LOGFMT;
	else if (ws_span_is(text, "json"))
		*format = LOG_JSON;
	else
		return false;
	return true;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG:
		return "debug";
	case LOG_INFO:
		return "info";
	case LOG_WARN:
		return "warn";
	case LOG_ERROR:
		return "error";
	}
	return "error";
}

/* Adds all of `bytes`, or nothing if they do not fit; then nothing more is added. */
static void text_add(struct text *t, const char *bytes, size_t n)
{
	if (t->full || n > sizeof(t->bytes) - LINE_TAIL - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->bytes + t->len, bytes, n);
	t->len += n;
}

static void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

/* Uses the bytes reserved by LINE_TAIL. */
static void text_close(struct text *t, const char *s)
{
	size_t n = strlen(s);

	memcpy(t->bytes + t->len, s, n);
	t->len += n;
}

static void add_control(struct text *t, unsigned char c)
{
	char escape[8];

	switch (c) {
	case '\n':
		text_add(t, "\\n", 2);
		return;
	case '\r':
		text_add(t, "\\r", 2);
		return;
	case '\t':
		text_add(t, "\\t", 2);
		return;
	default:
		text_add(t, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
	}
}

/* In quotes, with JSON escapes, which logfmt shares; invalid UTF-8 becomes U+FFFD. */
static void add_quoted(struct text *t, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	const unsigned char *end = p + strlen(s);
	size_t n;

	text_add(t, "\"", 1);
	for (; p < end && !t->full; p += n == 0 ? 1 : n) {
		n = ws_utf8_sequence(ws_span((const char *)p, (size_t)(end - p)));
		if (n == 0)
			text_str(t, REPLACEMENT);
		else if (*p == '"' || *p == '\\')
			text_add(t, (const char[]){ '\\', (char)*p }, 2);
		else if (*p < 0x20 || *p == 0x7f)
			add_control(t, *p);
		else
			text_add(t, (const char *)p, n);
	}
	text_close(t, t->full ? ELLIPSIS "\"" : "\"");
}

static void add_time(struct text *t)
{
	struct timespec now;
	struct tm utc;
	char stamp[64];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc) == NULL)
		memset(&utc, 0, sizeof(utc));
	n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	text_add(t, stamp, n);
	n = (size_t)snprintf(stamp, sizeof(stamp), ".%03dZ", (int)(now.tv_nsec / 1000000));
	text_add(t, stamp, n);
}

static void format_logfmt(struct text *t, const char *level, const char *topic,
                          const char *message)
{
	text_str(t, "ts=");
	add_time(t);
	text_str(t, " level=");
	text_str(t, level);
	text_str(t, " topic=");
	text_str(t, topic);
	text_str(t, " msg=");
	add_quoted(t, message);
	text_close(t, "\n");
}

static void format_json(struct text *t, const char *level, const char *topic,
                        const char *message)
{
	text_str(t, "{\"ts\":\"");
	add_time(t);
	text_str(t, "\",\"level\":\"");
	text_str(t, level);
	text_str(t, "\",\"topic\":\"");
	text_str(t, topic);
	text_str(t, "\",\"msg\":");
	add_quoted(t, message);
	text_close(t, "}\n");
}

void log_write(enum log_level level, const char *topic, const char *format, ...)
{
	int saved = errno;
	/* As long as a line: what does not fit here would not fit there. */
	char message[LINE_MAX_BYTES];
	struct text line = { .len = 0 };
	va_list args;

	if (level < settings.least)
		return;
	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	if (settings.format == LOG_JSON)
		format_json(&line, level_name(level), topic, message);
	else
		format_logfmt(&line, level_name(level), topic, message);
	/* Other errors cannot be reported anywhere. */
	while (write(settings.fd, line.bytes, line.len) < 0 && errno == EINTR)
		;
	errno = saved;
}
