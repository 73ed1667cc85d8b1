/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - the verbs that act on a running sandbox: allow, deny, wait, kill */
#include "base/cleanup.h"
#include "cli/rules.h"
#include "cli/sandboxes.h"
#include "control/text.h"
#include "launch/launch.h"
#include "launch/publish.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* --- allow, deny ---------------------------------------------------------- */

static void tell_change(void *user, struct json_object *o)
{
	int64_t ended = answer_number(o, "ended");
	char rule[400];

	(void)user;
	answer_text(o, "text", rule, sizeof(rule));
	if (ended)
		printf("%s; %lld flow%s ended\n", rule, (long long)ended,
		       ended == 1 ? "" : "s");
	else
		puts(rule);
}

/* A rule as policy spells it: "allow TARGET". */
static int send_rule(struct control_client *client, const char *rule,
                     struct error *err)
{
	const char *target = strchr(rule, ' ') + 1;
	char members[2 * POLICY_TARGET_TEXT_MAX];
	struct control_text t;

	control_text_init(&t, members, sizeof(members));
	control_text_member(&t, "target", target);
	return sandbox_ask(client,
	                   rule[0] == 'a' ? CONTROL_ALLOW : CONTROL_DENY,
	                   members, NULL, tell_change, NULL, err);
}

/*
 * All targets are understood before the first is sent. Named sets are read
 * here, by the user's own files.
 */
static int change(struct cli *c, enum policy_action action)
{
	struct policy *rules = c->policy;
	struct control_client client;
	struct error err = {0};
	int rc = 0;

	if (c->nwords < 2)
		rc = error_set(&err, -EINVAL, "write postern %s %s",
		               c->verb->name, c->verb->usage);
	for (size_t i = 1; i < c->nwords && !rc; i++)
		rc = rules_add(rules, action, c->words[i], &err);
	if (!rc)
		rc = sandbox_connect(c->words[0], &client, &err);
	if (rc < 0)
		return cli_fail(&err);
	for (uint32_t i = 1; i <= policy_rule_count(rules) && !rc; i++)
		rc = send_rule(&client, policy_rule_text(rules, i), &err);
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : 0;
}

int cli_live_allow(struct cli *c)
{
	return change(c, POLICY_ALLOW);
}

int cli_live_deny(struct cli *c)
{
	return change(c, POLICY_DENY);
}

/* --- publish, unpublish --------------------------------------------------- */

static void tell_published(void *user, struct json_object *o)
{
	struct json_object *list, *p;
	char host[80], proto[8];

	(void)user;
	if (!json_object_object_get_ex(o, "published", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		p = json_object_array_get_idx(list, i);
		printf("publish:%lld %s/%s -> %lld\n",
		       (long long)answer_number(p, "number"),
		       answer_text(p, "host", host, sizeof(host)),
		       answer_text(p, "proto", proto, sizeof(proto)),
		       (long long)answer_number(p, "port"));
	}
}

int cli_live_publish(struct cli *c)
{
	const struct sandbox_config *k = &c->config;
	struct control_client client;
	struct error err = {0};
	int rc;

	if (c->nwords != 1 || !k->npublish) {
		error_set(&err, -EINVAL, "write postern publish %s",
		          c->verb->usage);
		return cli_fail(&err);
	}
	rc = sandbox_connect(c->words[0], &client, &err);
	if (rc < 0)
		return cli_fail(&err);
	for (size_t i = 0; i < k->npublish && !rc; i++) {
		char port[PUBLISH_TEXT_MAX], members[PUBLISH_TEXT_MAX + 16];

		snprintf(members, sizeof(members), ",\"port\":\"%s\"",
		         publish_format(&k->publish[i], port));
		rc = sandbox_ask(&client, CONTROL_PUBLISH, members, NULL,
		                 tell_published, NULL, &err);
	}
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : 0;
}

int cli_live_unpublish(struct cli *c)
{
	struct control_client client;
	struct error err = {0};
	int rc = 0;

	if (c->nwords < 2)
		rc = error_set(&err, -EINVAL, "write postern unpublish %s",
		               c->verb->usage);
	if (!rc)
		rc = sandbox_connect(c->words[0], &client, &err);
	if (rc < 0)
		return cli_fail(&err);
	for (size_t i = 1; i < c->nwords && !rc; i++) {
		const char *word = c->words[i];
		char members[48];
		char *end;
		long n;

		/* as the log and info spell it, or the number alone */
		if (!strncmp(word, "publish:", 8))
			word += 8;
		n = strtol(word, &end, 10);
		if (end == word || *end || n < 1 || n > INT32_MAX) {
			rc = error_set(&err, -EINVAL,
			               "%s: not a number; postern info %s "
			               "tells them",
			               c->words[i], c->words[0]);
			break;
		}
		snprintf(members, sizeof(members), ",\"number\":%ld", n);
		rc = sandbox_ask(&client, CONTROL_UNPUBLISH, members, NULL,
		                 NULL, NULL, &err);
	}
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : 0;
}

/* --- wait, kill ----------------------------------------------------------- */

static void take_status(void *user, struct json_object *o)
{
	*(int *)user = (int)answer_number(o, "status");
}

int cli_wait(struct cli *c)
{
	struct control_client client;
	struct error err = {0};
	int status = EXIT_POSTERN, rc;

	if (!sandbox_connect_only(c, &client))
		return EXIT_POSTERN;
	rc = sandbox_ask(&client, CONTROL_WAIT, "", NULL, take_status, &status,
	                 &err);
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : status;
}

static int kill_one(const char *word, int sig, struct error *err)
{
	struct control_client client;
	char members[32];
	int rc = sandbox_connect(word, &client, err), pid;

	if (rc < 0)
		return rc;
	/* one whose CMD was stopped is stopped as a whole and hears nothing */
	pid = control_monitor_pid(&client);
	if ((sig == SIGCONT || sig == SIGKILL) && pid > 0)
		(void)kill(pid, SIGCONT);
	snprintf(members, sizeof(members), ",\"signal\":%d", sig);
	rc = sandbox_ask(&client, CONTROL_KILL, members, NULL, NULL, NULL, err);
	control_disconnect(&client);
	return rc;
}

int cli_kill(struct cli *c)
{
	struct error err = {0};
	int status = 0;

	if (!c->nwords) {
		error_set(&err, -EINVAL, "write postern kill %s",
		          c->verb->usage);
		return cli_fail(&err);
	}
	for (size_t i = 0; i < c->nwords; i++) {
		err = (struct error){0};
		if (kill_one(c->words[i], c->signal ? c->signal : SIGTERM,
		             &err) < 0)
			status = cli_fail(&err);
	}
	return status;
}
