/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>
#include <windsock/store.h>

#include "daemon/conf.h"

/* The environment of a test: name, value, ..., NULL. */
static const char *const *environment;

static char *fake_env(const char *name)
{
	static char value[256];
	size_t i;

	for (i = 0; environment != NULL && environment[i] != NULL; i += 2) {
		if (strcmp(environment[i], name) == 0) {
			strncpy(value, environment[i + 1], sizeof(value) - 1);
			return value;
		}
	}
	return NULL;
}

struct parsed {
	struct conf conf;
	struct ws_buf why;
	bool ok;
};

/* Up to four arguments. */
static struct parsed parse(const char *a, const char *b, const char *c, const char *d)
{
	const char *all[] = { a, b, c, d };
	char texts[4][256];
	char *args[4];
	struct parsed p = { .why = WS_BUF_INIT };
	int n = 0;

	while (n < 4 && all[n] != NULL) {
		strncpy(texts[n], all[n], sizeof(texts[n]) - 1);
		texts[n][sizeof(texts[n]) - 1] = '\0';
		args[n] = texts[n];
		n++;
	}
	p.ok = conf_parse(&p.conf, n, args, fake_env, &p.why);
	ws_buf_char(&p.why, '\0');
	return p;
}

static void parsed_fini(struct parsed *p)
{
	conf_fini(&p->conf);
	ws_buf_fini(&p->why);
}

TEST(defaults)
{
	struct parsed p;

	environment = NULL;
	p = parse(NULL, NULL, NULL, NULL);
	assert_true(p.ok);
	assert_int_equal(p.conf.listen_udp.n, 1);
	assert_string_equal(p.conf.listen_udp.items[0], "localhost:8125");
	assert_string_equal(p.conf.listen_http.items[0], ":9092");
	assert_string_equal(p.conf.mappings.items[0], CONF_BUILTIN);
	assert_string_equal(p.conf.telemetry_path, "/metrics");
	assert_null(p.conf.prefix);
	assert_int_equal(p.conf.workers, 1);
	assert_int_equal(p.conf.read_buffer, 8 << 20);
	assert_int_equal(p.conf.cache_size, 200000);
	assert_int_equal(p.conf.limit_series, ws_limits_default.series);
	assert_int_equal(p.conf.limit_series_per_family, ws_limits_default.series_per_family);
	assert_int_equal(p.conf.limit_families, ws_limits_default.families);
	assert_int_equal(p.conf.limit_unmatched_families,
			 ws_limits_default.unmatched_families);
	assert_true(p.conf.web_timeout > 9.9 && p.conf.web_timeout < 10.1);
	assert_false(p.conf.enable_lifecycle);
	parsed_fini(&p);
}

TEST(version_and_help_are_flags_only)
{
	static const char *const env[] = { "WINDSOCK_VERSION", "1.2", "WINDSOCK_HELP", "true",
		                           NULL };
	struct parsed p;

	environment = env;
	p = parse(NULL, NULL, NULL, NULL);
	assert_true(p.ok);
	assert_false(p.conf.version || p.conf.help);
	parsed_fini(&p);
}

TEST(flags_go_before_environment)
{
	static const char *const env[] = { "WINDSOCK_LOG_LEVEL", "debug",
		                           "WINDSOCK_STATSD_WORKERS", " 3 ",
		                           "WINDSOCK_WEB_ENABLE_LIFECYCLE", "true",
		                           "WINDSOCK_LIMITS_SERIES", "", NULL };
	struct parsed p;

	environment = env;
	p = parse("--log.level=error", "--no-web.enable-lifecycle", NULL, NULL);
	assert_true(p.ok);
	assert_int_equal(p.conf.log_level, LOG_ERROR);
	assert_int_equal(p.conf.workers, 3);
	assert_int_equal(p.conf.limit_series, 1000000);
	assert_false(p.conf.enable_lifecycle);
	parsed_fini(&p);
}

