/* SPDX-License-Identifier: Apache-2.0 */
/* resolver.c - the app's resolver as a pure machine */
/*
 * THEORY
 * `resolver_query` takes a client's message, `resolver_upstream_answer` a
 * server's; out go queries and replies by `struct resolver_ops`. A question is
 * answered here where it can be (localhost, --add-host, the hosts file, what
 * never may leave), refused where the gate says so, and else forwarded in a
 * query of our own making: of the client's message only name, type, class and
 * the bits CD, AD and DO cross, under a fresh id, from a fresh port, with the
 * letters' case drawn at random (0x20), all three checked in the answer.
 *
 * A server that answers nothing in try_ns is left for the next one; once each
 * was tried, the next try gets the rest of total_ns. A server that fails hard
 * (ICMP, RST, no route) or answers SERVFAIL, REFUSED, NOTIMP is not asked
 * again for this question. The order is that of resolv.conf, as in glibc: the
 * first may know names that the others deny. Only one that missed several
 * times on end is passed over for a while. Truncated answers are asked for
 * again by TCP, and so are those whose spelling came back changed: TCP needs no
 * 0x20.
 *
 * One slot of fixed size a question in flight, no malloc after
 * `resolver_new`. Refused: other classes, zone transfers, what does not parse.
 * Messages are read by our own bounded readers and not by libresolv: a hostile
 * message of 64 KiB made of pointers to pointers costs libresolv's ns_parserr
 * 32 000 steps a record; here a name is at most 127 pointers, each strictly
 * backwards. libresolv is the oracle in the unit test.
 */
#include "dns/resolver-private.h"

#include "dns/resolv_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct resolver *resolver_new(const struct resolver_config *config,
                              const struct resolver_ops *ops, void *user,
                              const struct random_source *random)
{
	struct resolver *r = calloc(1, sizeof(*r));
	struct siphash_key key;

	if (!r)
		return NULL;
	r->config = *config;
	r->ops = *ops;
	r->user = user;
	r->random = *random;
	r->next_ns = TIME_NEVER;
	r->judging = UINT64_MAX;
	key = siphash_key_new(random);
	r->hosts = hosts_new(HOSTS_FILE_MAX, &key);
	r->added = hosts_new(HOSTS_ADDED_MAX, &key);
	r->queries = calloc(config->max_queries, sizeof(*r->queries));
	r->out = malloc(DNS_MESSAGE_MAX);
	if (!r->hosts || !r->added || !r->queries || !r->out) {
		resolver_free(r);
		return NULL;
	}
	resolver_list_init(&r->live);
	resolver_list_init(&r->idle);
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	hosts_free(r->hosts);
	hosts_free(r->added);
	free(r->queries);
	free(r->out);
	free(r);
}

static void use_servers(struct resolver *r, const struct endpoint *at, size_t n)
{
	bool same = n == r->nservers;

	for (size_t i = 0; same && i < n; i++)
		same = endpoint_equal(&at[i], &r->servers[i].at);
	if (same)
		return;
	memset(r->servers, 0, sizeof(r->servers));
	for (size_t i = 0; i < n; i++)
		r->servers[i].at = at[i];
	r->nservers = (uint8_t)n;
	for (struct query *qu = r->live.next; qu != &r->live; qu = qu->next) {
		qu->restart = true;
		qu->deadline_ns = r->next_ns = 0;
	}
}

void resolver_set_resolv_conf(struct resolver *r, const char *text, size_t len)
{
	struct endpoint servers[RESOLVER_SERVERS_MAX];
	size_t n;

	if (r->servers_given)
		return;
	n = resolv_conf_servers(text, len, servers, RESOLVER_SERVERS_MAX);
	if (!n) { /* resolv.conf(5): then it is the one on this machine */
		servers[0].addr = addr_ip4(127, 0, 0, 1);
		servers[0].port = 53;
		n = 1;
	}
	use_servers(r, servers, n);
}

