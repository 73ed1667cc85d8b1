/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c - frames of a hostile app into the whole stack, TCP included
 *
 * The input is a list of commands. Before the first one a connection is
 * opened, so that the deep states are reached; the commands then send
 * well-formed segments with odd fields, raw frames, fragments, ICMP, answers
 * of the host's side, and time. What is checked besides the sanitizers:
 * every frame out is consistent, every payload byte towards the app is the
 * host's byte of that position (no other memory ever leaves), the host gets
 * the app's bytes in order, nothing is sent past the advertised window.
 */
#include "../fuzz.h"

#include "stack/stack.h"
#include "wire/checksum.h"
#include "wire/headers.h"

#include <errno.h>
#include <string.h>

#define PEERS 8
#define APP_PORT 4000
#define HOST_PORT 80
#define ISN 0xfffff000u /* so that the numbers wrap */

/* struct peer - the host's side of one connection */
struct peer {
	struct conn_id id;
	struct tuple t;
	bool is_used, is_open, is_eof, is_dead;
	uint64_t available, consumed, written;
	size_t room; /* what tcp_write() still takes */
};

/* struct world - the stack and all that is around it, anew for each input */
struct world {
	struct stack *st;
	int64_t now;
	bool is_ip4;
	struct addr app, host;
	struct peer peers[PEERS];
	/* the connection that was opened first, as the app knows it */
	uint32_t host_isn, host_seen; /* highest sequence number + 1 */
	uint32_t app_next;            /* next byte of the app */
	uint32_t edge;                /* highest window edge it ever gave */
	unsigned int wscale;
	bool has_host_isn;
	uint32_t host_ts; /* the last timestamp of its SYN-ACK or segment */
	bool has_ts;
	bool is_tainted; /* raw frames may have spoken for the app */
};

static struct world w;
static uint8_t *memory;

static const uint8_t app_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2};

static uint8_t host_byte(uint64_t pos)
{
	return (uint8_t)(pos * 31 + (pos >> 8) * 7 + 1);
}

static uint8_t app_byte(uint32_t seq)
{
	uint32_t pos = seq - (ISN + 1);

	return (uint8_t)(pos * 13 + (pos >> 8) * 5 + 3);
}

static bool is_first(const struct tuple *t)
{
	return t->app.port == APP_PORT && t->host.port == HOST_PORT &&
	       addr_equal(&t->app.addr, &w.app) &&
	       addr_equal(&t->host.addr, &w.host);
}

/* --- the owner ---------------------------------------------------------------
 */
static void timestamp_find(struct view v)
{
	uint8_t kind, len;

	while (view_u8(&v, &kind)) {
		const uint8_t *body;

		if (kind < 2)
			continue;
		FUZZ_CHECK(view_u8(&v, &len) && len >= 2);
		body = view_take(&v, len - 2u);
		FUZZ_CHECK(body);
		if (kind == 8) {
			struct be32 ts;

			memcpy(&ts, body, sizeof(ts));
			w.host_ts = be32_get(ts);
			w.has_ts = true;
		}
	}
}

static void check_segment(const struct tuple *t, struct view v)
{
	const struct tcp_hdr *h = VIEW_TAKE(&v, struct tcp_hdr);
	struct view options;
	uint32_t seq, pos;

	FUZZ_CHECK(h && h->offset >> 4 >= 5);
	options.len = (h->offset >> 4) * 4u - sizeof(*h);
	options.data = view_take(&v, options.len);
	FUZZ_CHECK(options.data);
	if (!is_first(t) || h->flags & TCP_FLAG_RST)
		return;
	timestamp_find(options);
	seq = be32_get(h->seq);
	if (h->flags & TCP_FLAG_SYN) {
		FUZZ_CHECK(!v.len);
		w.host_isn = seq;
		w.host_seen = seq + 1;
		w.has_host_isn = true;
		return;
	}
	if (!w.has_host_isn)
		return;
	pos = seq - (w.host_isn + 1);
	for (size_t i = 0; i < v.len && !w.is_tainted; i++)
		FUZZ_CHECK(v.data[i] == host_byte(pos + i));
	seq += (uint32_t)v.len;
	/* one byte more may probe a closed window */
	if (v.len && !w.is_tainted)
		FUZZ_CHECK((int32_t)(seq - w.edge) <= 1);
	if ((int32_t)(seq - w.host_seen) > 0)
		w.host_seen = seq;
}

