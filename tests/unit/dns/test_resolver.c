/* SPDX-License-Identifier: Apache-2.0 */
/* test_resolver.c - replays of the resolver in virtual time */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/message.h"
#include "dns/resolv_conf.h"
#include "dns/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 8
#define S NS_PER_S

/* What the resolver did last, and what its fake network would do. */
struct rig {
	struct resolver *r;
	int64_t now;
	uint64_t seed;
	/* upstream */
	bool open[SLOTS];
	struct endpoint to[SLOTS];
	bool tcp[SLOTS];
	uint8_t asked[SLOTS][512];
	size_t asked_len[SLOTS];
	unsigned int sent; /* queries that went out */
	int refuse;        /* bits by last byte of the server: no route */
	/* client */
	unsigned int answers;
	uint64_t client;
	bool answer_tcp;
	uint8_t answer[DNS_MESSAGE_MAX];
	size_t answer_len;
};

static void fill(void *user, void *buf, size_t len)
{
	struct rig *rig = user;
	uint8_t *p = buf;

	while (len--) {
		rig->seed =
			rig->seed * 6364136223846793005u + 1442695040888963407u;
		*p++ = (uint8_t)(rig->seed >> 56);
	}
}

static int up_send(void *user, uint32_t slot, const struct endpoint *server,
                   bool tcp, const void *msg, size_t len)
{
	struct rig *rig = user;

	assert_true(slot < SLOTS);
	if (rig->refuse >> server->addr.b[15] & 1)
		return -ENETUNREACH;
	assert_true(len <= sizeof(rig->asked[0]));
	rig->open[slot] = true;
	rig->to[slot] = *server;
	rig->tcp[slot] = tcp;
	memcpy(rig->asked[slot], msg, len);
	rig->asked_len[slot] = len;
	rig->sent++;
	return 0;
}

static void up_close(void *user, uint32_t slot)
{
	struct rig *rig = user;

	rig->open[slot] = false;
}

static void on_answer(void *user, uint64_t client, bool tcp, const void *msg,
                      size_t len)
{
	struct rig *rig = user;

	rig->answers++;
	rig->client = client;
	rig->answer_tcp = tcp;
	memcpy(rig->answer, msg, len);
	rig->answer_len = len;
}

static int setup(void **state)
{
	static const struct resolver_ops ops = {up_send, up_close, on_answer};
	const struct resolver_config config = {
		.max_queries = SLOTS, .total_ns = 5 * S, .try_ns = 3 * S / 2};
	struct rig *rig = calloc(1, sizeof(*rig));
	struct random_source random = {fill, rig};
	static const char conf[] = "# two\nnameserver 192.0.2.1\n"
				   "nameserver 192.0.2.2 ; second\n";

	rig->now = 100 * S;
	rig->seed = 7;
	rig->r = resolver_new(&config, &ops, rig, &random);
	resolver_set_resolv_conf(rig->r, conf, sizeof(conf) - 1);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < SLOTS; i++)
		assert_false(rig->open[i]); /* nothing leaks */
	resolver_free(rig->r);
	free(rig);
	return 0;
}

/* --- making messages
 * --------------------------------------------------------*/
