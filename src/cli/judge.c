/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - asks the matcher what a flow would be told */
#include "cli/judge.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "loop/loop.h"
#include "wire/headers.h"

#include <errno.h>
#include <ifaddrs.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP};
static const char *const proto_names[] = {"tcp", "udp", "icmp"};

/* One host, and one port or ICMP? */
static bool is_one(const struct policy_target *t)
{
	bool icmp = t->has_proto && t->protos == 1u << 2;

	if (t->kind == POLICY_TARGET_GROUP ||
	    (t->kind == POLICY_TARGET_PREFIX && t->len != 128) ||
	    (t->kind == POLICY_TARGET_NAME && t->subdomains))
		return false;
	return icmp || (t->has_port && t->first == t->last);
}

int judge_parse(const char *text, size_t nth, struct judge_item *item,
                struct error *err)
{
	struct policy_target t;
	int rc = policy_target_parse(text, &t, err);

	if (rc < 0) {
		error_prefix(err, "%s: ", text);
		return rc;
	}
	if (!is_one(&t))
		return error_set(err, -EINVAL,
		                 "%s: ask for one HOST:PORT[/tcp|/udp], or "
		                 "HOST/icmp",
		                 text);
	memset(item, 0, sizeof(*item));
	item->nth = (uint8_t)nth;
	memcpy(item->name, t.name, sizeof(item->name));
	item->q.host.addr = t.prefix;
	item->q.host.port = t.first;
	item->q.proto = IP_PROTO_TCP;
	for (size_t i = 0; t.has_proto && i < ARRAY_SIZE(protos); i++)
		if (t.protos == 1u << i)
			item->q.proto = protos[i];
	return 0;
}

int judge_prepare(struct policy *p, struct error *err)
{
	const struct random_source random = loop_random();
	_auto_free_ struct addr *own = calloc(POLICY_OWN_MAX, sizeof(*own));
	struct ifaddrs *list, *i;
	size_t n = 0;
	int rc;

	if (!own || policy_pins_init(p, UINT8_MAX, &random) < 0)
		return error_set(err, -ENOMEM, "no memory");
	if (getifaddrs(&list) < 0)
		return error_set(err, -errno,
		                 "cannot list the host's addresses: ");
	for (i = list; i && n < POLICY_OWN_MAX; i = i->ifa_next) {
		struct endpoint e;

		if (!i->ifa_addr ||
		    endpoint_from_sockaddr(i->ifa_addr,
		                           sizeof(struct sockaddr_storage),
		                           &e) < 0)
			continue;
		own[n++] = e.addr;
	}
	rc = policy_set_own(p, own, i ? POLICY_OWN_MAX + 1 : n);
	freeifaddrs(list);
	if (rc < 0)
		log_warn("the host has more than %d addresses; everything is "
		         "denied",
		         POLICY_OWN_MAX);
	return 0;
}

static const char *proto_name(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		if (protos[i] == proto)
			return proto_names[i];
	return "?";
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void print_json(const struct policy *p, const struct judge_item *item,
                       const struct policy_answer *a, const char *remedy)
{
	struct json_object *o = json_object_new_object();
	char text[ADDR_TEXT_MAX];

	if (item->name[0])
		put_text(o, "name", item->name);
	else
		put_text(o, "address", addr_format(&item->q.host.addr, text));
	if (item->q.proto != IP_PROTO_ICMP)
		json_object_object_add(o, "port",
		                       json_object_new_int(item->q.host.port));
	put_text(o, "protocol", proto_name(item->q.proto));
	put_text(o, "verdict", a->action == POLICY_ALLOW ? "allow" : "deny");
	put_text(o, "class", policy_class_name(a->cls));
	put_text(o, "reason", a->reason);
	if (a->rule) {
		put_text(o, "rule", policy_rule_text(p, a->rule));
		put_text(o, "origin", policy_rule_origin(p, a->rule));
	}
	if (remedy)
		put_text(o, "remedy", remedy);
	puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* First the look-up is judged, then the flow to what it gave. */
static void decide_name(struct policy *p, struct judge_item *item,
                        struct policy_answer *a)
{
	policy_ask(p, item->name, a);
	if (a->action == POLICY_DENY)
		return;
	/* TEST-NET-1, RFC 5737: no host's own and in no group but @internet */
	item->q.host.addr = addr_ip4(192, 0, 2, item->nth);
	if (policy_learn(p, item->name, &item->q.host.addr, 3600, false, 0, a))
		policy_decide(p, &item->q, a);
}

static void format_item(const struct judge_item *item, char *buf, size_t len)
{
	char host[ADDR_TEXT_MAX + 2], port[8] = "";
	bool bracket = !item->name[0] && !addr_is_ip4(&item->q.host.addr);

	addr_format(&item->q.host.addr, host);
	if (item->q.proto != IP_PROTO_ICMP)
		snprintf(port, sizeof(port), ":%u",
		         (unsigned int)item->q.host.port);
	snprintf(buf, len, bracket && *port ? "[%s]%s/%s" : "%s%s/%s",
	         item->name[0] ? item->name : host, port,
	         proto_name(item->q.proto));
}

/* --allow NAME:PORT for a name that no rule could allow */
static const char *remedy_of(const struct judge_item *item,
                             const struct policy_answer *a, char *buf,
                             size_t len)
{
	char text[POLICY_NAME_MAX + 16], *tcp;

	if (a->action == POLICY_ALLOW || a->rule ||
	    !strcmp(a->reason, "--offline"))
		return NULL;
	if (!item->name[0] || a->name)
		return policy_remedy_for(&item->q, a, buf, len);
	format_item(item, text, sizeof(text));
	tcp = strstr(text, "/tcp");
	if (tcp)
		*tcp = '\0';
	snprintf(buf, len, "--allow %s", text);
	return buf;
}

bool judge_print(struct policy *p, const struct judge_item *asked, bool json)
{
	char text[POLICY_NAME_MAX + 16], buf[POLICY_TARGET_TEXT_MAX];
	struct judge_item item = *asked;
	struct policy_answer a;
	const char *remedy;
	bool allowed;

	format_item(&item, text, sizeof(text));
	if (!item.name[0])
		policy_decide(p, &item.q, &a);
	else
		decide_name(p, &item, &a);
	allowed = a.action == POLICY_ALLOW;
	remedy = remedy_of(&item, &a, buf, sizeof(buf));
	if (json) {
		print_json(p, &item, &a, remedy);
		return allowed;
	}
	printf("%s %s: %s\n", allowed ? "allowed" : "denied", text, a.reason);
	if (remedy)
		printf("  it passes with %s\n", remedy);
	return allowed;
}

struct policy *judge_policy_new(void)
{
	const struct random_source random = loop_random();
	struct policy *p = policy_new();

	if (p && policy_pins_init(p, POLICY_PINS_MAX, &random) < 0) {
		policy_free(p);
		return NULL;
	}
	if (p)
		policy_deny_rest(p);
	return p;
}

bool judge_passes(struct policy *p, const char *name,
                  const struct policy_question *q)
{
	struct policy_answer a;

	if (*name) {
		policy_ask(p, name, &a);
		if (a.action == POLICY_DENY ||
		    !policy_learn(p, name, &q->host.addr, 3600, false, 0, &a))
			return false;
	}
	policy_decide(p, q, &a);
	return a.action == POLICY_ALLOW;
}
