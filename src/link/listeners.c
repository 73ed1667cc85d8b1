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
	l->seen = calloc(FLOW_PUBLISH_MAX, 1);
	return l->seen ? 0 : -ENOMEM;
}

void link_listeners_fini(struct link_listeners *l)
{
	free(l->seen);
}

int64_t link_listeners_deadline(const struct link_listeners *l)
{
	return l->ft && flow_publish_count(l->ft) ? l->at : TIME_NEVER;
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
	const struct flow_publish *p;
	uint32_t at = 0;

	while ((p = flow_publish_next(s->l->ft, &at)))
		if (p->proto == s->proto && p->app_port == found->at.port &&
		    takes(s->l, found, addr_is_ip4(&p->host.addr)))
			s->l->seen[at - 1] = 1;
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

void link_listeners_run(struct link_listeners *l, int64_t now)
{
	uint32_t at = 0;
	int rc = 0;

	if (now < link_listeners_deadline(l))
		return;
	l->at = now + LISTENERS_EVERY_NS;
	/* a list that was cut short says nothing of what is missing */
	memset(l->seen, l->diag < 0, FLOW_PUBLISH_MAX);
	if (l->diag >= 0)
		rc = look(l);
	while (flow_publish_next(l->ft, &at))
		if (l->seen[at - 1] || !rc)
			flow_publish_set_listening(l->ft, at - 1,
			                           l->seen[at - 1]);
}
