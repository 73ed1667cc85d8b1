/* SPDX-License-Identifier: Apache-2.0 */
/* frame_text.c - a frame in a line for people */
#include "base/addr.h"
#include "observe/capture.h"
#include "wire/headers.h"
#include "wire/view.h"

#include <stdarg.h>
#include <stdio.h>

/* struct text - grows by put(), and stops growing when it is full */
struct text {
	char *buf;
	size_t len;
};

static void _printf_(2, 3) put(struct text *t, const char *fmt, ...)
{
	size_t room = FRAME_TEXT_MAX - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += MIN((size_t)n, room - 1);
}

static void put_ends(struct text *t, const struct addr *from,
                     unsigned int fport, const struct addr *to,
                     unsigned int tport)
{
	char a[ENDPOINT_TEXT_MAX], b[ENDPOINT_TEXT_MAX];
	struct endpoint x = {*from, (uint16_t)fport},
			y = {*to, (uint16_t)tport};

	put(t, "%s > %s", endpoint_format(&x, a), endpoint_format(&y, b));
}

static void put_tcp(struct text *t, const struct tcp_hdr *h, size_t len)
{
	static const char names[] = "FSRPAUEC";
	size_t offset = (size_t)(h->offset >> 4) * 4;

	put(t, " tcp ");
	for (unsigned int i = 0; i < 8; i++)
		if (h->flags & 1u << i)
			put(t, "%c", names[i]);
	put(t, " seq %u ack %u win %u len %zu", be32_get(h->seq),
	    be32_get(h->ack), (unsigned int)be16_get(h->window),
	    sub_clamped(len, offset));
}

/* What is behind the IP header; from and to are its ends. */
static void put_payload(struct text *t, uint8_t proto, struct view v,
                        const struct addr *from, const struct addr *to)
{
	size_t len = v.len;
	const struct tcp_hdr *tcp;
	const struct udp_hdr *udp;
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

	if (proto == IP_PROTO_TCP && (tcp = VIEW_TAKE(&v, struct tcp_hdr))) {
		put_ends(t, from, be16_get(tcp->sport), to,
		         be16_get(tcp->dport));
		put_tcp(t, tcp, len);
		return;
	}
	if (proto == IP_PROTO_UDP && (udp = VIEW_TAKE(&v, struct udp_hdr))) {
		put_ends(t, from, be16_get(udp->sport), to,
		         be16_get(udp->dport));
		put(t, " udp len %zu", v.len);
		return;
	}
	put(t, "%s > %s", addr_format(from, a), addr_format(to, b));
	if ((proto == IP_PROTO_ICMP || proto == IP_PROTO_ICMP6) && len >= 2)
		put(t, " icmp type %u code %u len %zu", (unsigned int)v.data[0],
		    (unsigned int)v.data[1], len);
	else
		put(t, " protocol %u len %zu", (unsigned int)proto, len);
}

static void put_ip4(struct text *t, struct view v)
{
	const struct ip4_hdr *h = VIEW_TAKE(&v, struct ip4_hdr);
	struct addr from, to;
	size_t options;

	if (!h) {
		put(t, "ip4, cut");
		return;
	}
	from = addr_from_ip4(h->src);
	to = addr_from_ip4(h->dst);
	options = sub_clamped((size_t)(h->version_ihl & 15) * 4, sizeof(*h));
	if (!view_take(&v, options) || be16_get(h->frag) & IP4_OFFSET_MASK) {
		put_ends(t, &from, 0, &to, 0);
		put(t, " fragment of protocol %u", (unsigned int)h->proto);
		return;
	}
	/* a large frame (TSO) may say 0, a small one may be padded */
	if (be16_get(h->total_len) >= sizeof(*h) + options)
		(void)!view_cut(&v,
		                be16_get(h->total_len) - sizeof(*h) - options);
	put_payload(t, h->proto, v, &from, &to);
}

static void put_ip6(struct text *t, struct view v)
{
	const struct ip6_hdr_ *h = VIEW_TAKE(&v, struct ip6_hdr_);
	struct addr from, to;

	if (!h) {
		put(t, "ip6, cut");
		return;
	}
	from = addr_from_ip6(h->src);
	to = addr_from_ip6(h->dst);
	put_payload(t, h->next, v, &from, &to);
}

static void put_arp(struct text *t, struct view v)
{
	const struct arp_ip4 *h = VIEW_TAKE(&v, struct arp_ip4);
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
	struct addr from, to;

	if (!h) {
		put(t, "arp, cut");
		return;
	}
	from = addr_from_ip4(h->sender_ip);
	to = addr_from_ip4(h->target_ip);
	put(t, "arp %s: %s > %s", be16_get(h->op) == 1 ? "request" : "reply",
	    addr_format(&from, a), addr_format(&to, b));
}

char *frame_text(const void *frame, size_t len, char buf[FRAME_TEXT_MAX])
{
	struct view v = view_of(frame, len);
	const struct eth_hdr *eth = VIEW_TAKE(&v, struct eth_hdr);
	struct text t = {.buf = buf};

	buf[0] = '\0';
	if (!eth)
		put(&t, "%zu bytes", len);
	else if (be16_get(eth->type) == ETH_TYPE_IP4)
		put_ip4(&t, v);
	else if (be16_get(eth->type) == ETH_TYPE_IP6)
		put_ip6(&t, v);
	else if (be16_get(eth->type) == ETH_TYPE_ARP)
		put_arp(&t, v);
	else
		put(&t, "type 0x%04x, %zu bytes",
		    (unsigned int)be16_get(eth->type), len);
	return buf;
}
