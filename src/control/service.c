/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - the control socket of one sandbox, served by its monitor */
/*
 * THEORY
 *
 * The room control is how a sandbox is looked at and changed while it runs.
 * Enters: lines of JSON from programs of the same user, outside of any sandbox
 * (`control_peer_check`), over a socket in a directory of theirs alone
 * (`control_place_take`). Leaves: lines of JSON, and through
 * `struct control_ops` what the owner does: a signal to CMD, a question to the
 * datapath. docs/control.md is the contract with clients.
 *
 * A line is understood here (`control_request_parse`); the datapath, which
 * holds policy and flows, is asked in messages of a fixed form
 * (`struct control_ask`), one at a time, and gives long answers in pieces that
 * it is asked for one by one. It cannot ask for anything.
 *
 * Invariants: nothing here blocks. A client has one request at a time, the
 * next line is not looked at before the last answer left; so what waits for a
 * client that does not read is bounded, by one piece, and it is dropped after
 * `STALL_NS`. More than `CLIENTS_MAX` clients: the one that was silent for
 * longest goes, but not one that waits for the end.
 *
 * Refuses: other users, the app, lines that are too long, not JSON or not
 * understood; the last two leave the connection open.
 */
#include "control/service.h"

#include "base/cleanup.h"
#include "base/passing.h"
#include "control/directory.h"
#include "control/peer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CLIENTS_MAX 32u
#define STALL_NS (10 * NS_PER_S)
/* a datapath that cannot be asked now is asked again */
#define RETRY_NS (5 * NS_PER_MS)
/* a piece, and what each line of it is wrapped in: lines of a piece have at
 * least 40 bytes */
#define OUT_MAX (CONTROL_PIECE_MAX * 3)
#define LISTENER UINT32_MAX

enum client_state {
	/* reads a line */
	CLIENT_IDLE,
	/* its request is for the datapath, and will be handed over */
	CLIENT_QUEUED,
	/* the datapath has it */
	CLIENT_ASKED,
	/* wants to hear of the end */
	CLIENT_WAITS,
};

struct client {
	int fd; /* -1: free */
	enum client_state state;
	uint32_t gen;
	int64_t touched; /* last line in, or last byte out */
	struct control_request request;
	uint32_t source;
	uint64_t cursor, count;
	bool ends;  /* nothing more is read: closed once all is answered */
	int passed; /* a descriptor that came along, -1: none */
	size_t in_len, out_at, out_len;
	char in[CONTROL_LINE_MAX + 1];
	char out[OUT_MAX];
};

struct control_service {
	struct control_ops ops;
	struct control_place place;
	int listen_fd, epoll_fd;
	struct client *clients[CLIENTS_MAX]; /* NULL: never used */
	bool busy;                           /* the datapath has an ask */
	uint32_t asked;  /* index + 1 of CLIENT_ASKED; 0: it left */
	uint32_t token;  /* of the last ask */
	uint32_t source; /* of the last change */
	uint32_t turn;   /* who asks first */
	int64_t retry_at;
};

/* --- life ----------------------------------------------------------------- */

static int listen_at(struct control_service *s, struct error *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t old;
	int rc;

	/* by the descriptor: no length of a path is too much */
	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/control",
	         s->place.dir);
	s->listen_fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return error_set(err, -errno, "cannot make a socket: ");
	old = umask(0177);
	rc = bind(s->listen_fd, (const struct sockaddr *)&at, sizeof(at));
	(void)umask(old);
	if (rc < 0 || listen(s->listen_fd, 16) < 0)
		return error_set(err, -errno,
		                 "cannot listen at the control socket: ");
	return 0;
}

static int watch(const struct control_service *s, int fd, uint32_t index,
                 uint32_t gen, uint32_t events)
{
	struct epoll_event e = {.events = events,
	                        .data.u64 = (uint64_t)gen << 32 | index};

	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	return 0;
}

