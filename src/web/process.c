/* SPDX-License-Identifier: Apache-2.0 */
#include "web/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sys/clock.h"

/*
 * Seconds since the epoch; 0 before process_started.  Recorded rather than computed: the
 * kernel's start time counts from boot, and the boot time is in /proc/stat, which is hidden
 * from a unit with ProcSubset=pid.
 */
static double started;

/* From /proc/self/stat. */
struct stat_line {
	uint64_t threads;
	uint64_t virtual_bytes;
	uint64_t resident_pages;
};

void process_started(void)
{
	started = clock_wall();
}

static void gauge(const struct metric_writer *w, const char *name, const char *help,
                  double value)
{
	metric_number(w, name, WS_KIND_GAUGE, help, value);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void write_cpu(const struct metric_writer *w)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	metric_number(w, "process_cpu_seconds_total", WS_KIND_COUNTER,
	              "Total user and system CPU time spent in seconds.",
	              seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

static void write_open_fds(const struct metric_writer *w)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned n = 0;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	/* Without the one of the directory itself. */
	gauge(w, "process_open_fds", "Number of open file descriptors.", n - 1);
}

/* "No limit" is 2^64, as in the Go client. */
static void write_limit(const struct metric_writer *w, int resource, const char *name,
                        const char *help)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0)
		gauge(w, name, help, (double)limit.rlim_cur);
}

static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

static bool read_stat(struct stat_line *stat)
{
	char text[1024]; /* 52 numbers and a name of at most 15 bytes */
	const char *after;

	if (read_file("/proc/self/stat", text, sizeof(text)) <= 0)
		return false;
	/* 4711 (name) S 1 4711 …   the name may contain blanks and parentheses; the last ')'
	 *           ^              ends it.  Then field 3; 20 threads, 23 size, 24 resident */
	after = strrchr(text, ')');
	return after != NULL &&
	       sscanf(after + 1,
	              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
	              " %" SCNu64 " %*d %*u %" SCNu64 " %" SCNu64,
	              &stat->threads, &stat->virtual_bytes, &stat->resident_pages) == 3;
}

static void write_stat(const struct metric_writer *w)
{
	struct stat_line stat;
	long page = sysconf(_SC_PAGESIZE);

	if (!read_stat(&stat))
		return;
	gauge(w, "process_virtual_memory_bytes",
	      "Virtual memory size in bytes.", (double)stat.virtual_bytes);
	gauge(w, "process_resident_memory_bytes",
	      "Resident memory size in bytes.", (double)stat.resident_pages * (double)page);
	gauge(w, "process_threads", "Number of threads in the process.",
	      (double)stat.threads);
}

void process_write(const struct metric_writer *w)
{
	write_cpu(w);
	write_open_fds(w);
	write_limit(w, RLIMIT_NOFILE, "process_max_fds",
	            "Maximum number of open file descriptors.");
	write_stat(w);
	write_limit(w, RLIMIT_AS, "process_virtual_memory_max_bytes",
	            "Maximum amount of virtual memory available in bytes.");
	if (started > 0)
		gauge(w, "process_start_time_seconds",
		      "Start time of the process since unix epoch in seconds.", started);
}
