/* SPDX-License-Identifier: Apache-2.0 */
/* test_sniff.c - SNI and Host, in one piece and in many, and what hides them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/sniff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- TLS
 * ----------------------------------------------------------------------- */
struct hello {
	const char *names[2]; /* in one extension; NULL: none */
	bool twice;           /* the extension again */
	bool ech;
	size_t padding;
};

static size_t put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return 2;
}

static size_t put_sni(uint8_t *p, const struct hello *h)
{
	size_t len = 6;

	for (size_t i = 0; i < 2 && h->names[i]; i++) {
		size_t n = strlen(h->names[i]);

		p[len++] = 0;
		len += put16(p + len, n);
		memcpy(p + len, h->names[i], n);
		len += n;
	}
	put16(p, 0);
	put16(p + 2, len - 4);
	put16(p + 4, len - 6);
	return len;
}

/* The handshake message, without records. */
static size_t make_hello(uint8_t *p, const struct hello *h)
{
	size_t len = 4, ext;

	p[0] = 1;
	len += put16(p + len, 0x0303);
	memset(p + len, 0xab, 32);
	len += 32;
	p[len++] = 0; /* session id */
	len += put16(p + len, 2);
	len += put16(p + len, 0x1301);
	p[len++] = 1;
	p[len++] = 0;
	ext = len;
	len += 2;
	len += put16(p + len, 0x002b); /* supported_versions */
	len += put16(p + len, 3);
	memcpy(p + len, "\2\3\4", 3);
	len += 3;
	if (h->padding) {
		len += put16(p + len, 21);
		len += put16(p + len, h->padding);
		memset(p + len, 0, h->padding);
		len += h->padding;
	}
	if (h->names[0])
		len += put_sni(p + len, h);
	if (h->twice)
		len += put_sni(p + len, h);
	if (h->ech) {
		len += put16(p + len, 0xfe0d);
		len += put16(p + len, 1);
		p[len++] = 0;
	}
	put16(p + ext, len - ext - 2);
	p[1] = 0;
	put16(p + 2, len - 4);
	return len;
}

/* The message in records of at most `each` bytes. */
static size_t make_records(uint8_t *out, const uint8_t *msg, size_t len,
                           size_t each)
{
	size_t used = 0;

	while (len) {
		size_t n = MIN(len, each);

		out[used++] = 22;
		used += put16(out + used, 0x0301);
		used += put16(out + used, n);
		memcpy(out + used, msg, n);
		used += n;
		msg += n;
		len -= n;
	}
	return used;
}

static struct sniff sniff_hello(const struct hello *h, size_t each)
{
	static uint8_t msg[40000], records[90000];
	size_t len = make_hello(msg, h), n;
	struct sniff s;

	n = make_records(records, msg, len, each);
	sniff(records, n, &s);
	/* every shorter start is undecided, and never taken for another */
	for (size_t cut = 1; cut < MIN(n, (size_t)SNIFF_MAX);
	     cut += 1 + cut / 16) {
		struct sniff part;

		sniff(records, cut, &part);
		if (s.kind == SNIFF_TLS && part.kind != SNIFF_MORE)
			assert_int_equal(part.what, s.what);
	}
	return s;
}

static void tls_names(void **state)
{
	static const size_t each[] = {1, 3, 5, 64, 16384};
	struct hello h = {.names = {"API.Example."}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		struct sniff s = sniff_hello(&h, each[i]);

		assert_int_equal(s.kind, SNIFF_TLS);
		assert_int_equal(s.what, SNIFF_NAMED);
		assert_string_equal(s.name, "api.example");
		assert_false(s.ech);
	}
	h.padding = 1500; /* a hello of two segments */
	assert_int_equal(sniff_hello(&h, 16384).what, SNIFF_NAMED);
	h.ech = true;
	assert_true(sniff_hello(&h, 16384).ech);
	h = (struct hello){0};
	assert_int_equal(sniff_hello(&h, 16384).what, SNIFF_ABSENT);
	h.names[0] = "192.0.2.1";
	assert_int_equal(sniff_hello(&h, 16384).what, SNIFF_ABSENT);
}

