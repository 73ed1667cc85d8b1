/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_control.c - the monitor's end of the control socket */
#include "launch/monitor-private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/directory.h"
#include "launch/launch.h"
#include "loop/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* of CMD's words, as info tells them */
#define COMMAND_MAX 2048u
/* of published ports, as info and publish tell them */
#define PUBLISHED_TOLD 256u

static const char *const network_names[] = {
	[NETWORK_SANDBOX_PASSTHROUGH] = "sandbox-passthrough",
	[NETWORK_NONE] = "none",
	[NETWORK_HOST] = "host",
};

static int on_ask(void *user, const struct control_ask *ask, const char *target)
{
	char text[sizeof(*ask) + POLICY_TARGET_TEXT_MAX];
	struct monitor *m = user;
	size_t len = strlen(target);

	if (m->datapath_fd < 0)
		return -ENOTCONN;
	memcpy(text, ask, sizeof(*ask));
	memcpy(text + sizeof(*ask), target, len);
	return message_send(m->datapath_fd, MSG_CONTROL, 0, text,
	                    sizeof(*ask) + len, -1);
}

static int on_kill(void *user, int sig)
{
	struct monitor *m = user;

	if (m->cmd < 0)
		return -ESRCH;
	if (syscall(SYS_pidfd_send_signal, m->cmd, sig, NULL, 0) < 0)
		return -errno;
	return 0;
}

static void put_command(const struct monitor *m, struct control_text *t)
{
	size_t start = t->len;

	control_text_put(t, ",\"command\":[");
	for (char **word = m->config->argv; *word; word++) {
		size_t room = COMMAND_MAX - MIN(t->len - start, COMMAND_MAX);

		if (!room)
			break;
		if (word != m->config->argv)
			control_text_put(t, ",");
		control_text_string(t, *word, room);
	}
	control_text_put(t, "]");
}

/* A line is not for thousands. */
static void put_publishes(const struct publishes *all, size_t n,
                          struct control_text *t)
{
	control_text_put(t, ",\"published\":");
	monitor_put_published(all, MIN(n, PUBLISHED_TOLD), t);
}

static int on_publish(void *user, const char *port, struct control_text *t,
                      struct error *err)
{
	struct monitor *m = user;
	struct publish_spec spec;
	int rc = publish_parse(port, &spec, err);

	if (!rc)
		rc = publishes_add(&m->publishes, m->datapath_fd, &spec, err);
	if (!rc)
		put_publishes(&m->publishes, spec.count, t);
	return rc;
}

static int on_unpublish(void *user, uint32_t number, struct error *err)
{
	struct monitor *m = user;
	int rc = publishes_remove(&m->publishes, m->datapath_fd, number);

	if (rc == -ENOENT)
		return error_set(err, rc,
		                 "nothing is published with the number %u; "
		                 "postern info tells what is",
		                 number);
	return rc ? error_set(err, rc, "cannot tell the datapath: ") : 0;
}

/* The socket of a `postern exec`, for the spawner. */
static int on_exec(void *user, int fd, struct error *err)
{
	struct monitor *m = user;
	int rc = m->exec_fd < 0
	                 ? -EPIPE
	                 : monitor_tell(m->exec_fd, MSG_EXEC, 0, NULL, 0, fd);

	return rc ? error_set(err, rc,
	                      "the process that starts commands inside is "
	                      "gone")
	          : 0;
}

