/* SPDX-License-Identifier: Apache-2.0 */
/* listeners.h - for which published ports does the app listen now? */
#ifndef LINK_LISTENERS_H
#define LINK_LISTENERS_H

#include "flow/flow.h"

#define LISTENERS_EVERY_NS (250 * NS_PER_MS)

struct link_listeners {
	struct flow_table *ft;
	int diag; /* -1: cannot be known; all ports are open */
	struct addr app4, app6;
	int64_t at;   /* when to look next */
	size_t count; /* published ports at the last look */
	/* by slot of flow_publish_next() */
	struct link_listener_seen *seen;
	bool has_inside_udp[2]; /* by whether it is IPv4 */
};

/* struct link_listener_seen - what was found at the last look */
struct link_listener_seen {
	/* clients from outside get there; those of the other family would */
	bool outside, other_outside;
	/* on loopback, at `at`, of the clients' family if there is a choice */
	bool inside;
	struct endpoint at;
};

/* link_listeners_init() - malloc here only. 0 or -ENOMEM. */
_must_check_ int link_listeners_init(struct link_listeners *l);
void link_listeners_fini(struct link_listeners *l);
/* TIME_NEVER while nothing is published: looking costs something */
int64_t link_listeners_deadline(const struct link_listeners *l);
void link_listeners_run(struct link_listeners *l, int64_t now);
/*
 * link_listeners_inside() - does the listener of this slot take connections
 * from the app's loopback alone? Where, or NULL.
 */
const struct endpoint *link_listeners_inside(const struct link_listeners *l,
                                             uint32_t slot);

#endif