static void tls_tricks(void **state)
{
	static const struct hello tricks[] = {
		{.names = {"good.example", "evil.example"}},
		{.names = {"good.example"}, .twice = true},
		{.names = {"good example"}},
		{.names = {"b\xc3\xbc"
	                   "cher.example"}},
		{.names = {""}},
		{.names = {"a..b"}},
		{.names = {"good.example"}, .padding = 17000},
	};
	uint8_t msg[400], records[500];
	struct hello h = {.names = {"good.example"}};
	size_t len = make_hello(msg, &h), n;
	struct sniff s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
		s = sniff_hello(&tricks[i], 16384);
		assert_int_equal(s.kind, SNIFF_TLS);
		assert_int_equal(s.what, SNIFF_UNREADABLE);
	}
	/* an alert between two records, a record that is too long, lengths
	 * inside that lie */
	n = make_records(records, msg, len, 40);
	records[45] = 21;
	sniff(records, n, &s);
	assert_int_equal(s.what, SNIFF_UNREADABLE);
	n = make_records(records, msg, len, 400);
	records[3] = 0x7f;
	sniff(records, n, &s);
	assert_int_equal(s.what, SNIFF_UNREADABLE);
	for (size_t i = 9; i < n; i++) {
		uint8_t kept = records[i];

		n = make_records(records, msg, len, 400);
		records[i] = 0xff;
		sniff(records, n, &s); /* sanitizers watch */
		records[i] = kept;
	}
	/* a start that never ends */
	memset(records, 0, sizeof(records));
	sniff("\26", 1, &s);
	assert_int_equal(s.kind, SNIFF_MORE);
	sniff("\26\1", 2, &s);
	assert_int_equal(s.kind, SNIFF_OTHER);
}

/* --- HTTP
 * ------------------------------------------------------------------------- */
static void http_table(void **state)
{
	static const struct {
		const char *text;
		enum sniff_kind kind;
		enum sniff_name what;
		const char *name;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: Good.Example\r\n\r\n", SNIFF_HTTP,
	         SNIFF_NAMED, "good.example"},
		{"GET / HTTP/1.1\nhost:good.example:8080 \n\n", SNIFF_HTTP,
	         SNIFF_NAMED, "good.example"},
		{"\r\n\r\nPOST /x HTTP/1.0\r\nA: "
	         "b\r\nHOST:\tgood.example\r\n\r\nX",
	         SNIFF_HTTP, SNIFF_NAMED, "good.example"},
		{"GET http://evil.example/ HTTP/1.1\r\nHost: "
	         "evil.example\r\n\r\n",
	         SNIFF_HTTP, SNIFF_NAMED, "evil.example"},
		{"GET http://u:p@evil.example:8/ HTTP/1.0\r\n\r\n", SNIFF_HTTP,
	         SNIFF_NAMED, "evil.example"},
		{"CONNECT evil.example:443 HTTP/1.1\r\n\r\n", SNIFF_HTTP,
	         SNIFF_NAMED, "evil.example"},
		{"GET / HTTP/1.0\r\n\r\n", SNIFF_HTTP, SNIFF_ABSENT, ""},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", SNIFF_HTTP, SNIFF_ABSENT,
	         ""},
		{"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", SNIFF_HTTP,
	         SNIFF_ABSENT, ""},
		{"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", SNIFF_HTTP,
	         SNIFF_ABSENT, ""},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SNIFF_HTTP, SNIFF_ABSENT,
	         ""},
		{"OPTIONS * HTTP/1.1\r\nHost: good.example\r\n\r\n", SNIFF_HTTP,
	         SNIFF_NAMED, "good.example"},
		{"GET / HTTP/1.1\r\nX-Host: evil.example\r\nHost: "
	         "good.example\r\nHostage: x\r\n\r\n",
	         SNIFF_HTTP, SNIFF_NAMED, "good.example"},
		/* two answers to one question */
		{"GET / HTTP/1.1\r\nHost: good.example\r\nHost: "
	         "evil.example\r\n\r\n",
	         SNIFF_HTTP, SNIFF_UNREADABLE, ""},
		{"GET http://evil.example/ HTTP/1.1\r\nHost: "
	         "good.example\r\n\r\n",
	         SNIFF_HTTP, SNIFF_UNREADABLE, ""},
		{"GET / HTTP/1.1\r\nHost: "
	         "good.example\r\n\tevil.example\r\n\r\n",
	         SNIFF_HTTP, SNIFF_UNREADABLE, ""},
		{"GET / HTTP/1.1\r\nHost : evil.example\r\nHost: "
	         "good.example\r\n\r\n",
	         SNIFF_HTTP, SNIFF_UNREADABLE, ""},
		{"GET / HTTP/1.1\r\nHost: evil example\r\n\r\n", SNIFF_HTTP,
	         SNIFF_UNREADABLE, ""},
		{"GET /\tHTTP/1.1\r\nHost: evil.example\r\n\r\n", SNIFF_HTTP,
	         SNIFF_UNREADABLE, ""},
		{"GET / HTTP/1.1x\r\nHost: evil.example\r\n\r\n", SNIFF_HTTP,
	         SNIFF_UNREADABLE, ""},
		/* not yet */
		{"G", SNIFF_MORE, 0, ""},
		{"GET / HTTP/1.1\r\n", SNIFF_MORE, 0, ""},
		{"GET / HTTP/1.1\r\nHost: good.exam", SNIFF_MORE, 0, ""},
		{"GET / HTTP/1.1\r\nHost: good.example\r\n", SNIFF_MORE, 0, ""},
		{"\r\n", SNIFF_MORE, 0, ""},
		/* other protocols go on at once */
		{"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", SNIFF_OTHER, 0, ""},
		{"SSH-2.", SNIFF_OTHER, 0, ""},
		{"EHLO mail.example\r\n", SNIFF_OTHER, 0, ""},
		{"PING\r\n", SNIFF_OTHER, 0, ""},
		{"*1\r\n$4\r\nPING\r\n", SNIFF_OTHER, 0, ""},
		{"get / HTTP/1.1\r\n", SNIFF_OTHER, 0, ""},
		{"\x12\x01\x00\x2f", SNIFF_OTHER, 0, ""},
		{"A long line of prose\n", SNIFF_OTHER, 0, ""},
		{"GET \x01", SNIFF_OTHER, 0, ""},
		{"GET /\r\n", SNIFF_OTHER, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text);
		struct sniff s;

		sniff(rows[i].text, len, &s);
		if (s.kind != rows[i].kind || s.what != rows[i].what ||
		    strcmp(s.name, rows[i].name) != 0)
			fail_msg("row %zu: kind %d, what %d, name %s", i,
			         (int)s.kind, (int)s.what, s.name);
		/* a start of HTTP is never taken for something else */
		for (size_t cut = 1; s.kind == SNIFF_HTTP && cut < len; cut++) {
			struct sniff part;

			sniff(rows[i].text, cut, &part);
			assert_int_not_equal(part.kind, SNIFF_OTHER);
		}
	}
	{ /* PostgreSQL's SSLRequest */
		static const uint8_t pg[8] = {0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f};
		struct sniff s;

		sniff(pg, sizeof(pg), &s);
		assert_int_equal(s.kind, SNIFF_OTHER);
	}
}

