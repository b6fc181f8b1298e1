/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "sys/log.h"

#define REPLACED "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

static int pipe_fds[2];
static char got[8192];

static int setup(void **state)
{
	(void)state;
	return pipe(pipe_fds);
}

static int teardown(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_LOGFMT, STDERR_FILENO);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

/* What one message becomes; "" when nothing was written. */
static const char *logged(enum log_format format, enum log_level level, const char *message)
{
	ssize_t n;

	log_setup(LOG_INFO, format, pipe_fds[1]);
	log_write(level, "topic", "%s", message);
	assert_int_equal(write(pipe_fds[1], "", 1), 1);
	n = read(pipe_fds[0], got, sizeof(got));
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

static void messages_are_quoted(void **state)
{
	char tail[256];
	size_t i;

	(void)state;
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

static void time_is_utc_with_milliseconds(void **state)
{
	const char *line = logged(LOG_LOGFMT, LOG_INFO, "x");
	int year, month, day, hour, minute, second, ms, used = 0;

	(void)state;
	assert_int_equal(sscanf(line, "ts=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ level=info%n", &year,
				&month, &day, &hour, &minute, &second, &ms, &used), 7);
	assert_true(used == (int)strlen("ts=2026-01-01T00:00:00.000Z level=info"));
	assert_true(year >= 2024);
}

/* One line stays one line of at most 2 KiB, whole characters, properly closed. */
static void long_messages_are_cut(void **state)
{
	char message[6000];
	const char *line;
	size_t i, shift;

	(void)state;
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

static void levels(void **state)
{
	enum log_level level = LOG_ERROR;
	enum log_format format = LOG_JSON;

	(void)state;
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

static void errno_is_kept(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_LOGFMT, -1);
	errno = ENOSPC;
	log_error("topic", "nowhere to go");
	assert_int_equal(errno, ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_quoted),
		cmocka_unit_test(time_is_utc_with_milliseconds),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(levels),
		cmocka_unit_test(errno_is_kept),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
