/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.c - the confined process that carries the app's traffic */
/*
 * The life of the process: `datapath_build` makes the rooms, `take_setup` takes
 * what the monitor sends until MSG_START, `datapath_join` joins the rooms to
 * it, `confine_datapath` shuts the door, then `loop_run` until MSG_STOP or the
 * end of the pair. Lines for people go to the monitor: this process keeps no
 * stdio, so that it can neither hold the app's pipes open nor be stopped by one
 * that is full.
 */
#include "launch/datapath-private.h"

#include "base/cleanup.h"
#include "confine/confine.h"
#include "dns/resolver.h"
#include "flow/flow.h"
#include "host/host.h"
#include "host/own_addr.h"
#include "host/upstream.h"
#include "launch/door.h"
#include "launch/init.h"
#include "launch/launch.h"
#include "launch/resolver_socket.h"
#include "launch/who.h"
#include "link/app_sockets.h"
#include "link/link.h"
#include "loop/loop.h"
#include "observe/flowlog.h"
#include "sockets/sockets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* what the app wrote before it ended may leave for so long */
#define DRAIN_NS (500 * NS_PER_MS)
/* the monitor's exit, which somebody waits for, goes before ours */
#define REST_NS (5 * NS_PER_MS)

/* A line for people: dropped when the monitor cannot take it now. */
void datapath_tell(struct datapath *dp, enum log_level level, const char *line)
{
	/* the socket does not block any more once the loop runs */
	if (message_send(dp->monitor_fd, MSG_LINE, (int32_t)level, line,
	                 strlen(line), -1) < 0)
		return;
}

int datapath_tell_failed(struct datapath *dp, const struct error *err)
{
	int rc = message_send(dp->monitor_fd, MSG_FAILED, err->code, err->text,
	                      strlen(err->text), -1);

	return rc < 0 ? rc : err->code;
}
/* --- messages of the monitor ---------------------------------------------- */

static int take_publish(struct datapath *dp, const struct message_head *head,
                        int fd)
{
	struct flow_publish p;
	char line[128], at[ENDPOINT_TEXT_MAX];
	int rc;

	if (head->text_len != sizeof(p)) {
		fd_close(&fd);
		return -EPROTO;
	}
	memcpy(&p, dp->text, sizeof(p));
	rc = flow_publish_add(dp->ft, &p, fd);
	if (rc < 0) {
		snprintf(line, sizeof(line), "%s is not published: %s",
		         endpoint_format(&p.host, at), errno_text(rc));
		datapath_tell(dp, LOG_LEVEL_WARN, line);
	}
	return 0;
}

static int take_door(struct datapath *dp, int32_t at, int fd)
{
	_auto_close_ int owned = fd;

	if (!dp->door_fds || at < 0 ||
	    (size_t)at >= DOOR_FACE(dp->config->ndoors, 0u) ||
	    dp->door_fds[at] >= 0)
		return -EPROTO;
	dp->door_fds[at] = fd_take(&owned);
	return 0;
}

