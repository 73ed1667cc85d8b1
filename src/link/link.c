/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - frontend 1: the lone interface, our stack, and flow joined */
/*
 * THEORY
 * Frames of the app's interface enter through a `struct frame_port`, at most
 * `FRAMES_A_TURN` of them before others have their turn, and go to
 * `stack_input`; `stack_flush` ends each batch. What the stack asks for goes
 * to flow, what flow tells goes to the stack: `to_stack_ops` and
 * `to_frontend_ops` are the two tables, and nothing here decides anything.
 *
 * Invariants: a connection of the stack and its flow name each other by
 * index and generation (`conn_pack`), so either may vanish first. No call
 * keeps a frame: it is used up before the next is read. A frame the port does
 * not take is lost, as on any wire, and the stack's timers send it again.
 *
 * Costs: one read and one write a frame, no copy of payload of its own.
 */
#include "link/link.h"

#include "link/app_sockets.h"
#include "link/listeners.h"
#include "link/sock_diag.h"
#include "loop/loop.h"
#include "observe/capture.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>

/* then other sources have their turn; level-triggered, so none is forgotten */
#define FRAMES_A_TURN 64u

struct link {
	struct stack *stack;
	void *memory;
	size_t memory_len;
	struct flow_table *ft;
	struct frame_port *port;
	struct loop *loop;
	int64_t now; /* of the call in progress */
	void (*dead)(void *user, int err);
	void *dead_user;
	bool is_dead;
	/* how many frames a turn takes, see on_port() */
	unsigned int budget;
	uint64_t turn, port_turn;
	uint64_t lost;           /* frames the port did not take */
	struct capture *capture; /* NULL: nobody looks */
	int diag;                /* -1: none */
	unsigned int ifindex;    /* of the app's interface, as diag has it */
	struct link_listeners listeners;
	struct app_sockets *app_sockets;
	int (*ask)(void *user, uint64_t token, bool ping, uint32_t number);
	void *ask_user;
};

static uint64_t conn_pack(struct conn_id id)
{
	return (uint64_t)id.gen << 32 | id.index;
}

static struct conn_id conn_unpack(uint64_t ref)
{
	return (struct conn_id){(uint32_t)ref, (uint32_t)(ref >> 32)};
}

static void show(struct link *l, enum capture_direction direction,
                 const void *frame, size_t len)
{
	if (l->capture && len > sizeof(struct vnet_hdr))
		capture_frame(l->capture, direction,
		              (const uint8_t *)frame + sizeof(struct vnet_hdr),
		              len - sizeof(struct vnet_hdr), l->now);
}

/* --- what the stack asks for -------------------------------------------- */

static int on_frame_send(void *user, const void *frame, size_t len)
{
	struct link *l = user;
	int rc = frame_port_write(l->port, frame, len);

	if (rc < 0)
		l->lost++;
	else
		show(l, CAPTURE_TO_APP, frame, len);
	return rc;
}

static int on_tcp_open(void *user, struct conn_id id, const struct tuple *t)
{
	struct link *l = user;
	struct flow_id flow;
	int rc = flow_tcp_open(l->ft, t, conn_pack(id), l->now, &flow);

	if (rc == 0)
		stack_tcp_set_cookie(l->stack, id, flow_id_pack(flow));
	return rc;
}

static ssize_t on_tcp_write(void *user, uint64_t cookie, const void *data,
                            size_t len)
{
	return flow_tcp_write(((struct link *)user)->ft, flow_id_unpack(cookie),
	                      data, len);
}

static void on_tcp_shutdown(void *user, uint64_t cookie)
{
	flow_tcp_shutdown(((struct link *)user)->ft, flow_id_unpack(cookie));
}

static ssize_t on_tcp_peek(void *user, uint64_t cookie, uint32_t offset,
                           void *buf, size_t len)
{
	return flow_tcp_peek(((struct link *)user)->ft, flow_id_unpack(cookie),
	                     offset, buf, len);
}

