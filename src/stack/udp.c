/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - datagrams both ways, single or in trains (RFC 768) */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <errno.h>
#include <string.h>

/* Linux takes no longer train apart (UDP_MAX_SEGMENTS before 6.9). */
#define TRAIN_MAX 64
#define TRAIN_APP_MAX 128

static bool checksum_is_right(const struct packet *p, const struct udp_hdr *h,
                              size_t len)
{
	uint32_t sum;

	if (!h->csum.raw)
		return p->is_ip4; /* RFC 8200 8.1: not optional there */
	if (packet_is_vouched(p, offsetof(struct udp_hdr, csum)))
		return true;
	sum = csum_pseudo(&p->src, &p->dst, IP_PROTO_UDP, (uint32_t)len);
	return !csum_fold(csum_add(sum, p->l4.data, len));
}

/*
 * The header and the one true length: the UDP length may be less than what
 * IP brought, never more (T5). False: dropped.
 */
static bool header_take(const struct packet *p, const struct udp_hdr **out,
                        struct view *payload)
{
	struct view v = p->l4;
	const struct udp_hdr *h = VIEW_TAKE(&v, struct udp_hdr);
	size_t len;

	if (!h)
		return false;
	len = be16_get(h->len);
	if (len < sizeof(*h) || len > p->l4.len ||
	    !view_cut(&v, len - sizeof(*h)) || !be16_get(h->sport) ||
	    !be16_get(h->dport) || !checksum_is_right(p, h, len))
		return false;
	*out = h;
	*payload = v;
	return true;
}

void udp_input(struct stack *st, const struct packet *p, int64_t now)
{
	const struct udp_hdr *h = NULL;
	struct view payload = {0};
	size_t segment_len = 0;
	struct tuple t;
	int err;

	if (!header_take(p, &h, &payload)) {
		packet_bad(st);
		return;
	}
	if (st->common.config.dhcp && p->is_ip4 &&
	    be16_get(h->dport) == DHCP4_SERVER_PORT &&
	    (p->is_group || p->is_ours)) {
		dhcp4_input(st, p, payload);
		return;
	}
	if (p->is_group) {
		packet_refused(st, p);
		return;
	}
	if (p->vnet && p->vnet->gso_type && payload.len > p->vnet->gso_size)
		segment_len = p->vnet->gso_size;
	if (segment_len && payload.len > segment_len * TRAIN_APP_MAX) {
		packet_bad(st);
		return;
	}
	t.app = (struct endpoint){p->src, be16_get(h->sport)};
	t.host = (struct endpoint){p->dst, be16_get(h->dport)};
	err = st->common.ops->udp_input(st->common.user, &t, payload.data,
	                                payload.len, segment_len,
	                                packet_hops_left(p));
	if (err < 0)
		icmp_error_errno(st, p, err, now);
}

static struct ip_out out_of(const struct tuple *t, const uint8_t *mac)
{
	return (struct ip_out){
		.src = t->host.addr,
		.dst = t->app.addr,
		.mac = mac,
		.proto = IP_PROTO_UDP,
		.has_csum = true,
		.csum_offset = offsetof(struct udp_hdr, csum),
	};
}

static void header_fill(struct stack *st, const struct tuple *t, size_t len)
{
	const struct udp_hdr h = {
		.sport = be16_of(t->host.port),
		.dport = be16_of(t->app.port),
		.len = be16_of((uint16_t)(sizeof(h) + len)),
	};

	memcpy(ip_out_l4(st), &h, sizeof(h));
}

int udp_send(struct stack *st, const struct tuple *t, size_t len,
             const uint8_t *mac)
{
	const struct ip_out o = out_of(t, mac);

	header_fill(st, t, len);
	return ip_out_send(st, &o, sizeof(struct udp_hdr) + len);
}

static void send_one(struct stack *st, const struct tuple *t,
                     const uint8_t *data, size_t len)
{
	memcpy(ip_out_l4(st) + sizeof(struct udp_hdr), data, len);
	udp_send(st, t, len, NULL);
}

/* False: the port's kernel does not know the type (before 6.2). */
static bool send_train(struct stack *st, const struct tuple *t,
                       const uint8_t *data, size_t len, size_t segment_len)
{
	struct ip_out o = out_of(t, NULL);

	o.gso_type = VNET_GSO_UDP_L4;
	o.gso_size = (uint16_t)segment_len;
	o.hdr_len = sizeof(struct udp_hdr);
	memcpy(ip_out_l4(st) + sizeof(struct udp_hdr), data, len);
	header_fill(st, t, len);
	if (ip_out_send(st, &o, sizeof(struct udp_hdr) + len) == -EINVAL)
		st->no_uso = true;
	return !st->no_uso;
}

static bool train_is_possible(const struct stack *st, const struct tuple *t,
                              size_t segment_len)
{
	size_t head = sizeof(struct udp_hdr) +
	              (addr_is_ip4(&t->app.addr) ? sizeof(struct ip4_hdr)
	                                         : sizeof(struct ip6_hdr_));

	return st->common.config.gso && !st->no_uso &&
	       head + segment_len <= st->common.config.mtu;
}

void stack_udp_output(struct stack *st, const struct tuple *t, const void *data,
                      size_t len, size_t segment_len, int64_t now)
{
	const size_t max =
		65535 - sizeof(struct ip6_hdr_) - sizeof(struct udp_hdr);
	const uint8_t *p = data;
	size_t step;

	(void)now;
	if (addr_is_ip4(&t->app.addr) != addr_is_ip4(&t->host.addr))
		return;
	if (!segment_len || segment_len >= len) {
		/* sent whole or in fragments; too long ends in ip_out_send */
		if (len <= 65535 - sizeof(struct udp_hdr))
			send_one(st, t, p, len);
		return;
	}
	if (segment_len > max)
		return;
	for (; len; p += step, len -= step) {
		size_t segments = MIN(max / segment_len, (size_t)TRAIN_MAX);

		step = MIN(len, segments * segment_len);
		if (step > segment_len &&
		    train_is_possible(st, t, segment_len) &&
		    send_train(st, t, p, step, segment_len))
			continue;
		step = MIN(len, segment_len);
		send_one(st, t, p, step);
	}
}

void stack_udp_error(struct stack *st, const struct tuple *t, int err,
                     const struct addr *from, int64_t now)
{
	const struct udp_hdr h = {
		.sport = be16_of(t->app.port),
		.dport = be16_of(t->host.port),
		.len = be16_of(sizeof(h)),
	};

	icmp_error_rebuilt(st, t, IP_PROTO_UDP, &h, sizeof(h), err, from, now);
}
