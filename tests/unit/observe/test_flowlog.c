/* SPDX-License-Identifier: Apache-2.0 */
/* test_flowlog.c - lines that programs can read, and what is not written */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "observe/flowlog.h"
#include "observe/report.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct endpoint app = {{.b = {[10] = 0xff, 0xff, 10, 0, 2, 100}},
                                    40000};

static struct flowlog *log_to(int fd, uint64_t room)
{
	struct flowlog_config c = {
		.sinks = {{.fd = fd, .room = room}, {.fd = -1}},
		.run = 0x1234,
		/* 2024-02-29 12:34:56.789012 UTC at now = 1 */
		.wall_offset_ns = INT64_C(1709210096789012000) - 1,
	};

	return flowlog_new(&c);
}

static struct flowlog_record record_of(enum flowlog_event event, uint64_t id,
                                       const char *name,
                                       const struct endpoint *host)
{
	return (struct flowlog_record){.event = event,
	                               .id = id,
	                               .now = 1,
	                               .proto = "tcp",
	                               .app = &app,
	                               .host = host,
	                               .name = name,
	                               .opened = 0};
}

/* Line n of the file, parsed; the caller puts it. */
static struct json_object *line_of(int fd, unsigned int n)
{
	struct json_object *o = NULL;
	char *text = NULL;
	size_t room = 0;
	FILE *f;

	lseek(fd, 0, SEEK_SET);
	f = fdopen(dup(fd), "r");
	for (unsigned int i = 0; i <= n; i++)
		if (getline(&text, &room, f) <= 0)
			fail_msg("no line %u", n);
	o = json_tokener_parse(text);
	if (!o)
		fail_msg("not JSON: %s", text);
	free(text);
	fclose(f);
	return o;
}

static const char *get(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v)
	                                             : NULL;
}

static void one_line_each(void **state)
{
	struct endpoint host = {addr_ip4(192, 0, 2, 1), 443};
	struct flowlog_record r =
		record_of(FLOWLOG_OPEN, 7, "a.example", &host);
	int fd = memfd_create("log", 0);
	struct flowlog *log = log_to(fd, 0);
	struct json_object *o;

	(void)state;
	r.rule = "allow a.example:443";
	r.origin = "x\n\"\\\x01\xff";
	r.reason = "because";
	flowlog_write(log, &r);
	r.event = FLOWLOG_CLOSE;
	r.now = 1500;
	r.opened = 500;
	r.bytes_app_host = UINT64_MAX;
	r.err = -ECONNRESET;
	r.has_tcp_info = true;
	r.rtt_us = 77;
	flowlog_write(log, &r);
	flowlog_free(log);

	o = line_of(fd, 0);
	assert_string_equal(get(o, "v"), "1");
	assert_string_equal(get(o, "event"), "open");
	assert_string_equal(get(o, "run"), "0000000000001234");
	assert_string_equal(get(o, "time"), "2024-02-29T12:34:56.789012Z");
	assert_string_equal(get(o, "flow"), "7");
	assert_string_equal(get(o, "app_addr"), "10.0.2.100");
	assert_string_equal(get(o, "host_port"), "443");
	assert_string_equal(get(o, "name"), "a.example");
	assert_string_equal(get(o, "origin"), "x\n\"\\\x01\xc3\xbf");
	assert_null(get(o, "bytes_app_host"));
	json_object_put(o);
	o = line_of(fd, 1);
	assert_string_equal(get(o, "duration_ns"), "1000");
	assert_string_equal(get(o, "bytes_app_host"), "18446744073709551615");
	assert_string_equal(get(o, "error"), "ECONNRESET");
	assert_string_equal(get(o, "rtt_us"), "77");
	json_object_put(o);
	close(fd);
}

/* The longest texts still make one line of at most PIPE_BUF. */
static void long_texts_fit(void **state)
{
	struct endpoint host = {{.b = {0x20, 1, [15] = 1}}, 65535};
	struct flowlog_record r = record_of(FLOWLOG_DENY, 0, NULL, &host);
	int fd = memfd_create("log", 0);
	struct flowlog *log = log_to(fd, 0);
	char text[2000];

	(void)state;
	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	r.name = r.rule = r.origin = r.reason = text;
	r.now = INT64_MAX / 4;
	flowlog_write(log, &r);
	flowlog_free(log);
	assert_true(lseek(fd, 0, SEEK_END) <= 4096);
	json_object_put(line_of(fd, 0));
	close(fd);
}

