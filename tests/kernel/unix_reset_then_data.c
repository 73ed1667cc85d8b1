/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_reset_then_data - an AF_UNIX socket that closes with unread data gives
 * its peer ECONNRESET once; what it had sent is still there after that.
 */
#include "fact.h"

#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	char buf[8];
	int p[2];

	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) == 0);
	NEED(send(p[0], "unread", 6, 0) == 6);
	NEED(send(p[1], "last", 4, 0) == 4);
	close(p[1]);
	HOLDS(recv(p[0], buf, sizeof(buf), 0) == -1 && errno == ECONNRESET);
	HOLDS(recv(p[0], buf, sizeof(buf), 0) == 4);
	HOLDS(recv(p[0], buf, sizeof(buf), 0) == 0);
	return 0;
}
