/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the other end of a control socket, for the verbs */
#include "control/client.h"

#include "base/cleanup.h"
#include "base/passing.h"
#include "control/peer.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define SEND_S 5
/* a line of an answer is much shorter */
#define LINE_ROOM 65536u

static int open_socket(struct control_client *c, struct error *err)
{
	struct timeval limit = {.tv_sec = SEND_S};

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return error_set(err, -errno, "cannot make a socket: ");
	/* of connect(2) as well, where the backlog is full */
	if (setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) <
	    0)
		return error_set(err, -errno, "cannot set a time-out: ");
	return 0;
}

int control_connect(struct control_client *c, int root, const char *id,
                    struct error *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int rc;

	memset(c, 0, sizeof(*c));
	rc = open_socket(c, err);
	if (rc)
		return rc;
	snprintf(c->id, sizeof(c->id), "%s", id);
	snprintf(at.sun_path, sizeof(at.sun_path),
	         "/proc/self/fd/%d/%s/control", root, id);
	if (connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		rc = errno == ECONNREFUSED ? -ENOENT : -errno;
		if (rc == -ENOENT)
			error_set(err, rc, "no sandbox %s is running", id);
		else
			error_set(err, rc, "sandbox %s: ", id);
		control_disconnect(c);
		return rc;
	}
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.uid != geteuid()) {
		control_disconnect(c);
		return error_set(err, -EPERM,
		                 "sandbox %s belongs to another user", id);
	}
	c->in = malloc(LINE_ROOM);
	if (!c->in) {
		control_disconnect(c);
		return error_set(err, -ENOMEM, "out of memory");
	}
	c->in_room = LINE_ROOM;
	return 0;
}

void control_disconnect(struct control_client *c)
{
	fd_close(&c->fd);
	free(ptr_take(c->in));
	c->in_len = c->in_room = 0;
}

int control_monitor_pid(const struct control_client *c)
{
	return control_peer_pid(c->fd);
}

static int send_line(struct control_client *c, const char *line, size_t len,
                     int fd, struct error *err)
{
	struct iovec iov = {.iov_len = len};

	memcpy(&iov.iov_base, &line, sizeof(line)); /* only read */
	if (passing_send(c->fd, &iov, 1, &fd, fd >= 0) != (ssize_t)len)
		return error_set(err, -EPIPE, "sandbox %s is gone", c->id);
	return 0;
}

int control_send(struct control_client *c, enum control_verb verb,
                 const char *members, struct error *err)
{
	char line[CONTROL_LINE_MAX + 2];
	int n = snprintf(line, sizeof(line), "{\"v\":%d,\"do\":\"%s\"%s}\n",
	                 CONTROL_VERSION, control_verb_name(verb), members);

	if (n < 0 || (size_t)n >= sizeof(line))
		return error_set(err, -EMSGSIZE, "the request is too long");
	return send_line(c, line, (size_t)n, -1, err);
}

int control_pass(struct control_client *c, enum control_verb verb, int fd,
                 struct error *err)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "{\"v\":%d,\"do\":\"%s\"}\n",
	                 CONTROL_VERSION, control_verb_name(verb));

	return send_line(c, line, (size_t)n, fd, err);
}

/* One more line in c->in; 0 with its length, its newline not counted. */
static int read_line(struct control_client *c, int timeout_ms, size_t *len,
                     struct error *err)
{
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		char *end = memchr(c->in, '\n', c->in_len);
		ssize_t n;

		if (end) {
			*len = (size_t)(end - c->in);
			return 0;
		}
		if (c->in_len == c->in_room)
			return error_set(err, -EPROTO,
			                 "sandbox %s: a line is too long",
			                 c->id);
		n = poll(&p, 1, timeout_ms);
		if (n == 0)
			return error_set(err, -ETIMEDOUT,
			                 "sandbox %s does not answer (is it "
			                 "stopped?)",
			                 c->id);
		if (n > 0)
			n = recv(c->fd, c->in + c->in_len,
			         c->in_room - c->in_len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, -EPIPE, "sandbox %s is gone",
			                 c->id);
		c->in_len += (size_t)n;
	}
}

/* What the line means for whoever asked. */
static int judge_line(const struct control_client *c, struct json_object *o,
                      struct error *err)
{
	struct json_object *ok, *text;

	if (!json_object_is_type(o, json_type_object))
		return error_set(err, -EPROTO,
		                 "sandbox %s does not speak this protocol",
		                 c->id);
	if (!json_object_object_get_ex(o, "ok", &ok))
		return 1;
	if (json_object_get_boolean(ok))
		return 0;
	if (!json_object_object_get_ex(o, "error", &text))
		return error_set(err, -EPROTO, "sandbox %s refuses", c->id);
	return error_set(err, -EINVAL, "%s: %s", c->id,
	                 json_object_get_string(text));
}

int control_receive(struct control_client *c, int timeout_ms,
                    struct json_object **line, struct error *err)
{
	struct json_tokener *tok;
	size_t len;
	int rc = read_line(c, timeout_ms, &len, err);

	*line = NULL;
	if (rc)
		return rc;
	tok = json_tokener_new();
	if (!tok)
		return error_set(err, -ENOMEM, "out of memory");
	*line = json_tokener_parse_ex(tok, c->in, (int)len + 1);
	json_tokener_free(tok);
	c->in_len -= len + 1;
	memmove(c->in, c->in + len + 1, c->in_len);
	rc = judge_line(c, *line, err);
	if (rc < 0) {
		json_object_put(*line);
		*line = NULL;
	}
	return rc;
}
