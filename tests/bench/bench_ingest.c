/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sample and a series cost, in process: `make bench`, or bench_ingest [names ...] with
 * the names of cases.  Processor time, medians of ROUNDS; compare figures of one run only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <windsock/exposition.h>
#include <windsock/ingest.h>

#include <windsock/gzip.h>
#include "daemon/mapping_files.h"

#define ROUNDS      7
#define BATCH       64
#define PACKED      1400    /* bytes of a synthetic datagram */
#define SAMPLES_MIN 1000000 /* in each round */

struct traffic {
	char *bytes;
	size_t len, cap;
	size_t *ends; /* of the datagrams */
	size_t n, ends_cap;
};

struct target {
	struct ws_store *store;
	struct ws_stats *stats;
	struct ws_mapping *mapping;
	struct ws_ingest *ingest;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t size, pages = 0;

	if (file == NULL || fscanf(file, "%zu %zu", &size, &pages) != 2)
		die("/proc/self/statm");
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* --- traffic --- */

static void put(struct traffic *t, const char *bytes, size_t n)
{
	if (t->len + n > t->cap) {
		t->cap = 2 * t->cap + n + 4096;
		t->bytes = realloc(t->bytes, t->cap);
		if (t->bytes == NULL)
			die("traffic");
	}
	memcpy(t->bytes + t->len, bytes, n);
	t->len += n;
}

static void end_datagram(struct traffic *t)
{
	if (t->n == t->ends_cap) {
		t->ends_cap = 2 * t->ends_cap + 1024;
		t->ends = realloc(t->ends, t->ends_cap * sizeof(*t->ends));
		if (t->ends == NULL)
			die("traffic");
	}
	t->ends[t->n++] = t->len;
}

static struct ws_span datagram(const struct traffic *t, size_t i)
{
	size_t from = i == 0 ? 0 : t->ends[i - 1];

	return ws_span(t->bytes + from, t->ends[i] - from);
}

/* The byte behind a backslash; tests/lib/harness.py has the format. */
static char unescape(const char **p)
{
	unsigned byte;
	char c = *(*p)++;

	if (c == 'n' || c == 'r' || c == 't')
		return (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : '\t');
	if (c != 'x' || sscanf(*p, "%2x", &byte) != 1)
		return c;
	*p += 2;
	return (char)byte;
}

static void put_recorded(struct traffic *t, const char *p)
{
	char c;

	while (*p != '\0' && *p != '\n') {
		c = *p++;
		if (c == '\\')
			c = unescape(&p);
		put(t, &c, 1);
	}
	end_datagram(t);
}

static struct traffic recorded(const char *path)
{
	struct traffic t = { 0 };
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	if (file == NULL)
		die(path);
	while (getline(&line, &cap, file) >= 0) {
		if (line[0] != '#')
			put_recorded(&t, strchr(line, ' ') + 1);
	}
	free(line);
	fclose(file);
	return t;
}

/* One sample for each of n series, in an order that no cache can guess, packed. */
static struct traffic made_up(size_t n)
{
	struct traffic t = { 0 };
	size_t i, k, begun = 0;
	char line[128];
	int len;

	for (i = 0; i < n; i++) {
		k = (size_t)((i * UINT64_C(2654435761)) % n);
		len = snprintf(line, sizeof(line),
			       "\nairflow.ti.finish.dag_%05zu.task_%02zu.success:%zu|c",
			       k / 20, k % 20, 1 + k % 9);
		if (t.len + (size_t)len > begun + PACKED) {
			end_datagram(&t);
			begun = t.len;
		}
		/* The first line of a datagram has no newline before it. */
		put(&t, line + (t.len == begun), (size_t)len - (t.len == begun));
	}
	end_datagram(&t);
	return t;
}

/* --- measuring --- */

static struct target target_new(size_t cache_size)
{
	const struct ws_ingest_options options = { .cache_size = cache_size,
						   .key = { 1, 2 } };
	char name[] = CONF_BUILTIN;
	char *items[] = { name };
	const struct conf_list list = { .items = items, .n = 1 };
	struct ws_buf diags = WS_BUF_INIT;
	struct target t = { .store = ws_store_new((struct ws_limits){ 0 },
						  (struct ws_hash_key){ 3, 4 }),
			    .stats = ws_stats_new(1) };

	t.mapping = mapping_files_load(&list, NULL, &diags);
	if (t.store == NULL || t.stats == NULL || t.mapping == NULL)
		die("target");
	t.ingest = ws_ingest_new(t.store, t.stats, &options);
	if (t.ingest == NULL)
		die("target");
	return t;
}

static void target_free(struct target *t)
{
	ws_ingest_free(t->ingest);
	ws_mapping_unref(t->mapping);
	ws_stats_free(t->stats);
	ws_store_free(t->store);
}

static size_t parse(const struct traffic *t)
{
	struct ws_lines it;
	struct ws_sample s;
	size_t i, n = 0;
	enum ws_err err;

	for (i = 0; i < t->n; i++) {
		ws_lines_init(&it, datagram(t, i), false);
		while ((err = ws_lines_next(&it, &s)) != WS_ERR_END)
			n += err == WS_OK;
	}
	return n;
}

static void ingest(struct target *to, const struct traffic *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (i % BATCH == 0 &&
		    ws_ingest_begin(to->ingest, to->mapping, (int64_t)i) != WS_OK)
			die("begin");
		ws_ingest_datagram(to->ingest,
		                   &(struct ws_datagram){ .bytes = datagram(t, i) });
		if (i % BATCH == BATCH - 1 || i + 1 == t->n)
			ws_ingest_end(to->ingest);
	}
}

