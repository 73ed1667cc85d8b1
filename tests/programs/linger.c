/* SPDX-License-Identifier: Apache-2.0 */
/* linger.c - two programs on one loopback: closes by reset are seen as such */
#include "program.h"

#include <sys/wait.h>

static int listener;
static struct sockaddr_in at = {.sin_family = AF_INET};

static void set_linger(int fd, int on)
{
	struct linger l = {.l_onoff = on, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

static int dial_here(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (void *)&at, sizeof(at)) < 0)
		exit(1);
	return fd;
}

static void ending(const char *what, int fd)
{
	char buf[16];

	printf("%s: poll %s\n", what,
	       poll_bits(wait_for(fd, POLLIN | POLLRDHUP)));
	for (int i = 0; i < 3; i++)
		printf("%s: read %s\n", what, said(read(fd, buf, sizeof(buf))));
	printf("%s: SO_ERROR %s\n", what, error_name(error_of(fd)));
	close(fd);
}

/* closer and other: which of the two does it */
static void one(const char *what, int closer, int other, bool data)
{
	if (data)
		write_all(closer, "last", 4);
	set_linger(closer, 1);
	close(closer);
	/* the reset is on its way by now */
	ending(what, other);
}

static void taken_back(void)
{
	int fd = dial_here(), peer = accept(listener, NULL, NULL);
	char c;

	set_linger(fd, 1);
	set_linger(fd, 0);
	close(fd);
	printf("taken back: read %s\n", said(read(peer, &c, 1)));
	printf("taken back: SO_ERROR %s\n", error_name(error_of(peer)));
	close(peer);
}

static void used_after(void)
{
	int fd = dial_here(), peer = accept(listener, NULL, NULL);
	char buf[16] = "";

	set_linger(fd, 1);
	write_all(peer, "abc", 3);
	printf("used after: read %s", said(read(fd, buf, sizeof(buf))));
	printf(" %s\n", buf);
	write_all(peer, "de", 2);
	close(fd);
	ending("used after, unread", peer);
}

static void name_of_peer(const char *what, int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t size = sizeof(ss);
	int rc = getpeername(fd, (void *)&ss, &size);

	printf("%s: getpeername %s, IPv4 %d\n", what, said(rc),
	       ss.ss_family == AF_INET);
}

/* The other one is done both ways, then closed: names stay */
static void shut_down(void)
{
	int fd = dial_here(), peer = accept(listener, NULL, NULL);

	shutdown(peer, SHUT_RDWR);
	usleep(30000);
	name_of_peer("the other was shut down", fd);
	close(peer);
	usleep(30000);
	name_of_peer("the other was closed", fd);
	close(fd);
}

static void of_a_child(void)
{
	int fd = dial_here(), peer;
	pid_t pid = fork();

	if (!pid) {
		peer = accept(listener, NULL, NULL);
		set_linger(peer, 1);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	ending("a child's exit", fd);
}

int main(int argc, char **argv)
{
	socklen_t len = sizeof(at);
	int fd, peer;

	(void)argc, (void)argv;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&at, len) < 0 || listen(listener, 8) < 0 ||
	    getsockname(listener, (void *)&at, &len) < 0)
		return 1;
	fd = dial_here();
	peer = accept(listener, NULL, NULL);
	one("the one that connected", fd, peer, false);
	fd = dial_here();
	peer = accept(listener, NULL, NULL);
	one("the one that accepted", peer, fd, false);
	fd = dial_here();
	peer = accept(listener, NULL, NULL);
	one("behind data", fd, peer, true);
	taken_back();
	used_after();
	of_a_child();
	shut_down();
	return 0;
}
