/* SPDX-License-Identifier: Apache-2.0 */
/* calls_opt.c - socket options: a list, nothing else, never a silent 0 */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum option_how {
	OPT_BOOL,      /* remembered as 0 or 1 */
	OPT_INT,       /* remembered, within min..max */
	OPT_RANK,      /* as OPT_INT; what is beyond takes a capability */
	OPT_HOST_BOOL, /* as OPT_BOOL, and set on the host's socket */
	OPT_HOST_INT,
};

enum option_on {
	ON_TCP = 1,
	ON_UDP = 2,
	ON_ALL = 3,
	ON_V6 = 4, /* AF_INET6 sockets only */
};

struct option {
	int16_t level, name;
	uint8_t how, on;
	int32_t initial, min, max;
};

/*
 * What is honoured by the host's socket, and what is remembered and told
 * again because nothing that the app can observe depends on it. The index
 * into this table is the index into sock.opt.
 */
static const struct option options[] = {
	{SOL_SOCKET, SO_KEEPALIVE, OPT_HOST_BOOL, ON_ALL, 0, 0, 1},
	{SOL_SOCKET, SO_BROADCAST, OPT_BOOL, ON_ALL, 0, 0, 1},
	{SOL_SOCKET, SO_OOBINLINE, OPT_BOOL, ON_ALL, 0, 0, 1},
	{SOL_SOCKET, SO_DONTROUTE, OPT_BOOL, ON_ALL, 0, 0, 1},
	{SOL_SOCKET, SO_NO_CHECK, OPT_BOOL, ON_ALL, 0, 0, 1},
	{SOL_SOCKET, SO_PRIORITY, OPT_RANK, ON_ALL, 0, 0, 6},
	{SOL_SOCKET, SO_INCOMING_CPU, OPT_INT, ON_ALL, -1, INT32_MIN,
         INT32_MAX},
	{SOL_SOCKET, SO_TIMESTAMP, OPT_BOOL, ON_TCP, 0, 0, 1},
	{SOL_SOCKET, SO_MAX_PACING_RATE, OPT_INT, ON_ALL, -1, INT32_MIN,
         INT32_MAX},
	{IPPROTO_TCP, TCP_NODELAY, OPT_HOST_BOOL, ON_TCP, 0, 0, 1},
	{IPPROTO_TCP, TCP_MAXSEG, OPT_INT, ON_TCP, 536, 88, 32767},
	{IPPROTO_TCP, TCP_CORK, OPT_BOOL, ON_TCP, 0, 0, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, OPT_HOST_INT, ON_TCP, 7200, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPINTVL, OPT_HOST_INT, ON_TCP, 75, 1, 32767},
	{IPPROTO_TCP, TCP_KEEPCNT, OPT_HOST_INT, ON_TCP, 9, 1, 127},
	{IPPROTO_TCP, TCP_SYNCNT, OPT_INT, ON_TCP, 6, 1, 127},
	{IPPROTO_TCP, TCP_LINGER2, OPT_INT, ON_TCP, 60, -1, INT32_MAX},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, OPT_INT, ON_TCP, 0, 0, INT32_MAX},
	{IPPROTO_TCP, TCP_WINDOW_CLAMP, OPT_INT, ON_TCP, 0, 0, INT32_MAX},
	{IPPROTO_TCP, TCP_QUICKACK, OPT_HOST_BOOL, ON_TCP, 1, 0, 1},
	{IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, OPT_BOOL, ON_TCP, 0, 0, 1},
	{IPPROTO_TCP, TCP_USER_TIMEOUT, OPT_HOST_INT, ON_TCP, 0, 0, INT32_MAX},
	{IPPROTO_TCP, TCP_FASTOPEN, OPT_INT, ON_TCP, 0, 0, INT32_MAX},
	{IPPROTO_TCP, TCP_FASTOPEN_CONNECT, OPT_BOOL, ON_TCP, 0, 0, 1},
	{IPPROTO_TCP, TCP_NOTSENT_LOWAT, OPT_INT, ON_TCP, 0, INT32_MIN,
         INT32_MAX},
	{IPPROTO_IP, IP_TOS, OPT_HOST_INT, ON_ALL, 0, 0, 255},
	{IPPROTO_IP, IP_TTL, OPT_HOST_INT, ON_ALL, 64, 1, 255},
	{IPPROTO_IP, IP_MTU_DISCOVER, OPT_INT, ON_ALL, 1, 0, 5},
	{IPPROTO_IP, IP_RECVERR, OPT_BOOL, ON_ALL, 0, 0, 1},
	{IPPROTO_IP, IP_PKTINFO, OPT_BOOL, ON_ALL, 0, 0, 1},
	{IPPROTO_IP, IP_RECVTOS, OPT_BOOL, ON_ALL, 0, 0, 1},
	{IPPROTO_IP, IP_RECVTTL, OPT_BOOL, ON_ALL, 0, 0, 1},
	{IPPROTO_IP, IP_MULTICAST_TTL, OPT_INT, ON_UDP, 1, -1, 255},
	{IPPROTO_IP, IP_MULTICAST_LOOP, OPT_BOOL, ON_UDP, 1, 0, 1},
	{IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, OPT_BOOL, ON_ALL, 0, 0, 1},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS, OPT_HOST_INT, ON_ALL | ON_V6, 64, -1,
         255},
	{IPPROTO_IPV6, IPV6_TCLASS, OPT_HOST_INT, ON_ALL | ON_V6, 0, -1, 255},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, OPT_BOOL, ON_ALL | ON_V6, 0, 0, 1},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, OPT_BOOL, ON_UDP | ON_V6, 0, 0, 1},
	{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, OPT_BOOL, ON_ALL | ON_V6, 0, 0, 1},
	{IPPROTO_IPV6, IPV6_RECVERR, OPT_BOOL, ON_ALL | ON_V6, 0, 0, 1},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, OPT_INT, ON_ALL | ON_V6, 1, 0, 5},
	{IPPROTO_IPV6, IPV6_DONTFRAG, OPT_BOOL, ON_UDP | ON_V6, 0, 0, 1},
	{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, OPT_INT, ON_UDP | ON_V6, 1, -1,
         255},
	{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, OPT_BOOL, ON_UDP | ON_V6, 1, 0, 1},
	{IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, OPT_BOOL, ON_ALL | ON_V6, 1, 0, 1},
	{IPPROTO_UDP, UDP_SEGMENT, OPT_INT, ON_UDP, 0, 0, 65535},
};

