/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "sys/clock.h"
#include "web/process.h"

/* The value of a sample, or -1 when there is none. */
static double value(const char *name, enum ws_format format)
{
	struct ws_buf out = WS_BUF_INIT;
	char line[100];
	const char *at;
	double v = -1;

	process_write(&(struct metric_writer){ &out, format });
	ws_buf_char(&out, '\0');
	assert_int_equal(out.err, WS_OK);
	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(out.ptr, line);
	if (at != NULL)
		v = atof(at + strlen(line));
	ws_buf_fini(&out);
	return v;
}

TEST(values_are_of_this_process)
{
	double before = value("process_open_fds", WS_FORMAT_TEXT);
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 0);
	assert_true(value("process_open_fds", WS_FORMAT_TEXT) == before + 1);
	close(fd);
	assert_true(value("process_open_fds", WS_FORMAT_TEXT) == before);
	assert_true(value("process_max_fds", WS_FORMAT_TEXT) == (double)sysconf(_SC_OPEN_MAX));
	assert_true(value("process_resident_memory_bytes", WS_FORMAT_TEXT) > 100000);
	assert_true(value("process_virtual_memory_bytes", WS_FORMAT_TEXT) >
	            value("process_resident_memory_bytes", WS_FORMAT_TEXT));
	assert_true(value("process_threads", WS_FORMAT_TEXT) == 1 ||
	            value("process_threads", WS_FORMAT_TEXT) == 2);
	assert_true(value("process_cpu_seconds_total", WS_FORMAT_TEXT) >= 0);
	assert_true(value("process_cpu_seconds_total", WS_FORMAT_OPENMETRICS) >= 0);
}

TEST(start_is_noted)
{
	double now = clock_wall(), started;

	assert_true(value("process_start_time_seconds", WS_FORMAT_TEXT) == -1);
	process_started();
	started = value("process_start_time_seconds", WS_FORMAT_TEXT);
	assert_true(started >= now - 1 && started <= now + 10);
}
