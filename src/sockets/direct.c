/* SPDX-License-Identifier: Apache-2.0 */
/* direct.c - --sockets=direct: the app gets the host's own socket */
/*
 * For speed, and no boundary: what the app does with the socket is not seen
 * here, its bytes are not counted, a rule that comes later does not end it.
 * Postern still judges and makes every connection: the socket takes the
 * stand-in's place in the process that calls connect(), connected, or when it
 * does not block, on its way. Duplicates of the stand-in elsewhere keep it.
 *
 * What stays out of reach: connect (Landlock refuses it in the kernel, too,
 * where it can), bind, listen, fast open, and options that are not in the
 * list of calls_opt.c. Flows whose bytes must be seen (a name that TLS or
 * HTTP has to show, the resolver, doors to a path) are relayed as ever.
 */
#include "sockets/sockets-private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* The time-outs of the app's end are set by the app's own calls. */
static void copy_timeouts(const struct sock *sk, int to)
{
	static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct timeval tv = {0};
		socklen_t len = sizeof(tv);

		if (getsockopt(sk->app_fd, SOL_SOCKET, names[i], &tv, &len) ==
		            0 &&
		    (tv.tv_sec || tv.tv_usec))
			(void)setsockopt(to, SOL_SOCKET, names[i], &tv, len);
	}
}

int direct_swap(struct sockets *s, const struct call *c, struct sock *sk,
                bool nonblock)
{
	uint8_t before = sk->state;
	int fd, rc;

	/* of the other version, or with a port inside, it would have names
	 * that the app did not ask for */
	if (!s->config.direct || sk->app_fd < 0 ||
	    sk->flags & SK_F_BOUND_PORT ||
	    (sk->family == AF_INET) != addr_is_ip4(&sk->peer.addr))
		return -EOPNOTSUPP;
	fd = flow_tcp_hand_over(s->ft, sk->flow);
	if (fd < 0)
		return fd;
	sk->state = SK_DIRECT;
	options_hand_over(s, sk, fd);
	copy_timeouts(sk, fd);
	rc = fcntl(fd, F_SETFL, nonblock ? O_RDWR | O_NONBLOCK : O_RDWR);
	if (rc == 0)
		rc = call_replace_fd(s, c, fd, (int)c->args[0],
		                     sk->flags & SK_F_CLOEXEC);
	if (rc == 0)
		rc = sk_identify(s, sk, fd);
	if (rc < 0) {
		sk->state = before;
		flow_tcp_take_back(s->ft, sk->flow);
		return rc;
	}
	sk->filler = 0;
	if (nonblock)
		sk->flags |= SK_F_NONBLOCK;
	inside_unbind(s, sk);
	sk_close_our_end(s, sk);
	sk_release_app_end(s, sk);
	return 0;
}

static void let_go(struct sockets *s, struct sock *sk, int64_t now)
{
	/* the app has it open, too: nothing is sent to the peer */
	flow_close(s->ft, sk->flow, false, now);
	sk->flow.gen = 0;
	sk_orphan(s, sk);
}

bool direct_connected(struct sockets *s, struct sock *sk, int64_t now)
{
	const struct call *c;

	if (sk->state == SK_DIRECT) {
		let_go(s, sk, now);
		return true;
	}
	/* who waits in a blocking connect() */
	c = sk->held_head == SK_NONE ? NULL : &s->held[sk->held_head].call;
	if (!s->config.direct || !c || c->nr != SYS_connect ||
	    !call_is_valid(s, c) || direct_swap(s, c, sk, false) < 0)
		return false;
	let_go(s, sk, now);
	sk_wake(s, sk, now);
	return true;
}

void direct_refused(struct sockets *s, struct sock *sk)
{
	sk->flow.gen = 0;
	sk_orphan(s, sk);
}

/*
 * What became of it, which only the socket knows. Of one that failed the
 * error is taken, and it is as new, as by the kernel's own second connect().
 * #syscalls connect
 */
static int look_at(const struct call *c, const struct sock *sk, int *err)
{
	_auto_close_ int fd = sk_fetch(sk, c->tid, (int)c->args[0]);
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct tcp_info info;
	socklen_t len = sizeof(info), size = sizeof(*err);

	*err = 0;
	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return TCP_ESTABLISHED;
	if (info.tcpi_state == TCP_CLOSE) {
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, err, &size);
		(void)connect(fd, &none, sizeof(none));
	}
	return info.tcpi_state;
}

bool direct_connect_again(struct sockets *s, const struct call *c,
                          struct sock *sk, int64_t *r)
{
	bool told = sk->flags & SK_F_TOLD;
	int err = 0, state = TCP_ESTABLISHED;

	/* one that blocks was connected when it was handed over */
	if (sk->flags & SK_F_NONBLOCK)
		state = look_at(c, sk, &err);
	*r = -EALREADY;
	if (state == TCP_SYN_SENT)
		return false;
	sk->flags |= SK_F_TOLD;
	if (state != TCP_CLOSE)
		*r = told ? -EISCONN : 0;
	else
		*r = err ? -err : -ECONNABORTED;
	if (state != TCP_CLOSE || err || !told)
		return false;
	if (sk->flow.gen)
		let_go(s, sk, loop_now(s->loop));
	sk->state = SK_FAILED;
	return true;
}

/* Is it remembered here, and nowhere else? */
static bool is_remembered(int level, int name)
{
	return !option_is_direct(level, name) &&
	       (option_is_listed(level, name) ||
	        (level == SOL_SOCKET &&
	         (name == SO_REUSEADDR || name == SO_REUSEPORT)));
}

int64_t direct_call(struct sockets *s, struct call *c, struct sock *sk)
{
	switch (c->nr) {
	case SYS_bind:
	case SYS_listen:
	case SYS_accept:
	case SYS_accept4:
		return -EINVAL;
	case SYS_setsockopt:
		return option_is_direct((int)c->args[1], (int)c->args[2])
		               ? CALL_CONTINUE
		               : call_setsockopt(s, c, sk);
	case SYS_getsockopt:
		return is_remembered((int)c->args[1], (int)c->args[2])
		               ? call_getsockopt(s, c, sk)
		               : CALL_CONTINUE;
	case SYS_ioctl:
		return call_ioctl(s, c, sk);
	/* flags are in a register: they are what the kernel will see */
	case SYS_sendto:
	case SYS_sendmmsg:
		return (int)c->args[3] & MSG_FASTOPEN ? -EISCONN
		                                      : CALL_CONTINUE;
	case SYS_sendmsg:
		return (int)c->args[2] & MSG_FASTOPEN ? -EISCONN
		                                      : CALL_CONTINUE;
	default: /* names, shutdown, receives */
		return CALL_CONTINUE;
	}
}