static void check_ip4(struct view v)
{
	const struct ip4_hdr *h = VIEW_TAKE(&v, struct ip4_hdr);
	struct tuple t = {0};
	const struct tcp_hdr *tcp;

	FUZZ_CHECK(h && h->version_ihl == 0x45);
	FUZZ_CHECK(be16_get(h->total_len) == v.len + sizeof(*h));
	FUZZ_CHECK(!csum_fold(csum_add(0, h, sizeof(*h))));
	if (h->proto != IP_PROTO_TCP)
		return;
	FUZZ_CHECK(v.len >= sizeof(*tcp));
	tcp = (const struct tcp_hdr *)(const void *)v.data;
	t.app.addr = addr_from_ip4(h->dst);
	t.host.addr = addr_from_ip4(h->src);
	t.app.port = be16_get(tcp->dport);
	t.host.port = be16_get(tcp->sport);
	check_segment(&t, v);
}

static void check_ip6(struct view v)
{
	const struct ip6_hdr_ *h = VIEW_TAKE(&v, struct ip6_hdr_);
	struct tuple t = {0};
	const struct tcp_hdr *tcp;

	FUZZ_CHECK(h && be32_get(h->vtf) >> 28 == 6);
	FUZZ_CHECK(be16_get(h->payload_len) == v.len);
	if (h->next != IP_PROTO_TCP)
		return;
	FUZZ_CHECK(v.len >= sizeof(*tcp));
	tcp = (const struct tcp_hdr *)(const void *)v.data;
	t.app.addr = addr_from_ip6(h->dst);
	t.host.addr = addr_from_ip6(h->src);
	t.app.port = be16_get(tcp->dport);
	t.host.port = be16_get(tcp->sport);
	check_segment(&t, v);
}

static int frame_send(void *user, const void *frame, size_t len)
{
	struct view v = view_of(frame, len);
	const struct vnet_hdr *vnet = VIEW_TAKE(&v, struct vnet_hdr);
	const struct eth_hdr *eth = VIEW_TAKE(&v, struct eth_hdr);

	(void)user;
	FUZZ_CHECK(len <= STACK_FRAME_MAX && vnet && eth);
	FUZZ_CHECK(!memcmp(eth->src, our_mac, 6));
	if (vnet->gso_type) {
		FUZZ_CHECK(vnet->gso_size && vnet->hdr_len <= len);
		FUZZ_CHECK(vnet->flags & VNET_F_NEEDS_CSUM);
	}
	if (vnet->flags & VNET_F_NEEDS_CSUM)
		FUZZ_CHECK(vnet->csum_start + vnet->csum_offset + 2u <=
		           len - sizeof(*vnet));
	switch (be16_get(eth->type)) {
	case ETH_TYPE_IP4:
		check_ip4(v);
		break;
	case ETH_TYPE_IP6:
		check_ip6(v);
		break;
	default:
		FUZZ_CHECK(be16_get(eth->type) == ETH_TYPE_ARP &&
		           v.len == sizeof(struct arp_ip4));
	}
	return 0;
}

static struct peer *peer_of(uint64_t cookie)
{
	FUZZ_CHECK(cookie && cookie <= PEERS);
	FUZZ_CHECK(w.peers[cookie - 1].is_used);
	return &w.peers[cookie - 1];
}

static int tcp_open(void *user, struct conn_id id, const struct tuple *t)
{
	(void)user;
	for (uint64_t i = 0; i < PEERS; i++) {
		struct peer *p = &w.peers[i];

		if (p->is_used)
			continue;
		*p = (struct peer){
			.id = id, .t = *t, .is_used = true, .room = 1 << 20};
		stack_tcp_set_cookie(w.st, id, i + 1);
		return 0;
	}
	return -EMFILE;
}

