/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.c - much at once passes a stream by reference, splice(2) */
/*
 * From one socket into a pipe and from the pipe into the other, pages change
 * hands and no byte is copied here. What the second does not take stays in
 * the pipe, which is then that socket's until it is empty. There are
 * BULK_PIPES; when all are held, bytes are copied as before. Towards the host
 * the last byte is left to relay.c, which has it stay in our end's queue.
 */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPE_IN 1
#define PIPE_OUT 0

void bulk_init(struct sockets *s)
{
	for (size_t i = 0; i < BULK_PIPES; i++)
		s->pipes[i][0] = s->pipes[i][1] = -1;
}

static void close_pipe(int pipe[2])
{
	for (int i = 0; i < 2; i++) {
		if (pipe[i] >= 0)
			close(pipe[i]);
		pipe[i] = -1;
	}
}

void bulk_fini(struct sockets *s)
{
	for (size_t i = 0; i < BULK_PIPES; i++)
		close_pipe(s->pipes[i]);
}

/* #syscalls pipe2 fcntl */
static bool open_pipe(int pipe[2])
{
	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	/* more than the user may have: then it is smaller */
	(void)fcntl(pipe[0], F_SETPIPE_SZ, BULK_PIPE_BYTES);
	return true;
}

/* An empty pipe that nobody holds, or NULL. */
static int *take_pipe(struct sockets *s, struct bulk *b)
{
	for (unsigned int i = 0; i < BULK_PIPES; i++) {
		int *pipe = s->pipes[i];

		if (s->pipes_used & 1u << i)
			continue;
		if (pipe[0] < 0 && !open_pipe(pipe))
			return NULL;
		s->pipes_used |= 1u << i;
		b->pipe = (uint8_t)(i + 1);
		b->len = 0;
		return pipe;
	}
	return NULL;
}

static int *pipe_of(struct sockets *s, const struct bulk *b)
{
	return s->pipes[b->pipe - 1];
}

static void give_back(struct sockets *s, struct bulk *b)
{
	if (!b->pipe)
		return;
	if (b->len)
		close_pipe(pipe_of(s, b));
	s->pipes_used &= ~(1u << (b->pipe - 1));
	*b = (struct bulk){0};
}

void bulk_drop(struct sockets *s, struct sock *sk)
{
	give_back(s, &sk->bulk_out);
	give_back(s, &sk->bulk_in);
}

/* --- towards the host ----------------------------------------------------- */

/*
 * All of our end's queue but its last byte, into a pipe of sk. A byte in front
 * that was sent before goes first: the last one takes its place.
 */
static bool fill_out(struct sockets *s, struct sock *sk)
{
	int queued = 0, *pipe;
	ssize_t n;

	/* a read, and so a splice, stops at an urgent byte */
	if (sk->flags & SK_F_URGENT || !flow_tcp_is_plain(s->ft, sk->flow) ||
	    ioctl(sk->our_fd, SIOCINQ, &queued) < 0 || queued < (int)BULK_MIN)
		return false;
	pipe = take_pipe(s, &sk->bulk_out);
	if (!pipe)
		return false;
	if (!(sk->flags & SK_F_NONE_STAYS)) {
		if (recv(sk->our_fd, s->scratch, 1, MSG_DONTWAIT) != 1) {
			give_back(s, &sk->bulk_out);
			return false;
		}
		sk->flags |= SK_F_NONE_STAYS;
		queued--;
	}
	n = splice(sk->our_fd, NULL, pipe[PIPE_IN], NULL, (size_t)queued - 1,
	           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n > 0)
		sk->bulk_out.len = (uint32_t)n;
	else
		give_back(s, &sk->bulk_out);
	return n > 0;
}

ssize_t bulk_to_host(struct sockets *s, struct sock *sk)
{
	struct bulk *b = &sk->bulk_out;
	ssize_t n;

	if (!b->pipe && !fill_out(s, sk)) {
		sk->flags &= ~(uint32_t)SK_F_BULK_OUT;
		return 0;
	}
	n = flow_tcp_write_from(s->ft, sk->flow, pipe_of(s, b)[PIPE_OUT],
	                        b->len);
	if (n < 0 && n != -EAGAIN)
		return n;
	n = MAX(n, 0);
	b->len -= (uint32_t)n;
	if (b->len)
		sk->flags |= SK_F_HOST_FULL;
	else
		give_back(s, b);
	return n;
}

/* --- towards the app ------------------------------------------------------ */

/*
 * For a splice into a socket SPLICE_F_NONBLOCK is about the pipe alone; and
 * our end is born with the app's O_NONBLOCK.
 */
static bool ready(struct sock *sk)
{
	if (!(sk->flags & SK_F_BULK_READY) &&
	    fcntl(sk->our_fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0)
		sk->flags |= SK_F_BULK_READY;
	return (sk->flags & SK_F_BULK_READY) != 0;
}

static bool fill_in(struct sockets *s, struct sock *sk)
{
	int *pipe;
	ssize_t n;

	if (!flow_tcp_is_plain(s->ft, sk->flow) || !ready(sk))
		return false;
	pipe = take_pipe(s, &sk->bulk_in);
	if (!pipe)
		return false;
	n = flow_tcp_read_into(s->ft, sk->flow, pipe[PIPE_IN], BULK_PIPE_BYTES);
	if (n > 0)
		sk->bulk_in.len = (uint32_t)n;
	else
		give_back(s, &sk->bulk_in);
	/* little: a copy is cheaper the next time */
	if (n > 0 && n < (ssize_t)BULK_MIN)
		sk->flags &= ~(uint32_t)SK_F_BULK_IN;
	return n > 0;
}

size_t bulk_to_app(struct sockets *s, struct sock *sk)
{
	struct bulk *b = &sk->bulk_in;
	ssize_t n;

	if (!b->pipe && !fill_in(s, sk))
		return 0;
	n = splice(pipe_of(s, b)[PIPE_OUT], NULL, sk->our_fd, NULL, b->len,
	           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n < 0 && errno == EPIPE) {
		/* shut for reading, or gone: the hang-up comes */
		n = b->len;
		give_back(s, b);
		return (size_t)n;
	}
	n = MAX(n, 0);
	b->len -= (uint32_t)n;
	if (b->len)
		sk->flags |= SK_F_APP_FULL;
	else
		give_back(s, b);
	return (size_t)n;
}
