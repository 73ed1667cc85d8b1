/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_diag_swapped - sock_diag finds a TCP socket by (own, peer), a UDP socket
 * by (peer, own); the answer is there when the call that asks returns.
 */
#include "fact.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The inode found for a question in this order, 0: none. */
static unsigned int ask(int diag, int proto, const struct sockaddr_in *src,
                        const struct sockaddr_in *dst)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} q = {.head = {.nlmsg_len = sizeof(q),
	                .nlmsg_type = SOCK_DIAG_BY_FAMILY,
	                .nlmsg_flags = NLM_F_REQUEST},
	       .req = {.sdiag_family = AF_INET,
	               .sdiag_protocol = (unsigned char)proto,
	               .idiag_states = ~0u,
	               .id = {.idiag_sport = src->sin_port,
	                      .idiag_dport = dst->sin_port,
	                      .idiag_src = {src->sin_addr.s_addr},
	                      .idiag_dst = {dst->sin_addr.s_addr},
	                      .idiag_cookie = {INET_DIAG_NOCOOKIE,
	                                       INET_DIAG_NOCOOKIE}}}};
	struct {
		struct nlmsghdr head;
		struct inet_diag_msg msg;
		char room[512];
	} a;

	NEED(send(diag, &q, sizeof(q), 0) == sizeof(q));
	HOLDS(recv(diag, &a, sizeof(a), MSG_DONTWAIT) > 0);
	return a.head.nlmsg_type == SOCK_DIAG_BY_FAMILY ? a.msg.idiag_inode : 0;
}

static void bind_any(int fd, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);

	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(fd, (struct sockaddr *)at, len) == 0);
	NEED(getsockname(fd, (struct sockaddr *)at, &len) == 0);
}

int main(void)
{
	int diag = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in own, peer;
	socklen_t len = sizeof(own);
	struct stat st;

	NEED(diag >= 0 && listener >= 0 && tcp >= 0 && udp >= 0);
	bind_any(listener, &peer);
	NEED(listen(listener, 1) == 0);
	NEED(connect(tcp, (struct sockaddr *)&peer, sizeof(peer)) == 0);
	NEED(getsockname(tcp, (struct sockaddr *)&own, &len) == 0);
	NEED(fstat(tcp, &st) == 0);
	HOLDS(ask(diag, IPPROTO_TCP, &own, &peer) == st.st_ino);
	HOLDS(ask(diag, IPPROTO_TCP, &peer, &own) != st.st_ino);

	bind_any(udp, &own);
	peer.sin_port = htons(9);
	NEED(connect(udp, (struct sockaddr *)&peer, sizeof(peer)) == 0);
	NEED(fstat(udp, &st) == 0);
	HOLDS(ask(diag, IPPROTO_UDP, &peer, &own) == st.st_ino);
	HOLDS(ask(diag, IPPROTO_UDP, &own, &peer) != st.st_ino);
	return 0;
}