static size_t put_name(uint8_t *p, const char *name)
{
	uint8_t *start = p;

	while (*name) {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	return (size_t)(p - start);
}

static size_t make_query(uint8_t *msg, uint16_t id, const char *name,
                         uint16_t type, int udp_size)
{
	uint8_t *p = msg;

	memset(p, 0, 12);
	p[0] = (uint8_t)(id >> 8);
	p[1] = (uint8_t)id;
	p[2] = 1; /* RD */
	p[5] = 1;
	p += 12;
	p += put_name(p, name);
	*p++ = (uint8_t)(type >> 8);
	*p++ = (uint8_t)type;
	*p++ = 0;
	*p++ = 1;
	if (udp_size >= 0) {
		const uint8_t opt[11] = {0, 0, DNS_OPT,
		                         (uint8_t)(udp_size >> 8),
		                         (uint8_t)udp_size};

		memcpy(p, opt, sizeof(opt));
		p += sizeof(opt);
		msg[11] = 1;
	}
	return (size_t)(p - msg);
}

static void ask_as(struct rig *rig, uint64_t client, bool tcp, uint16_t id,
                   const char *name, uint16_t type, int udp_size)
{
	uint8_t msg[600];
	size_t len = make_query(msg, id, name, type, udp_size);

	rig->answer_len = 0;
	resolver_query(rig->r, client, tcp, msg, len, rig->now);
}

static void ask(struct rig *rig, const char *name, uint16_t type)
{
	ask_as(rig, 1, false, 0x1234, name, type, -1);
}

/* The answer of a server: the query of the slot, and n A records 10.9.8.i */
static size_t make_answer(struct rig *rig, uint32_t slot, uint8_t *msg,
                          unsigned int n, uint8_t rcode)
{
	static const uint8_t rr[] = {0xc0, 12, 0, 1, 0,  1, 0, 0,
	                             0,    60, 0, 4, 10, 9, 8};
	size_t len = rig->asked_len[slot], opt = 0;
	uint8_t *p;

	memcpy(msg, rig->asked[slot], len);
	if (msg[11]) /* the OPT goes last */
		opt = 11;
	p = msg + len - opt;
	msg[2] |= 0x80;
	msg[3] = (uint8_t)(0x80 | rcode);
	msg[6] = (uint8_t)(n >> 8);
	msg[7] = (uint8_t)n;
	for (unsigned int i = 0; i < n; i++) {
		memcpy(p, rr, sizeof(rr));
		p += sizeof(rr);
		*p++ = (uint8_t)i;
	}
	memcpy(p, rig->asked[slot] + len - opt, opt);
	return (size_t)(p - msg) + opt;
}

static void reply(struct rig *rig, uint32_t slot, unsigned int n, uint8_t rcode)
{
	static uint8_t msg[DNS_MESSAGE_MAX];
	size_t len = make_answer(rig, slot, msg, n, rcode);

	assert_true(rig->open[slot]);
	resolver_upstream_answer(rig->r, slot, 0, msg, len, rig->now);
}

static void pass(struct rig *rig, int64_t ns)
{
	rig->now += ns;
	resolver_run(rig->r, rig->now);
}

static unsigned int rcode_of(const struct rig *rig)
{
	assert_true(rig->answer_len >= 12);
	return rig->answer[3] & 15u;
}

static unsigned int ancount_of(const struct rig *rig)
{
	return (unsigned int)(rig->answer[6] << 8 | rig->answer[7]);
}

static bool is_truncated(const struct rig *rig)
{
	return rig->answer[2] & 2;
}

/* the extended error of the reply, -1 for none */
static int ede_of(const struct rig *rig)
{
	struct dns_answer a;

	assert_true(dns_answer_parse(rig->answer, rig->answer_len, &a));
	if (!a.opt || a.opt_end - a.opt < 17)
		return -1;
	assert_int_equal(rig->answer[a.opt + 12], 15);
	return rig->answer[a.opt + 15] << 8 | rig->answer[a.opt + 16];
}

/* the address in the i-th answer */
static const char *addr_of(struct rig *rig, unsigned int i, char *buf)
{
	struct dns_answer a;
	struct dns_rr rr = {0};
	struct addr addr;
	size_t pos;

	assert_true(dns_answer_parse(rig->answer, rig->answer_len, &a));
	assert_true(i < a.ancount);
	pos = a.records;
	for (unsigned int k = 0; k <= i; k++)
		assert_true(dns_rr_read(rig->answer, a.end, &pos, &rr));
	assert_true(dns_rr_addr(rig->answer, &rr, &addr));
	return addr_format(&addr, buf);
}

/* --- forwarding ------------------------------------------------------------*/
static void forwards_and_restores(void **state)
{
	struct rig *rig = *state;
	uint8_t want[64];

	ask_as(rig, 42, false, 0x1234, "WwW.example.org", DNS_A, -1);
	assert_int_equal(rig->sent, 1);
	assert_int_equal(rig->to[0].addr.b[15], 1);
	assert_int_equal(rig->to[0].port, 53);
	assert_int_equal(rig->answers, 0);
	reply(rig, 0, 2, 0);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rig->client, 42);
	assert_int_equal(rig->answer[0] << 8 | rig->answer[1], 0x1234);
	assert_int_equal(ancount_of(rig), 2);
	assert_memory_equal(rig->answer + 12, want,
	                    put_name(want, "WwW.example.org"));
}

