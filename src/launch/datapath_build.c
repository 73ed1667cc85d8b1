/* SPDX-License-Identifier: Apache-2.0 */
/* datapath_build.c - makes the rooms of the datapath, joins them to the app */
#include "launch/datapath-private.h"

#include "base/cleanup.h"
#include "dns/resolver.h"
#include "flow/flow.h"
#include "host/host.h"
#include "host/own_addr.h"
#include "host/upstream.h"
#include "launch/init.h"
#include "launch/launch.h"
#include "launch/resolver_socket.h"
#include "launch/who.h"
#include "link/app_sockets.h"
#include "link/link.h"
#include "loop/loop.h"
#include "observe/capture.h"
#include "observe/flowlog.h"
#include "sockets/sockets.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/utsname.h>

/* descriptors that flows may not use up: housekeeping and the resolver's */
#define RESERVED_FDS 64u
#define DNS_QUERIES 256u
#define FLOWS_MAX 65536u
#define FLOWS_MIN 16u
#define CONNECTING_MAX 2048u
#define UDP_MAX 8192u
#define POOL_BYTES (64u << 20)

static void on_denied(void *user, const char *line)
{
	datapath_tell(user, LOG_LEVEL_NOTICE, line);
}

/* --- processes -----------------------------------------------------------
 */

static int ask_monitor(void *user, const struct who_question *q)
{
	struct datapath *dp = user;

	return message_send(dp->monitor_fd, MSG_WHO, 0, q, sizeof(*q), -1);
}

static int on_ask_socket(void *user, uint64_t token, bool ping, uint32_t number)
{
	const struct who_question q = {.token = token,
	                               .ping = ping ? number : 0,
	                               .inode = ping ? 0 : number};

	return ask_monitor(user, &q);
}

static int on_ask_thread(void *user, uint64_t token, uint32_t tid)
{
	const struct who_question q = {.token = token, .tid = tid};

	return ask_monitor(user, &q);
}

/* --- the resolver's wires ------------------------------------------------ */

static int on_upstream_send(void *user, uint32_t slot,
                            const struct endpoint *to, bool tcp,
                            const void *msg, size_t len)
{
	struct datapath *dp = user;

	return upstream_send(dp->upstream, slot, to, tcp, msg, len);
}

static void on_upstream_close(void *user, uint32_t slot)
{
	upstream_close(((struct datapath *)user)->upstream, slot);
}

static void on_answer(void *user, uint64_t asker, bool tcp, const void *msg,
                      size_t len)
{
	struct datapath *dp = user;

	if (FLOW_IS_ASKER(asker))
		flow_resolver_answer(dp->ft, asker, tcp, msg, len,
		                     loop_now(dp->loop));
	else
		resolver_sockets_answer(dp->resolver_sockets, asker, msg, len);
}

static const struct resolver_ops resolver_wires = {
	.upstream_send = on_upstream_send,
	.upstream_close = on_upstream_close,
	.answer = on_answer,
};

static int64_t resolver_member_deadline(void *user)
{
	return resolver_deadline(((struct datapath *)user)->resolver);
}

static void resolver_member_run(void *user, int64_t now)
{
	resolver_run(((struct datapath *)user)->resolver, now);
}

int datapath_build_resolver(struct datapath *dp, struct error *err)
{
	const struct sandbox_config *c = dp->config;
	struct resolver_config rc = {.max_queries = DNS_QUERIES,
	                             .total_ns = 5 * NS_PER_S,
	                             .try_ns = 1500 * NS_PER_MS};
	struct random_source random = loop_random();
	struct loop_member member = {.deadline = resolver_member_deadline,
	                             .run = resolver_member_run,
	                             .user = dp};
	int rv;

	dp->upstream = upstream_new(dp->loop, DNS_QUERIES);
	dp->resolver = resolver_new(&rc, &resolver_wires, dp, &random);
	if (!dp->upstream || !dp->resolver)
		return error_set(err, -ENOMEM, "no memory for the resolver");
	upstream_bind(dp->upstream, dp->resolver);
	dp->resolver_sockets = resolver_sockets_new(dp->loop, dp->resolver);
	if (!dp->resolver_sockets)
		return error_set(err, -ENOMEM, "no memory for the resolver");
	loop_member_add(dp->loop, &member);
	resolver_set_sandbox(dp->resolver, &dp->args->app4,
	                     96 + dp->args->prefix4);
	resolver_set_sandbox(dp->resolver, &dp->args->app6, dp->args->prefix6);
	if (c->ndns) {
		rv = resolver_set_servers(dp->resolver, c->dns, c->ndns);
		if (rv < 0)
			return error_set(err, rv, "bad --dns: ");
	}
	for (size_t i = 0; i < c->nhosts; i++) {
		rv = resolver_add_host(dp->resolver, c->hosts[i].name,
		                       &c->hosts[i].addr, err);
		if (rv < 0)
			return rv;
	}
	return 0;
}