/* Behind the table: values that are kept but not by one plain integer. */
enum {
	SLOT_SNDBUF = ARRAY_SIZE(options),
	SLOT_RCVBUF,
	SLOT_LINGER_ON,
	SLOT_LINGER_TIME,
	SLOT_CONGESTION, /* index into congestions */
	SLOTS
};
_Static_assert(SLOTS <= SK_OPTIONS, "sock.opt has room for every option");

static const char *const congestions[] = {"cubic", "reno", "bbr"};

static const struct {
	int16_t level, name;
	int err;
} refusals[] = {
	{SOL_SOCKET, SO_BINDTODEVICE, -EPERM},
	{SOL_SOCKET, SO_ATTACH_FILTER, -EPERM},
	{SOL_SOCKET, SO_ATTACH_BPF, -EPERM},
	{SOL_SOCKET, SO_MARK, -EPERM},
	{SOL_SOCKET, SO_DEBUG, -EACCES},
	{SOL_SOCKET, SO_SNDBUFFORCE, -EPERM},
	{SOL_SOCKET, SO_RCVBUFFORCE, -EPERM},
	{SOL_SOCKET, SO_BUSY_POLL, -EPERM},
	{SOL_SOCKET, SO_ZEROCOPY, -EOPNOTSUPP},
	{IPPROTO_TCP, TCP_REPAIR, -EPERM},
	{IPPROTO_TCP, TCP_ULP, -ENOENT},
	{IPPROTO_IP, IP_TRANSPARENT, -EPERM},
	{IPPROTO_IP, IP_FREEBIND, -EPERM},
	{IPPROTO_IP, IP_HDRINCL, -ENOPROTOOPT},
	{IPPROTO_IP, IP_ADD_MEMBERSHIP, -ENODEV},
	{IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, -ENODEV},
	{IPPROTO_IP, MCAST_JOIN_GROUP, -ENODEV},
	{IPPROTO_IP, IP_MULTICAST_IF, -EADDRNOTAVAIL},
	{IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, -ENODEV},
	{IPPROTO_IPV6, MCAST_JOIN_GROUP, -ENODEV},
	{IPPROTO_IPV6, IPV6_MULTICAST_IF, -ENODEV},
};

