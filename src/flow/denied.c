/* SPDX-License-Identifier: Apache-2.0 */
/* denied.c - a line for people on each new denial, bounded in every way */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *proto_name(uint8_t proto)
{
	if (proto == IP_PROTO_TCP)
		return "tcp";
	return proto == IP_PROTO_UDP ? "udp" : "icmp";
}

static void say(struct flow_table *ft, const char *line)
{
	if (ft->rooms.denied)
		ft->rooms.denied(ft->rooms.denied_user, line);
}

static void say_unsaid(struct flow_table *ft)
{
	char line[64];

	if (!ft->denied.unsaid)
		return;
	snprintf(line, sizeof(line), "... and %" PRIu64 " more denied",
	         ft->denied.unsaid);
	ft->denied.unsaid = 0;
	say(ft, line);
}

/*
 * Was this one told already? Places are in pairs, since one denial has two
 * keys that may meet (is_news_of()); three that share a pair push each other
 * out and may be told again, within the limit of rate.
 */
static bool is_news(struct flow_table *ft, const void *key, size_t len)
{
	uint64_t h = siphash(&ft->key, key, len) | 1, *pair;

	pair = &ft->denied.seen[(h >> 1) % (DENIED_SLOTS / 2) * 2];
	if (pair[0] == h || pair[1] == h)
		return false;
	pair[1] = pair[0];
	pair[0] = h;
	return true;
}

/*
 * The same, once a program: key has len bytes and room for a name. What no
 * program is known of is news where it was told of none.
 */
static bool is_news_of(struct flow_table *ft, char *key, size_t len,
                       const struct frontend_who *who)
{
	size_t name = who ? strnlen(who->name, sizeof(who->name)) : 0;
	bool news;

	if (!name)
		return is_news(ft, key, len);
	memcpy(key + len, who->name, name);
	news = is_news(ft, key, len + name);
	if (news)
		(void)is_news(ft, key, len);
	return news;
}

/* May one more line go out now? */
static bool may_say(struct flow_table *ft, int64_t now)
{
	uint32_t suppressed;

	if (!log_limit_pass(&ft->denied.limit, DENIED_BURST, now,
	                    &suppressed)) {
		ft->denied.unsaid++;
		return false;
	}
	say_unsaid(ft);
	return true;
}

static const char *reason_of(const struct policy_answer *a)
{
	return a->reason ? a->reason : "policy";
}

/* A rule that denies wins over any that allows: then there is no remedy, nor
 * where it is NULL. */
static void say_denied(struct flow_table *ft, const char *what,
                       const char *reason, const struct policy_answer *a,
                       const struct frontend_who *who, const char *remedy)
{
	/* not even a rule would help while the own addresses are unknown */
	bool hopeless = a->rule || ft->closed || !remedy;
	char line[1024], by[64] = "";

	if (who && (who->pid || who->tid))
		snprintf(by, sizeof(by), " by %s[%u]", who->name,
		         who->pid ? who->pid : who->tid);
	snprintf(line, sizeof(line), "denied %s (%s)%s%s%s", what, reason, by,
	         hopeless ? "" : "; allow with ", hopeless ? "" : remedy);
	say(ft, line);
}

/* No host socket of ours gets there, whatever the rules: broadcast needs
 * SO_BROADCAST, and multicast on one link an interface to name. */
