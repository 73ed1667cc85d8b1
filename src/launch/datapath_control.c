/* SPDX-License-Identifier: Apache-2.0 */
/* datapath_control.c - what the monitor asks for, on behalf of clients */
#include "launch/datapath-private.h"

#include "control/text.h"
#include "flow/flow.h"
#include "policy/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* rules that may be added while it runs: each of them is memory */
#define LIVE_RULES_MAX 4096u
/* places of the flow table that are looked at for one piece */
#define LOOKS_A_PIECE 4096u
/* an object of a flow or a rule is shorter than this: two names, a program,
 * each byte escaped at worst */
#define OBJECT_MAX 6144u
/* an answer that the monitor cannot take now is sent again */
#define AGAIN_NS (5 * NS_PER_MS)

static void put_flow(struct datapath *dp, struct control_text *t,
                     const struct flow_info *f)
{
	char at[ENDPOINT_TEXT_MAX];

	control_text_put(t, "{\"proto\":\"%s\",\"state\":\"%s\"", f->proto,
	                 flow_state_name(f->state));
	control_text_member(t, "app", endpoint_format(&f->app, at));
	control_text_member(t, "host", endpoint_format(&f->host, at));
	control_text_member(t, "name", f->name);
	if (f->internal)
		control_text_put(t, ",\"internal\":true");
	if (f->has_bytes)
		control_text_put(t,
		                 ",\"bytes_app_host\":%" PRIu64
		                 ",\"bytes_host_app\":%" PRIu64,
		                 f->bytes_app_host, f->bytes_host_app);
	if (f->idle_ns >= 0)
		control_text_put(t, ",\"idle_ms\":%" PRId64,
		                 f->idle_ns / NS_PER_MS);
	if (f->has_tcp_info)
		control_text_put(t, ",\"rtt_us\":%u,\"retransmits\":%u",
		                 f->rtt_us, f->retransmits);
	if (f->who.pid)
		control_text_put(t, ",\"pid\":%u", f->who.pid);
	control_text_member(t, "program", f->who.name);
	if (f->publish)
		control_text_put(t, ",\"rule\":\"publish:%u\"", f->publish);
	if (f->door)
		control_text_put(t, ",\"rule\":\"door:%u\"", f->door);
	if (f->rule) {
		control_text_member(t, "rule",
		                    policy_rule_text(dp->policy, f->rule));
		control_text_member(t, "origin",
		                    policy_rule_origin(dp->policy, f->rule));
	}
	control_text_member(t, "reason", f->reason);
	control_text_put(t, "}\n");
}

static uint64_t put_flows(struct datapath *dp, struct control_text *t,
                          uint64_t cursor, int64_t now)
{
	size_t looks = LOOKS_A_PIECE;
	struct flow_info f;

	while (t->room - t->len > OBJECT_MAX &&
	       flow_list_next(dp->ft, &cursor, &looks, now, &f))
		put_flow(dp, t, &f);
	return cursor;
}

static uint64_t put_rules(struct datapath *dp, struct control_text *t,
                          uint64_t cursor)
{
	uint32_t count = policy_rule_count(dp->policy);

	while (t->room - t->len > OBJECT_MAX && cursor < count) {
		uint32_t rule = (uint32_t)++cursor;

		control_text_put(t, "{\"number\":%u", rule);
		control_text_member(t, "text",
		                    policy_rule_text(dp->policy, rule));
		control_text_member(t, "origin",
		                    policy_rule_origin(dp->policy, rule));
		control_text_put(t, "}\n");
	}
	return cursor < count ? cursor : 0;
}

static void put_stats(struct datapath *dp, struct control_text *t)
{
	const struct flow_stats *s = flow_stats(dp->ft);

	control_text_put(t,
	                 "\"tcp\":%zu,\"udp\":%zu,\"icmp\":%zu"
	                 ",\"opened\":%" PRIu64 ",\"refused\":%" PRIu64
	                 ",\"denied\":%" PRIu64 ",\"resets\":%" PRIu64
	                 ",\"expired\":%" PRIu64 ",\"evicted\":%" PRIu64
	                 ",\"impossible\":%" PRIu64
	                 ",\"bytes_app_host\":%" PRIu64
	                 ",\"bytes_host_app\":%" PRIu64
	                 ",\"rules\":%u,\"denies_rest\":%s",
	                 s->live_tcp, s->live_udp, s->live_echo, s->opened,
	                 s->refused, s->denied, s->resets, s->expired,
	                 s->evicted, s->impossible, s->bytes_app_host,
	                 s->bytes_host_app, policy_rule_count(dp->policy),
	                 policy_denies_rest(dp->policy) ? "true" : "false");
}