static int take_door_opened(struct datapath *dp,
                            const struct message_head *head, int fd)
{
	uint64_t id;

	if (head->text_len != sizeof(id)) {
		fd_close(&fd);
		return -EPROTO;
	}
	memcpy(&id, dp->text, sizeof(id));
	flow_door_connected(dp->ft, flow_id_unpack(id), fd,
	                    fd < 0 && head->a >= 0 ? -ECONNREFUSED : head->a,
	                    loop_clock());
	return 0;
}

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
		dp->app_index = head->a;
		return 0;
	}
	if (head->kind == MSG_PUBLISH && *fd >= 0 && dp->ft)
		return take_publish(dp, head, fd_take(fd));
	if (head->kind == MSG_DOOR && *fd >= 0 && !dp->joined)
		return take_door(dp, head->a, fd_take(fd));
	if (head->kind == MSG_DOOR_OPENED && dp->ft)
		return take_door_opened(dp, head, fd_take(fd));
	if (head->kind == MSG_APP_SOCKET && *fd >= 0 && dp->app_sockets &&
	    head->a >= 0 && head->a < APP_SOCKET_KINDS) {
		app_sockets_spare(dp->app_sockets,
		                  (enum app_socket_kind)head->a, fd_take(fd));
		return 0;
	}
	if (head->kind == MSG_UNPUBLISH && dp->ft) {
		flow_publish_remove(dp->ft, (uint32_t)head->a);
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

/* The process behind a flow, found by the monitor. */
static int take_process(struct datapath *dp, const struct message_head *head,
                        int64_t now)
{
	struct frontend_who who = {0};
	struct who_answer a;
	const char *base;

	if (head->text_len != sizeof(a) || !dp->ft)
		return -EPROTO;
	memcpy(&a, dp->text, sizeof(a));
	a.comm[sizeof(a.comm) - 1] = a.exe[sizeof(a.exe) - 1] = '\0';
	if (a.pid) {
		base = strrchr(a.exe, '/');
		base = base ? base + 1 : a.exe;
		who.pid = a.pid;
		who.lookup = !dp->args->sockets;
		snprintf(who.name, sizeof(who.name), "%.31s",
		         *base ? base : a.comm);
		memcpy(who.comm, a.comm, sizeof(who.comm));
		memcpy(who.exe, a.exe, sizeof(who.exe));
	}
	flow_who_told(dp->ft, a.token, &who, now);
	/* lost where the monitor is busy: it waits for that some ms at most */
	(void)!message_send(dp->monitor_fd, MSG_TOLD, 0, NULL, 0, -1);
	return 0;
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
	if (rc == 0 && dp->stop_at != TIME_NEVER) {
		dp->left_at = now;
		loop_del(dp->loop, dp->monitor_fd);
		return;
	}
	if (rc > 0 && head.kind == MSG_STOP) {
		dp->stop_at = MIN(dp->stop_at, now + DRAIN_NS);
		(void)fd_take(&fd); /* the end closes it, nobody waits then */
		return;
	}
	if (rc > 0 && head.kind == MSG_LAST) {
		flow_say_rest(dp->ft, now);
		(void)!message_send(dp->monitor_fd, MSG_TOLD, 0, NULL, 0, -1);
		return;
	}
	if (rc > 0 && head.kind == MSG_PROCESS)
		rc = take_process(dp, &head, now);
	else if (rc > 0 && head.kind == MSG_CONTROL)
		rc = datapath_control_take(dp, &head, now);
	else if (rc > 0)
		rc = take_common(dp, &head, &fd);
	else if (rc == 0)
		rc = -EPIPE; /* the monitor is gone, and so is the app */
	if (rc < 0) {
		dp->status = EXIT_POSTERN;
		loop_stop(dp->loop);
	}
}

/*
 * The end: when nothing of the app's is on its way any more and the monitor is
 * gone. What is torn down here takes the same locks of the kernel as its exit,
 * or the same core.
 */
static int64_t stop_at(const struct datapath *dp)
{
	if (dp->left_at == TIME_NEVER || flow_stats(dp->ft)->app_open)
		return dp->stop_at;
	return MIN(dp->stop_at, dp->left_at + REST_NS);
}

static int64_t stop_deadline(void *user)
{
	const struct datapath *dp = user;

	return MIN(stop_at(dp), dp->control.again_at);
}

static void stop_turn_end(void *user, int64_t now)
{
	struct datapath *dp = user;

	datapath_control_turn_end(dp, now);
	if (now >= stop_at(dp))
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

/* before confine_datapath() */
static int no_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int prepare(struct datapath *dp, struct error *err)
{
	static const char cannot[] = "cannot start the datapath: ";
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
	rc = datapath_doors_init(dp, err);
	if (!rc)
		rc = datapath_build_resolver(dp, err);
	if (!rc)
		rc = datapath_build(dp, err);
	if (rc < 0)
		return err->code ? rc : error_set(err, rc, "%s", cannot);
	while (!rc)
		rc = take_setup(dp, err);
	if (rc < 0)
		return err->code ? rc
		                 : error_set(err, rc, "bad set-up message: ");
	rc = no_blocking(dp->monitor_fd);
	if (rc < 0)
		return error_set(err, rc, "cannot set O_NONBLOCK: ");
	dp->joined = true;
	rc = datapath_join(dp, err);
	return rc < 0 && !err->code ? error_set(err, rc, "%s", cannot) : rc;
}

/*
 * What others see of the end: connections that are closed or reset, and the
 * records. Memory and descriptors are left to the exit, which gives them back
 * at once; table by table it took 2 ms of a core.
 */
static void end(struct datapath *dp)
{
	link_free(dp->link);
	datapath_end_capture(dp);
	sockets_end(dp->sockets);
	if (dp->ft) {
		flow_log_end(dp->ft, loop_clock());
		flow_table_end(dp->ft);
	}
	flowlog_free(dp->log);
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
	/* by its messages a datagram socket reaches any name */
	dp->handover.filter.no_unix_datagrams = dp->args->paths_fd >= 0;
	dp->handover.no_tcp = dp->config->sockets_direct;
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

	if (!dp)
		return EXIT_POSTERN;
	dp->args = args;
	dp->config = args->config;
	dp->monitor_fd = args->monitor_fd;
	dp->port.fd = -1;
	dp->app_network = -1;
	dp->stop_at = dp->left_at = dp->control.again_at = TIME_NEVER;
	dp->handover.ours = dp->handover.theirs = -1;
	if (start_app(dp, &err) < 0) {
		(void)datapath_tell_failed(dp, &err);
		return EXIT_POSTERN;
	}
	(void)setsid(); /* the terminal's signals are the app's */
	if (dp->args->app)
		datapath_detach(dp->args, &dp->handover.ours, 1);
	if (prepare(dp, &err) < 0 || serve(dp, &err) < 0) {
		(void)datapath_tell_failed(dp, &err);
		dp->status = EXIT_POSTERN;
	}
	end(dp);
	return dp->status;
}
