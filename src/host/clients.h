/* SPDX-License-Identifier: Apache-2.0 */
/* clients.h - published UDP ports: one socket, many clients */
#ifndef HOST_CLIENTS_H
#define HOST_CLIENTS_H

#include "flow/flow.h"

#include <sys/socket.h>

struct host;
struct host_clients;

/* NULL: out of memory; free(3) ends it */
struct host_clients *host_clients_new(void);

/* host_clients_prepare() - what a bound socket needs before it is read */
void host_clients_prepare(int fd, bool ip4);
/*
 * host_clients_listen() - false: everybody is answered with "port
 * unreachable", and what lies in the queue is gone. 0 or a negative errno.
 */
_must_check_ int host_clients_listen(int fd, const struct endpoint *bound,
                                     bool on);
/* host_clients_event() - the published socket `slot` is readable */
void host_clients_event(struct host *h, uint32_t slot, int fd, int64_t now);

/* struct host_aim - where a datagram goes, and from where */
struct host_aim {
	struct sockaddr_storage to;
	socklen_t len;
	struct addr local;
};

/* host_client_aim() - of a HOST_UDP_CLIENT; the descriptor to send by */
int host_client_aim(const struct host *h, const struct flow_host_part *part,
                    struct host_aim *aim);
/* host_client_gone() - its flow has ended */
void host_client_gone(struct host *h, struct flow_host_part *part);

/* as host_ops */
int host_udp_adopt(void *user, struct flow_host_part *part, uint32_t slot,
                   const struct endpoint *client, const struct addr *local);
bool host_udp_is_client(void *user, const struct flow_host_part *part,
                        uint32_t slot, const struct endpoint *client);

#endif