int control_service_open(struct control_service **server,
                         const struct control_config *config,
                         const struct control_ops *ops,
                         const struct random_source *random, struct error *err)
{
	_auto_close_ int root = control_root_open(config->runtime, true, err);
	struct control_service *s;
	int rc;

	if (root < 0)
		return root;
	s = calloc(1, sizeof(*s));
	if (!s)
		return error_set(err, -ENOMEM, "out of memory");
	s->ops = *ops;
	s->listen_fd = s->epoll_fd = -1;
	s->retry_at = TIME_NEVER;
	rc = control_place_take(&s->place, root, config->name, random, err);
	if (!rc) {
		(void)fd_take(&root);
		rc = listen_at(s, err);
	}
	if (!rc) {
		s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		if (s->epoll_fd < 0 ||
		    watch(s, s->listen_fd, LISTENER, 0, EPOLLIN) < 0)
			rc = error_set(err, -errno, "cannot make an epoll: ");
	}
	if (rc) {
		control_service_close(s, -1);
		return rc;
	}
	*server = s;
	return 0;
}

const char *control_service_id(const struct control_service *s)
{
	return s->place.id;
}

size_t control_service_fds(const struct control_service *s,
                           int fds[CONTROL_SERVICE_FDS])
{
	fds[0] = s->place.root;
	fds[1] = s->place.dir;
	fds[2] = s->listen_fd;
	fds[3] = s->epoll_fd;
	return CONTROL_SERVICE_FDS;
}

int control_service_fd(const struct control_service *s)
{
	return s->epoll_fd;
}

static void drop(struct control_service *s, struct client *c)
{
	if (s->asked && s->clients[s->asked - 1] == c)
		s->asked = 0; /* the answer finds nobody */
	fd_close(&c->fd);     /* and leaves the epoll by that */
	fd_close(&c->passed);
	c->state = CLIENT_IDLE;
	c->gen++;
}

/* --- what leaves ---------------------------------------------------------- */

static bool has_line(const struct client *c)
{
	return memchr(c->in, '\n', c->in_len);
}

/* As much as the client takes now; false: it is gone. */
static bool flush(struct control_service *s, struct client *c, int64_t now)
{
	while (c->out_at < c->out_len) {
		ssize_t n =
			send(c->fd, c->out + c->out_at, c->out_len - c->out_at,
		             MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			drop(s, c);
			return false;
		}
		c->out_at += (size_t)n;
		c->touched = now;
	}
	c->out_at = c->out_len = 0;
	if (c->ends && c->state == CLIENT_IDLE && !has_line(c)) {
		drop(s, c);
		return false;
	}
	return true;
}

static struct control_text begin_line(struct client *c)
{
	struct control_text t;

	control_text_init(&t, c->out + c->out_len, sizeof(c->out) - c->out_len);
	control_text_put(&t, "{\"v\":%d", CONTROL_VERSION);
	if (c->request.has_id)
		control_text_put(&t, ",\"id\":%" PRId64, c->request.id);
	return t;
}

static void end_line(struct client *c, struct control_text *t)
{
	control_text_put(t, "}\n");
	/* room for the longest line there is was left: a bug of ours */
	assert(!t->cut);
	c->out_len += t->len;
}

static void answer_error(struct client *c, const struct error *err)
{
	struct control_text t = begin_line(c);

	control_text_put(&t, ",\"ok\":false,\"errno\":\"%s\",\"error\":",
	                 errno_name(err->code));
	control_text_string(&t, err->text, sizeof(err->text));
	end_line(c, &t);
	c->state = CLIENT_IDLE;
}

static void answer_failure(struct client *c, int code, const char *text)
{
	struct error err = {0};

	error_set(&err, code, "%s", text);
	answer_error(c, &err);
}

/* --- requests ------------------------------------------------------------- */

static void begin_answer(struct client *c, struct control_text *t)
{
	*t = begin_line(c);
	control_text_put(t, ",\"ok\":true");
}

static void answer_info(struct control_service *s, struct client *c,
                        const char *stats, size_t len, int64_t now)
{
	struct control_text t;

	begin_answer(c, &t);
	control_text_member(&t, "sandbox", s->place.id);
	s->ops.info(s->ops.user, &t, now);
	if (stats)
		control_text_put(&t, ",\"stats\":{%.*s}", (int)len, stats);
	end_line(c, &t);
	c->state = CLIENT_IDLE;
}