/* --- flow, host, link ----------------------------------------------------- */

static int64_t flow_member_deadline(void *user)
{
	return flow_deadline(((struct datapath *)user)->ft);
}

static void flow_member_run(void *user, int64_t now)
{
	flow_run(((struct datapath *)user)->ft, now);
}

static void flow_member_turn_end(void *user, int64_t now)
{
	flow_turn_end(((struct datapath *)user)->ft, now);
}

static void on_own_changed(void *user, bool closed, int64_t now)
{
	struct datapath *dp = user;

	flow_set_closed(dp->ft, closed);
	flow_policy_changed(dp->ft, now);
}

/* As many flows as the descriptor limit allows, or fewer where asked. */
static size_t max_flows(const struct sandbox_config *c)
{
	size_t want = c->max_flows ? c->max_flows : FLOWS_MAX, room;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return FLOWS_MIN;
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
	room = MIN(lim.rlim_max, FLOWS_MAX * 2);
	/* of a small limit a quarter must do for the rest */
	room -= MIN(RESERVED_FDS + DNS_QUERIES, room / 4);
	if (room < FLOWS_MIN)
		room = FLOWS_MIN; /* a very small limit: EMFILE decides */
	return MIN(want, room);
}

/* Only where somebody asked for it. */
static int build_log(struct datapath *dp, struct error *err)
{
	const struct sandbox_config *c = dp->config;
	struct flowlog_config lc = {
		.sinks = {{.fd = c->flow_log_fd},
	                  {.fd = c->flow_memory_fd,
	                   .room = c->flow_memory_room}},
		.wall_offset_ns = loop_wall_offset_ns(),
	};
	struct random_source random = loop_random();

	if (c->flow_log_fd < 0 && c->flow_memory_fd < 0)
		return 0;
	lc.run = random_u64(&random);
	dp->log = flowlog_new(&lc);
	return dp->log ? 0 : error_set(err, -ENOMEM, "no memory for the log");
}

static enum flow_tls_names flow_tls_names_of(enum tls_names how)
{
	switch (how) {
	case TLS_NAMES_DNS:
		break;
	case TLS_NAMES_STRICT:
		return FLOW_TLS_NAMES_STRICT;
	case TLS_NAMES_OFF:
		return FLOW_TLS_NAMES_OFF;
	}
	return FLOW_TLS_NAMES_DNS;
}

static void on_listening(void *user, uint16_t port, bool on)
{
	struct datapath *dp = user;

	/* lost where the monitor is busy: rare, and a restart tells again */
	(void)!message_send(dp->monitor_fd, MSG_LISTENING, on ? port : -port,
	                    NULL, 0, -1);
}

static int build_flow(struct datapath *dp, size_t flows, struct error *err)
{
	const struct datapath_args *a = dp->args;
	struct host_config hc = {
		.use_peek_off = true, .line = on_denied, .line_user = dp};
	struct flow_config fc = {
		.max_flows = flows,
		.max_connecting = MIN(flows, CONNECTING_MAX),
		.max_udp = MIN(flows / 2, UDP_MAX),
		.tls_names = flow_tls_names_of(dp->config->tls_names),
		.udp_idle_ns = 180 * NS_PER_S,
		.short_ns = 30 * NS_PER_S,
		.gateway4 = {a->gateway4, 0},
		.gateway6 = {a->gateway6, 0},
		.resolver4 = {a->resolver4, 53},
		.resolver6 = {a->resolver6, 53},
		.nresolver_aliases = a->nresolver_aliases,
		.app4 = a->app4,
		.app6 = a->app6,
	};
	struct flow_rooms rooms = {
		.frontend = dp->sockets ? sockets_frontend_ops()
	                                : link_frontend_ops(),
		.frontend_user =
			dp->sockets ? (void *)dp->sockets : (void *)dp->link,
		.host = host_ops(),
		.policy = dp->policy,
		.resolver = dp->resolver,
		.denied = on_denied,
		.denied_user = dp,
		.listening = dp->config->publish_auto ? on_listening : NULL,
		.listening_user = dp,
		.door_open = datapath_door_open,
		.door_user = dp,
		.log = dp->log,
		.random = loop_random(),
	};
	struct loop_member member = {.deadline = flow_member_deadline,
	                             .run = flow_member_run,
	                             .turn_end = flow_member_turn_end,
	                             .user = dp};

	memcpy(fc.resolver_aliases, a->resolver_aliases,
	       sizeof(fc.resolver_aliases));
	dp->host = host_new(&hc, dp->loop);
	if (!dp->host)
		return error_set(err, -ENOMEM, "no memory for sockets");
	rooms.host_user = dp->host;
	dp->ft = flow_table_new(&fc, &rooms);
	if (!dp->ft)
		return error_set(err, -ENOMEM, "no memory for %zu flows",
		                 flows);
	host_bind(dp->host, dp->ft);
	flow_names_bind(dp->ft, dp->config->dns_refused);
	flow_names_learn_hosts(dp->ft, loop_clock());
	loop_member_add(dp->loop, &member);
	return 0;
}