static void mixes_case_and_ids(void **state)
{
	struct rig *rig = *state;
	unsigned int upper = 0, lower = 0, same_id = 0;
	uint8_t last[2] = {0};

	for (int i = 0; i < 64; i++) {
		ask(rig, "abcdefghijklmnop.example.org", DNS_A);
		for (size_t k = 13; k < 13 + 16; k++)
			rig->asked[0][k] & 0x20 ? lower++ : upper++;
		same_id += !memcmp(last, rig->asked[0], 2);
		memcpy(last, rig->asked[0], 2);
		reply(rig, 0, 1, 0);
	}
	assert_true(upper > 400 && lower > 400);
	assert_true(same_id < 3);
}

/* T30: what is not exactly the answer to the question never reaches the app */
static void spoofed_is_unseen(void **state)
{
	struct rig *rig = *state;
	static uint8_t msg[DNS_MESSAGE_MAX];
	size_t len;

	ask(rig, "www.example.org", DNS_A);
	len = make_answer(rig, 0, msg, 1, 0);
	for (int kind = 0; kind < 5; kind++) {
		uint8_t bad[600];

		memcpy(bad, msg, len);
		switch (kind) {
		case 0: /* id */
			bad[1] ^= 1;
			break;
		case 1: /* name */
			bad[14] = 'x';
			break;
		case 2: /* type */
			bad[12 + 17 + 1] = DNS_AAAA;
			break;
		case 3: /* a query */
			bad[2] &= 0x7f;
			break;
		default: /* no question */
			bad[5] = 0;
		}
		resolver_upstream_answer(rig->r, 0, 0, bad, len, rig->now);
		assert_int_equal(rig->answers, 0);
		assert_true(rig->open[0]);
	}
	resolver_upstream_answer(rig->r, 0, 0, msg, 5, rig->now);
	resolver_upstream_answer(rig->r, 0, 0, msg, len - 1, rig->now);
	assert_int_equal(rig->answers, 0);
	reply(rig, 0, 1, 0);
	assert_int_equal(rig->answers, 1);
	/* twice: the slot is closed */
	resolver_upstream_answer(rig->r, 0, 0, msg, len, rig->now);
	assert_int_equal(rig->answers, 1);
}

static void many_strays_move_on(void **state)
{
	struct rig *rig = *state;

	ask(rig, "www.example.org", DNS_A);
	for (int i = 0; i < 17; i++)
		resolver_upstream_answer(rig->r, 0, 0, "garbage", 7, rig->now);
	assert_int_equal(rig->to[0].addr.b[15], 2);
	reply(rig, 0, 1, 0);
}

/* another spelling: asked again by TCP, where it does not matter */
static void changed_case_goes_by_tcp(void **state)
{
	struct rig *rig = *state;
	static uint8_t msg[DNS_MESSAGE_MAX];

	for (int round = 0; round < 2; round++) {
		size_t len;

		ask(rig, "abcdefghijklmnop.example.org", DNS_A);
		len = make_answer(rig, 0, msg, 1, 0);
		for (size_t i = 13; i < 13 + 16; i++)
			msg[i] |= 0x20;
		resolver_upstream_answer(rig->r, 0, 0, msg, len, rig->now);
		if (round == 1)
			break; /* it is known now not to keep the case */
		assert_true(rig->open[0] && rig->tcp[0]);
		assert_int_equal(rig->to[0].addr.b[15], 1);
		len = make_answer(rig, 0, msg, 1, 0);
		for (size_t i = 13; i < 13 + 16; i++)
			msg[i] |= 0x20;
		resolver_upstream_answer(rig->r, 0, 0, msg, len, rig->now);
	}
	assert_int_equal(rig->answers, 2);
}

static void truncated_goes_by_tcp(void **state)
{
	struct rig *rig = *state;
	static uint8_t msg[DNS_MESSAGE_MAX];
	size_t len;

	ask_as(rig, 1, true, 7, "big.example.org", DNS_A, -1);
	assert_false(rig->tcp[0]);
	len = make_answer(rig, 0, msg, 0, 0);
	msg[2] |= 2;
	resolver_upstream_answer(rig->r, 0, 0, msg, len, rig->now);
	assert_true(rig->open[0] && rig->tcp[0]);
	reply(rig, 0, 300, 0);
	assert_int_equal(rig->answers, 1);
	assert_true(rig->answer_tcp);
	assert_int_equal(ancount_of(rig), 300); /* TCP clients get it whole */
	assert_false(is_truncated(rig));
}

