/* SPDX-License-Identifier: Apache-2.0 */
/* monitor-private.h - what the files of the monitor share */
#ifndef LAUNCH_MONITOR_PRIVATE_H
#define LAUNCH_MONITOR_PRIVATE_H

#include "control/service.h"
#include "launch/descriptors.h"
#include "launch/message.h"
#include "launch/monitor.h"
#include "launch/plan.h"
#include "launch/publish.h"
#include "launch/reap.h"
#include "launch/terminal.h"
#include "launch/who.h"

enum phase { PHASE_SET_UP, PHASE_RUNNING, PHASE_OVER };

struct monitor {
	const struct sandbox_config *config;
	enum monitor_plan kind;
	enum phase phase;
	struct launch_plan plan;
	struct terminal terminal;
	struct descriptors inherited;
	sigset_t old_mask;
	int signal_fd, app_fd, datapath_fd;
	int app_end, datapath_end; /* the other ends, until they are given */
	int cmd;                   /* pidfd */
	int exec_fd;               /* to the spawner; -1: there is none */
	pid_t init, datapath;      /* -1: none, or reaped */
	pid_t paths;               /* unix_paths.h; -1: none */
	int paths_fd;              /* the datapath's end; -1: given, or none */
	struct reap_list others;   /* children from before, and not ours */
	struct who who;
	unsigned int lines_due; /* MSG_TOLD that are still to come */
	bool lines;             /* was there any? */
	bool app_ready, datapath_ready, no_proc, started;
	bool datapath_told; /* MSG_START */
	bool subreaper;     /* orphans of the app's side come to us */
	bool wrong;         /* another plan would fail as well */
	struct publishes publishes;
	bool killed; /* one of us, during set-up: no reason for another plan */
	int status;  /* to exit with */
	struct control_service *control; /* NULL: none */
	int64_t started_ns;              /* when CMD could run */
	char control_root[256];
	struct error err;
	char text[MESSAGE_TEXT_MAX];
};

/* monitor_fail() - the run is over; the first failure is the one told */
void monitor_fail(struct monitor *m, int code, const char *text);
/* monitor_start() - the app's side and the datapath, as the plan wants */
_must_check_ int monitor_start(struct monitor *m, struct error *err);
/*
 * monitor_tell() - message_send() from an end that does not block: a reader
 * that is slow for a moment is waited for.
 */
_must_check_ int monitor_tell(int sock, enum message_kind kind, int32_t a,
                              const void *text, size_t len, int fd);
/* monitor_take_signals() - blocks what is forwarded, into m->signal_fd */
_must_check_ int monitor_take_signals(struct monitor *m, struct error *err);
/* monitor_serve() - sends the host's files, then events until it is over */
void monitor_serve(struct monitor *m);
/*
 * monitor_control.c: the control socket, where one can be had or was asked
 * for; served while CMD runs. All but open() do nothing without one.
 */
_must_check_ int monitor_control_open(struct monitor *m, struct error *err);
const char *monitor_control_id(const struct monitor *m); /* or "" */
size_t monitor_control_fds(const struct monitor *m,
                           int fds[CONTROL_SERVICE_FDS]);
int monitor_control_fd(const struct monitor *m);
/* for poll(2): milliseconds, or -1 */
int monitor_control_timeout(const struct monitor *m, int64_t now);
void monitor_control_run(struct monitor *m, int64_t now);
/* MSG_CONTROL_ANSWER, its text in m->text. 0 or -EPROTO */
_must_check_ int monitor_control_answer(struct monitor *m, size_t len);
void monitor_control_close(struct monitor *m);
/* monitor_status.c: what callers are told by --ready-fd, --info-fd and
 * --json-status-fd; -1: CMD never ran */
void monitor_told_started(struct monitor *m);
void monitor_told_ended(const struct monitor *m, int status);
/* monitor_cmd_pid() - as this process counts; 0: not known */
int monitor_cmd_pid(const struct monitor *m);
struct control_text;
/* the last n published ports as a JSON array */
void monitor_put_published(const struct publishes *all, size_t n,
                           struct control_text *t);
/* monitor_hear_datapath() - one message of it; false: there is no more now */
bool monitor_hear_datapath(struct monitor *m);

#endif
