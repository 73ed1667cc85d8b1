/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - one epoll, one thread; the only place that reads a clock */
/*
 * THEORY
 * `loop_run` turns: wait for events no longer than the earliest deadline of
 * the members, dispatch each event by its kind to the one handler of that
 * kind, run the members whose deadline passed, then every turn_end hook.
 * Events carry `struct loop_ref` packed into 64 bits: 8 bits kind, 24 bits
 * generation, 32 bits index. Refused: pointers in events, more than
 * `LOOP_MEMBERS_MAX` members. Cost: one epoll_pwait2 a turn, no allocation.
 */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define LOOP_MEMBERS_MAX 8
#define LOOP_BATCH 64
#define LOOP_GEN_MASK 0xffffffu

struct loop {
	int epoll_fd;
	bool stop;
	int64_t now_ns;
	size_t nmembers;
	struct loop_member members[LOOP_MEMBERS_MAX];
	struct {
		loop_handler *fn;
		void *user;
	} handlers[LOOP_KINDS];
};

int64_t loop_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t loop_wall_offset_ns(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (wall.tv_sec - mono.tv_sec) * NS_PER_S + wall.tv_nsec -
	       mono.tv_nsec;
}

int64_t loop_now(const struct loop *loop)
{
	return loop->now_ns;
}

static void fill_system(void *user, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)user;
	while (len) {
		/* #syscalls getrandom */
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		assert(n > 0); /* cannot fail for a valid buffer */
		p += n;
		len -= (size_t)n;
	}
}

struct random_source loop_random(void)
{
	return (struct random_source){.fill = fill_system, .user = NULL};
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	loop->now_ns = loop_clock();
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll_fd);
	free(loop);
}

void loop_handle(struct loop *loop, enum loop_kind kind, loop_handler *handler,
                 void *user)
{
	assert(kind < LOOP_KINDS);
	loop->handlers[kind].fn = handler;
	loop->handlers[kind].user = user;
}

void loop_member_add(struct loop *loop, const struct loop_member *member)
{
	assert(loop->nmembers < LOOP_MEMBERS_MAX);
	loop->members[loop->nmembers++] = *member;
}

static struct epoll_event event_pack(uint32_t events, struct loop_ref ref)
{
	struct epoll_event ev = {.events = events};

	ev.data.u64 = (uint64_t)ref.kind << 56 |
	              (uint64_t)(ref.gen & LOOP_GEN_MASK) << 32 | ref.index;
	return ev;
}

/* #syscalls epoll_ctl */
int loop_add(struct loop *loop, int fd, uint32_t events, struct loop_ref ref)
{
	struct epoll_event ev = event_pack(events, ref);

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	return 0;
}

int loop_mod(struct loop *loop, int fd, uint32_t events, struct loop_ref ref)
{
	struct epoll_event ev = event_pack(events, ref);

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0)
		return -errno;
	return 0;
}

void loop_del(struct loop *loop, int fd)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}

static int64_t earliest_deadline(const struct loop *loop)
{
	int64_t best = TIME_NEVER;

	for (size_t i = 0; i < loop->nmembers; i++) {
		const struct loop_member *c = &loop->members[i];
		int64_t at = c->deadline ? c->deadline(c->user) : TIME_NEVER;

		if (at < best)
			best = at;
	}
	return best;
}

/* #syscalls epoll_pwait2 epoll_wait epoll_pwait clock_gettime */
static int wait_events(struct loop *loop, struct epoll_event *events)
{
	int64_t at = earliest_deadline(loop);
	struct timespec ts;
	int64_t left;

	if (at == TIME_NEVER)
		return epoll_pwait2(loop->epoll_fd, events, LOOP_BATCH, NULL,
		                    NULL);
	left = at - loop_clock();
	if (left < 0)
		left = 0;
	ts.tv_sec = left / NS_PER_S;
	ts.tv_nsec = left % NS_PER_S;
	return epoll_pwait2(loop->epoll_fd, events, LOOP_BATCH, &ts, NULL);
}

static void dispatch(struct loop *loop, const struct epoll_event *ev)
{
	unsigned int kind = (unsigned int)(ev->data.u64 >> 56);

	if (kind >= LOOP_KINDS || !loop->handlers[kind].fn)
		return;
	loop->handlers[kind].fn(loop->handlers[kind].user,
	                        (uint32_t)ev->data.u64,
	                        (uint32_t)(ev->data.u64 >> 32) & LOOP_GEN_MASK,
	                        ev->events, loop->now_ns);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];

	loop->stop = false;
	while (!loop->stop) {
		int n = wait_events(loop, events);

		if (n < 0 && errno != EINTR)
			return -errno;
		loop->now_ns = loop_clock();
		for (int i = 0; i < n; i++)
			dispatch(loop, &events[i]);
		for (size_t i = 0; i < loop->nmembers; i++) {
			const struct loop_member *c = &loop->members[i];

			if (c->run && c->deadline &&
			    c->deadline(c->user) <= loop->now_ns)
				c->run(c->user, loop->now_ns);
		}
		for (size_t i = 0; i < loop->nmembers; i++) {
			const struct loop_member *c = &loop->members[i];

			if (c->turn_end)
				c->turn_end(c->user, loop->now_ns);
		}
	}
	return 0;
}