static void udp_answers_fit(void **state)
{
	struct rig *rig = *state;
	static const struct {
		int size;
		unsigned int limit;
	} cases[] = {
		{-1, 512}, {0, 512}, {600, 600}, {4096, 4096}, {65535, 4096}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask_as(rig, 1, false, 7, "big.example.org", DNS_A,
		       cases[i].size);
		rig->tcp[0] = true;
		reply(rig, 0, 1000, 0);
		assert_true(rig->answer_len <= cases[i].limit);
		/* as many whole records as fit */
		assert_true(rig->answer_len > cases[i].limit - 16);
		assert_true(is_truncated(rig));
		assert_true(ancount_of(rig) >= 28);
		assert_int_equal(rig->answer[11], cases[i].size >= 0);
	}
}

static void edns_is_mirrored(void **state)
{
	struct rig *rig = *state;
	struct dns_query q;

	ask(rig, "a.example.org", DNS_A);
	assert_int_equal(dns_query_parse(rig->asked[0], rig->asked_len[0], &q),
	                 0);
	assert_false(q.has_opt);
	reply(rig, 0, 1, 0);
	assert_int_equal(rig->answer[11], 0);
	ask_as(rig, 1, false, 7, "a.example.org", DNS_A, 4096);
	assert_int_equal(dns_query_parse(rig->asked[0], rig->asked_len[0], &q),
	                 0);
	assert_true(q.has_opt);
	assert_int_equal(q.udp_size, DNS_UDP_UPSTREAM);
	reply(rig, 0, 1, 0);
	assert_int_equal(rig->answer[11], 1);
}

static void server_without_edns(void **state)
{
	struct rig *rig = *state;
	uint8_t bare[12] = {0};

	ask_as(rig, 1, false, 7, "a.example.org", DNS_A, 4096);
	memcpy(bare, rig->asked[0], 2);
	bare[2] = 0x80;
	bare[3] = DNS_FORMERR;
	resolver_upstream_answer(rig->r, 0, 0, bare, 12, rig->now);
	assert_int_equal(rig->sent, 2);
	assert_int_equal(rig->to[0].addr.b[15], 1);
	assert_int_equal(rig->asked[0][11], 0);
	reply(rig, 0, 1, 0);
	assert_int_equal(rcode_of(rig), 0);
}

/* --- fail-over
 * --------------------------------------------------------------*/
/* F11: SERVFAIL after 5 s in total; servers take turns */
static void silence_is_servfail(void **state)
{
	struct rig *rig = *state;
	int64_t start = rig->now;
	static const uint8_t order[] = {1, 2, 1};

	ask_as(rig, 1, false, 7, "www.example.org", DNS_A, 1232);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_int_equal(rig->sent, i + 1);
		assert_int_equal(rig->to[0].addr.b[15], order[i]);
		assert_int_equal(rig->answers, 0);
		pass(rig, resolver_deadline(rig->r) - rig->now);
	}
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rig->now - start, 5 * S);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);
	assert_int_equal(ede_of(rig), 22);
	assert_true(resolver_deadline(rig->r) == TIME_NEVER);
}

static void second_server_answers(void **state)
{
	struct rig *rig = *state;

	ask(rig, "www.example.org", DNS_A);
	pass(rig, 3 * S / 2);
	assert_int_equal(rig->to[0].addr.b[15], 2);
	reply(rig, 0, 1, 0);
	assert_int_equal(rig->answers, 1);
	/* the order of resolv.conf stands until it missed three on end */
	for (int i = 0; i < 2; i++) {
		ask(rig, "www.example.org", DNS_A);
		assert_int_equal(rig->to[0].addr.b[15], 1);
		pass(rig, 3 * S / 2);
		reply(rig, 0, 1, 0);
	}
	ask(rig, "www.example.org", DNS_A);
	assert_int_equal(rig->to[0].addr.b[15], 2);
	reply(rig, 0, 1, 0);
	rig->now += 11 * S;
	ask(rig, "www.example.org", DNS_A);
	assert_int_equal(rig->to[0].addr.b[15], 1);
	reply(rig, 0, 1, 0);
}

