/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - frontend 1: the lone interface, our stack, and flow joined */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "flow/flow.h"
#include "link/frame_port.h"
#include "stack/stack.h"

struct link;
struct capture; /* observe/capture.h */
struct loop;
struct app_sockets;

/*
 * link_new() - maps the stack's memory and starts it; malloc here only. port
 * is borrowed, and open once link_start() is called. stack_config.big holds for
 * a tap only. dead() is called at most once, when the port can carry nothing
 * more. NULL: out of memory.
 */
struct link *link_new(const struct stack_config *config,
                      struct frame_port *port, struct loop *loop,
                      const struct random_source *random,
                      void (*dead)(void *user, int err), void *user);
/* link_capture() - every frame is shown to c from now on; c is borrowed. */
void link_capture(struct link *l, struct capture *c);
/*
 * link_set_who() - processes can be looked up: diag is a socket of
 * sock_diag_open() in the app's namespace, borrowed, where the interface is
 * ifindex; ask() is called with the token of frontend_ops.who_ask() and the
 * inode of a socket or (ping) the id of an echo request. Before link_start().
 */
void link_set_who(struct link *l, int diag, unsigned int ifindex,
                  int (*ask)(void *user, uint64_t token, bool ping,
                             uint32_t number),
                  void *user);
/* link_set_app_sockets() - what the app's loopback is served by; borrowed.
 * Before link_start(). */
void link_set_app_sockets(struct link *l, struct app_sockets *as);
/* link_frontend_ops() - what flow is bound to, with the link as user */
const struct frontend_ops *link_frontend_ops(void);
/* link_start() - frames are read from now on (LOOP_FRAME_PORT). */
_must_check_ int link_start(struct link *l, struct flow_table *ft);
/* Every connection of the app is dropped, flow told; frees everything. */
void link_free(struct link *l);
const struct stack_stats *link_stats(const struct link *l);

#endif