int resolver_set_servers(struct resolver *r, const struct endpoint *servers,
                         size_t n)
{
	if (n > RESOLVER_SERVERS_MAX)
		return -ENOSPC;
	r->servers_given = true;
	use_servers(r, servers, n);
	return 0;
}

void resolver_set_hosts(struct resolver *r, const char *text, size_t len)
{
	hosts_parse(r->hosts, text, len);
}

void resolver_each_host(const struct resolver *r,
                        void (*fn)(void *user, const char *name,
                                   const struct addr *a),
                        void *user)
{
	hosts_each(r->added, fn, user);
	hosts_each(r->hosts, fn, user);
}

int resolver_add_host(struct resolver *r, const char *name,
                      const struct addr *a, struct error *err)
{
	int rc = hosts_add(r->added, name, strlen(name), a, true);

	if (rc == -EINVAL)
		return error_set(err, rc, "\"%s\" is no host name", name);
	if (rc < 0)
		return error_set(err, rc, "more than %d added hosts",
		                 HOSTS_ADDED_MAX);
	return 0;
}

void resolver_set_sandbox(struct resolver *r, const struct addr *prefix,
                          unsigned int len)
{
	if (r->nsandbox == ARRAY_SIZE(r->sandbox))
		return;
	r->sandbox[r->nsandbox] = *prefix;
	r->sandbox_len[r->nsandbox++] = len;
}

void resolver_set_gate(struct resolver *r, resolver_gate *gate, void *user,
                       bool refused)
{
	r->gate = gate;
	r->gate_user = user;
	r->gate_refused = refused;
}

uint64_t resolver_judging(const struct resolver *r)
{
	return r->judging;
}

void resolver_set_judge(struct resolver *r, resolver_judge *judge, void *user)
{
	r->judge = judge;
	r->judge_user = user;
}

static void reply_denied(struct resolver *r, const struct asker *to,
                         const char *reason)
{
	if (r->gate_refused)
		resolver_reply_error(r, to, DNS_REFUSED, DNS_EDE_BLOCKED,
		                     reason);
	else
		resolver_reply_negative(r, to, DNS_NXDOMAIN, DNS_EDE_BLOCKED,
		                        reason);
}

void resolver_query(struct resolver *r, uint64_t client, bool tcp,
                    const void *msg, size_t len, int64_t now)
{
	char name[DNS_NAME_TEXT_MAX];
	enum resolver_verdict verdict = RESOLVER_PASS;
	const char *reason = NULL;
	struct dns_query q;
	struct asker who = {client, tcp, &q};
	int rcode = dns_query_parse(msg, len, &q);
	bool plain;

	if (rcode < 0)
		return;
	if (rcode == DNS_NOERROR &&
	    (q.cls != DNS_CLASS_IN || q.type == DNS_AXFR || q.type == DNS_IXFR))
		rcode = DNS_REFUSED;
	if (rcode == DNS_NOERROR && q.type == DNS_OPT)
		rcode = DNS_FORMERR;
	if (rcode != DNS_NOERROR) {
		resolver_reply_error(r, &who, (uint16_t)rcode, DNS_EDE_NONE,
		                     NULL);
		return;
	}
	plain = dns_name_canonical(&q.name, name);
	if (plain && resolver_answer_inside(r, &who, name))
		return;
	if (r->gate)
		verdict = r->gate(r->gate_user, plain ? name : NULL, &reason,
		                  now);
	if (verdict == RESOLVER_DENY) {
		reply_denied(r, &who, reason);
		return;
	}
	if (plain && resolver_answer_known(r, &who, name, now))
		return;
	if (verdict == RESOLVER_PASS_PLAIN &&
	    (q.type == DNS_SVCB || q.type == DNS_HTTPS)) {
		resolver_reply_negative(r, &who, DNS_NOERROR, DNS_EDE_NONE,
		                        NULL);
		return;
	}
	resolver_forward(r, &who, now);
}