TEST(lists)
{
	static const char *const env[] = { "WINDSOCK_STATSD_LISTEN_UDP", " a:1, b:2  c:3,",
					   "WINDSOCK_STATSD_MAPPING_CONFIG", "one.ini",
					   NULL };
	struct parsed p;

	environment = env;
	p = parse("--statsd.mapping-config", "x.ini", "--statsd.mapping-config=y.ini", NULL);
	assert_true(p.ok);
	assert_int_equal(p.conf.listen_udp.n, 3);
	assert_string_equal(p.conf.listen_udp.items[1], "b:2");
	assert_int_equal(p.conf.mappings.n, 2);
	assert_string_equal(p.conf.mappings.items[0], "x.ini");
	assert_string_equal(p.conf.mappings.items[1], "y.ini");
	parsed_fini(&p);
}

TEST(rest)
{
	struct parsed p;

	environment = NULL;
	p = parse("file", "--check-config", "--", "--x:1|c");
	assert_true(p.ok);
	assert_true(p.conf.check_config);
	assert_int_equal(p.conf.rest.n, 2);
	assert_string_equal(p.conf.rest.items[1], "--x:1|c");
	parsed_fini(&p);
}

TEST(errors_name_the_flag)
{
	static const struct {
		const char *arg, *why;
	} rows[] = {
		{ "--statsd.workers=0", "--statsd.workers=0: expected a whole number from 1" },
		{ "--statsd.workers=x", "--statsd.workers=x: " },
		{ "--statsd.workers=99999999999999999999", "expected a whole number" },
		{ "--statsd.listen-udp=", "--statsd.listen-udp=: is empty" },
		{ "--statsd.listen-udp", "needs a value, such as --statsd.listen-udp=" },
		{ "--statsd.listen", "did you mean --statsd.listen-udp" },
		{ "--web.telemetry-path=metrics", "expected a path such as /metrics" },
		{ "--web.telemetry-path=/", "are reserved" },
		{ "--web.telemetry-path=/-/ready", "are reserved" },
		{ "--web.telemetry-path=/a b", "letters" },
		{ "--web.timeout=10", "expected a duration" },
		{ "--web.enable-lifecycle=maybe", "expected true or false" },
		{ "--no-log.level", "unknown flag" },
		{ "--log.level=loud", "debug, info, warn or error" },
		{ "--log.format=xml", "logfmt or json" },
		{ "-x", "two dashes" },
	};
	size_t i;

	environment = NULL;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parse(rows[i].arg, NULL, NULL, NULL);

		assert_false(p.ok);
		if (strstr(p.why.ptr, rows[i].why) == NULL)
			fail_msg("%s: got %s", rows[i].arg, p.why.ptr);
		parsed_fini(&p);
	}
}

TEST(all_errors_at_once)
{
	static const char *const env[] = { "WINDSOCK_LOG_FORMAT", "xml", NULL };
	struct parsed p;

	environment = env;
	p = parse("--log.level=loud", "--nonsense", NULL, NULL);
	assert_false(p.ok);
	assert_non_null(strstr(p.why.ptr, "WINDSOCK_LOG_FORMAT=xml: "));
	assert_non_null(strstr(p.why.ptr, "--log.level=loud: "));
	assert_non_null(strstr(p.why.ptr, "--nonsense: "));
	parsed_fini(&p);
}

TEST(help_names_every_flag)
{
	struct ws_buf out = WS_BUF_INIT;

	conf_help(&out);
	ws_buf_char(&out, '\0');
	assert_int_equal(out.err, WS_OK);
	assert_non_null(strstr(out.ptr, "--statsd.listen-udp=localhost:8125"));
	assert_non_null(strstr(out.ptr, "WINDSOCK_STATSD_LISTEN_UDP"));
	assert_non_null(strstr(out.ptr, "--[no-]web.enable-lifecycle"));
	assert_non_null(strstr(out.ptr, "windsock explain"));
	ws_buf_fini(&out);
}