static ssize_t tcp_write(void *user, uint64_t cookie, const void *data,
                         size_t len)
{
	struct peer *p = peer_of(cookie);
	const uint8_t *bytes = data;

	(void)user;
	if (p->is_dead)
		return -ECONNRESET;
	len = MIN(len, p->room);
	if (!len)
		return -EAGAIN;
	for (size_t i = 0; i < len; i++) {
		uint8_t want = app_byte((uint32_t)(ISN + 1 + p->written + i));

		if (is_first(&p->t) && !w.is_tainted)
			FUZZ_CHECK(bytes[i] == want);
	}
	p->written += len;
	p->room -= len;
	return (ssize_t)len;
}

static void tcp_shutdown(void *user, uint64_t cookie)
{
	(void)user;
	peer_of(cookie);
}

static ssize_t tcp_peek(void *user, uint64_t cookie, uint32_t offset, void *buf,
                        size_t len)
{
	const struct peer *p = peer_of(cookie);
	uint64_t pos = p->consumed + offset;
	uint8_t *out = buf;

	(void)user;
	if (p->is_dead)
		return -ECONNRESET;
	if (pos >= p->available)
		return p->is_eof ? 0 : -EAGAIN;
	len = MIN(len, p->available - pos);
	for (size_t i = 0; i < len; i++)
		out[i] = host_byte(pos + i);
	return (ssize_t)len;
}

static void tcp_consume(void *user, uint64_t cookie, uint32_t n)
{
	struct peer *p = peer_of(cookie);

	(void)user;
	p->consumed += n;
	FUZZ_CHECK(p->consumed <= p->available);
}

static void tcp_closed(void *user, uint64_t cookie, bool reset)
{
	(void)user;
	(void)reset;
	peer_of(cookie)->is_used = false;
}

static void tcp_established(void *user, uint64_t cookie, int err)
{
	struct peer *p = peer_of(cookie);

	(void)user;
	p->is_open = !err;
	if (err)
		p->is_used = false;
}

static int udp_input(void *user, const struct tuple *t, const void *data,
                     size_t len, size_t segment_len, uint8_t ttl)
{
	uint32_t sum = csum_add(0, data, len); /* touch every byte */

	(void)user;
	(void)ttl;
	FUZZ_CHECK(len <= 65507 && segment_len <= len);
	if (t->host.port == 7)
		stack_udp_output(w.st, t, data, len, segment_len, w.now);
	return t->host.port == 9 ? -(int)(sum % 134) : 0;
}

static int echo_input(void *user, const struct tuple *t, uint16_t seq,
                      const void *data, size_t len, uint8_t ttl)
{
	(void)user;
	(void)ttl;
	stack_echo_output(w.st, t, seq, data, len, w.now);
	return 0;
}

static const struct stack_ops ops = {
	.frame_send = frame_send,
	.tcp_open = tcp_open,
	.tcp_write = tcp_write,
	.tcp_shutdown = tcp_shutdown,
	.tcp_peek = tcp_peek,
	.tcp_consume = tcp_consume,
	.tcp_closed = tcp_closed,
	.tcp_established = tcp_established,
	.udp_input = udp_input,
	.echo_input = echo_input,
};

static void random_fill(void *user, void *buf, size_t len)
{
	uint32_t *seed = user;
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++) {
		*seed = *seed * 1664525 + 1013904223;
		p[i] = (uint8_t)(*seed >> 24);
	}
}

static struct addr addr_of(const char *text)
{
	struct addr a;

	FUZZ_CHECK(!addr_parse(text, &a));
	return a;
}

