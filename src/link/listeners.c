/* SPDX-License-Identifier: Apache-2.0 */
/* listeners.c - for which published ports does the app listen now? */
#include "link/listeners.h"

#include "link/sock_diag.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int link_listeners_init(struct link_listeners *l)
{
	l->diag = -1;
	l->seen = calloc(FLOW_PUBLISH_MAX, sizeof(*l->seen));
	return l->seen ? 0 : -ENOMEM;
}

void link_listeners_fini(struct link_listeners *l)
{
	free(l->seen);
}

int64_t link_listeners_deadline(const struct link_listeners *l)
{
	if (!l->ft || (!flow_publish_count(l->ft) && !flow_is_following(l->ft)))
		return TIME_NEVER;
	/* one that has just been published need not wait */
	return flow_publish_count(l->ft) == l->count ? l->at : 0;
}

/* Would a client of this family get there from outside? */
static bool takes(const struct link_listeners *l,
                  const struct sock_diag_listener *found, bool ip4)
{
	const struct addr *at = &found->at.addr;

	if (!addr_is_ip4(at) && addr_is_unspecified(at))
		return !ip4 || found->dual;
	if (addr_is_ip4(at) != ip4)
		return false;
	return addr_is_unspecified(at) ||
	       addr_equal(at, ip4 ? &l->app4 : &l->app6);
}

struct search {
	struct link_listeners *l;
	uint8_t proto;
};

static void on_found(void *user, const struct sock_diag_listener *found)
{
	const struct search *s = user;
	bool loopback = addr_is_loopback(&found->at.addr);
	const struct flow_publish *p;
	uint32_t at = 0;

	if (s->proto == IP_PROTO_TCP && !loopback)
		flow_follow_found(s->l->ft, found->at.port);
	while ((p = flow_publish_next(s->l->ft, &at))) {
		struct link_listener_seen *seen = &s->l->seen[at - 1];
		bool ip4 = addr_is_ip4(&p->host.addr);

		if (p->proto != s->proto || p->app_port != found->at.port)
			continue;
		seen->outside |= takes(s->l, found, ip4);
		seen->other_outside |= takes(s->l, found, !ip4);
		if (loopback &&
		    (!seen->inside || addr_is_ip4(&found->at.addr) == ip4)) {
			seen->inside = true;
			seen->at = found->at;
		}
	}
}

static int look(struct link_listeners *l)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP};

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		struct search s = {l, protos[i]};
		int rc = sock_diag_listeners(l->diag, protos[i], on_found, &s);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* An address that all reach goes before one that only loopback does. */
static enum flow_listening how_it_listens(const struct link_listener_seen *seen)
{
	if (seen->outside || (seen->inside && !seen->other_outside))
		return FLOW_LISTENS;
	return seen->other_outside ? FLOW_LISTENS_OTHER_FAMILY
	                           : FLOW_LISTENS_NOT;
}

void link_listeners_run(struct link_listeners *l, int64_t now)
{
	const struct flow_publish *p;
	uint32_t at = 0;
	int rc = 0;

	if (now < link_listeners_deadline(l))
		return;
	l->at = now + LISTENERS_EVERY_NS;
	l->count = flow_publish_count(l->ft);
	while (flow_publish_next(l->ft, &at))
		l->seen[at - 1] =
			(struct link_listener_seen){.outside = l->diag < 0};
	flow_follow_begin(l->ft);
	if (l->diag >= 0)
		rc = look(l);
	if (!rc)
		flow_follow_end(l->ft);
	l->has_inside_udp[0] = l->has_inside_udp[1] = false;
	at = 0;
	/* a list that was cut short says nothing of what is missing */
	while ((p = flow_publish_next(l->ft, &at))) {
		enum flow_listening how = how_it_listens(&l->seen[at - 1]);

		if (p->proto == IP_PROTO_UDP &&
		    link_listeners_inside(l, at - 1))
			l->has_inside_udp[addr_is_ip4(&p->host.addr)] = true;
		if (how != FLOW_LISTENS_NOT || !rc)
			flow_publish_set_listening(l->ft, at - 1, how);
	}
}

const struct endpoint *link_listeners_inside(const struct link_listeners *l,
                                             uint32_t slot)
{
	const struct link_listener_seen *seen;

	if (slot >= FLOW_PUBLISH_MAX)
		return NULL;
	seen = &l->seen[slot];
	return seen->inside && !seen->outside && !seen->other_outside
	               ? &seen->at
	               : NULL;
}
