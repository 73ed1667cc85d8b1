/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - the verbs that act on a running sandbox: allow, deny, wait, kill */
#include "base/cleanup.h"
#include "cli/rules.h"
#include "cli/sandboxes.h"
#include "control/text.h"
#include "launch/launch.h"

#include <errno.h>
#include <signal.h>
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