static int find_option(const struct sock *sk, int level, int name)
{
	int on = sk->kind == SK_STREAM ? ON_TCP : ON_UDP;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name &&
		    options[i].on & on &&
		    (!(options[i].on & ON_V6) || sk->family == AF_INET6))
			return (int)i;
	return -1;
}

static int refusal(int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].level == level && refusals[i].name == name)
			return refusals[i].err;
	return -ENOPROTOOPT;
}

static void remember(struct sock *sk, int slot, int32_t v)
{
	sk->opt[slot] = v;
	sk->opt_set |= UINT64_C(1) << slot;
}

static int32_t recall(const struct sock *sk, int slot, int32_t initial)
{
	return sk->opt_set >> slot & 1 ? sk->opt[slot] : initial;
}

/* --- the host's socket ---------------------------------------------------- */

/* Where a host's socket has none (inside, resolver) there is nothing to do. */
static int tell_host(struct sockets *s, const struct sock *sk, size_t i)
{
	int fd = sk->flow.gen ? flow_tcp_fd(s->ft, sk->flow) : -1;
	int v = sk->opt[i];

	if (fd < 0 || (sk->state != SK_RELAY && sk->state != SK_DIRECT))
		return 0;
	if (options[i].level == IPPROTO_IPV6 && addr_is_ip4(&sk->peer.addr))
		return 0;
	if (options[i].level == IPPROTO_IP && !addr_is_ip4(&sk->peer.addr))
		return 0;
	if (setsockopt(fd, options[i].level, options[i].name, &v, sizeof(v)) <
	    0)
		return -errno;
	return 0;
}

void options_tell_host(struct sockets *s, struct sock *sk)
{
	if (!sk->opt_set)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (sk->opt_set >> i & 1 && (options[i].how == OPT_HOST_BOOL ||
		                             options[i].how == OPT_HOST_INT))
			(void)!tell_host(s, sk, i);
}

bool option_is_listed(int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return true;
	return false;
}

/* The app's end has these itself: no address, nothing judged. */
static bool is_of_any_socket(int name)
{
	switch (name) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
	case SO_RCVLOWAT:
	case SO_PEEK_OFF:
		return true;
	default:
		return false;
	}
}

/* What the socket of the host has itself, and the app may set on it. */
bool option_is_direct(int level, int name)
{
	if (level == SOL_SOCKET &&
	    (is_of_any_socket(name) || name == SO_LINGER || name == SO_SNDBUF ||
	     name == SO_RCVBUF || name == SO_OOBINLINE))
		return true;
	if (level == IPPROTO_TCP &&
	    (name == TCP_CORK || name == TCP_CONGESTION ||
	     name == TCP_NOTSENT_LOWAT))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return options[i].how == OPT_HOST_BOOL ||
			       options[i].how == OPT_HOST_INT;
	return false;
}

