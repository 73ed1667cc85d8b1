/* SPDX-License-Identifier: Apache-2.0 */
/* inside.c - the sandbox's own ports: loopback, listeners, ephemeral ports */
#include "sockets/sockets-private.h"

#include "wire/headers.h"

#include <errno.h>
#include <string.h>

#define EPHEMERAL_FIRST 32768u
#define EPHEMERAL_COUNT 28232u

bool inside_is_own(const struct sockets *s, const struct addr *a)
{
	return addr_is_loopback(a) || addr_is_unspecified(a) ||
	       addr_equal(a, &s->config.app4) || addr_equal(a, &s->config.app6);
}

bool inside_is_resolver(const struct sockets *s, const struct endpoint *e)
{
	if (e->port != 53)
		return false;
	for (size_t i = 0; i < s->config.nresolver_aliases; i++)
		if (addr_equal(&e->addr, &s->config.resolver_aliases[i]))
			return true;
	return addr_equal(&e->addr, &s->config.resolver4) ||
	       addr_equal(&e->addr, &s->config.resolver6);
}

/* Doors have faces on loopback; what else is there is inside. */
static bool is_door(const struct sockets *s, uint8_t kind,
                    const struct endpoint *e)
{
	return s->ft &&
	       flow_door_at(s->ft,
	                    kind == SK_DGRAM ? IP_PROTO_UDP : IP_PROTO_TCP,
	                    e) != NULL;
}

bool inside_is_outward(const struct sockets *s, uint8_t kind,
                       const struct endpoint *e)
{
	return !inside_is_own(s, &e->addr) || inside_is_resolver(s, e) ||
	       is_door(s, kind, e);
}

/* Would a socket at `at` be in the place of a door's face? */
static bool is_before_door(const struct sockets *s, const struct sock *sk,
                           const struct endpoint *at)
{
	struct endpoint e = *at;

	if (is_door(s, sk->kind, &e))
		return true;
	if (!addr_is_unspecified(&at->addr))
		return false;
	e.addr = (struct addr){.b = {[15] = 1}};
	if (!addr_is_ip4(&at->addr) && is_door(s, sk->kind, &e))
		return true;
	e.addr = addr_ip4(127, 0, 0, 1);
	return (addr_is_ip4(&at->addr) || !(sk->flags & SK_F_V6ONLY)) &&
	       is_door(s, sk->kind, &e);
}

static uint32_t *port_head(struct sockets *s, const struct sock *sk,
                           uint16_t port)
{
	return &s->port_heads[(port ^ (sk->kind == SK_DGRAM ? 512u : 0u)) &
	                      (PORT_HEADS - 1)];
}

static void port_link(struct sockets *s, struct sock *sk)
{
	uint32_t *head = port_head(s, sk, sk->local.port);

	sk->port_prev = SK_NONE;
	sk->port_next = *head;
	if (*head != SK_NONE)
		s->socks[*head].port_prev = sk_index(s, sk);
	*head = sk_index(s, sk);
	sk->flags |= SK_F_BOUND;
}

void inside_unbind(struct sockets *s, struct sock *sk)
{
	if (!(sk->flags & SK_F_BOUND))
		return;
	if (sk->port_prev == SK_NONE)
		*port_head(s, sk, sk->local.port) = sk->port_next;
	else
		s->socks[sk->port_prev].port_next = sk->port_next;
	if (sk->port_next != SK_NONE)
		s->socks[sk->port_next].port_prev = sk->port_prev;
	sk->port_next = sk->port_prev = SK_NONE;
	sk->flags &= ~(uint32_t)(SK_F_BOUND | SK_F_BOUND_PORT);
}

/* Does a socket bound to `local` also take what is sent to `a`? */
static bool covers(const struct sock *sk, const struct addr *a)
{
	if (!addr_is_unspecified(&sk->local.addr))
		return addr_equal(&sk->local.addr, a);
	if (addr_is_ip4(&sk->local.addr)) /* 0.0.0.0 */
		return addr_is_ip4(a);
	return !addr_is_ip4(a) || !(sk->flags & SK_F_V6ONLY);
}

static bool overlap(const struct sock *sk, const struct addr *a,
                    const struct sock *other)
{
	struct sock probe = {.flags = sk->flags};

	probe.local.addr = *a;
	/* two wildcards of different versions meet unless one is v6 only */
	if (addr_is_unspecified(a) && addr_is_unspecified(&other->local.addr)) {
		if (addr_is_ip4(a) == addr_is_ip4(&other->local.addr))
			return true;
		return addr_is_ip4(a) ? !(other->flags & SK_F_V6ONLY)
		                      : !(sk->flags & SK_F_V6ONLY);
	}
	return covers(other, a) || covers(&probe, &other->local.addr);
}

static bool may_share(const struct sock *sk, const struct sock *other)
{
	uint32_t both = sk->flags & other->flags;

	if (both & SK_F_REUSEPORT)
		return true;
	if (!(both & SK_F_REUSEADDR))
		return false;
	return sk->kind == SK_DGRAM || other->state != SK_LISTEN;
}