static void on_info(void *user, struct control_text *t, int64_t now)
{
	struct monitor *m = user;
	struct timespec wall;
	struct tm tm;
	char text[32];
	time_t s;

	control_text_member(t, "version", POSTERN_VERSION);
	control_text_put(t, ",\"pid\":%d", (int)getpid());
	if (m->cmd >= 0)
		control_text_put(t, ",\"command_pid\":%d", monitor_cmd_pid(m));
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	s = wall.tv_sec - (time_t)((now - m->started_ns) / NS_PER_S);
	if (gmtime_r(&s, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		control_text_member(t, "started", text);
	control_text_put(t, ",\"uptime_ms\":%" PRId64,
	                 (now - m->started_ns) / NS_PER_MS);
	control_text_member(t, "network", network_names[m->config->network]);
	if (m->kind != MONITOR_NONE)
		control_text_member(t, "frontend",
		                    m->kind == MONITOR_LINK ? "link"
		                                            : "sockets");
	put_command(m, t);
	if (m->publishes.n)
		put_publishes(&m->publishes, m->publishes.n, t);
}

/* The app shall not see the sockets of any sandbox, also where we have none. */
static void hide_root(struct monitor *m)
{
	struct error err = {0};
	int fd = control_root_open(m->config->runtime, true, &err), n;

	if (fd < 0)
		return;
	close(fd);
	n = snprintf(m->control_root, sizeof(m->control_root), "%s/postern",
	             m->config->runtime);
	if (n > 0 && (size_t)n < sizeof(m->control_root))
		m->plan.app.control_root = m->control_root;
}

static bool is_needed(const struct sandbox_config *c)
{
	return c->name || c->control == CONTROL_REQUIRED;
}

int monitor_control_open(struct monitor *m, struct error *err)
{
	const struct sandbox_config *c = m->config;
	const struct control_config config = {.runtime = c->runtime,
	                                      .name = c->name};
	struct control_ops ops = {
		.ask = m->kind == MONITOR_NONE ? NULL : on_ask,
		.kill = on_kill,
		.exec = on_exec,
		.publish = m->kind == MONITOR_NONE ? NULL : on_publish,
		.unpublish = m->kind == MONITOR_NONE ? NULL : on_unpublish,
		.info = on_info,
		.user = m,
	};
	struct random_source random = loop_random();
	struct error why = {0};
	int rc;

	hide_root(m);
	if (c->control == CONTROL_OFF)
		return 0;
	rc = control_service_open(&m->control, &config, &ops, &random, &why);
	if (!rc)
		return 0;
	if (!why.code)
		error_set(&why, rc,
		          "there is no directory for it: XDG_RUNTIME_DIR is "
		          "not set");
	if (!is_needed(c)) {
		log_debug("no control socket: %s", why.text);
		return 0;
	}
	*err = why;
	error_prefix(err, c->name              ? "--name: "
	                  : c->started_fd >= 0 ? "--detach: "
	                                       : "--control=required: ");
	return err->code;
}

const char *monitor_control_id(const struct monitor *m)
{
	return m->control ? control_service_id(m->control) : "";
}

size_t monitor_control_fds(const struct monitor *m,
                           int fds[CONTROL_SERVICE_FDS])
{
	return m->control ? control_service_fds(m->control, fds) : 0;
}

int monitor_control_fd(const struct monitor *m)
{
	return m->control && m->phase == PHASE_RUNNING
	               ? control_service_fd(m->control)
	               : -1;
}

int monitor_control_timeout(const struct monitor *m, int64_t now)
{
	int64_t at = m->control && m->phase == PHASE_RUNNING
	                     ? control_service_deadline(m->control)
	                     : TIME_NEVER;

	if (at == TIME_NEVER)
		return -1;
	return at <= now ? 0
	                 : (int)MIN((at - now) / NS_PER_MS + 1, INT64_C(1000));
}

void monitor_control_run(struct monitor *m, int64_t now)
{
	if (monitor_control_fd(m) >= 0)
		control_service_run(m->control, now);
}

int monitor_control_answer(struct monitor *m, size_t len)
{
	if (!m->control ||
	    !control_service_answer(m->control, m->text, len, loop_clock()))
		return -EPROTO;
	return 0;
}

void monitor_control_close(struct monitor *m)
{
	int status = m->err.code ? EXIT_POSTERN : m->status;

	control_service_close(m->control, m->started ? status : -1);
	m->control = NULL;
}