static int32_t value_of(const struct sock *sk, int level, int name,
                        int32_t initial)
{
	int i = find_option(sk, level, name);
	int32_t v = i < 0 ? initial : recall(sk, i, initial);

	return v < 0 ? initial : v; /* -1: what is usual */
}

struct sending option_sending(const struct sock *sk, bool ip4)
{
	return (struct sending){
		.segment_len =
			(size_t)value_of(sk, IPPROTO_UDP, UDP_SEGMENT, 0),
		.hops = (uint8_t)(ip4 ? value_of(sk, IPPROTO_IP, IP_TTL, 64)
	                              : value_of(sk, IPPROTO_IPV6,
	                                         IPV6_UNICAST_HOPS, 64)),
		.tclass = (uint8_t)(ip4 ? value_of(sk, IPPROTO_IP, IP_TOS, 0)
	                                : value_of(sk, IPPROTO_IPV6,
	                                           IPV6_TCLASS, 0)),
	};
}

bool option_is_on(const struct sock *sk, int level, int name)
{
	int i = find_option(sk, level, name);

	return i >= 0 && recall(sk, i, options[i].initial);
}

void options_hand_over(struct sockets *s, struct sock *sk, int fd)
{
	int inline_ = option_is_on(sk, SOL_SOCKET, SO_OOBINLINE);
	struct linger l = {recall(sk, SLOT_LINGER_ON, 0),
	                   recall(sk, SLOT_LINGER_TIME, 0)};

	options_tell_host(s, sk);
	if (inline_)
		(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &inline_,
		                 sizeof(inline_));
	if (l.l_onoff)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

/*
 * The time-outs are the app end's own: plain reads block there.
 * #syscalls getsockopt
 */
int64_t sk_timeout_ns(const struct sock *sk, bool sending)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	if (sk->app_fd < 0 ||
	    getsockopt(sk->app_fd, SOL_SOCKET,
	               sending ? SO_SNDTIMEO : SO_RCVTIMEO, &tv, &len) < 0)
		return 0;
	return (int64_t)tv.tv_sec * NS_PER_S + tv.tv_usec * NS_PER_US;
}

/* --- setsockopt ----------------------------------------------------------- */

static int read_int(struct sockets *s, const struct call *c, int *v)
{
	int len = (int)c->args[4];
	int level = (int)c->args[1];
	uint8_t byte;
	int rc;

	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= sizeof(*v))
		return memory_read(s, c, c->args[3], v, sizeof(*v));
	/* the IP options also take one byte */
	if (len < 1 || level != IPPROTO_IP)
		return -EINVAL;
	rc = memory_read(s, c, c->args[3], &byte, 1);
	*v = byte;
	return rc;
}

static int64_t set_linger(struct sockets *s, const struct call *c,
                          struct sock *sk)
{
	struct linger l;
	int rc;

	if ((int)c->args[4] < (int)sizeof(l))
		return -EINVAL;
	rc = memory_read(s, c, c->args[3], &l, sizeof(l));
	if (rc < 0)
		return rc;
	remember(sk, SLOT_LINGER_ON, l.l_onoff != 0);
	remember(sk, SLOT_LINGER_TIME, l.l_linger);
	sk->flags &= ~(uint32_t)SK_F_LINGER0;
	if (l.l_onoff && l.l_linger == 0) {
		sk->flags |= SK_F_LINGER0;
		linger_plant(s, sk, c->tid, (int)c->args[0]);
	} else {
		linger_pull(sk, c->tid, (int)c->args[0]);
	}
	return 0;
}

static int64_t set_congestion(struct sockets *s, const struct call *c,
                              struct sock *sk)
{
	char name[16] = "";
	int len = (int)c->args[4];
	int rc;

	if (len < 1)
		return -EINVAL;
	rc = memory_read(s, c, c->args[3], name,
	                 MIN((size_t)len, sizeof(name) - 1));
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(congestions); i++)
		if (strcmp(name, congestions[i]) == 0) {
			remember(sk, SLOT_CONGESTION, (int32_t)i);
			return 0;
		}
	return -ENOENT;
}

