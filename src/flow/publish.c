/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c - flows that clients of a published port open */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* other ports of the gateway that are tried for a client that is shown as it */
#define PORT_TRIES 16u

int publish_init(struct flow_table *ft)
{
	/* a mapping of zeros: untouched slots cost nothing */
	ft->publishes = calloc(FLOW_PUBLISH_MAX, sizeof(*ft->publishes));
	return ft->publishes ? 0 : -ENOMEM;
}

static void close_slot(struct flow_table *ft, uint32_t slot)
{
	ft->rooms.host->publish_close(ft->rooms.host_user, slot);
	ft->publishes[slot].is_used = false;
	ft->npublished--;
}

void publish_fini(struct flow_table *ft)
{
	for (uint32_t i = 0; ft->publishes && i < ft->publish_end; i++)
		if (ft->publishes[i].is_used)
			close_slot(ft, i);
	free(ft->publishes);
}

static bool is_publish(const struct flow_table *ft, uint32_t slot)
{
	return slot < ft->publish_end && ft->publishes[slot].is_used;
}

int flow_publish_add(struct flow_table *ft, const struct flow_publish *p,
                     int fd)
{
	uint32_t slot = 0;
	int rc;

	/* a slot that does not exist is refused there, and fd closed */
	do {
		while (slot < ft->publish_end && ft->publishes[slot].is_used)
			slot++;
		rc = ft->rooms.host->publish_open(ft->rooms.host_user, slot, p,
		                                  fd);
	} while (rc == -EBUSY && slot++ < FLOW_PUBLISH_MAX);
	if (rc < 0)
		return rc;
	ft->publishes[slot] = (struct publish){.p = *p, .is_used = true};
	ft->publish_end = MAX(ft->publish_end, slot + 1);
	ft->npublished++;
	return 0;
}

void flow_publish_remove(struct flow_table *ft, uint32_t id)
{
	for (uint32_t i = 0; i < ft->publish_end; i++)
		if (is_publish(ft, i) && ft->publishes[i].p.id == id)
			close_slot(ft, i);
}

size_t flow_publish_count(const struct flow_table *ft)
{
	return ft->npublished;
}

const struct flow_publish *flow_publish_next(const struct flow_table *ft,
                                             uint32_t *slot)
{
	while (*slot < ft->publish_end && !is_publish(ft, *slot))
		++*slot;
	if (*slot >= ft->publish_end)
		return NULL;
	return &ft->publishes[(*slot)++].p;
}

void flow_publish_set_listening(struct flow_table *ft, uint32_t slot,
                                enum flow_listening how)
{
	const struct flow_config *c = &ft->config;
	struct publish *p;
	bool on;

	if (!is_publish(ft, slot))
		return;
	p = &ft->publishes[slot];
	if (how == FLOW_LISTENS_OTHER_FAMILY &&
	    addr_is_unspecified(addr_is_ip4(&p->p.host.addr) ? &c->app6
	                                                     : &c->app4))
		how = FLOW_LISTENS_NOT; /* there is no such network inside */
	on = how != FLOW_LISTENS_NOT;
	p->other_family = how == FLOW_LISTENS_OTHER_FAMILY;
	if (p->is_listening == on ||
	    ft->rooms.host->publish_listen(ft->rooms.host_user, slot, on) < 0)
		return; /* a listen(2) that failed is tried again */
	p->is_listening = on;
}

/* --- who the app sees ----------------------------------------------------- */

/*
 * Addresses that no frame can come from: the app's kernel would drop it as a
 * martian, or answer to nobody. Its own and the resolver's are taken.
 */
static bool cannot_be_shown(const struct flow_config *c, const struct addr *a)
{
	const uint8_t *ip4;

	if (addr_equal(a, &c->app4) || addr_equal(a, &c->app6) ||
	    addr_equal(a, &c->resolver4.addr) ||
	    addr_equal(a, &c->resolver6.addr) || addr_is_unspecified(a))
		return true;
	if (!addr_is_ip4(a)) {
		static const struct addr loopback = {.b = {[15] = 1}};

		return addr_equal(a, &loopback) || a->b[0] == 0xff ||
		       (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80);
	}
	ip4 = addr_ip4_bytes(a);
	return ip4[0] == 0 || ip4[0] == 127 || ip4[0] >= 224 ||
	       (ip4[0] == 169 && ip4[1] == 254);
}

/* *by_gateway: any port will do, there is no true one */
static struct tuple tuple_of(const struct flow_table *ft, uint32_t slot,
                             const struct endpoint *client, bool *by_gateway)
{
	const struct flow_config *c = &ft->config;
	const struct publish *p = &ft->publishes[slot];
	bool ip4 = addr_is_ip4(&p->p.host.addr) != p->other_family;
	struct tuple t = {.app = {ip4 ? c->app4 : c->app6, p->p.app_port},
	                  .host = *client};

	*by_gateway = p->other_family || cannot_be_shown(c, &client->addr);
	if (*by_gateway)
		t.host.addr = ip4 ? c->gateway4.addr : c->gateway6.addr;
	return t;
}

/* --- TCP -------------------------------------------------------------------
 */

static int ask_frontend(struct flow_table *ft, struct flow *f, uint32_t slot,
                        bool any_port, int64_t now)
{
	const struct frontend_ops *ops = ft->rooms.frontend;
	struct flow_id id = flow_id_of(ft, f);
	struct tuple t = f->t;
	uint64_t ref = 0;
	int rc;

	for (unsigned int i = 0; i < PORT_TRIES; i++) {
		rc = ops->tcp_open(ft->rooms.frontend_user, id, slot, &t, &ref,
		                   now);
		if (rc != -EADDRINUSE || !any_port)
			break;
		t.host.port = (uint16_t)(1024 +
		                         random_u64(&ft->rooms.random) % 64512);
	}
	/* it may be answered already, and the flow gone */
	f = flow_get(ft, id);
	if (!f)
		return 0;
	f->t = t;
	if (!rc)
		f->app_ref = ref;
	return rc;
}

