/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "sys/clock.h"
#include "web/process.h"

/* The value of a sample, or -1 when there is none. */
static double value(const char *name, bool openmetrics)
{
	struct ws_buf out = WS_BUF_INIT;
	char line[100];
	const char *at;
	double v = -1;

	process_write(&(struct metric_writer){ &out, openmetrics });
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
	double before = value("process_open_fds", false);
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 0);
	assert_true(value("process_open_fds", false) == before + 1);
	close(fd);
	assert_true(value("process_open_fds", false) == before);
	assert_true(value("process_max_fds", false) == (double)sysconf(_SC_OPEN_MAX));
	assert_true(value("process_resident_memory_bytes", false) > 100000);
	assert_true(value("process_virtual_memory_bytes", false) >
	            value("process_resident_memory_bytes", false));
	assert_true(value("process_threads", false) == 1 || value("process_threads", false) == 2);
	assert_true(value("process_cpu_seconds_total", false) >= 0);
	assert_true(value("process_cpu_seconds_total", true) >= 0);
}

TEST(start_is_noted)
{
	double now = clock_wall(), started;

	assert_true(value("process_start_time_seconds", false) == -1);
	process_started();
	started = value("process_start_time_seconds", false);
	assert_true(started >= now - 1 && started <= now + 10);
}