static void set_flag(struct sock *sk, uint32_t flag, bool on)
{
	if (on)
		sk->flags |= flag;
	else
		sk->flags &= ~flag;
}

static int64_t set_buffer(struct sock *sk, int slot, int v)
{
	/* doubled, as the kernel does; what is really buffered is bounded */
	if (v > 4 << 20)
		v = 4 << 20;
	remember(sk, slot, MAX(v < 0 ? 4 << 20 : v * 2, 4608));
	return 0;
}

static int64_t set_socket_level(struct sockets *s, const struct call *c,
                                struct sock *sk, int name, bool *handled)
{
	int64_t r;
	int v = 0;
	int rc;

	*handled = true;
	if (is_of_any_socket(name))
		return CALL_CONTINUE;
	switch (name) {
	case SO_LINGER:
		return set_linger(s, c, sk);
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_SNDBUF:
	case SO_RCVBUF:
		break;
	default:
		*handled = false;
		return 0;
	}
	rc = read_int(s, c, &v);
	if (rc < 0)
		return rc;
	if (name == SO_SNDBUF || name == SO_RCVBUF) {
		r = set_buffer(
			sk, name == SO_SNDBUF ? SLOT_SNDBUF : SLOT_RCVBUF, v);
		/* between two apps no byte of ours needs room (relay.c) */
		return name == SO_SNDBUF && sk->state == SK_PAIRED
		               ? CALL_CONTINUE
		               : r;
	}
	set_flag(sk, name == SO_REUSEADDR ? SK_F_REUSEADDR : SK_F_REUSEPORT,
	         v != 0);
	return 0;
}

static int64_t set_v6only(struct sockets *s, const struct call *c,
                          struct sock *sk)
{
	int v = 0;
	int rc = read_int(s, c, &v);

	if (rc < 0)
		return rc;
	if (sk->flags & SK_F_BOUND)
		return -EINVAL;
	set_flag(sk, SK_F_V6ONLY, v != 0);
	return 0;
}

static int64_t set_listed(struct sockets *s, const struct call *c,
                          struct sock *sk, size_t i)
{
	const struct option *o = &options[i];
	int v = 0;
	int rc = read_int(s, c, &v);

	if (rc < 0)
		return rc;
	if (o->how == OPT_BOOL || o->how == OPT_HOST_BOOL) {
		remember(sk, (int)i, v != 0);
	} else {
		if (o->name == IP_TTL && o->level == IPPROTO_IP && v == -1)
			v = o->initial;
		if (v < o->min || v > o->max)
			return o->how == OPT_RANK ? -EPERM : -EINVAL;
		remember(sk, (int)i, v);
	}
	if (o->how == OPT_HOST_BOOL || o->how == OPT_HOST_INT)
		return tell_host(s, sk, i);
	return 0;
}

int64_t call_setsockopt(struct sockets *s, struct call *c, struct sock *sk)
{
	int level = (int)c->args[1], name = (int)c->args[2];
	bool handled = false;
	int64_t r;
	int i;

	if (sk->kind == SK_NETLINK)
		return netlink_setsockopt(sk, level, name);
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	if (level == SOL_SOCKET) {
		r = set_socket_level(s, c, sk, name, &handled);
		if (handled)
			return r;
	}
	if (level == IPPROTO_IPV6 && sk->family != AF_INET6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		return set_v6only(s, c, sk);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION &&
	    sk->kind == SK_STREAM)
		return set_congestion(s, c, sk);
	i = find_option(sk, level, name);
	if (i >= 0)
		return set_listed(s, c, sk, (size_t)i);
	return refusal(level, name);
}

/* --- getsockopt ----------------------------------------------------------- */

