/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.h - the resolver's exchanges with the host's DNS servers */
#ifndef HOST_UPSTREAM_H
#define HOST_UPSTREAM_H

#include "base/addr.h"

struct loop;     /* loop/loop.h */
struct resolver; /* dns/resolver.h */
struct upstream;

/*
 * upstream_new() - room for `max` exchanges at a time, numbered 0..max-1 as
 * the resolver's slots are (resolver_config.max_queries). Takes LOOP_UPSTREAM
 * of the loop; both are borrowed. NULL: out of memory.
 */
struct upstream *upstream_new(struct loop *loop, size_t max);
/* upstream_bind() - whom the answers go to; before the first exchange. */
void upstream_bind(struct upstream *u, struct resolver *r);
/* upstream_free() - closes what is open; the resolver hears nothing of it. */
void upstream_free(struct upstream *u);

/*
 * upstream_send() - as resolver_ops.upstream_send: one query by UDP from a
 * fresh socket (the kernel draws its port at random), or by TCP. Never blocks.
 * What was open in that slot is closed first. 0 or a negative errno.
 */
_must_check_ int upstream_send(struct upstream *u, uint32_t slot,
                               const struct endpoint *server, bool tcp,
                               const void *msg, size_t len);
/* upstream_close() - as resolver_ops.upstream_close */
void upstream_close(struct upstream *u, uint32_t slot);

#endif
