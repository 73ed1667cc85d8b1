/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h - published ports: clients are let in while the app listens */
#ifndef HOST_LISTEN_H
#define HOST_LISTEN_H

#include "flow/flow.h"

struct host;

/* struct host_listen - a published socket, by the slot that flow chose */
struct host_listen {
	int fd;
	uint32_t gen;     /* of the events */
	uint32_t clients; /* flows of a UDP socket, which outlive is_open */
	bool is_open, is_udp;
	struct endpoint bound;
};

/* FLOW_PUBLISH_MAX of them, none open; NULL: out of memory */
struct host_listen *host_listen_new(void);
/* host_listen_free() - h->listens, which may be NULL, and what is open */
void host_listen_free(struct host *h);
/* host_listen_start() - takes LOOP_HOST_LISTEN */
void host_listen_start(struct host *h);
/* host_listen_left() - a flow of the UDP socket `slot` has ended */
void host_listen_left(struct host *h, uint32_t slot);
/* as host_ops */
int host_publish_open(void *user, uint32_t slot, const struct flow_publish *p,
                      int fd);
int host_publish_listen(void *user, uint32_t slot, bool on);
void host_publish_close(void *user, uint32_t slot);

#endif
