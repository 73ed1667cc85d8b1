/* SPDX-License-Identifier: Apache-2.0 */
/* lower.c - the seam to tcp/: segments up, segments down */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <string.h>

void lower_tcp_input(struct stack *st, const struct packet *p, int64_t now)
{
	struct segment seg = {.packet = p->whole, .ecn = p->ecn, .ttl = p->ttl};
	struct view v = p->l4;
	size_t header_len;

	seg.hdr = VIEW_TAKE(&v, struct tcp_hdr);
	if (!seg.hdr) {
		packet_bad(st);
		return;
	}
	header_len = (size_t)(seg.hdr->offset >> 4) * 4;
	if (header_len < sizeof(*seg.hdr) || header_len > p->l4.len ||
	    !be16_get(seg.hdr->sport) || !be16_get(seg.hdr->dport)) {
		packet_bad(st);
		return;
	}
	if (!packet_is_vouched(p, offsetof(struct tcp_hdr, csum))) {
		uint32_t sum = csum_pseudo(&p->src, &p->dst, IP_PROTO_TCP,
		                           (uint32_t)p->l4.len);

		if (csum_fold(csum_add(sum, p->l4.data, p->l4.len))) {
			packet_bad(st);
			return;
		}
	}
	seg.options.len = header_len - sizeof(*seg.hdr);
	seg.options.data = view_take(&v, seg.options.len);
	seg.payload = v;
	if (p->vnet && p->vnet->gso_type)
		seg.gso_size = p->vnet->gso_size;
	seg.t.app = (struct endpoint){p->src, be16_get(seg.hdr->sport)};
	seg.t.host = (struct endpoint){p->dst, be16_get(seg.hdr->dport)};
	tcp_input(st->common.tcp, &seg, now);
}

struct tcp_out lower_tcp_begin(struct stack *st, const struct tuple *t)
{
	const struct stack_config *c = &st->common.config;
	size_t room = 65535 - sizeof(struct ip6_hdr_);

	if (addr_is_ip4(&t->app.addr))
		room = c->gso && c->big ? STACK_BIG_MAX
		                        : 65535 - sizeof(struct ip4_hdr);
	return (struct tcp_out){ip_out_l4(st), room};
}

void lower_tcp_send(struct stack *st, const struct tuple *t, size_t tcp_len,
                    size_t hdr_len, uint16_t gso_size, int64_t now)
{
	struct ip_out o = {
		.src = t->host.addr,
		.dst = t->app.addr,
		.proto = IP_PROTO_TCP,
		.df = true,
		.has_csum = true,
		.csum_offset = offsetof(struct tcp_hdr, csum),
	};

	(void)now;
	/* one segment is not a train: the kernel would call it malformed */
	if (gso_size && tcp_len - hdr_len > gso_size) {
		o.gso_type =
			addr_is_ip4(&o.dst) ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
		o.gso_size = gso_size;
		o.hdr_len = (uint16_t)hdr_len;
	}
	ip_out_send(st, &o, tcp_len);
}

void lower_tcp_unreachable(struct stack *st, const struct tuple *t,
                           uint32_t seq, int err, int64_t now)
{
	const struct tcp_hdr syn = {
		.sport = be16_of(t->app.port),
		.dport = be16_of(t->host.port),
		.seq = be32_of(seq),
		.offset = sizeof(syn) / 4 << 4,
		.flags = TCP_FLAG_SYN,
	};

	icmp_error_rebuilt(st, t, IP_PROTO_TCP, &syn, sizeof(syn), err, NULL,
	                   now);
}