static void on_tcp_consume(void *user, uint64_t cookie, uint32_t n)
{
	flow_tcp_consume(((struct link *)user)->ft, flow_id_unpack(cookie), n);
}

static void on_tcp_closed(void *user, uint64_t cookie, bool reset)
{
	struct link *l = user;

	flow_close(l->ft, flow_id_unpack(cookie), reset, l->now);
}

static void on_tcp_established(void *user, uint64_t cookie, int err)
{
	struct link *l = user;

	flow_app_connected(l->ft, flow_id_unpack(cookie), err, l->now);
}

static int on_udp_input(void *user, const struct tuple *t, const void *data,
                        size_t len, size_t segment_len, uint8_t ttl)
{
	struct link *l = user;

	(void)ttl;
	return flow_udp_send(l->ft, t, 0, data, len, segment_len, l->now);
}

static int on_echo_input(void *user, const struct tuple *t, uint16_t seq,
                         const void *data, size_t len, uint8_t ttl)
{
	struct link *l = user;

	return flow_echo_send(l->ft, t, 0, seq, data, len, ttl, l->now);
}

static void on_stack_refused(void *user, const struct tuple *t, uint8_t proto)
{
	struct link *l = user;

	flow_refused(l->ft, t, proto, l->now);
}

static const struct stack_ops to_stack_ops = {
	.frame_send = on_frame_send,
	.tcp_open = on_tcp_open,
	.tcp_write = on_tcp_write,
	.tcp_shutdown = on_tcp_shutdown,
	.tcp_peek = on_tcp_peek,
	.tcp_consume = on_tcp_consume,
	.tcp_closed = on_tcp_closed,
	.tcp_established = on_tcp_established,
	.udp_input = on_udp_input,
	.echo_input = on_echo_input,
	.refused = on_stack_refused,
};

/* --- what flow tells ----------------------------------------------------- */

static struct link *entered(void *user, int64_t now)
{
	struct link *l = user;

	l->now = now;
	return l;
}

static int on_app_open(void *user, struct flow_id id, uint32_t slot,
                       const struct tuple *t, uint64_t *app_ref, int64_t now)
{
	struct link *l = entered(user, now);
	const struct endpoint *inside =
		link_listeners_inside(&l->listeners, slot);
	struct conn_id conn;
	int rc;

	if (inside)
		return app_sockets_open(l->app_sockets, id, inside, app_ref,
		                        now);
	rc = stack_tcp_connect(l->stack, t, flow_id_pack(id), &conn, now);

	if (!rc)
		*app_ref = conn_pack(conn);
	return rc;
}

static uint64_t on_udp_open(void *user, uint32_t slot)
{
	(void)user;
	return APP_SOCKETS_PEER(slot);
}

static void on_connected(void *user, uint64_t ref, int64_t now)
{
	struct link *l = entered(user, now);

	if (APP_SOCKETS_HAS(ref)) {
		app_sockets_connected(l->app_sockets, ref, now);
		return;
	}
	stack_tcp_connected(l->stack, conn_unpack(ref), now);
}

static void on_refused(void *user, uint64_t ref, int err, int64_t now)
{
	struct link *l = entered(user, now);

	if (APP_SOCKETS_HAS(ref)) {
		app_sockets_reset(l->app_sockets, ref);
		return;
	}
	stack_tcp_refused(l->stack, conn_unpack(ref), err, now);
}

static void on_readable(void *user, uint64_t ref, int64_t now)
{
	struct link *l = entered(user, now);

	if (APP_SOCKETS_HAS(ref)) {
		app_sockets_readable(l->app_sockets, ref, now);
		return;
	}
	stack_tcp_host_readable(l->stack, conn_unpack(ref), now);
}

static void on_writable(void *user, uint64_t ref, int64_t now)
{
	struct link *l = entered(user, now);

	if (APP_SOCKETS_HAS(ref)) {
		app_sockets_writable(l->app_sockets, ref, now);
		return;
	}
	stack_tcp_host_writable(l->stack, conn_unpack(ref), now);
}

