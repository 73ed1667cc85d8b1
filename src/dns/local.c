/* SPDX-License-Identifier: Apache-2.0 */
/* local.c - what the resolver answers without asking anyone */
#include "dns/resolver-private.h"

#include <string.h>

#define LOCAL_TTL 10

void resolver_reply(struct resolver *r, const struct asker *to, size_t len)
{
	len = dns_truncate(r->out, len,
	                   to->tcp ? DNS_MESSAGE_MAX : to->q->udp_size);
	r->ops.answer(r->user, to->client, to->tcp, r->out, len);
}

void resolver_reply_error(struct resolver *r, const struct asker *to,
                          uint16_t rcode, int ede, const char *text)
{
	struct dns_writer w;

	dns_reply_begin(&w, r->out, DNS_MESSAGE_MAX, to->q, rcode, 0);
	resolver_reply(r, to, dns_reply_finish(&w, to->q, rcode, ede, text));
}

/* NXDOMAIN or "no data", to be remembered no longer than a second */
void resolver_reply_negative(struct resolver *r, const struct asker *to,
                             uint16_t rcode, int ede, const char *text)
{
	struct dns_writer w;

	dns_reply_begin(&w, r->out, DNS_MESSAGE_MAX, to->q, rcode, DNS_FLAG_AA);
	dns_reply_soa(&w, DENIED_TTL);
	resolver_reply(r, to, dns_reply_finish(&w, to->q, rcode, ede, text));
}

/* --- answered here ---------------------------------------------------------
 */
static bool is_under(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && !strcmp(name + n - z, zone) &&
	       (n == z || name[n - z - 1] == '.');
}

static bool wants_addr(const struct dns_query *q, const struct addr *a)
{
	return q->type == DNS_ANY ||
	       q->type == (addr_is_ip4(a) ? DNS_A : DNS_AAAA);
}

static void reply_localhost(struct resolver *r, const struct asker *to)
{
	const struct addr loopback[] = {addr_ip4(127, 0, 0, 1),
	                                {.b = {[15] = 1}}};
	struct dns_writer w;
	size_t n = 0;

	dns_reply_begin(&w, r->out, DNS_MESSAGE_MAX, to->q, 0, DNS_FLAG_AA);
	for (size_t i = 0; i < ARRAY_SIZE(loopback); i++) {
		if (!wants_addr(to->q, &loopback[i]))
			continue;
		dns_reply_addr(&w, &loopback[i], LOCAL_TTL);
		n++;
	}
	if (!n)
		dns_reply_soa(&w, DENIED_TTL);
	resolver_reply(r, to,
	               dns_reply_finish(&w, to->q, 0, DNS_EDE_NONE, NULL));
}

static void reply_ptr(struct resolver *r, const struct asker *to,
                      const char *text)
{
	struct dns_name name;
	struct dns_writer w;

	if (!text || !dns_name_parse(text, strlen(text), &name)) {
		resolver_reply_negative(r, to, DNS_NXDOMAIN, DNS_EDE_NONE,
		                        NULL);
		return;
	}
	if (to->q->type != DNS_PTR && to->q->type != DNS_ANY) {
		resolver_reply_negative(r, to, DNS_NOERROR, DNS_EDE_NONE, NULL);
		return;
	}
	dns_reply_begin(&w, r->out, DNS_MESSAGE_MAX, to->q, 0, DNS_FLAG_AA);
	dns_reply_ptr(&w, &name, LOCAL_TTL);
	resolver_reply(r, to,
	               dns_reply_finish(&w, to->q, 0, DNS_EDE_NONE, NULL));
}

static const char *added_or_file_name(struct resolver *r, const struct addr *a)
{
	const char *name = hosts_name_of(r->added, a);

	return name ? name : hosts_name_of(r->hosts, a);
}

/* Loopback and the sandbox's own addresses: nobody outside knows of them. */
bool resolver_answer_inside(struct resolver *r, const struct asker *to,
                            const char *name)
{
	struct addr loopback4 = addr_ip4(127, 0, 0, 1),
		    loopback6 = {.b = {[15] = 1}}, a;

	if (is_under(name, "localhost")) {
		reply_localhost(r, to);
		return true;
	}
	if (!dns_name_reverse(name, &a))
		return false;
	if (addr_in_prefix(&a, &loopback4, 96 + 8) ||
	    addr_equal(&a, &loopback6)) {
		bool is_host = addr_equal(&a, &loopback4) ||
		               addr_equal(&a, &loopback6);

		reply_ptr(r, to, is_host ? "localhost" : NULL);
		return true;
	}
	for (size_t i = 0; i < r->nsandbox; i++)
		if (addr_in_prefix(&a, &r->sandbox[i], r->sandbox_len[i])) {
			reply_ptr(r, to, added_or_file_name(r, &a));
			return true;
		}
	return false;
}

bool resolver_is_judged_away(struct resolver *r, const char *name,
                             const struct addr *a, uint32_t ttl, bool local,
                             int64_t now)
{
	return r->judge && !r->judge(r->judge_user, name, a, ttl, local, now);
}

/* true: the table knows the name, and the reply is out */
static bool answer_from(struct resolver *r, const struct hosts *hosts,
                        const struct asker *to, const char *name, int64_t now)
{
	const struct hosts_entry *e = hosts_find(hosts, name, NULL);
	bool judged_away = false, any = false;
	struct dns_writer w;

	if (!e)
		return false;
	dns_reply_begin(&w, r->out, DNS_MESSAGE_MAX, to->q, 0, DNS_FLAG_AA);
	for (; e; e = hosts_find(hosts, name, e)) {
		if (!wants_addr(to->q, &e->addr))
			continue;
		if (resolver_is_judged_away(r, name, &e->addr, LOCAL_TTL, true,
		                            now)) {
			judged_away = true;
			continue;
		}
		dns_reply_addr(&w, &e->addr, LOCAL_TTL);
		any = true;
	}
	if (!any)
		dns_reply_soa(&w, DENIED_TTL);
	resolver_reply(
		r, to,
		dns_reply_finish(&w, to->q, 0,
	                         judged_away ? DNS_EDE_BLOCKED : DNS_EDE_NONE,
	                         NULL));
	return true;
}

/*
 * The hosts tables speak for a name's addresses, and for the records that
 * carry addresses too; its mail servers and the like are asked for outside.
 */
bool resolver_answer_known(struct resolver *r, const struct asker *to,
                           const char *name, int64_t now)
{
	/* RFC 6761 6.4, RFC 7686 2, and our own */
	static const char *const nowhere[] = {
		"invalid", "onion", "postern.internal", "docker.internal",
		"containers.internal"};
	uint16_t type = to->q->type;
	const char *text;
	struct addr a;

	if (type == DNS_A || type == DNS_AAAA || type == DNS_ANY ||
	    type == DNS_SVCB || type == DNS_HTTPS)
		if (answer_from(r, r->added, to, name, now) ||
		    answer_from(r, r->hosts, to, name, now))
			return true;
	if (dns_name_reverse(name, &a)) {
		text = added_or_file_name(r, &a);
		if (text)
			reply_ptr(r, to, text);
		return text != NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
		if (is_under(name, nowhere[i])) {
			resolver_reply_negative(r, to, DNS_NXDOMAIN,
			                        DNS_EDE_NONE, NULL);
			return true;
		}
	return false;
}
