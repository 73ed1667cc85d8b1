/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_status.c - what callers are told by descriptors they gave */
#include "launch/monitor-private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOLD_MAX 65536u

int monitor_cmd_pid(const struct monitor *m)
{
	char path[48], line[128];
	_auto_fclose_ FILE *f = NULL;
	int pid = 0;

	if (m->cmd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", m->cmd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	return pid > 0 ? pid : 0;
}

static void put_one(const struct published *p, struct control_text *t)
{
	char at[ENDPOINT_TEXT_MAX];

	control_text_put(t, "{\"number\":%u,\"proto\":\"%s\",", p->id,
	                 p->udp ? "udp" : "tcp");
	control_text_put(t, "\"host\":\"%s\",\"port\":%u}",
	                 endpoint_format(&p->host, at), p->app_port);
}

void monitor_put_published(const struct publishes *all, size_t n,
                           struct control_text *t)
{
	size_t first = all->n - MIN(all->n, n);

	control_text_put(t, "[");
	for (size_t i = first; i < all->n; i++) {
		if (i > first)
			control_text_put(t, ",");
		put_one(&all->list[i], t);
	}
	control_text_put(t, "]");
}

static void put_namespace(int pid, const char *kind, struct control_text *t)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	if (stat(path, &st) == 0)
		control_text_put(t, ",\n    \"%s-namespace\": %" PRIu64, kind,
		                 (uint64_t)st.st_ino);
}

/* As bubblewrap's, and what is published; then the end of the file. */
static void tell_info(struct monitor *m, int fd)
{
	int pid = monitor_cmd_pid(m);
	struct control_text t;

	/* between two messages the buffer is free */
	control_text_init(&t, m->text, MIN(sizeof(m->text), TOLD_MAX));
	control_text_put(&t, "{\n    \"child-pid\": %d", pid);
	put_namespace(pid, "mnt", &t);
	put_namespace(pid, "net", &t);
	put_namespace(pid, "pid", &t);
	control_text_put(&t, ",\n    \"published\": ");
	monitor_put_published(&m->publishes, m->publishes.n, &t);
	control_text_put(&t, "\n}\n");
	(void)!write(fd, m->text, t.len);
	close(fd);
}

void monitor_told_started(struct monitor *m)
{
	const struct sandbox_config *c = m->config;

	if (c->info_fd >= 0)
		tell_info(m, c->info_fd);
	if (c->json_status_fd >= 0)
		(void)!dprintf(c->json_status_fd, "{ \"child-pid\": %d }\n",
		               monitor_cmd_pid(m));
	if (c->started_fd >= 0) {
		(void)!dprintf(c->started_fd, "%s\n", monitor_control_id(m));
		close(c->started_fd);
	}
	if (c->start_errors_fd >= 0) {
		log_remove(c->start_errors_fd);
		close(c->start_errors_fd);
	}
	/* as slirp4netns says it */
	if (c->ready_fd >= 0) {
		(void)!write(c->ready_fd, "1", 1);
		close(c->ready_fd);
	}
}

void monitor_told_ended(const struct monitor *m, int status)
{
	int fd = m->config->json_status_fd;

	if (fd < 0)
		return;
	if (status >= 0)
		(void)!dprintf(fd, "{ \"exit-code\": %d }\n", status);
	close(fd);
}