static void on_reset(void *user, uint64_t ref, int err, int64_t now)
{
	struct link *l = entered(user, now);

	(void)err; /* TCP has one word for it */
	if (APP_SOCKETS_HAS(ref))
		app_sockets_reset(l->app_sockets, ref);
	else
		stack_tcp_abort(l->stack, conn_unpack(ref), now);
}

static void on_udp_deliver(void *user, uint64_t ref, const struct tuple *t,
                           const void *data, size_t len, size_t segment_len,
                           int64_t now)
{
	struct link *l = entered(user, now);
	const struct endpoint *inside =
		APP_SOCKETS_IS_PEER(ref)
			? link_listeners_inside(&l->listeners, (uint32_t)ref)
			: NULL;

	if (inside)
		app_sockets_deliver_in(l->app_sockets, ref, inside, t, data,
		                       len, segment_len, now);
	else if (APP_SOCKETS_HAS(ref) && !APP_SOCKETS_IS_PEER(ref))
		app_sockets_deliver(l->app_sockets, ref, t, data, len,
		                    segment_len);
	else
		stack_udp_output(l->stack, t, data, len, segment_len, now);
}

static void on_udp_error(void *user, uint64_t ref, const struct tuple *t,
                         int err, const struct addr *from, int64_t now)
{
	struct link *l = entered(user, now);

	/* no socket tells a peer on loopback of an error elsewhere */
	if (!APP_SOCKETS_HAS(ref) || APP_SOCKETS_IS_PEER(ref))
		stack_udp_error(l->stack, t, err, from, now);
}

static void on_echo_error(void *user, uint64_t ref, const struct tuple *t,
                          uint16_t seq, int err, const struct addr *from,
                          int64_t now)
{
	(void)ref;
	stack_echo_error(entered(user, now)->stack, t, seq, err, from, now);
}

static void on_echo_deliver(void *user, uint64_t ref, const struct tuple *t,
                            uint16_t seq, const void *data, size_t len,
                            int64_t now)
{
	(void)ref;
	stack_echo_output(entered(user, now)->stack, t, seq, data, len, now);
}

static int on_who_ask(void *user, uint64_t ref, uint8_t proto,
                      const struct tuple *t, uint64_t token)
{
	struct link *l = user;
	struct sock_diag_found found;
	int rc;

	(void)ref;
	if (l->diag < 0)
		return -ENOENT;
	/* t of a ping: its id stands where the app's port is */
	if (proto == IP_PROTO_ICMP)
		return l->ask(l->ask_user, token, true, t->app.port);
	rc = sock_diag_find(l->diag, l->ifindex, proto, t, &found);
	return rc < 0 ? rc : l->ask(l->ask_user, token, false, found.inode);
}

static const struct frontend_ops to_frontend_ops = {
	.tcp_open = on_app_open,
	.tcp_connected = on_connected,
	.tcp_refused = on_refused,
	.tcp_readable = on_readable,
	.tcp_writable = on_writable,
	.tcp_reset = on_reset,
	.udp_open = on_udp_open,
	.udp_deliver = on_udp_deliver,
	.udp_error = on_udp_error,
	.echo_error = on_echo_error,
	.echo_deliver = on_echo_deliver,
	.who_ask = on_who_ask,
};

const struct frontend_ops *link_frontend_ops(void)
{
	return &to_frontend_ops;
}

/* --- frames and time ------------------------------------------------------ */

static void on_frame(void *user, const void *frame, size_t len)
{
	struct link *l = user;

	show(l, CAPTURE_FROM_APP, frame, len);
	stack_input(l->stack, frame, len, l->now);
}

