/* SPDX-License-Identifier: Apache-2.0 */
/* icmp.c - errors to the app, echo, and what both ICMP versions share */
#include "stack/lower-private.h"

#include "wire/checksum.h"
#include "wire/icmp_errno.h"

#include <errno.h>
#include <string.h>

#define ERROR_COST_NS (NS_PER_S / 1000) /* 1000 a second, as many at once */

/* The packet that an error is about is quoted up to these IP lengths. */
#define ERROR_MAX4 576  /* RFC 1812 4.3.2.3 */
#define ERROR_MAX6 1280 /* RFC 4443 2.4 (c) */

static bool error_allowed(struct stack *st, int64_t now)
{
	int64_t gained = now - st->icmp_last_ns;

	if (gained > 0)
		st->icmp_credit_ns = MIN(
			NS_PER_S, st->icmp_credit_ns + MIN(gained, NS_PER_S));
	st->icmp_last_ns = now;
	if (st->icmp_credit_ns < ERROR_COST_NS) {
		st->common.stats.icmp_limited++;
		return false;
	}
	st->icmp_credit_ns -= ERROR_COST_NS;
	return true;
}

/* ICMPv6 sums a pseudo-header, ICMPv4 does not. */
static void icmp_send(struct stack *st, const struct addr *src,
                      const struct addr *dst, size_t len)
{
	struct ip_out o = {.src = *src, .dst = *dst};
	uint8_t *l4 = ip_out_l4(st);
	struct icmp_hdr *h = (struct icmp_hdr *)(void *)l4;
	uint32_t sum = 0;

	o.proto = addr_is_ip4(dst) ? IP_PROTO_ICMP : IP_PROTO_ICMP6;
	if (o.proto == IP_PROTO_ICMP6)
		sum = csum_pseudo(src, dst, IP_PROTO_ICMP6, (uint32_t)len);
	h->csum.raw = 0;
	h->csum.raw = csum_fold(csum_add(sum, l4, len));
	ip_out_send(st, &o, len);
}

static void error_send(struct stack *st, const struct addr *from,
                       const struct addr *to, uint8_t type, uint8_t code,
                       uint32_t word, struct view quoted, int64_t now)
{
	const bool is_ip4 = addr_is_ip4(to);
	const struct icmp_hdr h = {
		.type = type, .code = code, .word = be32_of(word)};
	size_t room = is_ip4 ? ERROR_MAX4 - sizeof(struct ip4_hdr) - sizeof(h)
	                     : ERROR_MAX6 - sizeof(struct ip6_hdr_) - sizeof(h);
	size_t n = MIN(room, quoted.len);
	uint8_t *l4 = ip_out_l4(st);

	if (!error_allowed(st, now))
		return;
	memcpy(l4, &h, sizeof(h));
	memcpy(l4 + sizeof(h), quoted.data, n);
	icmp_send(st, from, to, sizeof(h) + n);
}

static bool is_error(bool is_ip4, uint8_t type)
{
	if (!is_ip4)
		return type < ICMP6_INFORMATIONAL;
	return type == ICMP4_UNREACHABLE || type == ICMP4_SOURCE_QUENCH ||
	       type == ICMP4_REDIRECT || type == ICMP4_TIME_EXCEEDED ||
	       type == ICMP4_PARAMETER;
}

/* RFC 1122 3.2.2 and RFC 4443 2.4 (e): about what no error may be sent. */
static bool may_be_answered(const struct packet *p, uint8_t type, uint8_t code)
{
	bool is_icmp = p->proto == (p->is_ip4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6);

	if (addr_is_unspecified(&p->src))
		return false;
	if (is_icmp && (!p->l4.len || is_error(p->is_ip4, p->l4.data[0])))
		return false;
	if (!p->is_group && !p->is_link_group)
		return true;
	return !p->is_ip4 && type == ICMP6_PARAMETER &&
	       code == ICMP6_PARAM_OPTION;
}

static const struct addr *gateway(const struct stack *st, bool is_ip4)
{
	return is_ip4 ? &st->common.config.gateway4
	              : &st->common.config.gateway6;
}

