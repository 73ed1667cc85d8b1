/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - ordinary unprivileged sockets in the namespace of the launch */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "flow/flow.h"
#include "flow/host.h"

struct host;
struct loop;

struct host_config {
	/* false: behave as a kernel without SO_PEEK_OFF for TCP (< 6.9) */
	bool use_peek_off;
	/* one line for people, for instance why ping cannot be had */
	void (*line)(void *user, const char *line);
	void *line_user;
};

/*
 * host_new() - probes the kernel; mallocs here only. Takes LOOP_HOST_FLOW.
 * NULL: out of memory. host_bind() comes before the first flow; host and flow
 * need each other.
 */
struct host *host_new(const struct host_config *config, struct loop *loop);
void host_bind(struct host *h, struct flow_table *ft);
void host_free(struct host *h);
const struct host_ops *host_ops(void);

#endif