static void errors_move_on_at_once(void **state)
{
	struct rig *rig = *state;

	ask(rig, "www.example.org", DNS_A);
	resolver_upstream_answer(rig->r, 0, -ECONNREFUSED, NULL, 0, rig->now);
	assert_int_equal(rig->to[0].addr.b[15], 2);
	resolver_upstream_answer(rig->r, 0, -ECONNREFUSED, NULL, 0, rig->now);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);

	rig->refuse = 1 << 1 | 1 << 2;
	ask(rig, "www.example.org", DNS_A);
	assert_int_equal(rig->answers, 2);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);
}

static void failure_codes(void **state)
{
	struct rig *rig = *state;
	static const uint8_t bad[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_NOTIMP,
	                              DNS_FORMERR};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ask(rig, "www.example.org", DNS_A);
		assert_int_equal(rig->to[0].addr.b[15], 1);
		reply(rig, 0, 0, bad[i]);
		assert_int_equal(rig->to[0].addr.b[15], 2);
		reply(rig, 0, 0, bad[i]);
		assert_int_equal(rcode_of(rig), bad[i]);
	}
	/* "no such name" is an answer */
	ask(rig, "www.example.org", DNS_A);
	reply(rig, 0, 0, DNS_NXDOMAIN);
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	assert_false(rig->open[0]);
}

static void resolv_conf_is_followed(void **state)
{
	struct rig *rig = *state;

	ask(rig, "www.example.org", DNS_A);
	resolver_set_resolv_conf(rig->r, "nameserver 2001:db8::5\n", 23);
	resolver_run(rig->r, rig->now);
	assert_int_equal(rig->sent, 2); /* what is in flight goes there too */
	assert_int_equal(rig->to[0].addr.b[15], 5);
	reply(rig, 0, 1, 0);
	/* nothing named: the one on this machine */
	resolver_set_resolv_conf(rig->r, "search x\n", 9);
	ask(rig, "www.example.org", DNS_A);
	assert_int_equal(rig->to[0].addr.b[12], 127);
	reply(rig, 0, 1, 0);
	/* --dns stays */
	assert_int_equal(resolver_set_servers(rig->r, NULL, 0), 0);
	resolver_set_resolv_conf(rig->r, "nameserver 192.0.2.1\n", 21);
	ask(rig, "www.example.org", DNS_A);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);
}

static void scoped_servers(void **state)
{
	struct rig *rig = *state;
	static const char conf[] = "nameserver fe80::1%eth0\n"
				   "nameserver fe80::2\n"
				   "nameserver 2001:db8::1%4\n"
				   "nameserver fe80::3%70000\n"
				   "nameserver fe80::9%258  # x\n";
	struct addr a;

	resolver_set_resolv_conf(rig->r, conf, sizeof(conf) - 1);
	ask(rig, "www.example.org", DNS_A);
	a = rig->to[0].addr;
	assert_int_equal(a.b[15], 9);
	assert_int_equal(resolv_conf_scope(&a), 258);
	assert_int_equal(a.b[2] | a.b[3], 0);
	assert_int_equal(resolv_conf_scope(&a), 0);
	reply(rig, 0, 1, 0);
}

/* --- bounds
 * -------------------------------------------------------------------*/
static void bounded_and_absorbed(void **state)
{
	struct rig *rig = *state;

	for (unsigned int i = 0; i < SLOTS; i++) {
		ask_as(rig, i, false, 9, "www.example.org", DNS_A, -1);
		ask_as(rig, i, false, 9, "www.example.org", DNS_A, -1);
	}
	assert_int_equal(rig->sent, SLOTS);
	assert_int_equal(rig->answers, 0);
	ask_as(rig, 100, false, 9, "www.example.org", DNS_A, -1);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);
	for (unsigned int i = 0; i < SLOTS; i++)
		resolver_asker_gone(rig->r, i);
	pass(rig, 10 * S);
	assert_int_equal(rig->answers, 1);
	ask_as(rig, 100, false, 9, "www.example.org", DNS_A, -1);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (rig->open[i])
			reply(rig, i, 1, 0);
	assert_int_equal(rig->answers, 2);
}

