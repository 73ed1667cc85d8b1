/* SPDX-License-Identifier: Apache-2.0 */
/* app_sockets.h - sockets in the app's namespace: its loopback has no frames */
#ifndef LINK_APP_SOCKETS_H
#define LINK_APP_SOCKETS_H

#include "flow/flow.h"

struct loop;
struct app_sockets;

/*
 * References of connections and datagrams that are served here rather than by
 * the stack, whose own leave this bit clear.
 */
#define APP_SOCKETS_BIT (UINT64_C(1) << 63)
/* of the datagrams of a client of a published socket: this, and its slot */
#define APP_SOCKETS_PEER_BIT (UINT64_C(1) << 62)
#define APP_SOCKETS_PEER(slot_)                                                \
	(APP_SOCKETS_BIT | APP_SOCKETS_PEER_BIT | (uint64_t)(slot_))
#define APP_SOCKETS_IS_PEER(ref_)                                              \
	(((ref_)&APP_SOCKETS_PEER(0)) == APP_SOCKETS_PEER(0))
#define APP_SOCKETS_HAS(ref_) (((ref_)&APP_SOCKETS_BIT) != 0)

/*
 * app_sockets_new() - serves LOOP_APP_SOCKET. want() is called when a socket
 * of this kind is needed, and app_sockets_spare() shall follow; 0 or a
 * negative errno. NULL: out of memory.
 */
enum app_socket_kind {
	APP_SOCKET_TCP4,
	APP_SOCKET_TCP6,
	APP_SOCKET_UDP4,
	APP_SOCKET_UDP6,
	APP_SOCKET_KINDS
};
struct app_sockets *
app_sockets_new(struct loop *loop,
                int (*want)(void *user, enum app_socket_kind kind), void *user);
/* Before the first event; ft is borrowed. */
void app_sockets_bind(struct app_sockets *as, struct flow_table *ft);
void app_sockets_free(struct app_sockets *as);
/*
 * app_sockets_listen() - fd is bound at `at`, a face of a door, and listens if
 * it is TCP's; it is taken, also on failure. 0 or a negative errno.
 */
_must_check_ int app_sockets_listen(struct app_sockets *as, int fd,
                                    uint8_t proto, const struct endpoint *at);
/* app_sockets_spare() - a new socket of the app's namespace; taken */
void app_sockets_spare(struct app_sockets *as, enum app_socket_kind kind,
                       int fd);
/*
 * app_sockets_open() - a client of a published port, to a listener that only
 * takes connections from the app's loopback: as frontend_ops.tcp_open(), but
 * the listener sees a loopback peer.
 */
_must_check_ int app_sockets_open(struct app_sockets *as, struct flow_id id,
                                  const struct endpoint *to, uint64_t *ref,
                                  int64_t now);

/* app_sockets_make_ready() - a datagram socket inside listens on
 * loopback alone: its clients will need sockets */
void app_sockets_make_ready(struct app_sockets *as, bool ip4);

/* As in struct frontend_ops, for references of this room. */
void app_sockets_connected(struct app_sockets *as, uint64_t ref, int64_t now);
void app_sockets_readable(struct app_sockets *as, uint64_t ref, int64_t now);
void app_sockets_writable(struct app_sockets *as, uint64_t ref, int64_t now);
/* of tcp_refused() and tcp_reset() alike: for its peer there is one word */
void app_sockets_reset(struct app_sockets *as, uint64_t ref);
void app_sockets_deliver(struct app_sockets *as, uint64_t ref,
                         const struct tuple *t, const void *data, size_t len,
                         size_t segment_len);
/*
 * app_sockets_deliver_in() - a datagram of t.host, a client of the published
 * socket that ref tells, to a socket that is bound to the app's loopback
 * alone, at `to`.
 */
void app_sockets_deliver_in(struct app_sockets *as, uint64_t ref,
                            const struct endpoint *to, const struct tuple *t,
                            const void *data, size_t len, size_t segment_len,
                            int64_t now);

int64_t app_sockets_deadline(const struct app_sockets *as);
void app_sockets_run(struct app_sockets *as, int64_t now);

#endif
