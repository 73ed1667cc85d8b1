/* SPDX-License-Identifier: Apache-2.0 */
/* app_filter.c - what CMD is kept from on both frontends (docs/app-filter.md)
 */
#include "confine/confine.h"

#include "base/util.h"
#include "confine/bpf.h"

#include <asm/termbits.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

#define REFUSE_(errno_) (SECCOMP_RET_ERRNO | (errno_))
#define TYPE_MASK (~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))

/* Their operations pass no filter: a ring can connect and send by itself. */
static void refuse_io_uring(struct bpf *b)
{
	bpf_call(b, __NR_io_uring_setup, REFUSE_(ENOSYS));
	bpf_call(b, __NR_io_uring_enter, REFUSE_(ENOSYS));
	bpf_call(b, __NR_io_uring_register, REFUSE_(ENOSYS));
}

/* Typing into the terminal that postern was started from. */
static void refuse_terminal_input(struct bpf *b)
{
	unsigned int rule = bpf_call_begin(b, __NR_ioctl);

	bpf_arg(b, 1, UINT32_MAX);
	bpf_if_equal(b, TIOCSTI, REFUSE_(EPERM));
	bpf_if_equal(b, TIOCLINUX, REFUSE_(EPERM));
	bpf_return(b, SECCOMP_RET_ALLOW);
	bpf_call_end(b, rule);
}

/* TCP, UDP and echo; not MPTCP, SCTP, DCCP, UDP-Lite, L2TP, SMC. */
static void judge_internet(struct bpf *b, uint32_t family, bool raw,
                           uint32_t allow)
{
	unsigned int rule = bpf_when_equal(b, family);

	bpf_arg(b, 1, TYPE_MASK);
	bpf_if_equal(b, SOCK_RAW, raw ? SECCOMP_RET_ALLOW : REFUSE_(EPERM));
	bpf_arg(b, 2, UINT32_MAX);
	bpf_if_equal(b, 0, allow);
	bpf_if_equal(b, IPPROTO_TCP, allow);
	bpf_if_equal(b, IPPROTO_UDP, allow);
	bpf_if_equal(b, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6,
	             allow);
	bpf_return(b, REFUSE_(EPROTONOSUPPORT));
	bpf_when_end(b, rule);
}

static void judge_netlink(struct bpf *b, bool all, uint32_t allow)
{
	unsigned int rule = bpf_when_equal(b, AF_NETLINK);

	bpf_arg(b, 2, UINT32_MAX);
	bpf_if_equal(b, NETLINK_ROUTE, allow);
	bpf_return(b, all ? SECCOMP_RET_ALLOW : REFUSE_(EPROTONOSUPPORT));
	bpf_when_end(b, rule);
}

static void judge_unix(struct bpf *b, bool datagrams)
{
	unsigned int rule = bpf_when_equal(b, AF_UNIX);

	if (!datagrams) {
		bpf_arg(b, 1, ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC));
		bpf_if_equal(b, SOCK_STREAM, SECCOMP_RET_ALLOW);
		bpf_if_equal(b, SOCK_SEQPACKET, SECCOMP_RET_ALLOW);
		bpf_return(b, REFUSE_(EACCES));
	}
	bpf_return(b, SECCOMP_RET_ALLOW);
	bpf_when_end(b, rule);
}

/* inet, netlink: the actions for the sockets that are let through. */
static void judge_sockets(struct bpf *b, const struct app_filter *opts,
                          uint32_t inet, uint32_t netlink)
{
	unsigned int rule = bpf_call_begin(b, __NR_socket);

	bpf_arg(b, 0, UINT32_MAX);
	judge_unix(b, !opts->no_unix_datagrams);
	judge_internet(b, AF_INET, opts->raw_sockets, inet);
	bpf_arg(b, 0, UINT32_MAX);
	judge_internet(b, AF_INET6, opts->raw_sockets, inet);
	bpf_arg(b, 0, UINT32_MAX);
	judge_netlink(b, opts->raw_sockets, netlink);
	bpf_arg(b, 0, UINT32_MAX);
	bpf_if_equal(b, AF_PACKET,
	             opts->raw_sockets ? SECCOMP_RET_ALLOW : REFUSE_(EPERM));
	bpf_return(b, REFUSE_(EAFNOSUPPORT));
	bpf_call_end(b, rule);

	rule = bpf_call_begin(b, __NR_socketpair);
	bpf_arg(b, 0, UINT32_MAX);
	judge_unix(b, !opts->no_unix_datagrams);
	bpf_return(b, REFUSE_(EAFNOSUPPORT));
	bpf_call_end(b, rule);
}