static double measure_parse(const struct traffic *t, size_t samples)
{
	size_t times = SAMPLES_MIN / samples + 1, i, k;
	double rounds[ROUNDS], start;

	for (k = 0; k < ROUNDS; k++) {
		start = cpu_now();
		for (i = 0; i < times; i++) {
			if (parse(t) != samples)
				die("samples differ");
		}
		rounds[k] = (cpu_now() - start) / (double)(times * samples);
	}
	return median(rounds, ROUNDS);
}

static double measure_known(struct target *to, const struct traffic *t, size_t samples)
{
	size_t times = SAMPLES_MIN / samples + 1, i, k;
	double rounds[ROUNDS], start;

	for (k = 0; k < ROUNDS; k++) {
		start = cpu_now();
		for (i = 0; i < times; i++)
			ingest(to, t);
		rounds[k] = (cpu_now() - start) / (double)(times * samples);
	}
	return median(rounds, ROUNDS);
}

/* One whole exposition; returns its length. */
static size_t render(struct target *from, bool zipped)
{
	struct ws_exposition *e = ws_exposition_new(from->store, WS_FORMAT_TEXT, 1000000);
	struct ws_gzip *gz = zipped ? ws_gzip_new() : NULL;
	struct ws_buf out = WS_BUF_INIT, packed = WS_BUF_INIT;
	size_t len = 0;
	bool more = true;

	if (e == NULL || (zipped && gz == NULL))
		die("render");
	while (more) {
		more = ws_exposition_more(e, &out);
		len += out.len;
		if (zipped && !ws_gzip_add(gz, ws_buf_text(&out), !more, &packed))
			die("gzip");
		ws_buf_reset(&out);
		ws_buf_reset(&packed);
	}
	ws_buf_fini(&out);
	ws_buf_fini(&packed);
	ws_gzip_free(gz);
	ws_exposition_free(e);
	return len;
}

static double measure_render(struct target *from, bool zipped, size_t series)
{
	size_t times = (zipped ? 100000 : SAMPLES_MIN) / series + 1, i, k;
	double rounds[ROUNDS], start;

	for (k = 0; k < ROUNDS; k++) {
		start = cpu_now();
		for (i = 0; i < times; i++)
			render(from, zipped);
		rounds[k] = (cpu_now() - start) / (double)(times * series);
	}
	return median(rounds, ROUNDS);
}

/* --- cases --- */

static const struct {
	const char *name;
	const char *path; /* a recording; NULL: made up */
	size_t n;
} cases[] = {
	{ "2.11-plain", "tests/data/airflow-2.11-plain.capture", 0 },
	{ "3.3-plain", "tests/data/airflow-3.3-plain.capture", 0 },
	{ "3.3-dogstatsd", "tests/data/airflow-3.3-dogstatsd.capture", 0 },
	{ "3.3-influxdb", "tests/data/airflow-3.3-influxdb.capture", 0 },
	{ "made-10k", NULL, 10000 },
	{ "made-100k", NULL, 100000 },
	{ "made-1M", NULL, 1000000 },
};

#define NCASES (sizeof(cases) / sizeof(cases[0]))

static void run(size_t i)
{
	struct traffic t =
		cases[i].path != NULL ? recorded(cases[i].path) : made_up(cases[i].n);
	size_t samples = parse(&t), before, rss, series, len;
	double parsed = measure_parse(&t, samples), cold, known, text, zipped;
	struct ws_store_counts counts;
	struct target to;

	before = resident();
	to = target_new(2000000);
	cold = cpu_now();
	ingest(&to, &t);
	cold = cpu_now() - cold;
	rss = resident() - before;
	counts = ws_store_counts(to.store);
	series = counts.series;
	known = measure_known(&to, &t, samples);
	len = render(&to, false);
	text = measure_render(&to, false, series);
	zipped = measure_render(&to, true, series);
	printf("%-14s %8zu %6.0f %6.0f %6.1f %6.0f %7zu %6zu %7.0f %6.0f %6.0f %6.0f\n",
	       cases[i].name, series, parsed, known, known / parsed, cold / (double)series,
	       counts.bytes / series, rss / series, text,
	       (double)len / (double)series / text * 1000, zipped,
	       (double)len / (double)series / zipped * 1000);
	target_free(&to);
	free(t.bytes);
	free(t.ends);
}

/* In a process of its own, so that the memory it needs is seen. */
static bool run_apart(size_t i)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		run(i);
		exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool is_wanted(const char *name, char **names)
{
	if (*names == NULL)
		return true;
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

int main(int argc, char **argv)
{
	bool ok = true;
	size_t i;

	(void)argc;
	printf("%-14s %8s %6s %6s %6s %6s %7s %6s %7s %6s %6s %6s\n", "", "", "parse",
	       "known", "known/", "cold", "store", "RSS", "text", "text", "gzip", "gzip");
	printf("%-14s %8s %6s %6s %6s %6s %7s %6s %7s %6s %6s %6s\n", "case", "series",
	       "ns/smp", "ns/smp", "parse", "ns/ser", "B/ser", "B/ser", "ns/ser", "MB/s",
	       "ns/ser", "MB/s");
	for (i = 0; i < NCASES; i++) {
		if (is_wanted(cases[i].name, argv + 1))
			ok = run_apart(i) && ok;
	}
	return !ok;
}
