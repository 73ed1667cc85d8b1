/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_socket.h - the resolver at sockets made in the app's namespace */
#ifndef LAUNCH_RESOLVER_SOCKET_H
#define LAUNCH_RESOLVER_SOCKET_H

#include "base/util.h"

struct loop;
struct resolver;

/*
 * struct resolver_sockets - where the app's /etc/resolv.conf names a loopback
 * address and cannot be replaced, the resolver answers at sockets on that
 * address. All memory is taken at start. Takes LOOP_RESOLVER of the loop.
 */
struct resolver_sockets;

struct resolver_sockets *resolver_sockets_new(struct loop *loop,
                                              struct resolver *resolver);
/*
 * Takes fd over, also on failure: a bound UDP socket or a TCP listener that
 * does not block. Also once the datapath is confined.
 */
_must_check_ int resolver_sockets_add(struct resolver_sockets *rs, int fd,
                                      bool tcp);
/* resolver_ops.answer() for the askers with the top bit set */
void resolver_sockets_answer(struct resolver_sockets *rs, uint64_t asker,
                             const void *msg, size_t len);

#endif
