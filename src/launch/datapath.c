/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.c - the confined process that carries the app's traffic */
/*
 * The life of the process: `setup` takes what the monitor sends until
 * MSG_START, `build` makes the rooms and joins them, `confine_datapath` shuts
 * the door, then `loop_run` until MSG_STOP or the end of the pair. Lines for
 * people go to the monitor: this process keeps no stdio, so that it can
 * neither hold the app's pipes open nor be stopped by one that is full.
 */
#include "launch/datapath.h"

#include "base/cleanup.h"
#include "confine/confine.h"
#include "dns/resolver.h"
#include "flow/flow.h"
#include "host/host.h"
#include "host/own_addr.h"
#include "host/upstream.h"
#include "launch/init.h"
#include "launch/launch.h"
#include "launch/message.h"
#include "launch/resolver_socket.h"
#include "launch/sockets_start.h"
#include "link/link.h"
#include "loop/loop.h"
#include "observe/capture.h"
#include "observe/flowlog.h"
#include "sockets/sockets.h"

#include <fcntl.h>
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
/* what the app wrote before it ended may leave for so long */
#define DRAIN_NS (500 * NS_PER_MS)

struct datapath {
	const struct datapath_args *args;
	const struct sandbox_config *config;
	int monitor_fd;
	struct loop *loop;
	struct policy *policy;
	struct policy *own_policy; /* made here where the config has none */
	struct resolver *resolver;
	struct upstream *upstream;
	struct flowlog *log; /* NULL: nobody asked */
	struct capture *capture;
	struct flow_table *ft;
	struct host *host;
	struct own_addr *own;
	struct frame_port port;
	int app_network; /* keeps the app's namespace while we drain */
	struct link *link;
	struct sockets *sockets;
	struct sockets_handover handover;
	struct resolver_sockets *resolver_sockets;
	int64_t stop_at; /* TIME_NEVER until MSG_STOP */
	int status;
	char text[MESSAGE_TEXT_MAX];
};

/* A line for people: dropped when the monitor cannot take it now. */
static void tell(struct datapath *dp, enum log_level level, const char *line)
{
	/* the socket does not block any more once the loop runs */
	if (message_send(dp->monitor_fd, MSG_LINE, (int32_t)level, line,
	                 strlen(line), -1) < 0)
		return;
}

static void on_denied(void *user, const char *line)
{
	tell(user, LOG_LEVEL_NOTICE, line);
}

static int failed(struct datapath *dp, const struct error *err)
{
	int rc = message_send(dp->monitor_fd, MSG_FAILED, err->code, err->text,
	                      strlen(err->text), -1);

	return rc < 0 ? rc : err->code;
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

static int build_resolver(struct datapath *dp, struct error *err)
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
	/* the reader may go between poll(2) and write(2) */
	(void)signal(SIGPIPE, SIG_IGN);
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
	(void)failed(dp, &err);
	dp->status = EXIT_POSTERN;
	loop_stop(dp->loop);
}

static void on_packet(void *user, const char *line)
{
	tell(user, LOG_LEVEL_NOTICE, line);
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
static void end_capture(struct datapath *dp)
{
	char line[96];

	if (dp->capture && capture_lost(dp->capture)) {
		snprintf(line, sizeof(line),
		         "the disk is full: %llu frames are not in the capture",
		         (unsigned long long)capture_lost(dp->capture));
		tell(dp, LOG_LEVEL_WARN, line);
	}
	capture_free(dp->capture);
}

/* A total length of 0 for a train over 64 KiB: Linux 6.3 (iph_totlen()). */
static bool kernel_takes_big(void)
{
	unsigned int major, minor;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 3);
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
		.big = dp->port.kind == FRAME_PORT_TAP && kernel_takes_big(),
		.dhcp = true,
		.ra = true,
		.max_conns = flows,
		.max_connecting = MIN(flows, CONNECTING_MAX),
		.pool_bytes = POOL_BYTES,
	};

	if (dp->port.fd < 0)
		return error_set(err, -EPROTO, "no frame port was sent");
	memcpy(sc.mac, FRAME_PORT_MAC_HOST, sizeof(sc.mac));
	dp->link =
		link_new(&sc, &dp->port, dp->loop, &random, on_port_dead, dp);
	if (!dp->link)
		return error_set(err, -ENOMEM, "no memory for %zu connections",
		                 flows);
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
		.no_unix_paths = dp->config->host_uds == HOST_UDS_NONE ||
	                         dp->config->host_uds == HOST_UDS_CREATE,
	};

	memcpy(sc.resolver_aliases, a->resolver_aliases,
	       sizeof(sc.resolver_aliases));
	dp->sockets = sockets_new(&sc, dp->loop, &random);
	if (!dp->sockets)
		return error_set(err, -ENOMEM, "no memory for %zu sockets",
		                 flows);
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
	(void)failed(dp, &err);
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