static void garbage_is_answered_or_dropped(void **state)
{
	struct rig *rig = *state;
	uint8_t msg[600];
	size_t len = make_query(msg, 5, "www.example.org", DNS_A, 1232);

	for (size_t cut = 0; cut < len; cut++) {
		rig->answer_len = 0;
		resolver_query(rig->r, 1, false, msg, cut, rig->now);
		assert_int_equal(rig->sent, 0);
		if (cut < 12)
			assert_int_equal(rig->answer_len, 0);
		else
			assert_int_equal(rcode_of(rig), DNS_FORMERR);
	}
	msg[4] = msg[5] = 0xff; /* QDCOUNT 65535 */
	resolver_query(rig->r, 1, false, msg, len, rig->now);
	assert_int_equal(rcode_of(rig), DNS_FORMERR);
	msg[4] = 0;
	msg[5] = 1;
	msg[2] = 0x28; /* opcode UPDATE */
	resolver_query(rig->r, 1, false, msg, len, rig->now);
	assert_int_equal(rcode_of(rig), DNS_NOTIMP);
	msg[2] = 0x81; /* an answer */
	rig->answer_len = 0;
	resolver_query(rig->r, 1, false, msg, len, rig->now);
	assert_int_equal(rig->answer_len, 0);
	msg[2] = 1;
	msg[len - 5] = 1; /* EDNS version 1 */
	resolver_query(rig->r, 1, false, msg, len, rig->now);
	assert_int_equal(rcode_of(rig), 0);
	assert_int_equal(rig->answer[rig->answer_len - 6], 1); /* BADVERS */
	ask(rig, "www.example.org", DNS_AXFR);
	assert_int_equal(rcode_of(rig), DNS_REFUSED);
	assert_int_equal(rig->sent, 0);
}