static void world_new(bool is_ip4, bool gso)
{
	static uint32_t seed;
	struct random_source random = {random_fill, &seed};
	struct stack_config c = {
		.has_ip4 = true,
		.has_ip6 = true,
		.app4 = addr_of("10.0.2.100"),
		.gateway4 = addr_of("10.0.2.2"),
		.resolver4 = addr_of("10.0.2.3"),
		.app6 = addr_of("fd00::100"),
		.gateway6 = addr_of("fd00::2"),
		.resolver6 = addr_of("fd00::3"),
		.prefix4 = 24,
		.prefix6 = 64,
		.mtu = 1500,
		.gso = gso,
		.dhcp = true,
		.ra = true,
		.max_conns = 6,
		.max_connecting = 3,
		.pool_bytes = 64 << 10,
	};
	size_t size;

	memcpy(c.mac, our_mac, 6);
	size = (stack_size(&c) + 4095) / 4096 * 4096;
	if (!memory)
		memory = aligned_alloc(4096, size);
	FUZZ_CHECK(memory);
	memset(memory, 0, size);
	memset(&w, 0, sizeof(w));
	seed = 1;
	w.is_ip4 = is_ip4;
	w.app = is_ip4 ? c.app4 : c.app6;
	w.host = addr_of(is_ip4 ? "192.0.2.1" : "2001:db8::1");
	w.now = NS_PER_S;
	w.st = stack_init(memory, &c, &ops, NULL, &random, w.now);
}

/* --- frames of the app
 * ---------------------------------------------------------- */
/* An exact copy, so that the sanitizer sees one byte too far. */
static void input(const uint8_t *frame, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	FUZZ_CHECK(copy);
	memcpy(copy, frame, len);
	stack_input(w.st, copy, len, w.now);
	free(copy);
}

#define HEAD_ROOM (10 + 14 + 40 + 8)
static uint8_t built[HEAD_ROOM + 66000];

/* IP, Ethernet and virtio headers before len bytes at built + HEAD_ROOM. */
static void ip_send(uint8_t proto, size_t len, const struct vnet_hdr *vnet,
                    uint16_t frag4)
{
	uint8_t *p = built + HEAD_ROOM;
	struct eth_hdr eth = {
		.type = be16_of(w.is_ip4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6)};

	memcpy(eth.dst, our_mac, 6);
	memcpy(eth.src, app_mac, 6);
	if (w.is_ip4) {
		struct ip4_hdr h = {
			.version_ihl = 0x45,
			.total_len = be16_of((uint16_t)(len + sizeof(h))),
			.ttl = 64,
			.proto = proto,
			.frag = be16_of(frag4),
		};

		memcpy(h.src, addr_ip4_bytes(&w.app), 4);
		memcpy(h.dst, addr_ip4_bytes(&w.host), 4);
		h.csum.raw = csum_fold(csum_add(0, &h, sizeof(h)));
		p -= sizeof(h);
		memcpy(p, &h, sizeof(h));
	} else {
		struct ip6_hdr_ h = {
			.vtf = be32_of(UINT32_C(6) << 28),
			.payload_len = be16_of((uint16_t)len),
			.next = proto,
			.hop_limit = proto == IP_PROTO_ICMP6 ? 255 : 64,
		};

		memcpy(h.src, w.app.b, 16);
		memcpy(h.dst, w.host.b, 16);
		p -= sizeof(h);
		memcpy(p, &h, sizeof(h));
	}
	p -= sizeof(eth);
	memcpy(p, &eth, sizeof(eth));
	p -= sizeof(*vnet);
	memcpy(p, vnet, sizeof(*vnet));
	input(p, (size_t)(built + HEAD_ROOM + len - p));
}

static const struct vnet_hdr vouched = {.flags = VNET_F_DATA_VALID};