void icmp_error(struct stack *st, const struct packet *p,
                const struct addr *from, uint8_t type, uint8_t code,
                uint32_t word, int64_t now)
{
	if (!may_be_answered(p, type, code))
		return;
	if (p->is_ip4 && p->vnet) {
		struct view v = p->whole;
		const struct ip4_hdr *h = VIEW_TAKE(&v, struct ip4_hdr);

		if (h && be16_get(h->frag) & IP4_OFFSET_MASK)
			return;
	}
	error_send(st, from ? from : gateway(st, p->is_ip4), &p->src, type,
	           code, word, p->whole, now);
}

/*
 * "Too big" wants a size: the host's path is not told to us, so the next
 * smaller of the usual ones below what the app was using.
 */
static uint32_t smaller_mtu(const struct stack *st)
{
	return st->common.config.mtu > 1500 ? 1500 : 1280;
}

void icmp_error_errno(struct stack *st, const struct packet *p, int err,
                      int64_t now)
{
	const struct icmp_errno *row = icmp_errno_find(err);
	/* a refusal comes from the one who refused */
	const struct addr *from =
		row->answer == ICMP_ANSWER_REFUSE && !p->is_group ? &p->dst
								  : NULL;
	uint32_t word = err == -EMSGSIZE ? smaller_mtu(st) : 0;

	if (row->answer == ICMP_ANSWER_SILENCE)
		return;
	icmp_error(st, p, from, p->is_ip4 ? row->type4 : row->type6,
	           p->is_ip4 ? row->code4 : row->code6, word, now);
}

/* The head of the packet that t's app sent, as far as anyone looks at it. */
static size_t head_rebuild(const struct tuple *t, uint8_t proto, size_t l4_len,
                           uint8_t *out)
{
	if (addr_is_ip4(&t->app.addr)) {
		struct ip4_hdr h = {
			.version_ihl = 0x45,
			.total_len = be16_of((uint16_t)(sizeof(h) + l4_len)),
			.frag = be16_of(IP4_DF),
			.ttl = 64,
			.proto = proto,
		};

		memcpy(h.src, addr_ip4_bytes(&t->app.addr), 4);
		memcpy(h.dst, addr_ip4_bytes(&t->host.addr), 4);
		h.csum.raw = csum_fold(csum_add(0, &h, sizeof(h)));
		memcpy(out, &h, sizeof(h));
		return sizeof(h);
	} else {
		struct ip6_hdr_ h = {
			.vtf = be32_of(UINT32_C(6) << 28),
			.payload_len = be16_of((uint16_t)l4_len),
			.next = proto,
			.hop_limit = 64,
		};

		memcpy(h.src, t->app.addr.b, 16);
		memcpy(h.dst, t->host.addr.b, 16);
		memcpy(out, &h, sizeof(h));
		return sizeof(h);
	}
}

void icmp_error_rebuilt(struct stack *st, const struct tuple *t, uint8_t proto,
                        const void *l4, size_t l4_len, int err,
                        const struct addr *from, int64_t now)
{
	const struct icmp_errno *row = icmp_errno_find(err);
	const bool is_ip4 = addr_is_ip4(&t->app.addr);
	uint8_t quoted[sizeof(struct ip6_hdr_) + 64];
	uint32_t word = err == -EMSGSIZE ? smaller_mtu(st) : 0;
	size_t head;

	if (row->answer == ICMP_ANSWER_SILENCE ||
	    l4_len > sizeof(quoted) - sizeof(struct ip6_hdr_))
		return;
	if (!from || addr_is_ip4(from) != is_ip4)
		from = row->answer == ICMP_ANSWER_REFUSE ? &t->host.addr
		                                         : gateway(st, is_ip4);
	head = head_rebuild(t, proto, l4_len, quoted);
	memcpy(quoted + head, l4, l4_len);
	error_send(st, from, &t->app.addr, is_ip4 ? row->type4 : row->type6,
	           is_ip4 ? row->code4 : row->code6, word,
	           view_of(quoted, head + l4_len), now);
}

static void echo_reply(struct stack *st, const struct packet *p,
                       const struct icmp_hdr *req)
{
	uint8_t *l4 = ip_out_l4(st);
	struct icmp_hdr h = *req;

	h.type = p->is_ip4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;
	memcpy(l4, &h, sizeof(h));
	memcpy(l4 + sizeof(h), req + 1, p->l4.len - sizeof(h));
	icmp_send(st, &p->dst, &p->src, p->l4.len);
}