static bool is_never_reached(const struct addr *a)
{
	static const struct addr broadcast = {
		.b = {[10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	return addr_equal(a, &broadcast) ||
	       (!addr_is_ip4(a) && a->b[0] == 0xff && (a->b[1] & 0xf) <= 2);
}

void denied_tell(struct flow_table *ft, const struct policy_question *q,
                 const struct policy_answer *a, const struct frontend_who *who,
                 bool hopeless, int64_t now)
{
	bool has_port = q->proto == IP_PROTO_TCP || q->proto == IP_PROTO_UDP;
	char what[POLICY_NAME_MAX + 16], reason[400], remedy[400];
	char addr[ADDR_TEXT_MAX];
	char key[POLICY_NAME_MAX + 4 + sizeof(who->name)];
	size_t len = 16;

	/* once a name, not once for each of its addresses */
	if (a->name && !a->guarded && a->cls == POLICY_CLASS_OPEN) {
		len = strnlen(a->name, POLICY_NAME_MAX);
		memcpy(key, a->name, len);
	} else {
		memcpy(key, q->host.addr.b, len);
	}
	memcpy(key + len, &q->host.port, 2);
	key[len + 2] = (char)q->proto;
	if (!is_news_of(ft, key, len + 3, who) || !may_say(ft, now))
		return;
	addr_format(&q->host.addr, addr);
	if (a->name && has_port)
		snprintf(what, sizeof(what), "%s:%u/%s", a->name,
		         (unsigned int)q->host.port, proto_name(q->proto));
	else if (a->name)
		snprintf(what, sizeof(what), "%s/icmp", a->name);
	else if (has_port)
		snprintf(
			what, sizeof(what), "%s/%s",
			endpoint_format(&q->host, (char[ENDPOINT_TEXT_MAX]){0}),
			proto_name(q->proto));
	else
		snprintf(what, sizeof(what), "%s/icmp", addr);
	/* by the name alone nobody would see why */
	if (a->name && (a->guarded || a->cls != POLICY_CLASS_OPEN))
		snprintf(reason, sizeof(reason), "%s: %s", addr, reason_of(a));
	else
		snprintf(reason, sizeof(reason), "%s", reason_of(a));
	say_denied(ft, what, reason, a, who,
	           hopeless || is_never_reached(&q->host.addr)
	                   ? NULL
	                   : policy_remedy_for(q, a, remedy, sizeof(remedy)));
}

void denied_tell_fronting(struct flow_table *ft,
                          const struct policy_question *q,
                          const struct policy_answer *a,
                          const struct frontend_who *who, const char *opened_by,
                          int64_t now)
{
	const char *name = a->name ? a->name : opened_by;
	char what[POLICY_NAME_MAX + 16], reason[400], remedy[400];

	if (!name)
		name = "?";
	snprintf(what, sizeof(what), "%s:%u/tcp", name,
	         (unsigned int)q->host.port);
	if (!is_news(ft, what, strlen(what)) || !may_say(ft, now))
		return;
	if (a->name && opened_by && strcmp(a->name, opened_by) != 0)
		snprintf(reason, sizeof(reason), "%s, %s", reason_of(a),
		         opened_by);
	else
		snprintf(reason, sizeof(reason), "%s", reason_of(a));
	if (a->name)
		snprintf(remedy, sizeof(remedy), "--allow %s:%u", name,
		         (unsigned int)q->host.port);
	else
		snprintf(remedy, sizeof(remedy), "--tls-names=off");
	say_denied(ft, what, reason, a, who, remedy);
}

void flow_tell_denied_path(struct flow_table *ft, const char *path,
                           const struct frontend_who *who, int64_t now)
{
	static const struct policy_answer none = {0};
	char key[512 + sizeof(who->name)], what[400], remedy[400];
	/* of a longer one the end tells which it is */
	size_t len = strlen(path), skip = len > 380 ? len - 380 : 0;

	snprintf(what, sizeof(what), "unix:%s", path + skip);
	snprintf(key, 512, "%s", what);
	if (!is_news_of(ft, key, strlen(key), who) || !may_say(ft, now))
		return;
	snprintf(remedy, sizeof(remedy), "--allow-unix %s", path + skip);
	say_denied(ft, what, "a path socket of the host", &none, who, remedy);
}

void denied_tell_name(struct flow_table *ft, const char *name,
                      const struct addr *addr, const struct policy_answer *a,
                      const struct frontend_who *who, int64_t now)
{
	char key[POLICY_NAME_MAX + 17 + sizeof(who->name)], reason[400];
	char remedy[POLICY_NAME_MAX + 16], text[ADDR_TEXT_MAX];
	size_t len = strnlen(name, POLICY_NAME_MAX);

	memcpy(key, name, len);
	key[len++] = '\0'; /* no name goes on as a program's */
	if (addr)
		memcpy(key + len, addr->b, sizeof(addr->b));
	len += addr ? sizeof(addr->b) : 0;
	if (!is_news_of(ft, key, len, who) || !may_say(ft, now))
		return;
	if (addr) {
		addr_format(addr, text);
		snprintf(reason, sizeof(reason), "%s: %s", text, reason_of(a));
		snprintf(remedy, sizeof(remedy), "--allow %s", text);
	} else {
		snprintf(reason, sizeof(reason), "%s", reason_of(a));
		snprintf(remedy, sizeof(remedy), "--allow %s", name);
	}
	say_denied(ft, name, reason, a, who, remedy);
}

int64_t denied_deadline(const struct flow_table *ft)
{
	if (!ft->denied.unsaid)
		return TIME_NEVER;
	return ft->denied.limit.window_start_ns + NS_PER_S;
}

void denied_run(struct flow_table *ft, int64_t now, bool last)
{
	if (last || now >= denied_deadline(ft))
		say_unsaid(ft);
}

void flow_say_rest(struct flow_table *ft, int64_t now)
{
	denied_run(ft, now, true);
}