/* One segment; payload of len bytes, those of the app's stream at seq. */
static void segment_send(uint8_t flags, uint32_t seq, uint32_t ack,
                         uint16_t window, struct view options, size_t len,
                         uint16_t gso_size)
{
	struct vnet_hdr vnet = vouched;
	uint8_t *p = built + HEAD_ROOM;
	size_t head = sizeof(struct tcp_hdr) + (options.len + 3) / 4 * 4;
	struct tcp_hdr h = {
		.sport = be16_of(APP_PORT),
		.dport = be16_of(HOST_PORT),
		.seq = be32_of(seq),
		.ack = be32_of(ack),
		.offset = (uint8_t)(head / 4 << 4),
		.flags = flags,
		.window = be16_of(window),
		.urg = be16_of((uint16_t)len),
	};
	uint32_t edge = ack + ((uint32_t)window
	                       << (flags & TCP_FLAG_SYN ? 0 : w.wscale));

	if (gso_size && len > gso_size) {
		vnet.gso_type = w.is_ip4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
		vnet.gso_size = gso_size;
	}
	if (flags & TCP_FLAG_ACK && (int32_t)(edge - w.edge) > 0)
		w.edge = edge;
	memcpy(p, &h, sizeof(h));
	memset(p + sizeof(h), 1, head - sizeof(h)); /* NOP */
	if (options.len)
		memcpy(p + sizeof(h), options.data, options.len);
	for (size_t i = 0; i < len; i++)
		p[head + i] =
			app_byte(seq + (uint32_t)i + !!(flags & TCP_FLAG_SYN));
	ip_send(IP_PROTO_TCP, head + len, &vnet, 0);
}

/* SYN, the host's yes, ACK. Which options it has, the fuzzer says. */
static void open_first(struct view *v)
{
	static const uint8_t options[] = {2, 4,  5, 180, 1, 3, 3, 7, 4, 2,
	                                  8, 10, 0, 0,   0, 9, 0, 0, 0, 0};
	static const size_t lens[] = {0, 4, 8, 20};
	size_t n = lens[fuzz_u8(v) % ARRAY_SIZE(lens)];

	w.wscale = n >= 8 ? 7 : 0;
	w.app_next = ISN + 1;
	segment_send(TCP_FLAG_SYN, ISN, 0, 65535, view_of(options, n), 0, 0);
	if (!w.peers[0].is_used)
		return;
	w.peers[0].is_open = true;
	stack_tcp_connected(w.st, w.peers[0].id, w.now);
	if (!w.has_host_isn)
		return;
	w.edge = w.host_isn + 1;
	segment_send(TCP_FLAG_ACK, w.app_next, w.host_isn + 1, 500,
	             view_of(NULL, 0), 0, 0);
}

/* --- commands
 * ----------------------------------------------------------------------- */
static void cmd_segment(struct view *v)
{
	uint8_t flags = fuzz_u8(v), how = fuzz_u8(v);
	/* mostly close to what is expected, sometimes anywhere */
	int32_t seq_off = how & 1 ? (int16_t)fuzz_u16(v) : 0;
	int32_t ack_off = how & 2 ? (int16_t)fuzz_u16(v) : 0;
	uint16_t window = how & 4 ? fuzz_u16(v) : 500;
	size_t len = how & 8 ? fuzz_u16(v) % 40000 : fuzz_u8(v);
	struct view options =
		how & 16 ? fuzz_take(v, fuzz_u8(v) % 41) : view_of(NULL, 0);
	uint16_t gso = how & 32 ? fuzz_u16(v) : 0;
	uint32_t seq = w.app_next + (uint32_t)seq_off;

	if (how & 64)
		seq += UINT32_C(1) << 30;
	if (flags & TCP_FLAG_SYN)
		w.is_tainted = true; /* a new stream may begin */
	segment_send(flags, seq, w.host_seen + (uint32_t)ack_off, window,
	             options, len, gso);
	if (!seq_off && !(how & 64))
		w.app_next += (uint32_t)len;
}

static void put32(uint8_t *p, uint32_t v)
{
	struct be32 b = be32_of(v);

	memcpy(p, &b, sizeof(b));
}

/* An ACK as a real receiver's: timestamps, blocks near what was sent. */
static void cmd_sack(struct view *v)
{
	uint8_t o[40] = {1, 1, 8, 10};
	uint8_t how = fuzz_u8(v);
	unsigned int n = how & 3, at = 0;
	uint32_t ack = w.host_seen - (how & 4 ? fuzz_u16(v) : 0);
	uint32_t left = ack;

	if (w.has_ts) {
		put32(o + 4, 9 + (uint32_t)(w.now / NS_PER_MS));
		put32(o + 8, w.host_ts);
		at = 12;
	}
	if (n) {
		o[at] = 5;
		o[at + 1] = (uint8_t)(2 + 8 * n);
		at += 2;
	}
	for (unsigned int i = 0; i < n; i++, at += 8) {
		left += how & 8 ? (uint32_t)(int16_t)fuzz_u16(v)
		                : (uint32_t)fuzz_u8(v) * 64;
		put32(o + at, left);
		left += how & 16 ? (uint32_t)(int16_t)fuzz_u16(v)
		                 : (uint32_t)fuzz_u8(v) * 64;
		put32(o + at + 4, left);
	}
	segment_send(TCP_FLAG_ACK, w.app_next, ack,
	             how & 32 ? fuzz_u16(v) : 500, view_of(o, at),
	             how & 64 ? fuzz_u8(v) : 0, 0);
	if (how & 64)
		w.is_tainted = true; /* its length was not counted */
}