static int no_new_privs(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "cannot set no_new_privs: ");
	return 0;
}

int confine_app_filter(const struct app_filter *opts, struct error *err)
{
	static struct bpf b;
	int rc = no_new_privs(err);

	if (rc)
		return rc;
	bpf_start(&b, SECCOMP_RET_KILL_PROCESS);
	refuse_io_uring(&b);
	refuse_terminal_input(&b);
	judge_sockets(&b, opts, SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW);
	bpf_return(&b, SECCOMP_RET_ALLOW);
	return bpf_load(&b, 0, err);
}

/*
 * The calls that postern answers (THREATS.md, S2): never close, dup, fork,
 * read, write or poll, whose callers do not expect EINTR.
 */
static void notify_socket_calls(struct bpf *b)
{
	static const long calls[] = {
		__NR_bind,       __NR_connect,     __NR_listen,
#ifdef __NR_accept
		__NR_accept,
#endif
		__NR_accept4,    __NR_getsockname, __NR_getpeername,
		__NR_setsockopt, __NR_getsockopt,  __NR_shutdown,
		__NR_sendmsg,    __NR_sendmmsg,    __NR_recvmsg,
		__NR_recvmmsg,
	};
	unsigned int rule;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		bpf_call(b, calls[i], SECCOMP_RET_USER_NOTIF);
	/* an address, or data that goes with a connect of its own */
	rule = bpf_call_begin(b, __NR_sendto);
	bpf_arg(b, 3, UINT32_MAX);
	bpf_if_any_bit(b, MSG_FASTOPEN, SECCOMP_RET_USER_NOTIF);
	bpf_if_pointer(b, 4, SECCOMP_RET_USER_NOTIF);
	bpf_return(b, SECCOMP_RET_ALLOW);
	bpf_call_end(b, rule);
	rule = bpf_call_begin(b, __NR_recvfrom);
	/* one byte: how a program asks whether a socket is connected */
	bpf_arg(b, 2, UINT32_MAX);
	bpf_if_equal(b, 1, SECCOMP_RET_USER_NOTIF);
	bpf_if_pointer(b, 4, SECCOMP_RET_USER_NOTIF);
	bpf_return(b, SECCOMP_RET_ALLOW);
	bpf_call_end(b, rule);
	/* interface and address queries, and those on a stand-in socket */
	rule = bpf_call_begin(b, __NR_ioctl);
	bpf_arg(b, 1, UINT32_MAX);
	bpf_if_range(b, 0x8900, 0x89ff, SECCOMP_RET_USER_NOTIF);
	bpf_if_equal(b, TIOCSTI, REFUSE_(EPERM));
	bpf_if_equal(b, TIOCLINUX, REFUSE_(EPERM));
	bpf_return(b, SECCOMP_RET_ALLOW);
	bpf_call_end(b, rule);
}

static void pretend_undumpable(struct bpf *b)
{
	unsigned int rule = bpf_call_begin(b, __NR_prctl), set;

	bpf_arg(b, 0, UINT32_MAX);
	set = bpf_when_equal(b, PR_SET_DUMPABLE);
	bpf_arg(b, 1, UINT32_MAX);
	bpf_if_equal(b, 0, REFUSE_(0)); /* "errno 0": done */
	bpf_when_end(b, set);
	bpf_return(b, SECCOMP_RET_ALLOW);
	bpf_call_end(b, rule);
}

int confine_app_notify(const struct app_filter *opts, struct error *err)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	static struct bpf b;
	int rc = no_new_privs(err);

	if (rc)
		return rc;
	bpf_start(&b, SECCOMP_RET_KILL_PROCESS);
	refuse_io_uring(&b);
	notify_socket_calls(&b);
	if (opts->keep_dumpable)
		pretend_undumpable(&b);
	judge_sockets(&b, opts, SECCOMP_RET_USER_NOTIF, SECCOMP_RET_USER_NOTIF);
	bpf_return(&b, SECCOMP_RET_ALLOW);
	if (opts->wait_killable)
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return bpf_load(&b, flags, err);
}