/*
 * The app closes without telling us while we hold a duplicate. Not where it
 * was last seen: give the duplicate up; if that was the last one our end
 * hangs up at once.
 */
static bool is_gone(struct sockets *s, struct sock *sk)
{
	return sk->app_fd >= 0 && sk->state != SK_BACKLOG && !sk_is_seen(sk) &&
	       sk_give_up(s, sk);
}

static struct sock *conflict(struct sockets *s, const struct sock *sk,
                             const struct endpoint *at)
{
	uint32_t i = *port_head(s, sk, at->port);

	while (i != SK_NONE) {
		struct sock *other = &s->socks[i];

		i = other->port_next;
		if (other == sk || other->local.port != at->port ||
		    other->kind != sk->kind)
			continue;
		if (overlap(sk, &at->addr, other) && !may_share(sk, other) &&
		    !is_gone(s, other))
			return other;
	}
	return NULL;
}

static bool is_taken(struct sockets *s, const struct sock *sk, uint16_t port)
{
	uint32_t i = *port_head(s, sk, port);

	for (; i != SK_NONE; i = s->socks[i].port_next)
		if (s->socks[i].local.port == port &&
		    s->socks[i].kind == sk->kind)
			return true;
	return false;
}

static int draw_port(struct sockets *s, const struct sock *sk, uint16_t *port)
{
	uint32_t at = random_u32(&s->random) % EPHEMERAL_COUNT;

	for (uint32_t i = 0; i < EPHEMERAL_COUNT; i++) {
		uint16_t p = (uint16_t)(EPHEMERAL_FIRST +
		                        (at + i) % EPHEMERAL_COUNT);

		if (!is_taken(s, sk, p) &&
		    !is_before_door(s, sk, &(struct endpoint){.port = p})) {
			*port = p;
			return 0;
		}
	}
	return -EADDRINUSE;
}

int inside_bind(struct sockets *s, struct sock *sk, const struct endpoint *at)
{
	struct endpoint e = *at;
	bool asked = e.port != 0;
	int rc;

	if (!inside_is_own(s, &e.addr))
		return -EADDRNOTAVAIL;
	if (!asked) {
		rc = draw_port(s, sk, &e.port);
		if (rc < 0)
			return rc;
	} else if (is_before_door(s, sk, &e) || conflict(s, sk, &e)) {
		return -EADDRINUSE;
	}
	sk->local = e;
	port_link(s, sk);
	if (asked)
		sk->flags |= SK_F_BOUND_PORT;
	return 0;
}

int inside_may_listen(struct sockets *s, struct sock *sk)
{
	uint32_t i = *port_head(s, sk, sk->local.port);

	while (i != SK_NONE) {
		struct sock *other = &s->socks[i];

		i = other->port_next;
		if (other != sk && other->kind == SK_STREAM &&
		    other->state == SK_LISTEN &&
		    other->local.port == sk->local.port &&
		    overlap(sk, &sk->local.addr, other) &&
		    !(sk->flags & other->flags & SK_F_REUSEPORT) &&
		    !is_gone(s, other))
			return -EADDRINUSE;
	}
	return 0;
}

struct sock *inside_find(struct sockets *s, enum sk_kind kind,
                         const struct endpoint *to, const struct endpoint *from)
{
	struct sock key = {.kind = (uint8_t)kind};
	uint32_t i = *port_head(s, &key, to->port);
	struct sock *best = NULL;
	int best_score = -1;
	uint32_t equals = 0;

	while (i != SK_NONE) {
		struct sock *sk = &s->socks[i];
		int score = 0;

		i = sk->port_next;
		if (sk->kind != kind || sk->local.port != to->port ||
		    !covers(sk, &to->addr))
			continue;
		if (kind == SK_STREAM && sk->state != SK_LISTEN)
			continue;
		if (kind == SK_DGRAM && sk->flags & SK_F_CONNECTED) {
			if (!endpoint_equal(&sk->peer, from))
				continue;
			score += 4;
		}
		score += !addr_is_unspecified(&sk->local.addr) ? 2 : 0;
		score += addr_is_ip4(&sk->local.addr) == addr_is_ip4(&to->addr);
		if (score < best_score || is_gone(s, sk))
			continue;
		equals = score == best_score ? equals + 1 : 1;
		/* SO_REUSEPORT: each of the equals has the same chance */
		if (equals == 1 || random_u32(&s->random) % equals == 0)
			best = sk;
		best_score = score;
	}
	return best;
}

struct addr inside_source(const struct sockets *s, const struct sock *sk,
                          const struct endpoint *to)
{
	if (sk->flags & SK_F_BOUND && !addr_is_unspecified(&sk->local.addr))
		return sk->local.addr;
	if (inside_is_own(s, &to->addr))
		return to->addr;
	return addr_is_ip4(&to->addr) ? s->config.app4 : s->config.app6;
}

int inside_autobind(struct sockets *s, struct sock *sk,
                    const struct endpoint *to)
{
	struct endpoint at = {.port = 0};

	if (sk->flags & SK_F_BOUND)
		return 0;
	(void)to;
	if (sk->family == AF_INET)
		at.addr = addr_ip4(0, 0, 0, 0);
	return inside_bind(s, sk, &at);
}