static void change_ports(struct control_service *s, struct client *c)
{
	struct error err = {0};
	struct control_text t;
	size_t start = c->out_len;
	int rc;

	begin_answer(c, &t);
	if (c->request.verb == CONTROL_PUBLISH)
		rc = s->ops.publish(s->ops.user, c->request.port, &t, &err);
	else
		rc = s->ops.unpublish(s->ops.user, c->request.number, &err);
	if (rc < 0) {
		c->out_len = start;
		answer_error(c, &err);
		return;
	}
	end_line(c, &t);
}

static void start_command(struct control_service *s, struct client *c)
{
	struct error err = {0};
	struct control_text t;
	int rc;

	if (c->passed < 0)
		rc = error_set(&err, -EINVAL,
		               "exec needs a socket with the request");
	else
		rc = s->ops.exec(s->ops.user, c->passed, &err);
	fd_close(&c->passed);
	if (rc < 0) {
		answer_error(c, &err);
		return;
	}
	begin_answer(c, &t);
	end_line(c, &t);
}

/* What no datapath is needed for; the rest is queued. */
static void begin_request(struct control_service *s, struct client *c,
                          int64_t now)
{
	struct control_text t;
	int rc;

	switch (c->request.verb) {
	case CONTROL_INFO:
		if (!s->ops.ask) {
			answer_info(s, c, NULL, 0, now);
			return;
		}
		break;
	case CONTROL_WAIT:
		c->state = CLIENT_WAITS;
		return;
	case CONTROL_KILL:
		rc = s->ops.kill(s->ops.user, c->request.signal);
		if (rc < 0) {
			answer_failure(c, rc, errno_text(rc));
			return;
		}
		begin_answer(c, &t);
		end_line(c, &t);
		return;
	case CONTROL_EXEC:
		start_command(s, c);
		return;
	case CONTROL_PUBLISH:
	case CONTROL_UNPUBLISH:
		if (!s->ops.publish)
			break;
		change_ports(s, c);
		return;
	case CONTROL_ALLOW:
	case CONTROL_DENY:
		c->source = ++s->source;
		break;
	case CONTROL_FLOWS:
	case CONTROL_RULES:
	case CONTROL_STATS:
		break;
	}
	if (!s->ops.ask) {
		answer_failure(c, -ENOTCONN,
		               "this sandbox has no network but loopback");
		return;
	}
	c->cursor = c->count = 0;
	c->state = CLIENT_QUEUED;
}

static void take_line(struct control_service *s, struct client *c, size_t len,
                      int64_t now)
{
	struct error err = {0};

	c->touched = now;
	if (control_request_parse(c->in, len, &c->request, &err) < 0)
		answer_error(c, &err);
	else
		begin_request(s, c, now);
	fd_close(&c->passed); /* it came with this line, or for none */
}

/* Whole lines, one after the other, as long as each is answered at once.
 * False: the client is gone. */
static bool take_lines(struct control_service *s, struct client *c, int64_t now)
{
	while (c->state == CLIENT_IDLE && !c->out_len) {
		char *end = memchr(c->in, '\n', c->in_len);
		size_t len = end ? (size_t)(end - c->in) : c->in_len;

		if (!end && c->in_len < sizeof(c->in))
			return true;
		if (end) {
			take_line(s, c, len, now);
			c->in_len -= len + 1;
			memmove(c->in, end + 1, c->in_len);
		} else {
			c->in_len = 0;
			c->ends = true;
			c->request.has_id = false;
			answer_failure(c, -EMSGSIZE,
			               "a request is at most 4096 bytes long");
		}
		if (c->out_len && !flush(s, c, now))
			return false;
	}
	return true;
}

/* Bytes, and maybe a descriptor: the last one that came is kept. */
static ssize_t receive(struct client *c, size_t room)
{
	struct iovec iov = {c->in + c->in_len, room};
	struct passed passed;
	ssize_t n = passing_receive(c->fd, &iov, 1, MSG_DONTWAIT, 1, &passed);

	if (passed.n) {
		fd_close(&c->passed);
		c->passed = passed_take(&passed);
	}
	return n;
}

