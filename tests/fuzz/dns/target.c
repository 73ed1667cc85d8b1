/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - a lying DNS server and a lying client against the resolver */
/*
 * The input is a script: a byte says what comes next, the next two how long
 * it is. A client's message, a server's answer (raw, or with id and question
 * of what was asked put in front, so that the inside of answers is reached),
 * a hosts file, a resolv.conf, time. Whatever comes, a reply is a message
 * that this resolver would itself take, and never larger than it may be.
 */
#include "../fuzz.h"
#include "dns/message.h"
#include "dns/resolver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4

struct world {
	struct resolver *r;
	int64_t now;
	uint64_t seed;
	bool open[SLOTS];
	uint8_t asked[SLOTS][400];
	size_t asked_len[SLOTS];
};

static void fill(void *user, void *buf, size_t len)
{
	struct world *w = user;
	uint8_t *p = buf;

	while (len--) {
		w->seed = w->seed * 6364136223846793005u + 1;
		*p++ = (uint8_t)(w->seed >> 56);
	}
}

static int up_send(void *user, uint32_t slot, const struct endpoint *server,
                   bool tcp, const void *msg, size_t len)
{
	struct world *w = user;

	(void)server;
	(void)tcp;
	assert(slot < SLOTS && len <= sizeof(w->asked[0]));
	w->open[slot] = true;
	memcpy(w->asked[slot], msg, len);
	w->asked_len[slot] = len;
	return 0;
}

static void up_close(void *user, uint32_t slot)
{
	struct world *w = user;

	w->open[slot] = false;
}

static void answer(void *user, uint64_t client, bool tcp, const void *msg,
                   size_t len)
{
	const uint8_t *p = msg;

	(void)user;
	(void)client;
	assert(len >= DNS_HEADER_LEN && len <= DNS_MESSAGE_MAX);
	assert(tcp || len <= DNS_UDP_CLIENT_MAX);
	assert(p[2] & 0x80);
	if (p[5]) {
		struct dns_answer a;
		/* in memory of its own: no byte beyond it is read */
		uint8_t *copy = malloc(len);

		assert(copy);
		memcpy(copy, msg, len);
		assert(dns_answer_parse(copy, len, &a) && a.end == len);
		free(copy);
	}
}

static enum resolver_verdict gate(void *user, const char *name,
                                  const char **reason, int64_t now)
{
	(void)user;
	(void)now;
	*reason = "no rule allows it";
	if (!name)
		return RESOLVER_PASS;
	assert(strlen(name) < DNS_NAME_TEXT_MAX);
	return name[0] == 'd' ? RESOLVER_DENY : RESOLVER_PASS_PLAIN;
}

static bool judge(void *user, const char *name, const struct addr *a,
                  uint32_t ttl, bool local, int64_t now)
{
	(void)user;
	(void)name;
	(void)ttl;
	(void)local;
	(void)now;
	return a->b[15] & 1;
}

/* The server's side: data follows the header and question that were asked. */
static void reply(struct world *w, uint32_t slot, bool raw, const uint8_t *data,
                  size_t len)
{
	static uint8_t msg[DNS_MESSAGE_MAX];
	size_t used = 0;

	if (!w->open[slot])
		return;
	if (!raw && len >= 8) {
		struct dns_query q;

		assert(dns_query_parse(w->asked[slot], w->asked_len[slot],
		                       &q) == 0);
		used = (size_t)DNS_HEADER_LEN + q.name.len + 4;
		memcpy(msg, w->asked[slot], used);
		msg[2] |= 0x80 | (data[0] & 2);
		msg[3] = data[1] & 0x8f;
		memcpy(msg + 6, data + 2, 6); /* the counts */
		data += 8;
		len -= 8;
	}
	len = MIN(len, sizeof(msg) - used);
	memcpy(msg + used, data, len);
	resolver_upstream_answer(w->r, slot, 0, msg, used + len, w->now);
}

static void step(struct world *w, uint8_t what, const uint8_t *data, size_t len)
{
	uint32_t slot = what >> 4 & 3;

	switch (what & 7) {
	case 0:
	case 1:
		resolver_query(w->r, slot, what & 1, data, len, w->now);
		break;
	case 2:
	case 3:
		reply(w, slot, what & 1, data, len);
		break;
	case 4:
		resolver_set_hosts(w->r, (const char *)data, len);
		break;
	case 5:
		resolver_set_resolv_conf(w->r, (const char *)data, len);
		break;
	case 6:
		if (w->open[slot])
			resolver_upstream_answer(w->r, slot, -111, NULL, 0,
			                         w->now);
		break;
	default:
		if (what & 8)
			resolver_asker_gone(w->r, slot);
		w->now += (int64_t)len * 10 * NS_PER_MS;
	}
	if (resolver_deadline(w->r) <= w->now)
		resolver_run(w->r, w->now);
	assert(resolver_deadline(w->r) > w->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct resolver_ops ops = {up_send, up_close, answer};
	const struct resolver_config config = {.max_queries = SLOTS,
	                                       .total_ns = 5 * NS_PER_S,
	                                       .try_ns = NS_PER_S};
	struct world w = {.now = NS_PER_S, .seed = 3};
	struct random_source random = {fill, &w};

	w.r = resolver_new(&config, &ops, &w, &random);
	assert(w.r);
	if (size && data[0] & 1) {
		resolver_set_gate(w.r, gate, NULL, data[0] & 2);
		resolver_set_judge(w.r, judge, NULL);
	}
	while (size >= 3) {
		uint8_t what = data[0];
		size_t len = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		len = MIN(len, size);
		step(&w, what, data, len);
		data += len;
		size -= len;
	}
	resolver_free(w.r);
	return 0;
}
