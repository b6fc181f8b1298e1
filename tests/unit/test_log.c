/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#include "sys/log.h"

#define REPLACED "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

static char got[8192];

/* What one message becomes; "" when nothing was written. */
static const char *logged(enum log_format format, enum log_level level, const char *message)
{
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	log_setup(LOG_INFO, format, fds[1]);
	log_write(level, "topic", "%s", message);
	log_setup(LOG_INFO, LOG_LOGFMT, STDERR_FILENO);
	assert_int_equal(write(fds[1], "", 1), 1);
	n = read(fds[0], got, sizeof(got));
	close(fds[0]);
	close(fds[1]);
	assert_true(n > 0 && got[n - 1] == '\0');
	return got;
}

/* From `key` on. */
static const char *from(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	assert_non_null(at);
	return at;
}

static const struct {
	const char *message, *quoted;
} messages[] = {
	{ "", "\"\"" },
	{ "plain", "\"plain\"" },
	{ "a \"b\" \\c", "\"a \\\"b\\\" \\\\c\"" },
	{ "a\nb\rc\td", "\"a\\nb\\rc\\td\"" },
	{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"" },
	{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
	{ "\xe9x", "\"" REPLACED "x\"" },
	{ "\xc0\x80", "\"" REPLACED REPLACED "\"" },         /* overlong */
	{ "\xe0\x80\x80", "\"" REPLACED REPLACED REPLACED "\"" },
	{ "\xf0\x80\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\"" },
	{ "\xed\xa0\x80", "\"" REPLACED REPLACED REPLACED "\"" }, /* a surrogate */
	{ "\xf4\x90\x80\x80", "\"" REPLACED REPLACED REPLACED REPLACED "\"" },
	{ "\xf5", "\"" REPLACED "\"" },
	{ "\xe2\x82", "\"" REPLACED REPLACED "\"" }, /* cut */
	{ "\xe2\x82x", "\"" REPLACED REPLACED "x\"" },
	{ "100%s", "\"100%s\"" },
};

TEST(messages_are_quoted)
{
	char tail[256];
	size_t i;

	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		snprintf(tail, sizeof(tail), " level=warn topic=topic msg=%s\n",
		         messages[i].quoted);
		assert_string_equal(from(logged(LOG_LOGFMT, LOG_WARN, messages[i].message),
					 " level="), tail);
		snprintf(tail, sizeof(tail),
		         ",\"level\":\"error\",\"topic\":\"topic\",\"msg\":%s}\n",
		         messages[i].quoted);
		assert_string_equal(from(logged(LOG_JSON, LOG_ERROR, messages[i].message),
					 ",\"level\""), tail);
	}
}

TEST(time_is_utc_with_milliseconds)
{
	const char *line = logged(LOG_LOGFMT, LOG_INFO, "x");
	int year, month, day, hour, minute, second, ms, used = 0;

	assert_int_equal(sscanf(line, "ts=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ level=info%n", &year,
				&month, &day, &hour, &minute, &second, &ms, &used), 7);
	assert_true(used == (int)strlen("ts=2026-01-01T00:00:00.000Z level=info"));
	assert_true(year >= 2024);
}

/* One line stays one line of at most 2 KiB, whole characters, properly closed. */
TEST(long_messages_are_cut)
{
	char message[6000];
	const char *line;
	size_t i, shift;

	for (shift = 0; shift < 4; shift++) {
		memset(message, 'x', shift);
		for (i = shift; i + 2 < sizeof(message); i += 2)
			memcpy(message + i, "\xc3\xa9", 2);
		message[i] = '\0';
		line = logged(LOG_LOGFMT, LOG_INFO, message);
		assert_true(strlen(line) >= 1900 && strlen(line) <= 2048);
		assert_string_equal(line + strlen(line) - 7, "\xc3\xa9" ELLIPSIS "\"\n");
		line = logged(LOG_JSON, LOG_INFO, message);
		assert_true(strlen(line) >= 1900 && strlen(line) <= 2048);
		assert_string_equal(line + strlen(line) - 8, "\xc3\xa9" ELLIPSIS "\"}\n");
	}
	memset(message, '\n', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	line = logged(LOG_JSON, LOG_INFO, message);
	assert_string_equal(line + strlen(line) - 8, "\\n" ELLIPSIS "\"}\n");
}

TEST(levels)
{
	enum log_level level = LOG_ERROR;
	enum log_format format = LOG_JSON;

	assert_string_equal(logged(LOG_LOGFMT, LOG_DEBUG, "x"), "");
	from(logged(LOG_LOGFMT, LOG_INFO, "x"), "level=info ");
	assert_true(log_level_parse(ws_span_str("debug"), &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_parse(ws_span_str("error"), &level));
	assert_int_equal(level, LOG_ERROR);
	assert_false(log_level_parse(ws_span_str("Info"), &level));
	assert_false(log_level_parse(ws_span_str("infos"), &level));
	assert_false(log_level_parse(ws_span_str(""), &level));
	assert_int_equal(level, LOG_ERROR);
	assert_true(log_format_parse(ws_span_str("logfmt"), &format));
	assert_int_equal(format, LOG_LOGFMT);
	assert_true(log_format_parse(ws_span_str("json"), &format));
	assert_int_equal(format, LOG_JSON);
	assert_false(log_format_parse(ws_span_str("text"), &format));
	assert_int_equal(format, LOG_JSON);
}

TEST(errno_is_kept)
{
	log_setup(LOG_INFO, LOG_LOGFMT, -1);
	errno = ENOSPC;
	log_error("topic", "nowhere to go");
	assert_int_equal(errno, ENOSPC);
}