/* Writes, understands and reads, until it has to wait for somebody. */
static void pump(struct control_service *s, struct client *c, int64_t now)
{
	ssize_t n;

	do {
		size_t room;

		if (!flush(s, c, now) || !take_lines(s, c, now))
			return;
		room = sizeof(c->in) - c->in_len;
		if (!room || c->ends)
			return;
		n = receive(c, room);
		if (n > 0)
			c->in_len += (size_t)n;
		else if (n == 0)
			c->ends = true;
		else if (n == -EAGAIN)
			return;
		else
			drop(s, c);
	} while (c->fd >= 0);
}

/* --- the datapath --------------------------------------------------------- */

static void hand_over(struct control_service *s, uint32_t index, int64_t now)
{
	struct client *c = s->clients[index];
	struct control_ask ask = {
		.token = ++s->token,
		.verb = c->request.verb == CONTROL_INFO ? CONTROL_STATS
	                                                : c->request.verb,
		.cursor = c->cursor,
		.source = c->source,
	};
	int rc = s->ops.ask(s->ops.user, &ask, c->request.target);

	if (rc == -EAGAIN) {
		s->retry_at = now + RETRY_NS;
		return;
	}
	if (rc < 0) {
		answer_failure(c, rc, "the datapath is gone");
		pump(s, c, now);
		return;
	}
	c->state = CLIENT_ASKED;
	s->asked = index + 1;
	s->busy = true;
}

/* The next that waits for the datapath, each in its turn; a client that has
 * not read its last piece gets no other. */
static void ask_next(struct control_service *s, int64_t now)
{
	s->retry_at = TIME_NEVER;
	for (uint32_t i = 0; i < CLIENTS_MAX && !s->busy; i++) {
		uint32_t index = (s->turn + i) % CLIENTS_MAX;
		struct client *c = s->clients[index];

		if (!c || c->fd < 0 || c->state != CLIENT_QUEUED || c->out_len)
			continue;
		s->turn = index + 1;
		hand_over(s, index, now);
		if (s->retry_at != TIME_NEVER)
			return;
	}
}

/* FLOWS and RULES: each line of a piece becomes one of ours. */
static void answer_lines(struct client *c, const char *text, size_t len)
{
	const char *what = c->request.verb == CONTROL_FLOWS ? "flow" : "rule";
	struct control_text t;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		/* it would not be a line of ours; the end still has room */
		if (sizeof(c->out) - c->out_len < n + 512)
			return;
		t = begin_line(c);
		control_text_put(&t, ",\"%s\":%.*s", what, (int)n, text);
		end_line(c, &t);
		c->count++;
		n += end != NULL;
		text += n;
		len -= n;
	}
}

static void answer_piece(struct control_service *s, struct client *c,
                         const struct control_piece *p, const char *text,
                         size_t len, int64_t now)
{
	char copy[sizeof(((struct error *)0)->text)];
	struct control_text t;

	if (p->code < 0) {
		snprintf(copy, sizeof(copy), "%.*s", (int)MIN(len, 500u), text);
		answer_failure(c, p->code, copy);
		return;
	}
	if (c->request.verb == CONTROL_INFO) {
		answer_info(s, c, text, len, now);
		return;
	}
	if (c->request.verb == CONTROL_FLOWS ||
	    c->request.verb == CONTROL_RULES) {
		answer_lines(c, text, len);
		c->cursor = p->next;
		c->state = CLIENT_QUEUED;
		if (p->next)
			return;
		begin_answer(c, &t);
		control_text_put(&t, ",\"count\":%" PRIu64, c->count);
	} else {
		begin_answer(c, &t);
		control_text_put(&t, ",%.*s", (int)len, text);
	}
	end_line(c, &t);
	c->state = CLIENT_IDLE;
}

