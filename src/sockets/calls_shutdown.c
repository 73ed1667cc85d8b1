/* SPDX-License-Identifier: Apache-2.0 */
/* calls_shutdown.c - shutdown(): the app's end does it where it is connected */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <sys/socket.h>

static int64_t tcp_shutdown(struct sockets *s, struct sock *sk, int how)
{
	switch ((enum sk_state)sk->state) {
	case SK_RELAY:
	case SK_PAIRED:
	case SK_BACKLOG:
		/* the end is in the app: our end of the pair hears of it */
		return CALL_CONTINUE;
	case SK_LISTEN:
		if (how == SHUT_WR)
			return 0;
		listener_close(s, sk);
		sk->state = SK_IDLE;
		return 0;
	case SK_CONNECTING:
		flow_close(s->ft, sk->flow, true, loop_now(s->loop));
		sk_give_connect_up(s, sk, -ECONNRESET);
		return 0;
	case SK_IDLE:
	case SK_FAILED:
	case SK_CLOSED:
	case SK_DIRECT:
	case SK_FREE:
		break;
	}
	return -ENOTCONN;
}

int64_t call_shutdown(struct sockets *s, struct call *c, struct sock *sk)
{
	int how = (int)c->args[1];

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (sk->kind == SK_STREAM)
		return tcp_shutdown(s, sk, how);
	if (sk->kind == SK_NETLINK)
		return -EOPNOTSUPP;
	return sk->flags & SK_F_CONNECTED ? CALL_CONTINUE : -ENOTCONN;
}