static void cmd_raw_frame(struct view *v)
{
	uint8_t frame[2048];
	struct view bytes = fuzz_take(v, fuzz_u16(v) % sizeof(frame));

	w.is_tainted = true;
	if (bytes.len)
		memcpy(frame, bytes.data, bytes.len);
	input(frame, bytes.len);
}

/* Fuzzed bytes behind an honest Ethernet header. */
static void cmd_ethernet(struct view *v)
{
	static const uint16_t types[] = {ETH_TYPE_ARP, ETH_TYPE_IP4,
	                                 ETH_TYPE_IP6, 0x8100};
	uint8_t frame[10 + 14 + 2048] = {0}, how = fuzz_u8(v);
	struct eth_hdr eth = {.type = be16_of(types[how & 3])};
	struct view bytes = fuzz_take(v, fuzz_u16(v) % 2048);

	w.is_tainted = true;
	frame[0] = how & 4 ? VNET_F_DATA_VALID : 0;
	memset(eth.dst, 0xff, 6);
	if (how & 8)
		memcpy(eth.dst, our_mac, 6);
	memcpy(eth.src, app_mac, 6);
	memcpy(frame + 10, &eth, sizeof(eth));
	if (bytes.len)
		memcpy(frame + 24, bytes.data, bytes.len);
	if ((how & 3) == 1 && bytes.len >= sizeof(struct ip4_hdr)) {
		struct ip4_hdr *h = (struct ip4_hdr *)(void *)(frame + 24);
		size_t len = MIN((h->version_ihl & 15u) * 4, bytes.len);

		h->csum.raw = 0;
		h->csum.raw = csum_fold(csum_add(0, h, len));
	}
	input(frame, 24 + bytes.len);
}

/* Neighbour and router messages with fuzzed options. */
static void cmd_ndp(struct view *v)
{
	bool was_ip4 = w.is_ip4;
	struct addr app = w.app, host = w.host;
	struct icmp_hdr h = {.type = (uint8_t)(133 + fuzz_u8(v) % 5)};
	struct view bytes;
	uint8_t how = fuzz_u8(v);

	w.is_ip4 = false;
	w.app = addr_of(how & 1 ? "::" : "fd00::100");
	w.host = addr_of(how & 2 ? "ff02::1:ff00:2" : "fd00::2");
	memcpy(built + HEAD_ROOM, &h, sizeof(h));
	bytes = fuzz_take(v, how);
	if (bytes.len)
		memcpy(built + HEAD_ROOM + sizeof(h), bytes.data, bytes.len);
	ip_send(IP_PROTO_ICMP6, sizeof(h) + bytes.len, &vouched, 0);
	w.is_ip4 = was_ip4;
	w.app = app;
	w.host = host;
}

