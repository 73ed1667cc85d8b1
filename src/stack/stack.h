/* SPDX-License-Identifier: Apache-2.0 */
/* stack.h - our TCP/IP as a pure machine: (state, frame, now, random) in,
 * frames, calls and the next deadline out. No descriptor, malloc or clock. */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include "base/addr.h"
#include "base/random.h"

struct stack;

/* A TCP connection: index and generation; a stale one is refused quietly. */
struct conn_id {
	uint32_t index;
	uint32_t gen; /* never 0 for a live connection */
};
#define CONN_GEN_MAX 0x7fffffffu

/* The largest frame of the app: virtio header + Ethernet + 64 KiB of IP. */
#define STACK_FRAME_MAX (10 + 14 + 65535 + 1)
/*
 * With stack_config.big, the most that one IPv4 frame to the app carries: its
 * total length then reads 0 (Linux 6.3).
 */
#define STACK_BIG_MAX (192u << 10)

struct stack_config {
	uint8_t mac[6]; /* ours: gateway, resolver, every neighbour */
	bool has_ip4, has_ip6;
	struct addr app4, gateway4, resolver4;
	struct addr app6, gateway6, resolver6;
	unsigned int prefix4, prefix6; /* as written: 24, 64 */
	unsigned int mtu;              /* of the app's interface, >= 1280 */
	bool gso;              /* may we send frames with a GSO header? */
	bool big;              /* also beyond 64 KiB over IPv4 (BIG TCP)? */
	bool dhcp, ra;         /* answer DHCPv4 / send router advertisements */
	size_t max_conns;      /* TCP connections at most */
	size_t max_connecting; /* of those, not yet answered */
	size_t pool_bytes;     /* all data held for hosts that lag, all holes */
	/* of TCP; 0: as said */
	size_t app_queue_bytes;  /* what the port queues for us: 4 MiB */
	int64_t time_wait_ns;    /* 2 MSL: 2 s */
	int64_t user_timeout_ns; /* silence of an app that owes an ACK: 120 s */
	int64_t keepalive_ns;    /* idle before the first probe: 2 h */
};

/*
 * struct stack_ops - what the stack asks of its owner (link binds it to flow;
 * tests bind it to a fake). Every call is made from inside a stack_*() call.
 * The callee may call back into the stack except where "no re-entry" stands.
 * `cookie` is what the owner set with stack_tcp_set_cookie().
 */
struct stack_ops {
	/*
	 * One finished frame (virtio header first) for the app. No re-entry.
	 * 0, or a negative errno: the frame is lost, as on any wire.
	 */
	int (*frame_send)(void *user, const void *frame, size_t len);

	/*
	 * A SYN asks for t.host. 0: pending, answer later (or from inside)
	 * with stack_tcp_connected() or stack_tcp_refused(). A negative
	 * errno: refuse at once, as stack_tcp_refused() would. Retransmitted
	 * SYNs do not come here.
	 */
	int (*tcp_open)(void *user, struct conn_id id, const struct tuple *t);
	/*
	 * In-order bytes of the app. Returns how many were taken (the stack
	 * keeps the rest and offers it again after stack_tcp_host_writable()),
	 * -EAGAIN, or another negative errno: the flow is dead, RST. No
	 * re-entry for this connection.
	 */
	ssize_t (*tcp_write)(void *user, uint64_t cookie, const void *data,
	                     size_t len);
	/* The app's FIN, after every byte was taken by tcp_write(). */
	void (*tcp_shutdown)(void *user, uint64_t cookie);
	/*
	 * Copies up to len unconsumed bytes, starting offset past the last
	 * consumed one, into buf. Returns the count, 0 at the host's end of
	 * stream, -EAGAIN when there are no more yet, another negative errno
	 * when the flow is dead. No re-entry.
	 */
	ssize_t (*tcp_peek)(void *user, uint64_t cookie, uint32_t offset,
	                    void *buf, size_t len);
	/* The app acknowledged n more bytes: they may be forgotten. */
	void (*tcp_consume)(void *user, uint64_t cookie, uint32_t n);
	/*
	 * The connection is gone from the stack: reset says that the app
	 * aborted it (RST towards the host, too). Last call for this cookie.
	 */
	void (*tcp_closed)(void *user, uint64_t cookie, bool reset);
	/* An active open (stack_tcp_connect) was answered: 0 or -errno. */
	void (*tcp_established)(void *user, uint64_t cookie, int err);

