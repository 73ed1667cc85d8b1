/* SPDX-License-Identifier: Apache-2.0 */
/* set_ports.c - what options about ports do */
#include "cli/setters.h"
#include "launch/door.h"
#include "launch/publish.h"

#include "wire/headers.h"

#include <errno.h>
#include <string.h>

int set_publish(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	struct sandbox_config *k = &c->config;
	int rc;

	(void)o;
	if (!strcmp(value, "auto") && c->verb->where == OPTION_DO) {
		k->publish_auto = true;
		return 0;
	}
	if (k->npublish == CONFIG_PUBLISH_MAX)
		return error_set(err, -E2BIG,
		                 "more than %d --publish; write a range",
		                 CONFIG_PUBLISH_MAX);
	rc = publish_parse(value, &k->publish[k->npublish], err);
	if (rc < 0) {
		error_prefix(err, "--publish ");
		return rc;
	}
	k->npublish++;
	return 0;
}

static int add_door(struct cli *c, enum door_kind kind, const char *value,
                    struct error *err)
{
	struct sandbox_config *k = &c->config;
	struct door_spec *spec = &c->doors[k->ndoors];
	int rc;

	if (k->ndoors == CONFIG_DOORS_MAX)
		return error_set(err, -E2BIG,
		                 "more than %d of --host-port, --forward and "
		                 "--host-unix",
		                 CONFIG_DOORS_MAX);
	rc = door_parse(kind, value, spec, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < k->ndoors; i++)
		if (door_clash(&c->doors[i], spec))
			return error_set(err, -EADDRINUSE,
			                 "port %u inside is that of %s and of "
			                 "%s; give one of them another",
			                 spec->port, c->doors[i].text, value);
	k->doors = c->doors;
	k->ndoors++;
	return 0;
}

int set_host_port(struct cli *c, const struct option *o, const char *value,
                  struct error *err)
{
	(void)o;
	return add_door(c, DOOR_HOST_PORT, value, err);
}

int set_forward(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	(void)o;
	return add_door(c, DOOR_FORWARD, value, err);
}

int set_host_unix(struct cli *c, const struct option *o, const char *value,
                  struct error *err)
{
	(void)o;
	return add_door(c, DOOR_UNIX, value, err);
}

/* A rule that denies is meant, and is no less meant for a door. */
static int judge_door(const struct cli *c, const struct door_spec *d,
                      struct error *err)
{
	struct policy_question q = {
		.host = d->to, .proto = d->udp ? IP_PROTO_UDP : IP_PROTO_TCP};
	struct policy_answer a;

	policy_decide(c->policy, &q, &a);
	if ((a.action == POLICY_ALLOW || !a.rule) && d->host[0])
		policy_name_decide(c->policy, d->host, q.proto, q.host.port,
		                   &a);
	if (a.action == POLICY_ALLOW || !a.rule)
		return 0;
	return error_set(err, -EACCES,
	                 "%s contradicts \"%s\"; leave one of them out",
	                 d->text, policy_rule_text(c->policy, a.rule));
}

int cli_settle_doors(struct cli *c, struct error *err)
{
	struct sandbox_config *k = &c->config;

	if (k->ndoors && k->offline)
		return error_set(err, -EINVAL,
		                 "--offline denies everything, %s not; with "
		                 "--allow 127.0.0.1:%u in place of --offline "
		                 "the rest is denied",
		                 k->doors[0].text, k->doors[0].to.port);
	for (size_t i = 0; i < k->ndoors; i++) {
		struct door_spec *d = &k->doors[i];
		int rc = door_resolve(d, err);

		if (!rc && d->kind != DOOR_UNIX)
			rc = judge_door(c, d, err);
		if (rc)
			return rc;
	}
	return 0;
}