int flow_host_accepted(struct flow_table *ft, uint32_t slot, int fd,
                       const struct endpoint *client, int64_t now)
{
	const struct flow_publish *p;
	bool any_port;
	struct tuple t;
	struct flow *f;
	int rc;

	if (!is_publish(ft, slot) || !ft->rooms.frontend->tcp_open)
		return -ECONNREFUSED;
	if (ft->connecting >= ft->config.max_connecting)
		return -ENOBUFS;
	p = &ft->publishes[slot].p;
	t = tuple_of(ft, slot, client, &any_port);
	f = flow_new(ft, FLOW_TCP, &t, 0, now);
	if (!f)
		return -EMFILE;
	f->state = FLOW_CONNECTING;
	f->flags = FLOW_F_INWARD;
	f->way = p->id;
	ft->connecting++;
	ft->rooms.host->tcp_adopt(ft->rooms.host_user, &f->host, fd,
	                          addr_is_ip4(&p->host.addr) ? HOST_IP4
	                                                     : HOST_IP6);
	ft->stats.opened++;
	watch_inward(ft, f, p->id, client, now);
	rc = ask_frontend(ft, f, slot, any_port, now);
	if (rc < 0)
		flow_app_connected(ft, flow_id_of(ft, f), rc, now);
	return 0;
}

void flow_app_connected(struct flow_table *ft, struct flow_id id, int err,
                        int64_t now)
{
	struct flow *f = flow_get(ft, id);

	if (!f)
		return;
	if (f->kind != FLOW_TCP || !(f->flags & FLOW_F_INWARD) ||
	    f->state != FLOW_CONNECTING) {
		flow_impossible(ft, f, "app connected", now);
		return;
	}
	if (err < 0) {
		ft->stats.refused++;
		f->err = (int16_t)err;
		flow_end(ft, f, true);
		return;
	}
	ft->connecting--;
	f->state = FLOW_OPEN;
	err = ft->rooms.host->tcp_watch(ft->rooms.host_user, id, &f->host);
	if (err < 0) { /* the frontend is in the middle of its call */
		f->err = (int16_t)err;
		flow_pend(ft, f);
	}
}

/* --- UDP -------------------------------------------------------------------
 */

static struct flow *open_client(struct flow_table *ft, uint32_t slot,
                                const struct tuple *t, uint32_t hash,
                                const struct endpoint *client,
                                const struct addr *local, int64_t now)
{
	const struct publish *p = &ft->publishes[slot];
	struct flow *f;
	int rc;

	if (!p->is_used || !p->is_listening)
		return NULL;
	flow_make_room(ft);
	f = flow_new(ft, FLOW_UDP, t, 0, now);
	if (!f)
		return NULL;
	f->state = FLOW_OPEN;
	f->flags = FLOW_F_INWARD | FLOW_F_REPLIED;
	f->way = p->p.id;
	if (ft->rooms.frontend->udp_open)
		f->app_ref = ft->rooms.frontend->udp_open(
			ft->rooms.frontend_user, slot);
	flow_hash_insert(ft, f, hash);
	flow_list_move(ft, f, FLOW_LIST_SHORT, now);
	ft->stats.opened++;
	watch_inward(ft, f, p->p.id, client, now);
	rc = ft->rooms.host->udp_adopt(ft->rooms.host_user, &f->host, slot,
	                               client, local);
	if (rc < 0) {
		ft->stats.refused++;
		f->err = (int16_t)rc;
		flow_end(ft, f, false);
		return NULL;
	}
	return f;
}

/*
 * The flow of a client. Several may be shown as the gateway: the port of each
 * follows from its own, so that it is found again; and from its address, where
 * another has that port.
 */
static struct flow *client_flow(struct flow_table *ft, uint32_t slot,
                                const struct endpoint *client,
                                const struct addr *local, int64_t now)
{
	const struct host_ops *host = ft->rooms.host;
	bool any_port;
	struct tuple t = tuple_of(ft, slot, client, &any_port);
	uint32_t step = 1, hash;

	for (int i = 0; i < 16; i++)
		step = step * 31 + client->addr.b[i];
	for (unsigned int i = 0; i < (any_port ? PORT_TRIES : 1u); i++) {
		struct flow *f;

		t.host.port = (uint16_t)(client->port + i * (step | 1));
		if (!t.host.port)
			continue;
		f = flow_hash_find(ft, FLOW_UDP, &t, &hash);
		/* the app had spoken to it from another port of the host */
		if (f && !(f->flags & FLOW_F_INWARD)) {
			flow_end(ft, f, false);
			f = NULL;
		}
		if (!f)
			return open_client(ft, slot, &t, hash, client, local,
			                   now);
		if (host->udp_is_client(ft->rooms.host_user, &f->host, slot,
		                        client))
			return f;
	}
	return NULL;
}

void flow_host_client(struct flow_table *ft, uint32_t slot,
                      const struct endpoint *client, const struct addr *local,
                      const void *data, size_t len, size_t segment_len,
                      int64_t now)
{
	struct flow *f;

	if (slot >= ft->publish_end)
		return;
	f = client_flow(ft, slot, client, local, now);
	if (f)
		flow_host_datagram(ft, flow_id_of(ft, f), data, len,
		                   segment_len, now);
}