	/*
	 * A datagram of the app. segment_len > 0: data is a train of
	 * datagrams of that length (the last may be shorter). 0, or a
	 * negative errno answered by the ICMP error of wire/icmp_errno.h
	 * (-EAGAIN: dropped in silence). ttl: hops that are left beyond us.
	 */
	int (*udp_input)(void *user, const struct tuple *t, const void *data,
	                 size_t len, size_t segment_len, uint8_t ttl);
	/*
	 * An ICMP echo request of the app for t.host (ports: t.app.port holds
	 * the echo id, t.host.port is 0). Return as udp_input.
	 */
	int (*echo_input)(void *user, const struct tuple *t, uint16_t seq,
	                  const void *data, size_t len, uint8_t ttl);
	/*
	 * For people and the log: a TCP segment or a datagram for an address
	 * that is on no wire (loopback, class E, link-local) or a group goes
	 * no further, and was answered as far as it may be. No re-entry. May
	 * be NULL.
	 */
	void (*refused)(void *user, const struct tuple *t, uint8_t proto);
};

/* Counters, all since the start. */
struct stack_stats {
	uint64_t frames_app, frames_app_bad, frames_host;
	uint64_t tcp_opened, tcp_refused, tcp_resets, tcp_retransmits;
	uint64_t tcp_impossible; /* connections reset for a bug of ours */
	uint64_t tcp_challenge_acks, tcp_pool_full, icmp_limited;
	uint64_t frags_dropped;
	size_t conns, conns_connecting, frag_slots_used, pool_used_bytes;
};

/*
 * stack_size() - bytes that stack_init() wants for this configuration; the
 * owner provides them, 64-byte aligned and zeroed (an anonymous mapping:
 * untouched slots cost nothing).
 */
size_t stack_size(const struct stack_config *config);
struct stack *stack_init(void *memory, const struct stack_config *config,
                         const struct stack_ops *ops, void *user,
                         const struct random_source *random, int64_t now);
/* stack_set_big() - stack_config.big anew, before the first frame */
void stack_set_big(struct stack *st, bool big);
/* stack_fini() - drops every connection, calling tcp_closed(reset) for each */
void stack_fini(struct stack *st, int64_t now);

/*
 * stack_input() - one frame from the app: virtio header, Ethernet, payload.
 * Whatever it holds, nothing worse than a dropped frame happens.
 */
void stack_input(struct stack *st, const void *frame, size_t len, int64_t now);
/* stack_flush() - after a batch of inputs: the ACKs held back go out. */
void stack_flush(struct stack *st, int64_t now);
int64_t stack_deadline(struct stack *st);
void stack_run(struct stack *st, int64_t now);
const struct stack_stats *stack_stats(struct stack *st);

/* --- TCP, called by the owner ------------------------------------------- */
void stack_tcp_set_cookie(struct stack *st, struct conn_id id, uint64_t cookie);
/* stack_tcp_connected() - the host side stands: SYN-ACK now. */
void stack_tcp_connected(struct stack *st, struct conn_id id, int64_t now);
/*
 * stack_tcp_refused() - the answer of wire/icmp_errno.h for err (negative):
 * RST for -ECONNREFUSED, ICMP for unreachable and policy (-EACCES), silence
 * for -ETIMEDOUT. tcp_closed() is not called: the flow never was.
 */
void stack_tcp_refused(struct stack *st, struct conn_id id, int err,
                       int64_t now);
/* stack_tcp_host_readable() - tcp_peek() may have more, or the end. */
void stack_tcp_host_readable(struct stack *st, struct conn_id id, int64_t now);
/* stack_tcp_host_writable() - tcp_write() may take more. */
void stack_tcp_host_writable(struct stack *st, struct conn_id id, int64_t now);
/* stack_tcp_abort() - RST towards the app; tcp_closed() is not called. */
void stack_tcp_abort(struct stack *st, struct conn_id id, int64_t now);
/*
 * stack_tcp_connect() - active open: t.host is the address the app will see
 * as its peer. The answer comes by tcp_established(). 0, -EADDRINUSE,
 * -ENOBUFS.
 */
_must_check_ int stack_tcp_connect(struct stack *st, const struct tuple *t,
                                   uint64_t cookie, struct conn_id *id,
                                   int64_t now);

/* --- UDP, ICMP, called by the owner -------------------------------------- */
/* stack_udp_output() - a datagram (or an equal-sized train) from t.host. */
void stack_udp_output(struct stack *st, const struct tuple *t, const void *data,
                      size_t len, size_t segment_len, int64_t now);
/* stack_udp_error() - a late error for a flow; `from` sent it, may be NULL */
void stack_udp_error(struct stack *st, const struct tuple *t, int err,
                     const struct addr *from, int64_t now);
/* stack_echo_output() - the reply; the fields as in echo_input(). */
void stack_echo_output(struct stack *st, const struct tuple *t, uint16_t seq,
                       const void *data, size_t len, int64_t now);
/* stack_echo_error() - an error about the request seq; as stack_udp_error() */
void stack_echo_error(struct stack *st, const struct tuple *t, uint16_t seq,
                      int err, const struct addr *from, int64_t now);

#endif