/* T29: a name that points at itself, forwards, or in a circle */
static void compression_traps(void **state)
{
	struct rig *rig = *state;
	static const uint8_t traps[][4] = {
		{0xc0, 12, 0, 1},  {0xc0, 14, 0, 1},  {0xff, 0xff, 0, 1},
		{0x40, 'a', 0, 1}, {0x80, 'a', 0, 1}, {0xc0, 0, 0, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(traps); i++) {
		uint8_t msg[64] = {0, 9, 1, 0, 0, 1};

		memcpy(msg + 12, traps[i], 4);
		msg[17] = 1;
		resolver_query(rig->r, 1, false, msg, 18, rig->now);
		assert_int_equal(rcode_of(rig), DNS_FORMERR);
	}
	/* lying RDLENGTH and counts in an answer */
	for (int kind = 0; kind < 3; kind++) {
		uint8_t msg[600];
		size_t len;

		ask(rig, "www.example.org", DNS_A);
		len = make_answer(rig, 0, msg, 1, 0);
		if (kind == 0)
			msg[len - 5] = 5;
		else if (kind == 1)
			msg[6] = 0xff;
		else
			msg[8] = 1;
		rig->answers = 0;
		resolver_upstream_answer(rig->r, 0, 0, msg, len, rig->now);
		assert_int_equal(rig->answers, 0);
		reply(rig, 0, 1, 0);
		assert_int_equal(rig->answers, 1);
	}
}

/* --- answered here
 * -------------------------------------------------------------*/
static void localhost_is_ours(void **state)
{
	struct rig *rig = *state;
	char buf[ADDR_TEXT_MAX];

	ask(rig, "localhost", DNS_A);
	assert_string_equal(addr_of(rig, 0, buf), "127.0.0.1");
	ask(rig, "db.LOCALHOST", DNS_AAAA);
	assert_string_equal(addr_of(rig, 0, buf), "::1");
	ask(rig, "localhost", 15);
	assert_int_equal(rcode_of(rig), 0);
	assert_int_equal(ancount_of(rig), 0);
	ask(rig, "1.0.0.127.in-addr.arpa", DNS_PTR);
	assert_int_equal(ancount_of(rig), 1);
	ask(rig, "2.0.0.127.in-addr.arpa", DNS_PTR);
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	ask(rig, "x.invalid", DNS_A);
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	ask(rig, "host.postern.internal", DNS_A);
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	assert_int_equal(rig->sent, 0);
	ask(rig, "notlocalhost", DNS_A);
	assert_int_equal(rig->sent, 1);
	reply(rig, 0, 1, 0);
}

static void hosts_are_known(void **state)
{
	struct rig *rig = *state;
	static const char text[] =
		"127.0.0.1 localhost\n"
		"10.1.1.1\tdb.corp DB alias. # comment two\n"
		"10.1.1.2 db.corp\n"
		"2001:db8::9 six\r\n"
		"10.1.1.3\n#10.1.1.4 no\nbad line here\n10.1.1.5 bad%name ok5";
	struct addr a = addr_ip4(10, 2, 2, 2);
	char buf[ADDR_TEXT_MAX];
	struct error err = {0};

	resolver_set_hosts(rig->r, text, sizeof(text) - 1);
	ask(rig, "DB.corp", DNS_A);
	assert_int_equal(ancount_of(rig), 2);
	assert_string_equal(addr_of(rig, 0, buf), "10.1.1.1");
	assert_string_equal(addr_of(rig, 1, buf), "10.1.1.2");
	ask(rig, "alias", DNS_A);
	assert_string_equal(addr_of(rig, 0, buf), "10.1.1.1");
	ask(rig, "ok5", DNS_A);
	assert_string_equal(addr_of(rig, 0, buf), "10.1.1.5");
	ask(rig, "six", DNS_AAAA);
	assert_string_equal(addr_of(rig, 0, buf), "2001:db8::9");
	ask(rig, "db.corp", DNS_AAAA); /* known, and has none */
	assert_int_equal(rcode_of(rig), 0);
	assert_int_equal(ancount_of(rig), 0);
	ask(rig, "db.corp", DNS_HTTPS);
	assert_int_equal(ancount_of(rig), 0);
	ask(rig, "2.1.1.10.in-addr.arpa", DNS_PTR);
	assert_int_equal(ancount_of(rig), 1);
	assert_int_equal(rig->sent, 0);
	ask(rig, "db.corp", 15); /* its mail is not ours to say */
	assert_int_equal(rig->sent, 1);
	reply(rig, 0, 0, 0);
	/* --add-host goes before */
	assert_int_equal(resolver_add_host(rig->r, "Db.Corp.", &a, &err), 0);
	ask(rig, "db.corp", DNS_A);
	assert_int_equal(ancount_of(rig), 1);
	assert_string_equal(addr_of(rig, 0, buf), "10.2.2.2");
	assert_int_equal(resolver_add_host(rig->r, "a..b", &a, &err), -EINVAL);
	/* the file changes */
	resolver_set_hosts(rig->r, "", 0);
	ask(rig, "six", DNS_AAAA);
	assert_int_equal(rig->sent, 2);
	reply(rig, 0, 0, DNS_NXDOMAIN);
}

static void sandbox_ptr_stays_inside(void **state)
{
	struct rig *rig = *state;
	struct addr p4 = addr_ip4(10, 0, 2, 0), p6;

	assert_int_equal(addr_parse("fd00::", &p6), 0);
	resolver_set_sandbox(rig->r, &p4, 96 + 24);
	resolver_set_sandbox(rig->r, &p6, 64);
	ask(rig, "3.2.0.10.in-addr.arpa", DNS_PTR);
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	ask(rig,
	    "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
	    DNS_PTR);
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	assert_int_equal(rig->sent, 0);
	ask(rig, "3.3.0.10.in-addr.arpa", DNS_PTR);
	assert_int_equal(rig->sent, 1);
	reply(rig, 0, 0, DNS_NXDOMAIN);
}

/* --- policy
 * ----------------------------------------------------------------------*/
static enum resolver_verdict gate(void *user, const char *name,
                                  const char **reason, int64_t now)
{
	char *seen = user;

	(void)now;
	*reason = "no rule allows it";
	if (!name)
		return RESOLVER_DENY;
	strcpy(seen, name);
	return !strcmp(name, "good.example.org") ? RESOLVER_PASS_PLAIN
	                                         : RESOLVER_DENY;
}

static bool judge(void *user, const char *name, const struct addr *a,
                  uint32_t ttl, bool local, int64_t now)
{
	(void)user;
	(void)now;
	assert_string_equal(name, "good.example.org");
	assert_int_equal(ttl, local ? 10 : 60);
	return a->b[15] != 1;
}

/* T28: a denied name is answered here, by UDP and TCP, and never leaves */
static void gate_refuses(void **state)
{
	struct rig *rig = *state;
	static const char *const bad[] = {
		"evil.example.org",           "good.example.org.evil.com",
		"xgood.example.org",          "x.good.example.org",
		"34.216.184.93.in-addr.arpa", "evil\xc3\xa9.org",
		"good%00.example.org",        "a b.example.org"};
	char seen[DNS_NAME_TEXT_MAX];

	resolver_set_gate(rig->r, gate, seen, false);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ask_as(rig, 3, i & 1, 7, bad[i], DNS_A, 1232);
		assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
		assert_int_equal(ede_of(rig), 15);
		assert_int_equal(rig->answer[9], 1); /* the SOA */
	}
	ask(rig, "evil.example.org", DNS_A); /* no EDNS: no OPT */
	assert_int_equal(rcode_of(rig), DNS_NXDOMAIN);
	assert_int_equal(rig->answer[11], 0);
	assert_int_equal(rig->sent, 0);
	ask(rig, "localhost", DNS_A);
	assert_int_equal(ancount_of(rig), 1);
	ask(rig, "GOOD.Example.ORG", DNS_A);
	assert_string_equal(seen, "good.example.org");
	assert_int_equal(rig->sent, 1);
	reply(rig, 0, 1, 0);
	resolver_set_gate(rig->r, gate, seen, true);
	ask_as(rig, 3, false, 7, "evil.example.org", DNS_A, 1232);
	assert_int_equal(rcode_of(rig), DNS_REFUSED);
	assert_int_equal(ede_of(rig), 15);
}

