/* SPDX-License-Identifier: Apache-2.0 */
/* calls_ioctl.c - socket ioctls by list, and calls on sockets not ours */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>

int64_t call_ioctl(struct sockets *s, struct call *c, struct sock *sk)
{
	(void)s, (void)c, (void)sk;
	return -ENOTTY;
}

int64_t call_foreign(struct sockets *s, struct call *c)
{
	(void)s, (void)c;
	return CALL_CONTINUE;
}