bool control_service_answer(struct control_service *s, const void *piece,
                            size_t len, int64_t now)
{
	struct control_piece p;
	struct client *c;

	if (len < sizeof(p) || len - sizeof(p) > CONTROL_PIECE_MAX)
		return false;
	memcpy(&p, piece, sizeof(p));
	if (!s->busy || p.token != s->token)
		return false;
	c = s->asked ? s->clients[s->asked - 1] : NULL;
	s->busy = false;
	s->asked = 0;
	if (c) {
		answer_piece(s, c, &p, (const char *)piece + sizeof(p),
		             len - sizeof(p), now);
		pump(s, c, now);
	}
	ask_next(s, now);
	return true;
}

/* --- clients -------------------------------------------------------------- */

/* A free place, or that of the one that was silent for longest; NULL. */
static struct client *take_place(struct control_service *s, uint32_t *index)
{
	struct client *oldest = NULL;

	for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = s->clients[i];

		if (!c || c->fd < 0) {
			*index = i;
			if (!c)
				c = s->clients[i] = calloc(1, sizeof(*c));
			return c;
		}
		if (c->state == CLIENT_IDLE &&
		    (!oldest || c->touched < oldest->touched)) {
			oldest = c;
			*index = i;
		}
	}
	if (oldest)
		drop(s, oldest);
	return oldest;
}

static void accept_one(struct control_service *s, int64_t now)
{
	_auto_close_ int fd =
		accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct error err = {0};
	struct client *c;
	uint32_t index, gen;

	if (fd < 0)
		return;
	c = take_place(s, &index);
	if (!c)
		return;
	gen = c->gen;
	memset(c, 0, offsetof(struct client, in));
	c->gen = gen + 1;
	c->fd = fd_take(&fd);
	c->passed = -1;
	c->touched = now;
	if (watch(s, c->fd, index, c->gen,
	          EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0) {
		drop(s, c);
		return;
	}
	if (control_peer_check(c->fd, &err) < 0) {
		c->ends = true;
		answer_error(c, &err);
		(void)flush(s, c, now);
	}
}

/* EPOLLET: everything is tried whenever anything happens. */
static void on_event(struct control_service *s, const struct epoll_event *e,
                     int64_t now)
{
	uint32_t index = (uint32_t)e->data.u64;
	struct client *c;

	if (index == LISTENER) {
		accept_one(s, now);
		return;
	}
	c = s->clients[index];
	if (c->fd < 0 || c->gen != e->data.u64 >> 32)
		return; /* of one that was here before */
	if (e->events & (EPOLLERR | EPOLLHUP))
		drop(s, c);
	else
		pump(s, c, now);
}

static bool has_stalled(const struct client *c, int64_t now)
{
	return c && c->fd >= 0 && c->out_len && now - c->touched >= STALL_NS;
}

int64_t control_service_deadline(const struct control_service *s)
{
	int64_t at = s->retry_at;

	for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
		const struct client *c = s->clients[i];

		if (c && c->fd >= 0 && c->out_len)
			at = MIN(at, c->touched + STALL_NS);
	}
	return at;
}

void control_service_run(struct control_service *s, int64_t now)
{
	struct epoll_event events[16];
	int n = epoll_wait(s->epoll_fd, events, ARRAY_SIZE(events), 0);

	for (int i = 0; i < n; i++)
		on_event(s, &events[i], now);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++)
		if (has_stalled(s->clients[i], now))
			drop(s, s->clients[i]);
	ask_next(s, now);
}

void control_service_close(struct control_service *s, int status)
{
	struct control_text t;

	if (!s)
		return;
	/* those who asked just now hear of it, too */
	if (status >= 0)
		for (int i = 0; i < 4; i++)
			control_service_run(s, 0);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = s->clients[i];

		if (c && c->fd >= 0 && c->state == CLIENT_WAITS &&
		    status >= 0) {
			begin_answer(c, &t);
			control_text_put(&t, ",\"status\":%d", status);
			end_line(c, &t);
			c->ends = false;
			(void)flush(s, c, 0);
		}
		if (c) {
			fd_close(&c->fd);
			fd_close(&c->passed);
		}
		free(c);
	}
	fd_close(&s->listen_fd);
	fd_close(&s->epoll_fd);
	control_place_leave(&s->place);
	free(s);
}