static void on_port_dead(void *user, int code)
{
	struct datapath *dp = user;
	struct error err = {0};

	error_set(&err, code, "the app's interface is gone: ");
	(void)datapath_tell_failed(dp, &err);
	dp->status = EXIT_POSTERN;
	loop_stop(dp->loop);
}

static void on_packet(void *user, const char *line)
{
	datapath_tell(user, LOG_LEVEL_NOTICE, line);
}

static int build_capture(struct datapath *dp, struct error *err)
{
	const struct sandbox_config *c = dp->config;
	const struct capture_config cc = {
		.fd = c->pcap_fd,
		.line = c->log_packets ? on_packet : NULL,
		.user = dp,
		.wall_offset_ns = loop_wall_offset_ns(),
		.ifname = c->ifname[0] ? c->ifname : "tap0",
	};

	if (c->pcap_fd < 0 && !c->log_packets)
		return 0;
	dp->capture = capture_new(&cc);
	if (!dp->capture)
		return error_set(err, -ENOMEM, "no memory for the capture");
	link_capture(dp->link, dp->capture);
	return 0;
}

/* The disk was full: what is there can be read, but it is not all. */
void datapath_end_capture(struct datapath *dp)
{
	char line[96];

	if (dp->capture && capture_lost(dp->capture)) {
		snprintf(line, sizeof(line),
		         "the disk is full: %llu frames are not in the capture",
		         (unsigned long long)capture_lost(dp->capture));
		datapath_tell(dp, LOG_LEVEL_WARN, line);
	}
	capture_free(dp->capture);
}

/* A total length of 0 for a train over 64 KiB: Linux 6.3 (iph_totlen()). */
static bool kernel_takes_big(void)
{
	unsigned long major, minor;
	struct utsname u;
	char *end;

	if (uname(&u) < 0)
		return false;
	major = strtoul(u.release, &end, 10);
	if (*end != '.')
		return false;
	minor = strtoul(end + 1, NULL, 10);
	return major > 6 || (major == 6 && minor >= 3);
}

static int on_want_socket(void *user, enum app_socket_kind kind)
{
	struct datapath *dp = user;

	return message_send(dp->monitor_fd, MSG_WANT_SOCKET, (int32_t)kind,
	                    NULL, 0, -1);
}

static int build_link(struct datapath *dp, size_t flows, struct error *err)
{
	const struct datapath_args *a = dp->args;
	const struct sandbox_config *c = dp->config;
	struct random_source random = loop_random();
	struct stack_config sc = {
		.has_ip4 = !c->ip6_only,
		.has_ip6 = !c->ip4_only,
		.app4 = a->app4,
		.gateway4 = a->gateway4,
		.resolver4 = a->resolver4,
		.app6 = a->app6,
		.gateway6 = a->gateway6,
		.resolver6 = a->resolver6,
		.prefix4 = a->prefix4,
		.prefix6 = a->prefix6,
		.mtu = a->mtu,
		.gso = !c->gso_off,
		.big = kernel_takes_big(),
		.dhcp = true,
		.ra = true,
		.max_conns = flows,
		.max_connecting = MIN(flows, CONNECTING_MAX),
		.pool_bytes = POOL_BYTES,
	};

	memcpy(sc.mac, FRAME_PORT_MAC_HOST, sizeof(sc.mac));
	dp->link =
		link_new(&sc, &dp->port, dp->loop, &random, on_port_dead, dp);
	if (!dp->link)
		return error_set(err, -ENOMEM, "no memory for %zu connections",
		                 flows);
	dp->app_sockets = app_sockets_new(dp->loop, on_want_socket, dp);
	if (!dp->app_sockets)
		return error_set(err, -ENOMEM,
		                 "no memory for the app's "
		                 "loopback");
	link_set_app_sockets(dp->link, dp->app_sockets);
	return build_capture(dp, err);
}

