/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen_shut_listen - shutdown(2) ends the listening of a TCP socket and
 * keeps its port, where that was asked for by number; listen(2) begins anew.
 * In between clients are refused, and nobody else can have the port.
 */
#include "fact.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at = {.sin_family = AF_INET};

static int tcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(fd >= 0);
	return fd;
}

static int knock(void)
{
	int fd = tcp(), rc = connect(fd, (struct sockaddr *)&at, sizeof(at));

	rc = rc < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static void set_reuse(int fd, int on)
{
	NEED(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
}

/* Can another socket be bound there, with and without SO_REUSEADDR? */
static void nobody_else(void)
{
	for (int reuse = 0; reuse < 2; reuse++) {
		int fd = tcp();

		set_reuse(fd, reuse);
		HOLDS(bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 &&
		      errno == EADDRINUSE);
		close(fd);
	}
}

/* A connection that ends here first: TIME_WAIT at our port. */
static void leave_time_wait(int listener)
{
	int client = tcp(), fd = accept(listener, NULL, NULL);

	NEED(fd >= 0);
	close(fd); /* that of knock() */
	NEED(connect(client, (struct sockaddr *)&at, sizeof(at)) == 0);
	fd = accept(listener, NULL, NULL);
	NEED(fd >= 0);
	close(fd);
	close(client);
}

int main(void)
{
	socklen_t len = sizeof(at);
	int any = tcp(), fd;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(any, (struct sockaddr *)&at, sizeof(at)) == 0);
	NEED(getsockname(any, (struct sockaddr *)&at, &len) == 0);
	close(any);

	fd = tcp();
	HOLDS(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	HOLDS(knock() == -ECONNREFUSED);
	nobody_else();
	for (int i = 0; i < 3; i++) {
		set_reuse(fd, 1);
		HOLDS(listen(fd, 8) == 0);
		HOLDS(knock() == 0);
		nobody_else();
		leave_time_wait(fd);
		HOLDS(shutdown(fd, SHUT_RD) == 0);
		set_reuse(fd, 0);
		HOLDS(knock() == -ECONNREFUSED);
		nobody_else();
	}
	close(fd);

	/* TIME_WAIT is in the way of a plain bind(2), not of one with
	 * SO_REUSEADDR, which is exclusive again after a listen(2) */
	fd = tcp();
	HOLDS(bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1);
	set_reuse(fd, 1);
	HOLDS(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	HOLDS(listen(fd, 0) == 0 && shutdown(fd, SHUT_RD) == 0);
	set_reuse(fd, 0);
	HOLDS(knock() == -ECONNREFUSED);
	nobody_else();
	return 0;
}