/* A DHCP message with fuzzed options, to the gateway. */
static void cmd_dhcp(struct view *v)
{
	bool was_ip4 = w.is_ip4;
	struct addr app = w.app, host = w.host;
	struct dhcp4_hdr d = {.op = 1,
	                      .htype = 1,
	                      .hlen = 6,
	                      .cookie = be32_of(DHCP4_COOKIE)};
	struct udp_hdr u = {.sport = be16_of(68), .dport = be16_of(67)};
	uint8_t *p = built + HEAD_ROOM, how = fuzz_u8(v);
	struct view bytes = fuzz_take(v, fuzz_u8(v));
	size_t len = sizeof(u) + sizeof(d) + 3 + bytes.len;

	w.is_ip4 = true;
	w.app = addr_of("10.0.2.100");
	w.host = addr_of("10.0.2.2");
	d.flags = be16_of(how & 16 ? 0x8000 : 0);
	if (how & 32)
		memcpy(d.ciaddr, addr_ip4_bytes(&w.app), 4);
	u.len = be16_of((uint16_t)len);
	memcpy(p, &u, sizeof(u));
	memcpy(p + sizeof(u), &d, sizeof(d));
	p += sizeof(u) + sizeof(d);
	*p++ = 53;
	*p++ = 1;
	*p++ = how & 15;
	if (bytes.len)
		memcpy(p, bytes.data, bytes.len);
	ip_send(IP_PROTO_UDP, len, &vouched, 0);
	w.is_ip4 = was_ip4;
	w.app = app;
	w.host = host;
}

static void cmd_ip_packet(struct view *v)
{
	uint8_t proto = fuzz_u8(v), how = fuzz_u8(v);
	uint16_t frag = how & 1 ? fuzz_u16(v) : 0;
	struct view bytes = fuzz_take(v, fuzz_u16(v) % 3000);

	if (proto == IP_PROTO_TCP || frag)
		w.is_tainted = true;
	if (bytes.len)
		memcpy(built + HEAD_ROOM, bytes.data, bytes.len);
	ip_send(proto, bytes.len, &vouched, frag);
}

static void cmd_datagram(struct view *v)
{
	static const uint16_t ports[] = {7, 9, 53, 67};
	struct vnet_hdr vnet = vouched;
	uint8_t how = fuzz_u8(v);
	size_t len = fuzz_u16(v) % 60000;
	struct udp_hdr h = {
		.sport = be16_of(5000),
		.dport = be16_of(ports[how & 3]),
		.len = be16_of((uint16_t)(len + sizeof(h))),
		.csum = be16_of(1),
	};

	if (how & 4) {
		vnet.gso_type = VNET_GSO_UDP_L4;
		vnet.gso_size = fuzz_u16(v) % 1500;
	}
	memcpy(built + HEAD_ROOM, &h, sizeof(h));
	memset(built + HEAD_ROOM + sizeof(h), how, len);
	ip_send(IP_PROTO_UDP, sizeof(h) + len, &vnet, 0);
}

/* An ICMP error that quotes a segment of ours, sequence number and all. */
static void cmd_icmp_error(struct view *v)
{
	uint8_t type = fuzz_u8(v), code = fuzz_u8(v);
	uint16_t word = fuzz_u16(v);
	uint32_t seq = w.host_seen - fuzz_u16(v);
	struct icmp_hdr h = {.type = type, .code = code, .word = be32_of(word)};
	struct tcp_hdr tcp = {
		.sport = be16_of(HOST_PORT),
		.dport = be16_of(APP_PORT),
		.seq = be32_of(seq),
	};
	uint8_t *p = built + HEAD_ROOM;

	memcpy(p, &h, sizeof(h));
	p += sizeof(h);
	if (w.is_ip4) {
		struct ip4_hdr ip = {.version_ihl = 0x45, .proto = 6};

		memcpy(ip.src, addr_ip4_bytes(&w.host), 4);
		memcpy(ip.dst, addr_ip4_bytes(&w.app), 4);
		memcpy(p, &ip, sizeof(ip));
		p += sizeof(ip);
	} else {
		struct ip6_hdr_ ip = {.vtf = be32_of(UINT32_C(6) << 28),
		                      .next = 6};

		memcpy(ip.src, w.host.b, 16);
		memcpy(ip.dst, w.app.b, 16);
		memcpy(p, &ip, sizeof(ip));
		p += sizeof(ip);
	}
	memcpy(p, &tcp, sizeof(tcp));
	p += sizeof(tcp);
	ip_send(w.is_ip4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6,
	        (size_t)(p - built) - HEAD_ROOM, &vouched, 0);
}