static int64_t put(struct sockets *s, const struct call *c, const void *v,
                   size_t size)
{
	int room, len;
	int rc = memory_read(s, c, c->args[4], &room, sizeof(room));

	if (rc < 0)
		return rc;
	if (room < 0)
		return -EINVAL;
	len = (int)MIN((size_t)room, size);
	rc = memory_write(s, c, c->args[3], v, (size_t)len);
	if (rc < 0)
		return rc;
	return memory_write(s, c, c->args[4], &len, sizeof(len));
}

static int64_t put_int(struct sockets *s, const struct call *c, int v)
{
	return put(s, c, &v, sizeof(v));
}

static int64_t get_error(struct sockets *s, const struct call *c,
                         struct sock *sk)
{
	int err = sk->err ? sk->err : sk->soft_err;
	int64_t r;

	/* a reset is in the app's end itself, until a read takes it */
	if (!err && (sk->state == SK_CLOSED || sk->state == SK_PAIRED))
		return CALL_CONTINUE;
	r = put_int(s, c, err);
	if (r < 0)
		return r;
	if (sk->err)
		sk->err = 0;
	else
		sk->soft_err = 0;
	return 0;
}

static int64_t get_identity(struct sockets *s, const struct call *c,
                            const struct sock *sk)
{
	static const struct {
		int pid, uid, gid;
	} nobody = {0, -1, -1};
	uint64_t cookie = (uint64_t)sk->gen << 32 | (sk_index(s, sk) + 1);

	if ((int)c->args[2] == SO_COOKIE) {
		int room;
		int rc = memory_read(s, c, c->args[4], &room, sizeof(room));

		if (rc < 0)
			return rc;
		/* never a part of it (sk_getsockopt()) */
		if ((size_t)room < sizeof(cookie))
			return -EINVAL;
		return put(s, c, &cookie, sizeof(cookie));
	}
	return put(s, c, &nobody, sizeof(nobody));
}

static int64_t get_buffer(struct sockets *s, const struct call *c,
                          const struct sock *sk, bool sending)
{
	int32_t initial = sk->kind != SK_STREAM ? 212992
	                  : sending             ? 16384
	                                        : 131072;

	return put_int(
		s, c, recall(sk, sending ? SLOT_SNDBUF : SLOT_RCVBUF, initial));
}

static int64_t get_socket_level(struct sockets *s, const struct call *c,
                                struct sock *sk, int name, bool *handled)
{
	struct linger l;

	*handled = true;
	if (is_of_any_socket(name))
		return CALL_CONTINUE;
	switch (name) {
	case SO_TYPE:
		return put_int(
			s, c, sk->kind == SK_STREAM ? SOCK_STREAM : SOCK_DGRAM);
	case SO_DOMAIN:
		return put_int(s, c, sk->family);
	case SO_PROTOCOL:
		return put_int(s, c,
		               sk->kind == SK_STREAM ? IPPROTO_TCP
		                                     : IPPROTO_UDP);
	case SO_ERROR:
		return get_error(s, c, sk);
	case SO_ACCEPTCONN:
		return put_int(s, c, sk->state == SK_LISTEN);
	case SO_LINGER:
		l.l_onoff = recall(sk, SLOT_LINGER_ON, 0);
		l.l_linger = recall(sk, SLOT_LINGER_TIME, 0);
		return put(s, c, &l, sizeof(l));
	case SO_REUSEADDR:
		return put_int(s, c, (sk->flags & SK_F_REUSEADDR) != 0);
	case SO_REUSEPORT:
		return put_int(s, c, (sk->flags & SK_F_REUSEPORT) != 0);
	case SO_SNDBUF:
	case SO_RCVBUF:
		return get_buffer(s, c, sk, name == SO_SNDBUF);
	case SO_COOKIE:
	case SO_PEERCRED:
		return get_identity(s, c, sk);
	case SO_SNDLOWAT:
		return CALL_CONTINUE;
	case SO_MARK:
	case SO_BINDTODEVICE:
	case SO_INCOMING_NAPI_ID:
	case SO_BUSY_POLL:
	case SO_ZEROCOPY:
	case SO_DEBUG:
		return name == SO_BINDTODEVICE ? put(s, c, "", 0)
		                               : put_int(s, c, 0);
	default:
		*handled = false;
		return 0;
	}
}