static int build(struct datapath *dp, struct error *err)
{
	size_t flows = max_flows(dp->config);
	int rc;

	rc = build_log(dp, err);
	if (!rc)
		rc = dp->args->sockets ? build_sockets(dp, flows, err)
		                       : build_link(dp, flows, err);
	if (!rc)
		rc = build_flow(dp, flows, err);
	if (!rc)
		rc = build_own(dp, err);
	if (rc)
		return rc;
	return dp->args->sockets ? await_listener(dp, err)
	                         : link_start(dp->link, dp->ft);
}

/* --- messages of the monitor ---------------------------------------------- */

/* What may come at any time. -EPROTO: it may not. */
static int take_common(struct datapath *dp, const struct message_head *head,
                       int *fd)
{
	if (head->kind == MSG_RESOLV_CONF) {
		resolver_set_resolv_conf(dp->resolver, dp->text,
		                         head->text_len);
		return 0;
	}
	if (head->kind == MSG_HOSTS) {
		resolver_set_hosts(dp->resolver, dp->text, head->text_len);
		if (dp->ft)
			flow_names_learn_hosts(dp->ft, loop_clock());
		return 0;
	}
	if (head->kind == MSG_RESOLVER_SOCKET && *fd >= 0)
		return resolver_sockets_add(dp->resolver_sockets, fd_take(fd),
		                            head->a == 1);
	if (head->kind == MSG_APP_NETWORK && *fd >= 0 && dp->app_network < 0) {
		dp->app_network = fd_take(fd);
		return 0;
	}
	return -EPROTO;
}

/* 1: MSG_START came, 0: another message, or a negative errno. */
static int take_setup(struct datapath *dp, struct error *err)
{
	struct message_head head;
	_auto_close_ int fd = -1;
	int rc = message_receive(dp->monitor_fd, &head, dp->text, &fd);

	if (rc <= 0)
		return rc ? rc : -EPIPE;
	if (head.kind == MSG_START)
		return 1;
	if (head.kind == MSG_FRAME_PORT && fd >= 0 && dp->port.fd < 0) {
		rc = frame_port_adopt((enum frame_port_kind)head.a, fd,
		                      &dp->port, err);
		if (rc == 0)
			(void)fd_take(&fd);
		return rc;
	}
	return take_common(dp, &head, &fd);
}

static void on_monitor(void *user, uint32_t index, uint32_t gen,
                       uint32_t events, int64_t now)
{
	struct datapath *dp = user;
	struct message_head head;
	_auto_close_ int fd = -1;
	int rc = message_receive(dp->monitor_fd, &head, dp->text, &fd);

	(void)index;
	(void)gen;
	(void)events;
	if (rc == -EAGAIN)
		return;
	if (rc > 0 && head.kind == MSG_STOP) {
		dp->stop_at = MIN(dp->stop_at, now + DRAIN_NS);
		(void)fd_take(&fd); /* the end closes it, nobody waits then */
		return;
	}
	if (rc > 0)
		rc = take_common(dp, &head, &fd);
	else if (rc == 0)
		rc = -EPIPE; /* the monitor is gone, and so is the app */
	if (rc < 0) {
		dp->status = EXIT_POSTERN;
		loop_stop(dp->loop);
	}
}

/* The end: at once when nothing of the app's is on its way any more. */
static int64_t stop_deadline(void *user)
{
	return ((struct datapath *)user)->stop_at;
}

static void stop_turn_end(void *user, int64_t now)
{
	struct datapath *dp = user;

	if (dp->stop_at == TIME_NEVER)
		return;
	if (now >= dp->stop_at || !flow_stats(dp->ft)->app_open)
		loop_stop(dp->loop);
}

static void stop_run(void *user, int64_t now)
{
	(void)user;
	(void)now;
}