/* A pipe that nobody reads stops nothing, and says what is missing. */
static void full_pipe(void **state)
{
	struct endpoint host = {addr_ip4(192, 0, 2, 1), 443};
	struct flowlog_record r = record_of(FLOWLOG_OPEN, 1, NULL, &host);
	char *text = malloc(1 << 20), *dropped;
	struct flowlog *log;
	unsigned int lines = 0;
	int ends[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	log = log_to(ends[1], 0);
	for (int i = 0; i < 2000; i++)
		flowlog_write(log, &r); /* blocks for ever if it blocks */
	n = read(ends[0], text, (1 << 20) - 1);
	assert_true(n > 4096);
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	assert_int_equal(text[n - 1], '\n');
	flowlog_write(log, &r);
	n = read(ends[0], text, (1 << 20) - 1);
	text[n] = '\0';
	dropped = strstr(text, "\"event\":\"dropped\"");
	assert_non_null(dropped);
	dropped = strstr(dropped, "\"lines\":");
	assert_non_null(dropped);
	assert_int_equal(atoi(dropped + 8) + (int)lines, 2000);
	/* a reader that went away is left alone */
	signal(SIGPIPE, SIG_DFL);
	close(ends[0]);
	flowlog_write(log, &r);
	flowlog_write(log, &r);
	flowlog_free(log);
	close(ends[1]);
	free(text);
}

static void bounded_memory(void **state)
{
	struct endpoint host = {addr_ip4(192, 0, 2, 1), 443};
	struct flowlog_record r = record_of(FLOWLOG_OPEN, 1, NULL, &host);
	int fd = memfd_create("log", 0);
	struct flowlog *log = log_to(fd, 1000);

	(void)state;
	for (int i = 0; i < 100; i++)
		flowlog_write(log, &r);
	flowlog_free(log);
	assert_true(lseek(fd, 0, SEEK_END) <= 1000);
	assert_true(lseek(fd, 0, SEEK_END) >= 500);
	close(fd);
}

/* --- the report over such lines ------------------------------------------ */

static void adds_up(void **state)
{
	struct endpoint one = {addr_ip4(192, 0, 2, 1), 443};
	struct endpoint two = {addr_ip4(192, 0, 2, 2), 443};
	struct endpoint six = {{.b = {0x20, 1, [15] = 1}}, 80};
	struct flowlog_record r;
	int fd = memfd_create("log", 0);
	struct flowlog *log = log_to(fd, 0);
	struct error err = {0};
	struct report report;
	char target[300];
	FILE *f;

	(void)state;
	/* two addresses of one name are one peer; failures are told */
	for (unsigned int i = 0; i < 3000; i++) {
		r = record_of(FLOWLOG_OPEN, i + 1, "a.example",
		              i % 2 ? &one : &two);
		flowlog_write(log, &r);
		r.event = FLOWLOG_CLOSE;
		r.bytes_app_host = 10;
		r.bytes_host_app = 100;
		r.err = i == 5 ? -ECONNREFUSED : 0;
		flowlog_write(log, &r);
	}
	r = record_of(FLOWLOG_OPEN, 9000, NULL, &six);
	flowlog_write(log, &r);
	r = record_of(FLOWLOG_DENY, 0, NULL, &one);
	r.reason = "no rule allows it";
	flowlog_write(log, &r);
	r = record_of(FLOWLOG_DENY, 0, "b.example", NULL);
	r.proto = "dns";
	flowlog_write(log, &r);
	/* many peers: the index grows */
	for (unsigned int i = 0; i < 500; i++) {
		struct endpoint e = {
			addr_ip4(10, 0, (uint8_t)(i >> 8), (uint8_t)i), 1};

		r = record_of(FLOWLOG_DENY, 0, NULL, &e);
		flowlog_write(log, &r);
		flowlog_write(log, &r);
	}
	flowlog_free(log);
	assert_int_equal(write(fd, "{\"cut\":", 7), 7);
	lseek(fd, 0, SEEK_SET);
	f = fdopen(fd, "r");
	assert_int_equal(report_read(&report, f, &err), 0);
	assert_int_equal(report.n, 504);
	assert_string_equal(report_target(&report.rows[0], target),
	                    "a.example:443");
	assert_int_equal(report.rows[0].count, 3000);
	assert_int_equal(report.rows[0].failed, 1);
	assert_string_equal(report.rows[0].error, "ECONNREFUSED");
	assert_int_equal(report.rows[0].bytes_host_app, 300000);
	assert_string_equal(report_target(&report.rows[1], target),
	                    "[2001::1]:80");
	assert_false(report.rows[1].denied);
	for (size_t i = 2; i < report.n; i++)
		assert_true(report.rows[i].denied);
	assert_string_equal(report_target(&report.rows[report.n - 1], target),
	                    "b.example");
	report_fini(&report);
	fclose(f);
}

static void sizes(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {{0, "0"},
	             {999, "999"},
	             {1000, "1.0k"},
	             {9949, "9.9k"},
	             {123456, "123k"},
	             {1500000, "1.5M"},
	             {UINT64_C(7000000000000), "7.0T"}};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(report_bytes(cases[i].n, buf),
		                    cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_each),
		cmocka_unit_test(long_texts_fit),
		cmocka_unit_test(full_pipe),
		cmocka_unit_test(bounded_memory),
		cmocka_unit_test(adds_up),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