static void on_port(void *user, uint32_t index, uint32_t gen, uint32_t events,
                    int64_t now)
{
	struct link *l = entered(user, now);
	int n;

	(void)index;
	(void)gen;
	(void)events;
	/*
	 * Readable turn after turn: a stream, larger batches pay. Else one
	 * frame will be all there is, and the read that would only say so is
	 * left out; if not, the next turn comes at once.
	 */
	l->budget = l->turn == l->port_turn + 1
	                    ? MIN(l->budget * 4, FRAMES_A_TURN)
	                    : 1;
	l->port_turn = l->turn;
	n = frame_port_receive(l->port, l->budget, on_frame, l);
	stack_flush(l->stack, now);
	if (n >= 0 || l->is_dead)
		return;
	/* a dead port would be readable for ever */
	l->is_dead = true;
	loop_del(l->loop, l->port->fd);
	l->dead(l->dead_user, n);
}

static int64_t link_deadline(void *user)
{
	struct link *l = user;

	int64_t at = MIN(stack_deadline(l->stack),
	                 link_listeners_deadline(&l->listeners));

	return MIN(at, app_sockets_deadline(l->app_sockets));
}

static void link_run(void *user, int64_t now)
{
	struct link *l = entered(user, now);

	stack_run(l->stack, now);
	link_listeners_run(&l->listeners, now);
	for (int ip4 = 0; ip4 < 2; ip4++)
		if (l->listeners.has_inside_udp[ip4])
			app_sockets_make_ready(l->app_sockets, ip4);
	app_sockets_run(l->app_sockets, now);
}

/* host events of this turn may have left ACKs held back, too */
static void link_turn_end(void *user, int64_t now)
{
	struct link *l = entered(user, now);

	l->turn++;
	stack_flush(l->stack, now);
}

struct link *link_new(const struct stack_config *config,
                      struct frame_port *port, struct loop *loop,
                      const struct random_source *random,
                      void (*dead)(void *user, int err), void *user)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l || link_listeners_init(&l->listeners) < 0) {
		free(l);
		return NULL;
	}
	l->listeners.app4 = config->app4;
	l->listeners.app6 = config->app6;
	l->port = port;
	l->diag = -1;
	l->budget = 1;
	l->loop = loop;
	l->dead = dead;
	l->dead_user = user;
	l->now = loop_clock();
	l->memory_len = stack_size(config);
	/* pages that are never touched cost nothing */
	l->memory = mmap(NULL, l->memory_len, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l->memory == MAP_FAILED) {
		link_listeners_fini(&l->listeners);
		free(l);
		return NULL;
	}
	l->stack =
		stack_init(l->memory, config, &to_stack_ops, l, random, l->now);
	return l;
}

void link_capture(struct link *l, struct capture *c)
{
	l->capture = c;
}

void link_set_app_sockets(struct link *l, struct app_sockets *as)
{
	l->app_sockets = as;
}

void link_set_who(struct link *l, int diag, unsigned int ifindex,
                  int (*ask)(void *user, uint64_t token, bool ping,
                             uint32_t number),
                  void *user)
{
	l->diag = l->listeners.diag = diag;
	l->ifindex = ifindex;
	l->ask = ask;
	l->ask_user = user;
}

int link_start(struct link *l, struct flow_table *ft)
{
	struct loop_member member = {.deadline = link_deadline,
	                             .run = link_run,
	                             .turn_end = link_turn_end,
	                             .user = l};
	struct loop_ref ref = {.kind = LOOP_FRAME_PORT};

	l->ft = l->listeners.ft = ft;
	if (l->port->kind != FRAME_PORT_TAP)
		stack_set_big(l->stack, false);
	loop_member_add(l->loop, &member);
	loop_handle(l->loop, LOOP_FRAME_PORT, on_port, l);
	return loop_add(l->loop, l->port->fd, EPOLLIN, ref);
}

void link_free(struct link *l)
{
	if (!l)
		return;
	if (l->ft)
		stack_fini(l->stack, l->now);
	munmap(l->memory, l->memory_len);
	link_listeners_fini(&l->listeners);
	free(l);
}

const struct stack_stats *link_stats(const struct link *l)
{
	return stack_stats(l->stack);
}