static int serve(struct datapath *dp, struct error *err)
{
	struct loop_member member = {.deadline = stop_deadline,
	                             .run = stop_run,
	                             .turn_end = stop_turn_end,
	                             .user = dp};
	struct loop_ref ref = {.kind = LOOP_MONITOR};
	int rc;

	loop_handle(dp->loop, LOOP_MONITOR, on_monitor, dp);
	loop_member_add(dp->loop, &member);
	rc = loop_add(dp->loop, dp->monitor_fd, EPOLLIN, ref);
	if (rc < 0)
		return error_set(err, rc, "cannot watch the monitor: ");
	rc = confine_datapath(
		dp->args->sockets ? CONFINE_SOCKETS : CONFINE_LINK, err);
	if (rc < 0)
		return rc;
	rc = message_send(dp->monitor_fd, MSG_READY, 0, NULL, 0, -1);
	if (rc < 0)
		return error_set(err, rc, "cannot tell the monitor: ");
	return loop_run(dp->loop);
}

/* #syscalls fcntl */
static int no_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int prepare(struct datapath *dp, struct error *err)
{
	struct random_source random;
	int rc;

	dp->loop = loop_new();
	if (!dp->loop)
		return error_set(err, -errno, "cannot make an epoll: ");
	dp->policy = dp->config->policy;
	if (!dp->policy)
		dp->policy = dp->own_policy = policy_new();
	if (!dp->policy)
		return error_set(err, -ENOMEM, "no memory for the policy");
	random = loop_random();
	if (policy_pins_init(dp->policy, POLICY_PINS_MAX, &random) < 0)
		return error_set(err, -ENOMEM, "no memory for names");
	rc = build_resolver(dp, err);
	while (!rc)
		rc = take_setup(dp, err);
	if (rc < 0)
		return err->code ? rc
		                 : error_set(err, rc, "bad set-up message: ");
	rc = no_blocking(dp->monitor_fd);
	if (rc < 0)
		return error_set(err, rc, "cannot set O_NONBLOCK: ");
	rc = build(dp, err);
	if (rc < 0 && !err->code)
		error_set(err, rc, "cannot start the datapath: ");
	return rc;
}

static void teardown(struct datapath *dp)
{
	link_free(dp->link);
	end_capture(dp);
	sockets_free(dp->sockets);
	if (dp->ft)
		flow_log_end(dp->ft, loop_clock());
	flow_table_free(dp->ft);
	flowlog_free(dp->log);
	host_free(dp->host);
	own_addr_free(dp->own);
	resolver_sockets_free(dp->resolver_sockets);
	upstream_free(dp->upstream);
	resolver_free(dp->resolver);
	policy_free(dp->own_policy);
	if (dp->port.fd >= 0)
		frame_port_close(&dp->port);
	loop_free(dp->loop);
	fd_close(&dp->monitor_fd);
	fd_close(&dp->app_network);
	sockets_handover_close(&dp->handover);
	free(dp);
}

/* Under sockets CMD must be a descendant of this process (Yama, ptrace). */
static int start_app(struct datapath *dp, struct error *err)
{
	struct app_side *app = dp->args->app;
	pid_t pid;
	int rc;

	if (!app)
		return 0;
	rc = sockets_handover_open(&dp->handover, err);
	if (rc)
		return rc;
	/* in namespaces of ours CMD can always be looked at */
	dp->handover.filter.keep_dumpable = !app->namespaces;
	app->install_filter = sockets_install_filter;
	app->user = &dp->handover;
	pid = app_side_start(app, err);
	fd_close(&dp->handover.theirs);
	return pid < 0 ? pid : 0;
}

int datapath_main(const struct datapath_args *args)
{
	struct datapath *dp = calloc(1, sizeof(*dp));
	struct error err = {0};
	int status;

	if (!dp)
		return EXIT_POSTERN;
	dp->args = args;
	dp->config = args->config;
	dp->monitor_fd = args->monitor_fd;
	dp->port.fd = -1;
	dp->app_network = -1;
	dp->stop_at = TIME_NEVER;
	dp->handover.ours = dp->handover.theirs = -1;
	if (start_app(dp, &err) < 0) {
		(void)failed(dp, &err);
		teardown(dp);
		return EXIT_POSTERN;
	}
	(void)setsid(); /* the terminal's signals are the app's */
	if (dp->args->app)
		datapath_detach(dp->args, &dp->handover.ours, 1);
	if (prepare(dp, &err) < 0 || serve(dp, &err) < 0) {
		(void)failed(dp, &err);
		dp->status = EXIT_POSTERN;
	}
	status = dp->status;
	teardown(dp);
	return status;
}