/* T25: an address the judge refuses is filtered out of the answer */
static void judge_filters(void **state)
{
	static const char hosts[] = "10.0.0.1 good.example.org\n"
				    "10.0.0.2 good.example.org\n";
	struct rig *rig = *state;
	char buf[ADDR_TEXT_MAX], seen[DNS_NAME_TEXT_MAX];

	resolver_set_judge(rig->r, judge, NULL);
	ask(rig, "good.example.org", DNS_A);
	reply(rig, 0, 1, 0);
	assert_int_equal(ancount_of(rig), 1);
	ask_as(rig, 1, false, 7, "good.example.org", DNS_A, 1232);
	reply(rig, 0, 3, 0);
	assert_int_equal(ancount_of(rig), 2);
	assert_string_equal(addr_of(rig, 0, buf), "10.9.8.0");
	assert_string_equal(addr_of(rig, 1, buf), "10.9.8.2");
	assert_int_equal(ede_of(rig), 15);
	assert_int_equal(rig->sent, 2);
	/* from the hosts tables too, where it is told */
	resolver_set_hosts(rig->r, hosts, sizeof(hosts) - 1);
	ask(rig, "good.example.org", DNS_A);
	assert_int_equal(ancount_of(rig), 1);
	assert_string_equal(addr_of(rig, 0, buf), "10.0.0.2");
	resolver_set_hosts(rig->r, "", 0);
	/* behind the gate no hints and no keys */
	resolver_set_gate(rig->r, gate, seen, false);
	ask(rig, "good.example.org", DNS_HTTPS);
	assert_int_equal(rcode_of(rig), 0);
	assert_int_equal(ancount_of(rig), 0);
	assert_int_equal(rig->sent, 2);
}

#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(forwards_and_restores),
		T(mixes_case_and_ids),
		T(spoofed_is_unseen),
		T(many_strays_move_on),
		T(changed_case_goes_by_tcp),
		T(truncated_goes_by_tcp),
		T(udp_answers_fit),
		T(edns_is_mirrored),
		T(server_without_edns),
		T(silence_is_servfail),
		T(second_server_answers),
		T(errors_move_on_at_once),
		T(failure_codes),
		T(resolv_conf_is_followed),
		T(scoped_servers),
		T(bounded_and_absorbed),
		T(garbage_is_answered_or_dropped),
		T(compression_traps),
		T(localhost_is_ours),
		T(hosts_are_known),
		T(sandbox_ptr_stays_inside),
		T(gate_refuses),
		T(judge_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