/* A rule of the user, from outside: by the grammar of all rules, and every
 * live flow is judged again. */
static int change_policy(struct datapath *dp, struct control_text *t,
                         const struct control_ask *ask, const char *target,
                         int64_t now, struct error *err)
{
	uint64_t ended = flow_stats(dp->ft)->resets;
	enum policy_action action =
		ask->verb == CONTROL_ALLOW ? POLICY_ALLOW : POLICY_DENY;
	char origin[32];
	uint32_t rule;
	int rc;

	if (dp->control.live_rules == LIVE_RULES_MAX)
		return error_set(err, -ENOSPC,
		                 "%u rules were added to this sandbox, which "
		                 "is all it takes",
		                 LIVE_RULES_MAX);
	snprintf(origin, sizeof(origin), "control:%u", ask->source);
	rc = policy_add_live(dp->policy, action, target, origin, err);
	if (rc < 0)
		return rc;
	dp->control.live_rules++;
	flow_rules_changed(dp->ft, now);
	rule = policy_rule_count(dp->policy);
	control_text_put(t, "\"number\":%u", rule);
	control_text_member(t, "text", policy_rule_text(dp->policy, rule));
	control_text_member(t, "origin", origin);
	control_text_put(t, ",\"ended\":%" PRIu64,
	                 flow_stats(dp->ft)->resets - ended);
	return 0;
}

/* The answer, or as much of it as one piece takes. */
static int answer(struct datapath *dp, struct control_text *t,
                  const struct control_ask *ask, const char *target,
                  int64_t now, struct control_piece *p)
{
	struct error err = {0};

	switch ((enum control_verb)ask->verb) {
	case CONTROL_FLOWS:
		p->next = put_flows(dp, t, ask->cursor, now);
		return 0;
	case CONTROL_RULES:
		p->next = put_rules(dp, t, ask->cursor);
		return 0;
	case CONTROL_STATS:
		put_stats(dp, t);
		return 0;
	case CONTROL_ALLOW:
	case CONTROL_DENY:
		p->code = change_policy(dp, t, ask, target, now, &err);
		if (p->code < 0)
			control_text_put(t, "%s", err.text);
		return 0;
	case CONTROL_INFO:
	case CONTROL_WAIT:
	case CONTROL_KILL:
	case CONTROL_PUBLISH:
	case CONTROL_UNPUBLISH:
	case CONTROL_EXEC:
		break;
	}
	return -EPROTO;
}

static void send_answer(struct datapath *dp, int64_t now)
{
	struct datapath_control *c = &dp->control;
	int rc = message_send(dp->monitor_fd, MSG_CONTROL_ANSWER, 0, c->out,
	                      c->out_len, -1);

	if (rc == -EAGAIN) {
		c->again_at = now + AGAIN_NS;
		return;
	}
	/* a monitor that is gone ends us by the end of the pair */
	c->again_at = TIME_NEVER;
	c->out_len = 0;
}

int datapath_control_take(struct datapath *dp, const struct message_head *head,
                          int64_t now)
{
	struct datapath_control *c = &dp->control;
	struct control_piece p = {0};
	struct control_text t;
	struct control_ask ask;
	size_t len = head->text_len;
	int rc;

	/* one at a time, and a target without NUL and not too long */
	if (c->out_len || len < sizeof(ask) ||
	    len - sizeof(ask) >= POLICY_TARGET_TEXT_MAX || !dp->ft)
		return -EPROTO;
	memcpy(&ask, dp->text, sizeof(ask));
	if (ask.verb >= CONTROL_VERBS)
		return -EPROTO;
	memcpy(c->target, dp->text + sizeof(ask), len - sizeof(ask));
	c->target[len - sizeof(ask)] = '\0';
	p.token = ask.token;
	control_text_init(&t, c->out + sizeof(p), CONTROL_PIECE_MAX);
	rc = answer(dp, &t, &ask, c->target, now, &p);
	if (rc < 0)
		return rc;
	memcpy(c->out, &p, sizeof(p));
	c->out_len = sizeof(p) + t.len;
	send_answer(dp, now);
	return 0;
}

void datapath_control_turn_end(struct datapath *dp, int64_t now)
{
	if (now >= dp->control.again_at)
		send_answer(dp, now);
}