static int build_sockets(struct datapath *dp, size_t flows, struct error *err)
{
	const struct datapath_args *a = dp->args;
	struct random_source random = loop_random();
	struct loop_member member = {.deadline = sockets_deadline,
	                             .run = sockets_run,
	                             .turn_end = sockets_turn_end};
	struct sockets_config sc = {
		.max_sockets = flows,
		.app4 = a->app4,
		.gateway4 = a->gateway4,
		.resolver4 = a->resolver4,
		.app6 = a->app6,
		.gateway6 = a->gateway6,
		.resolver6 = a->resolver6,
		.nresolver_aliases = a->nresolver_aliases,
		.lo_only = dp->config->lo_only,
		.direct = dp->config->sockets_direct,
		.own_network = a->app->namespaces,
		.unix_rules = dp->config->host_uds != HOST_UDS_ALL,
		.no_unix_bind = dp->config->host_uds == HOST_UDS_NONE ||
	                        dp->config->host_uds == HOST_UDS_OPEN,
	};
	if (!a->app->namespaces)
		sc.control_root = a->app->control_root;
	memcpy(sc.resolver_aliases, a->resolver_aliases,
	       sizeof(sc.resolver_aliases));
	dp->sockets = sockets_new(&sc, dp->loop, &random);
	if (!dp->sockets)
		return error_set(err, -ENOMEM, "no memory for %zu sockets",
		                 flows);
	sockets_set_who(dp->sockets, on_ask_thread, dp);
	member.user = dp->sockets;
	loop_member_add(dp->loop, &member);
	return 0;
}

/* CMD has its filter: from now on its calls come here. */
static void on_handover(void *user, uint32_t index, uint32_t gen,
                        uint32_t events, int64_t now)
{
	struct datapath *dp = user;
	struct error err = {0};
	int fd = sockets_handover_take(&dp->handover);

	(void)index;
	(void)gen;
	(void)events;
	(void)now;
	if (fd == -EAGAIN)
		return;
	loop_del(dp->loop, dp->handover.ours);
	/* without a listener CMD has said why and ended */
	if (fd < 0)
		return;
	sockets_unix_is_kept(dp->sockets,
	                     dp->handover.scoped || dp->args->app->namespaces);
	if (sockets_start(dp->sockets, fd, dp->ft, &err) == 0)
		return;
	(void)datapath_tell_failed(dp, &err);
	dp->status = EXIT_POSTERN;
	loop_stop(dp->loop);
}

static int await_listener(struct datapath *dp, struct error *err)
{
	struct loop_ref ref = {.kind = LOOP_CHILD};
	int rc;

	loop_handle(dp->loop, LOOP_CHILD, on_handover, dp);
	rc = loop_add(dp->loop, dp->handover.ours, EPOLLIN, ref);
	if (rc < 0)
		return error_set(err, rc, "cannot wait for the listener: ");
	return 0;
}

static int build_own(struct datapath *dp, struct error *err)
{
	int fd = dp->args->route_fd;

	if (fd < 0)
		fd = own_addr_open();
	if (fd < 0)
		return error_set(err, fd, "cannot open rtnetlink: ");
	dp->own = own_addr_new(fd, dp->loop, dp->policy, on_own_changed, dp);
	if (!dp->own)
		return error_set(err, -ENOMEM, "no memory for addresses");
	return 0;
}

int datapath_build(struct datapath *dp, struct error *err)
{
	size_t flows = max_flows(dp->config);
	int rc;

	/* splice(2) has no MSG_NOSIGNAL; a log's reader may go, too */
	(void)signal(SIGPIPE, SIG_IGN);
	rc = build_log(dp, err);
	if (!rc)
		rc = dp->args->sockets ? build_sockets(dp, flows, err)
		                       : build_link(dp, flows, err);
	if (!rc)
		rc = build_flow(dp, flows, err);
	if (!rc && dp->app_sockets)
		app_sockets_bind(dp->app_sockets, dp->ft);
	return rc ? rc : build_own(dp, err);
}

static int join_link(struct datapath *dp, struct error *err)
{
	int rc;

	if (dp->port.fd < 0)
		return error_set(err, -EPROTO, "no frame port was sent");
	link_set_who(dp->link, dp->app_index ? dp->app_network : -1,
	             (unsigned int)dp->app_index, on_ask_socket, dp);
	rc = datapath_doors_build(dp, err);
	return rc ? rc : link_start(dp->link, dp->ft);
}

static int join_sockets(struct datapath *dp, struct error *err)
{
	int rc = datapath_paths_build(dp, err);

	if (!rc)
		rc = datapath_doors_build(dp, err);
	return rc ? rc : await_listener(dp, err);
}

int datapath_join(struct datapath *dp, struct error *err)
{
	return dp->args->sockets ? join_sockets(dp, err) : join_link(dp, err);
}