static void never_undecided_when_full(void **state)
{
	static const char *const starts[] = {"G", "GET /", "GET / HTTP/1.1\r\n",
	                                     "\26\3\1\x3f\xff\1\0\x3f\xfd",
	                                     "\r\n"};
	static uint8_t data[SNIFF_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		struct sniff s;

		memset(data, i == 0 ? 'A' : 'a', sizeof(data));
		if (i == 3)
			memset(data, 0, sizeof(data));
		if (i == 4)
			memset(data, '\n', sizeof(data));
		memcpy(data, starts[i], strlen(starts[i]));
		if (i == 3)
			memcpy(data, starts[i], 9);
		sniff(data, sizeof(data), &s);
		assert_int_not_equal(s.kind, SNIFF_MORE);
		if (i && s.kind != SNIFF_OTHER)
			assert_int_equal(s.what, SNIFF_UNREADABLE);
	}
}

static void random_bytes(void **state)
{
	static uint8_t msg[600], records[2000];
	struct hello h = {.names = {"good.example"}, .ech = true};
	size_t len = make_hello(msg, &h);

	(void)state;
	srandom(5);
	for (int round = 0; round < 100000; round++) {
		size_t n = make_records(records, msg, len,
		                        1 + (size_t)random() % 200);
		struct sniff s;

		for (int k = 1 + (int)random() % 4; k > 0; k--)
			records[(size_t)random() % n] = (uint8_t)random();
		sniff(records, n, &s);
		if (s.what == SNIFF_NAMED)
			assert_true(strlen(s.name) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_names),
		cmocka_unit_test(tls_tricks),
		cmocka_unit_test(http_table),
		cmocka_unit_test(never_undecided_when_full),
		cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