void icmp_echo_input(struct stack *st, const struct packet *p, int64_t now)
{
	struct view v = p->l4;
	const struct icmp_hdr *h = VIEW_TAKE(&v, struct icmp_hdr);
	struct tuple t = {.app.addr = p->src, .host.addr = p->dst};
	int err;

	if (!h || h->code)
		return;
	if (p->is_ours) {
		echo_reply(st, p, h);
		return;
	}
	t.app.port = be16_get(h->echo.id);
	err = st->common.ops->echo_input(st->common.user, &t,
	                                 be16_get(h->echo.seq), v.data, v.len,
	                                 packet_hops_left(p));
	if (err < 0)
		icmp_error_errno(st, p, err, now);
}

void stack_echo_output(struct stack *st, const struct tuple *t, uint16_t seq,
                       const void *data, size_t len, int64_t now)
{
	const bool is_ip4 = addr_is_ip4(&t->app.addr);
	const struct icmp_hdr h = {
		.type = is_ip4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY,
		.echo = {be16_of(t->app.port), be16_of(seq)},
	};
	uint8_t *l4 = ip_out_l4(st);

	(void)now;
	if (addr_is_ip4(&t->host.addr) != is_ip4 ||
	    len > 65535 - sizeof(struct ip6_hdr_) - sizeof(h))
		return;
	memcpy(l4, &h, sizeof(h));
	memcpy(l4 + sizeof(h), data, len);
	icmp_send(st, &t->host.addr, &t->app.addr, sizeof(h) + len);
}

void stack_echo_error(struct stack *st, const struct tuple *t, uint16_t seq,
                      int err, const struct addr *from, int64_t now)
{
	const bool is_ip4 = addr_is_ip4(&t->app.addr);
	const struct icmp_hdr h = {
		.type = is_ip4 ? ICMP4_ECHO : ICMP6_ECHO,
		.echo = {be16_of(t->app.port), be16_of(seq)},
	};

	icmp_error_rebuilt(st, t, is_ip4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6, &h,
	                   sizeof(h), err, from, now);
}

static bool quoted_take4(struct view *v, struct tuple *t)
{
	struct view peek = *v;
	const struct ip4_hdr *h = VIEW_TAKE(&peek, struct ip4_hdr);
	size_t header_len;

	if (!h || h->version_ihl >> 4 != 4 || h->proto != IP_PROTO_TCP ||
	    be16_get(h->frag) & IP4_OFFSET_MASK)
		return false;
	header_len = (size_t)(h->version_ihl & 15) * 4;
	if (header_len < sizeof(*h) || !view_take(v, header_len))
		return false;
	t->host.addr = addr_from_ip4(h->src);
	t->app.addr = addr_from_ip4(h->dst);
	return true;
}

static bool quoted_take6(struct view *v, struct tuple *t)
{
	const struct ip6_hdr_ *h = VIEW_TAKE(v, struct ip6_hdr_);

	if (!h || be32_get(h->vtf) >> 28 != 6 || h->next != IP_PROTO_TCP)
		return false;
	t->host.addr = addr_from_ip6(h->src);
	t->app.addr = addr_from_ip6(h->dst);
	/* we never sent one of these; do not take it for IPv4 */
	return !addr_is_ip4(&t->host.addr) && !addr_is_ip4(&t->app.addr);
}

void icmp_quoted_tcp(struct stack *st, struct view quoted, bool is_ip4,
                     unsigned int mtu, int64_t now)
{
	struct view v = quoted;
	struct tuple t = {0};
	const struct tcp_quoted {
		struct be16 sport, dport;
		struct be32 seq;
	} __attribute__((packed)) * h;

	if (!(is_ip4 ? quoted_take4(&v, &t) : quoted_take6(&v, &t)))
		return;
	h = view_take(&v, sizeof(*h));
	if (!h)
		return;
	t.host.port = be16_get(h->sport);
	t.app.port = be16_get(h->dport);
	tcp_icmp_error(st->common.tcp, &t, be32_get(h->seq), mtu, now);
}
