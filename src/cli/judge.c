/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - asks the matcher what a flow would be told */
#include "cli/judge.h"
#include "base/log.h"
#include "wire/headers.h"

#include <errno.h>
#include <ifaddrs.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP};
static const char *const proto_names[] = {"tcp", "udp", "icmp"};

int judge_parse(const char *text, struct policy_question *q, struct error *err)
{
	struct policy_target t;
	int rc = policy_target_parse(text, &t, err);

	if (rc < 0) {
		error_prefix(err, "%s: ", text);
		return rc;
	}
	if (t.kind == POLICY_TARGET_NAME)
		return error_set(err, -EOPNOTSUPP,
		                 "%s: rules by name are not here yet; ask for "
		                 "an address",
		                 text);
	if (t.kind != POLICY_TARGET_PREFIX || t.len != 128 ||
	    t.first != t.last) {
		/* ICMP has no port, so its question has none */
		if (t.kind == POLICY_TARGET_PREFIX && t.len == 128 &&
		    t.has_proto && t.protos == 4)
			t.first = 0;
		else
			return error_set(err, -EINVAL,
			                 "%s: ask for one ADDRESS:PORT[/tcp|"
			                 "/udp] or ADDRESS/icmp",
			                 text);
	}
	q->host.addr = t.prefix;
	q->host.port = t.first;
	q->proto = IP_PROTO_TCP;
	for (size_t i = 0; t.has_proto && i < ARRAY_SIZE(protos); i++)
		if (t.protos == 1u << i)
			q->proto = protos[i];
	return 0;
}

int judge_own_addresses(struct policy *p, struct error *err)
{
	struct addr own[POLICY_OWN_MAX];
	struct ifaddrs *list, *i;
	size_t n = 0;
	int rc;

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

static void print_json(const struct policy *p, const struct policy_question *q,
                       const struct policy_answer *a, const char *remedy)
{
	struct json_object *o = json_object_new_object();
	char text[ADDR_TEXT_MAX];

	json_object_object_add(
		o, "address",
		json_object_new_string(addr_format(&q->host.addr, text)));
	json_object_object_add(o, "port", json_object_new_int(q->host.port));
	json_object_object_add(o, "protocol",
	                       json_object_new_string(proto_name(q->proto)));
	json_object_object_add(o, "verdict",
	                       json_object_new_string(a->action == POLICY_ALLOW
	                                                      ? "allow"
	                                                      : "deny"));
	json_object_object_add(
		o, "class", json_object_new_string(policy_class_name(a->cls)));
	json_object_object_add(o, "reason", json_object_new_string(a->reason));
	if (a->rule) {
		json_object_object_add(
			o, "rule",
			json_object_new_string(policy_rule_text(p, a->rule)));
		json_object_object_add(
			o, "origin",
			json_object_new_string(policy_rule_origin(p, a->rule)));
	}
	if (remedy)
		json_object_object_add(o, "remedy",
		                       json_object_new_string(remedy));
	puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

bool judge_print(const struct policy *p, const struct policy_question *q,
                 bool json)
{
	char host[ENDPOINT_TEXT_MAX], buf[256];
	const char *remedy = NULL;
	struct policy_answer a;
	bool allowed;

	policy_decide(p, q, &a);
	allowed = a.action == POLICY_ALLOW;
	if (!allowed && !a.rule && strcmp(a.reason, "--offline"))
		remedy = policy_remedy(q, buf, sizeof(buf));
	if (json) {
		print_json(p, q, &a, remedy);
		return allowed;
	}
	if (q->proto == IP_PROTO_ICMP)
		addr_format(&q->host.addr, host);
	else
		endpoint_format(&q->host, host);
	printf("%s %s/%s: %s\n", allowed ? "allowed" : "denied", host,
	       proto_name(q->proto), a.reason);
	if (remedy)
		printf("  it passes with %s\n", remedy);
	return allowed;
}
