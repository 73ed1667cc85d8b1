/* SPDX-License-Identifier: Apache-2.0 */
/* test_message.c - bounded readers, against libresolv as the oracle */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/message.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 11;

static uint32_t draw(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static void canonical_names(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} rows[] = {
		{"Example.ORG", "example.org"},
		{"example.org.", "example.org"},
		{"a_b-c.d9", "a_b-c.d9"},
		{"xn--Bcher-kva.example", "xn--bcher-kva.example"},
		{"", NULL},
		{".", NULL},
		{"a..b", NULL},
		{".a", NULL},
		{"a b", NULL},
		{"a%2eb", NULL},
		{"b\xc3\xbc", NULL},
		{"a\\.b", NULL},
	};
	char text[DNS_NAME_TEXT_MAX];
	struct dns_name name;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = dns_name_parse(rows[i].text, strlen(rows[i].text),
		                         &name);

		assert_int_equal(ok, rows[i].want != NULL);
		if (!ok)
			continue;
		assert_true(dns_name_canonical(&name, text));
		assert_string_equal(text, rows[i].want);
	}
	assert_false(dns_name_parse("evil\0.good", 10, &name));
	name.len = 1;
	name.wire[0] = 0;
	assert_true(dns_name_canonical(&name, text));
	assert_string_equal(text, ".");
}

static void name_lengths(void **state)
{
	char text[300];
	struct dns_name name;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	assert_true(dns_name_parse(text, 253, &name));
	assert_int_equal(name.len, 255);
	assert_false(dns_name_parse(text, 254, &name));
	text[63] = 'a'; /* a label of 64 */
	text[64] = '.';
	assert_false(dns_name_parse(text, 100, &name));
}

static void reverse_names(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{"4.3.2.1.in-addr.arpa", "1.2.3.4"},
		{"255.255.255.255.in-addr.arpa", "255.255.255.255"},
		{"256.3.2.1.in-addr.arpa", NULL},
		{"3.2.1.in-addr.arpa", NULL},
		{"5.4.3.2.1.in-addr.arpa", NULL},
		{"in-addr.arpa", NULL},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	         "0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
	         "fd00::1"},
		{"0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", NULL},
		{"example.org", NULL},
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = dns_name_reverse(rows[i].name, &a);

		assert_int_equal(ok, rows[i].want != NULL);
		if (ok)
			assert_string_equal(addr_format(&a, text),
			                    rows[i].want);
	}
}

/* T29: pointers to pointers to pointers, all backwards, cost 127 steps */
static void pointer_chain_is_bounded(void **state)
{
	static uint8_t msg[2048];
	struct dns_name name;
	size_t pos;

	(void)state;
	msg[12] = 0;
	for (size_t at = 13; at + 2 <= sizeof(msg); at += 2) {
		size_t to = at == 13 ? 12 : at - 2;

		msg[at] = (uint8_t)(0xc0 | to >> 8);
		msg[at + 1] = (uint8_t)to;
	}
	pos = 13 + 2 * 126;
	assert_true(dns_name_read(msg, sizeof(msg), &pos, &name));
	pos = 13 + 2 * 127;
	assert_false(dns_name_read(msg, sizeof(msg), &pos, &name));
}

/* Our name and libresolv's are the same bytes where both take one. */
static void compare_names(const uint8_t *msg, size_t len, size_t at)
{
	unsigned char theirs[NS_MAXCDNAME];
	struct dns_name ours;
	size_t pos = at;
	int n;

	if (!dns_name_read(msg, len, &pos, &ours))
		return; /* stricter is fine */
	n = ns_name_unpack(msg, msg + len, msg + at, theirs, sizeof(theirs));
	assert_int_equal(n, pos - at);
	assert_memory_equal(theirs, ours.wire, ours.len);
}

static size_t random_message(uint8_t *msg)
{
	static const uint8_t parts[][16] = {
		"\1a\0\0\1\0\1",
		"\xc0\14\0\1\0\1\0\0\0\1\0\4",
		"\3www\1b\0",
		"\xc0\16\0\5\0\1\0\0\0\1\0\2",
		"\0\0\51\4\xd0\0\0\0\0\0\0",
	};
	static const uint8_t part_len[] = {7, 16, 7, 16, 11};
	size_t len = 12, n = draw(6);

	memset(msg, 0, 12);
	msg[2] = 0x80;
	msg[5] = (uint8_t)draw(3);
	msg[7] = (uint8_t)draw(4);
	msg[9] = (uint8_t)draw(3);
	msg[11] = (uint8_t)draw(3);
	memcpy(msg + len, parts[0], 7);
	len += 7;
	for (size_t i = 0; i < n; i++) {
		uint32_t k = draw(ARRAY_SIZE(parts));

		memcpy(msg + len, parts[k], part_len[k]);
		len += part_len[k];
	}
	for (size_t i = draw(4); i > 0; i--)
		msg[draw((uint32_t)len)] = (uint8_t)draw(256);
	return draw(4) ? len : draw((uint32_t)len + 1);
}

static void structure_agrees_with_libresolv(void **state)
{
	unsigned int taken = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint8_t msg[256];
		size_t len = random_message(msg);
		struct dns_answer a;
		struct dns_rr rr;
		size_t pos;
		ns_msg h;

		for (size_t at = 12; at < len; at++)
			compare_names(msg, len, at);
		if (!dns_answer_parse(msg, len, &a))
			continue;
		taken++;
		/* what follows the records is no part of the message: only
		 * then does libresolv take it too */
		assert_int_equal(ns_initparse(msg, (int)a.end, &h), 0);
		assert_int_equal(ns_msg_count(h, ns_s_an), a.ancount);
		pos = a.records;
		for (int i = 0; i < a.ancount; i++) {
			ns_rr theirs;

			assert_true(dns_rr_read(msg, a.end, &pos, &rr));
			if (ns_parserr(&h, ns_s_an, i, &theirs) < 0)
				break; /* it follows the owner's pointers */
			assert_int_equal(ns_rr_type(theirs), rr.type);
			assert_int_equal(ns_rr_class(theirs), rr.cls);
			assert_int_equal(ns_rr_ttl(theirs), rr.ttl);
			assert_int_equal(ns_rr_rdlen(theirs),
			                 rr.end - rr.rdata);
			assert_ptr_equal(ns_rr_rdata(theirs), msg + rr.rdata);
		}
	}
	assert_true(taken > 5000);
}

/* Whatever was cut, what is left is a message and within the limit. */
static void truncation_keeps_messages_whole(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t msg[256], copy[256];
		size_t len = random_message(msg);
		struct dns_answer a;

		if (!dns_answer_parse(msg, len, &a))
			continue;
		for (size_t limit = a.records + 11; limit < a.end; limit++) {
			struct dns_answer cut;
			size_t n;

			memcpy(copy, msg, a.end);
			n = dns_truncate(copy, a.end, limit);
			assert_true(n <= limit);
			assert_true(dns_answer_parse(copy, n, &cut));
			assert_true(cut.flags & DNS_FLAG_TC);
			assert_int_equal(cut.end, n);
			assert_int_equal(cut.opt != 0, a.opt != 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_names),
		cmocka_unit_test(name_lengths),
		cmocka_unit_test(reverse_names),
		cmocka_unit_test(pointer_chain_is_bounded),
		cmocka_unit_test(structure_agrees_with_libresolv),
		cmocka_unit_test(truncation_keeps_messages_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
