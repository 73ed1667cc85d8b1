/* SPDX-License-Identifier: Apache-2.0 */
/* inward.c - clients of published ports: into a listener's queue, to UDP */
/*
 * A client that the host's kernel let in becomes a socket in the queue of the
 * listener, with a pair of its own whose other end is relayed once accept()
 * has handed it out. Until then its bytes wait in the host's socket. The
 * listener's backlog does not bound the queue: the client's kernel was told
 * already that it is connected, and a server that is slow for a moment would
 * have found it in the host's backlog.
 */
#include "sockets/sockets-private.h"

#include "wire/headers.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define INWARD_QUEUE_MAX 4096u
#define LOOK_EVERY_NS (250 * NS_PER_MS)

/* *to is where it was found: loopback alone will do as well, of its family
 * first */
static struct sock *find(struct sockets *s, enum sk_kind kind,
                         struct endpoint *to, const struct endpoint *from)
{
	static const struct addr one = {{[15] = 1}};
	struct endpoint loopback[2] = {{addr_ip4(127, 0, 0, 1), to->port},
	                               {one, to->port}};
	struct sock *sk = inside_find(s, kind, to, from);
	bool ip4 = addr_is_ip4(&to->addr);

	/* a datagram socket could not answer a peer of the other family */
	for (int i = 0; i < (kind == SK_STREAM ? 2 : 1) && !sk; i++) {
		sk = inside_find(s, kind, &loopback[ip4 ? i : !i], from);
		if (sk)
			*to = loopback[ip4 ? i : !i];
	}
	return sk;
}

/* The app's own address of the published socket's family, or the other. */
static struct endpoint at_app(const struct sockets *s,
                              const struct flow_publish *p, bool other)
{
	bool ip4 = addr_is_ip4(&p->host.addr) != other;

	return (struct endpoint){ip4 ? s->config.app4 : s->config.app6,
	                         p->app_port};
}

/* As link has it: an address that all reach goes before loopback. */
static enum flow_listening how_it_listens(struct sockets *s,
                                          const struct flow_publish *p)
{
	const struct endpoint nobody = {.port = 1};
	enum sk_kind kind = p->proto == IP_PROTO_TCP ? SK_STREAM : SK_DGRAM;
	struct endpoint to = at_app(s, p, false), other = at_app(s, p, true);

	if (inside_find(s, kind, &to, &nobody))
		return FLOW_LISTENS;
	if (inside_find(s, kind, &other, &nobody))
		return FLOW_LISTENS_OTHER_FAMILY;
	return find(s, kind, &to, &nobody) ? FLOW_LISTENS : FLOW_LISTENS_NOT;
}

/* --- TCP ------------------------------------------------------------------ */

/* What a listener of loopback alone is told of its peers; as by `link`. */
static struct endpoint peer_of(const struct endpoint *to,
                               const struct endpoint *client)
{
	if (!addr_is_loopback(&to->addr))
		return *client;
	return (struct endpoint){to->addr, client->port};
}

int inward_open(void *user, struct flow_id id, uint32_t slot,
                const struct tuple *t, uint64_t *app_ref, int64_t now)
{
	struct sockets *s = user;
	struct endpoint to = t->app;
	struct sock *listener = find(s, SK_STREAM, &to, &t->host), *sk;

	(void)slot; /* t.app says it all */
	if (!listener || listener->queue_len >= INWARD_QUEUE_MAX)
		return -ECONNREFUSED;
	sk = sk_new(s, SK_STREAM, listener->family);
	if (!sk)
		return -ENOBUFS;
	if (pair_open(SK_STREAM, true, &sk->app_fd, &sk->our_fd) < 0) {
		sk_free(s, sk);
		return -ENOBUFS;
	}
	s->nheld_ends++;
	sk->state = SK_BACKLOG;
	sk->flags |= listener->flags & SK_F_V6ONLY;
	sk->local = to;
	sk->peer = peer_of(&to, &t->host);
	sk->listener = sk_index(s, listener);
	sk->listener_gen = listener->gen;
	sk->opt_set = listener->opt_set;
	memcpy(sk->opt, listener->opt, sizeof(sk->opt));
	sk->flow = id;
	*app_ref = sk_ref(s, sk);
	flow_app_connected(s->ft, id, 0, now);
	listener_enqueue(s, listener, sk, now);
	sk_wake(s, listener, now); /* no call is in hand that it waits for */
	return 0;
}

bool inward_is(const struct sock *sk)
{
	return sk->state == SK_BACKLOG && sk->our_fd >= 0;
}

void inward_reset(struct sock *sk)
{
	sk->flow.gen = 0;
}

void inward_accepted(struct sockets *s, struct sock *sk, int64_t now)
{
	sk->state = SK_RELAY;
	if (sk->flow.gen) {
		relay_start(s, sk, true, now);
		return;
	}
	/* reset while it waited: the byte makes it one for the app, too */
	pair_drain(s, sk, 1);
	relay_reset(s, sk, -ECONNRESET, now);
}

/* --- UDP ------------------------------------------------------------------ */

struct sock *inward_datagram(struct sockets *s, const struct tuple *t)
{
	struct endpoint to = t->app;

	return find(s, SK_DGRAM, &to, &t->host);
}

/* --- which ports are open --------------------------------------------------
 */

int64_t inward_deadline(const struct sockets *s)
{
	if (!s->ft || (!flow_publish_count(s->ft) && !flow_is_following(s->ft)))
		return TIME_NEVER;
	/* one that has just been published need not wait */
	return flow_publish_count(s->ft) == s->ninward ? s->inward_at : 0;
}

void inward_changed(struct sockets *s)
{
	s->inward_at = 0;
}

static void follow(struct sockets *s)
{
	const struct endpoint nobody = {.port = 1};

	if (!flow_is_following(s->ft))
		return;
	flow_follow_begin(s->ft);
	for (uint32_t i = 0; i < s->fresh; i++) {
		const struct sock *sk = &s->socks[i];
		struct endpoint to = {s->config.app4, sk->local.port};
		bool listens = sk->state == SK_LISTEN &&
		               sk->kind == SK_STREAM &&
		               !addr_is_loopback(&sk->local.addr);

		if (listens && !inside_find(s, SK_STREAM, &to, &nobody)) {
			to.addr = s->config.app6;
			listens = inside_find(s, SK_STREAM, &to, &nobody);
		}
		if (listens)
			flow_follow_found(s->ft, to.port);
	}
	flow_follow_end(s->ft);
}

/* A process that ends closes its listeners without telling us. */
void inward_run(struct sockets *s, int64_t now)
{
	const struct flow_publish *p;
	uint32_t at = 0;

	if (now < inward_deadline(s))
		return;
	s->inward_at = now + LOOK_EVERY_NS;
	s->ninward = flow_publish_count(s->ft);
	follow(s);
	while ((p = flow_publish_next(s->ft, &at)))
		flow_publish_set_listening(s->ft, at - 1, how_it_listens(s, p));
}