static void cmd_time(struct view *v)
{
	int64_t step = NS_PER_MS << (fuzz_u8(v) % 18);

	stack_flush(w.st, w.now);
	for (int i = 0; i < 4; i++) {
		int64_t next = stack_deadline(w.st);

		w.now = MIN(MAX(next, w.now), w.now + step);
		stack_run(w.st, w.now);
	}
}

static void host_connect(struct peer *p, uint8_t how)
{
	static const int errs[] = {-ECONNREFUSED, -EACCES, -ETIMEDOUT,
	                           -EHOSTUNREACH};

	p->is_open = true;
	if (how & 1) {
		stack_tcp_connected(w.st, p->id, w.now);
		return;
	}
	p->is_used = false;
	stack_tcp_refused(w.st, p->id, errs[how / 2 % ARRAY_SIZE(errs)], w.now);
}

/* An event of the host's side on any of the connections. */
static void cmd_host(struct view *v)
{
	struct peer *p = &w.peers[fuzz_u8(v) % PEERS];
	uint8_t what = fuzz_u8(v);

	if (!p->is_used)
		return;
	if (!p->is_open) {
		host_connect(p, what);
		return;
	}
	switch (what % 8) {
	case 0:
	case 1:
		if (!p->is_eof)
			p->available += fuzz_u16(v);
		stack_tcp_host_readable(w.st, p->id, w.now);
		break;
	case 2:
		p->is_eof = true;
		stack_tcp_host_readable(w.st, p->id, w.now);
		break;
	case 3:
		p->room = 0;
		break;
	case 4:
		p->room += fuzz_u16(v);
		stack_tcp_host_writable(w.st, p->id, w.now);
		break;
	case 5:
		p->is_dead = true;
		stack_tcp_host_readable(w.st, p->id, w.now);
		break;
	case 6:
		p->is_used = false;
		stack_tcp_abort(w.st, p->id, w.now);
		break;
	default:
		p->room = 1 << 20;
		stack_tcp_host_writable(w.st, p->id, w.now);
		break;
	}
}

/* A published port: the stack opens towards the app. */
static void cmd_connect(struct view *v)
{
	struct tuple t = {{w.app, (uint16_t)(1 + fuzz_u8(v))}, {w.host, 1234}};

	for (uint64_t i = 0; i < PEERS; i++) {
		struct peer *p = &w.peers[i];

		if (p->is_used)
			continue;
		*p = (struct peer){.t = t, .is_used = true, .room = 1 << 20};
		p->is_open = true;
		if (stack_tcp_connect(w.st, &t, i + 1, &p->id, w.now) < 0)
			p->is_used = false;
		return;
	}
}

static void cmd_output(struct view *v)
{
	static uint8_t data[66000];
	struct tuple t = {{w.app, 5000}, {w.host, 7}};
	size_t len = fuzz_u16(v), segment_len = fuzz_u16(v) % 2000;

	stack_udp_output(w.st, &t, data, len, segment_len, w.now);
	stack_udp_error(w.st, &t, -fuzz_u8(v), NULL, w.now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const commands[])(struct view *) = {
		cmd_segment,  cmd_segment,    cmd_segment,  cmd_host,
		cmd_host,     cmd_raw_frame,  cmd_time,     cmd_ip_packet,
		cmd_datagram, cmd_icmp_error, cmd_connect,  cmd_output,
		cmd_sack,     cmd_sack,       cmd_ethernet, cmd_ndp,
		cmd_dhcp,
	};
	struct view v = view_of(data, size);
	uint8_t how = fuzz_u8(&v);

	world_new(how & 1, how & 2);
	open_first(&v);
	for (int n = 0; v.len && n < 300; n++)
		commands[fuzz_u8(&v) % ARRAY_SIZE(commands)](&v);
	stack_flush(w.st, w.now);
	stack_fini(w.st, w.now);
	for (size_t i = 0; i < PEERS; i++)
		FUZZ_CHECK(!w.peers[i].is_used || !w.peers[i].is_open);
	FUZZ_CHECK(stack_stats(w.st)->conns == 0);
	FUZZ_CHECK(stack_stats(w.st)->pool_used_bytes == 0);
	return 0;
}