/* The states of tcp_info, as include/net/tcp_states.h has them. */
static uint8_t tcp_state_of(const struct sock *sk)
{
	switch ((enum sk_state)sk->state) {
	case SK_CONNECTING:
		return TCP_SYN_SENT;
	case SK_RELAY:
		if (sk->flags & SK_F_HOST_EOF)
			return sk->flags & SK_F_APP_EOF ? TCP_LAST_ACK
			                                : TCP_CLOSE_WAIT;
		return sk->flags & SK_F_APP_EOF ? TCP_FIN_WAIT2
		                                : TCP_ESTABLISHED;
	case SK_PAIRED:
	case SK_BACKLOG:
		return TCP_ESTABLISHED;
	case SK_LISTEN:
		return TCP_LISTEN;
	case SK_FREE:
	case SK_IDLE:
	case SK_FAILED:
	case SK_CLOSED:
	case SK_DIRECT:
		break;
	}
	return TCP_CLOSE;
}

static int64_t get_tcp_info(struct sockets *s, const struct call *c,
                            const struct sock *sk)
{
	uint8_t info[512] = {0};
	socklen_t len = sizeof(info);
	int fd = sk->flow.gen ? flow_tcp_fd(s->ft, sk->flow) : -1;

	/* of the host's socket, but for the state, which is the app's */
	if (fd < 0 || sk->state != SK_RELAY ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0)
		len = sizeof(struct tcp_info);
	info[0] = tcp_state_of(sk);
	return put(s, c, info, len);
}

static int64_t get_tcp_level(struct sockets *s, const struct call *c,
                             const struct sock *sk, int name, bool *handled)
{
	char cc[16] = "";

	*handled = true;
	switch (name) {
	case TCP_INFO:
		return get_tcp_info(s, c, sk);
	case TCP_CONGESTION:
		snprintf(cc, sizeof(cc), "%s",
		         congestions[recall(sk, SLOT_CONGESTION, 0)]);
		return put(s, c, cc, sizeof(cc));
	case TCP_MAXSEG:
		return put_int(s, c, sk->state == SK_RELAY ? 1448 : 536);
	default:
		*handled = false;
		return 0;
	}
}

int64_t call_getsockopt(struct sockets *s, struct call *c, struct sock *sk)
{
	int level = (int)c->args[1], name = (int)c->args[2];
	bool handled = false;
	int64_t r = 0;
	int i;

	if (sk->kind == SK_NETLINK)
		return netlink_getsockopt(s, c, level, name);
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	if (level == SOL_SOCKET)
		r = get_socket_level(s, c, sk, name, &handled);
	else if (level == IPPROTO_TCP && sk->kind == SK_STREAM)
		r = get_tcp_level(s, c, sk, name, &handled);
	if (handled)
		return r;
	if (level == IPPROTO_IPV6 && sk->family != AF_INET6)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY)
		return put_int(s, c, (sk->flags & SK_F_V6ONLY) != 0);
	if ((level == IPPROTO_IP && name == IP_MTU) ||
	    (level == IPPROTO_IPV6 && name == IPV6_MTU))
		return sk->flags & SK_F_CONNECTED || sk->state == SK_RELAY
		               ? put_int(s, c, 1500)
		               : -ENOTCONN;
	i = find_option(sk, level, name);
	if (i >= 0)
		return put_int(s, c, recall(sk, i, options[i].initial));
	return -ENOPROTOOPT;
}

int64_t option_put(struct sockets *s, const struct call *c, const void *v,
                   size_t size)
{
	return put(s, c, v, size);
}
