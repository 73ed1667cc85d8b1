/* SPDX-License-Identifier: Apache-2.0 */
/* calls_msg.c - sends with addresses, and receives on datagram sockets */
#include "sockets/sockets-private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define APP_CONTROL_MAX 512
#define MMSG_MAX 1024

/* struct msghdr as the app's registers point to it (64 bit ABIs) */
struct app_msg {
	uint64_t name;
	uint32_t namelen, pad1;
	uint64_t iov, niov;
	uint64_t control, controllen;
	uint32_t flags, pad2;
};
_Static_assert(sizeof(struct app_msg) == sizeof(struct msghdr),
               "the 64 bit layout of struct msghdr");

struct app_mmsg {
	struct app_msg msg;
	uint32_t len, pad;
};

/* The iovecs of m into s->iov; their count or a negative errno. */
static ssize_t read_iov(struct sockets *s, const struct call *c,
                        const struct app_msg *m)
{
	uint64_t total = 0;
	int rc;

	if (m->niov > ARRAY_SIZE(s->iov))
		return -EMSGSIZE;
	rc = memory_read(s, c, m->iov, s->iov,
	                 (size_t)m->niov * sizeof(s->iov[0]));
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->niov; i++) {
		if ((ssize_t)s->iov[i].iov_len < 0)
			return -EINVAL;
		total += MIN(s->iov[i].iov_len, (size_t)INT32_MAX);
	}
	(void)total;
	return (ssize_t)m->niov;
}

static size_t iov_total(const struct sockets *s, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += MIN(s->iov[i].iov_len, (size_t)INT32_MAX);
	return (size_t)MIN(total, (uint64_t)INT32_MAX);
}

static int take_error(struct sock *sk)
{
	int err = sk->err;

	sk->err = 0;
	return -err;
}

/* --- sending -------------------------------------------------------------- */

/* struct asked - what the control data of one message asks for; -1: nothing */
struct asked {
	int32_t segment_len, hops, tclass;
};

static const struct asked asked_nothing = {-1, -1, -1};

static struct sending sending_of(const struct sock *sk, bool ip4,
                                 const struct asked *asked)
{
	struct sending how = option_sending(sk, ip4);

	if (asked->segment_len >= 0)
		how.segment_len = (size_t)asked->segment_len;
	if (asked->hops >= 0)
		how.hops = (uint8_t)asked->hops;
	if (asked->tclass >= 0)
		how.tclass = (uint8_t)asked->tclass;
	return how;
}

/* The payload lies in s->scratch2. */
static int64_t udp_sendto(struct sockets *s, const struct call *c,
                          struct sock *sk, uint64_t name, int namelen,
                          size_t len, const struct asked *asked, int64_t now)
{
	struct sockaddr_storage ss;
	struct sending how;
	struct endpoint to;
	int rc;

	if (len > UDP_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (sk->kind == SK_NETLINK) {
		netlink_request(s, sk, s->scratch2, len, now);
		return (int64_t)len;
	}
	if (sk->err)
		return take_error(sk);
	if (!name) {
		if (!(sk->flags & SK_F_CONNECTED))
			return -EDESTADDRREQ;
		to = sk->peer;
	} else {
		rc = memory_read_sockaddr(s, c, name, namelen, &ss);
		if (rc == 0 && ss.ss_family == AF_UNSPEC &&
		    sk->family == AF_INET)
			ss.ss_family = AF_INET; /* as the kernel reads it */
		if (rc == 0)
			rc = sk_parse_peer(sk, &ss, namelen, &to);
		if (rc < 0)
			return rc;
	}
	how = sending_of(sk, addr_is_ip4(&to.addr), asked);
	rc = datagram_send(s, sk, &to, s->scratch2, len, &how, now);
	/* -EAGAIN: dropped on its way, as any network may */
	return rc < 0 && rc != -EAGAIN ? rc : (int64_t)len;
}

/* sendto() with an address on TCP: fast open, or the address is ignored. */
static int64_t tcp_sendto(struct sockets *s, struct call *c, struct sock *sk,
                          uint64_t name, int namelen, int flags, size_t len,
                          int64_t now)
{
	bool nonblock = flags & MSG_DONTWAIT || sk_is_nonblocking(sk);
	_auto_close_ int end = -1;
	struct sockaddr_storage ss;
	struct endpoint to;
	int64_t r;
	int rc;

	if (sk->state == SK_RELAY) {
		r = relay_send(s, sk, s->scratch2, len, now);
		if (r != -EAGAIN || nonblock)
			return r;
		return call_hold(s, sk, c, 0, now);
	}
	if (sk->state == SK_PAIRED)
		return -EISCONN;
	if (sk->state == SK_CONNECTING)
		return nonblock ? -EAGAIN : call_hold(s, sk, c, 0, now);
	if (sk->state != SK_IDLE || !(flags & MSG_FASTOPEN) || !name)
		return sk->err ? take_error(sk) : -EPIPE;
	if (c->resumed && sk->err)
		return take_error(sk);
	rc = memory_read_sockaddr(s, c, name, namelen, &ss);
	if (rc == 0)
		rc = sk_parse_peer(sk, &ss, namelen, &to);
	if (rc < 0)
		return rc;
	/* inside, our duplicate is gone once the two are connected */
	if (inside_is_own(s, &to.addr) && sk->app_fd >= 0)
		end = fcntl(sk->app_fd, F_DUPFD_CLOEXEC, 3);
	r = sk_connect(s, c, sk, &to, nonblock, now);
	if (r == 0 && end >= 0) {
		ssize_t n = send(end, s->scratch2, len,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);

		sk->flags |= SK_F_TOLD;
		return n < 0 ? -errno : n;
	}
	return r;
}

static int64_t send_payload(struct sockets *s, struct call *c, struct sock *sk,
                            uint64_t name, int namelen, int flags, size_t len,
                            const struct asked *asked, int64_t now)
{
	if (sk->kind == SK_STREAM)
		return tcp_sendto(s, c, sk, name, namelen, flags, len, now);
	return udp_sendto(s, c, sk, name, namelen, len, asked, now);
}

int64_t call_sendto(struct sockets *s, struct call *c, struct sock *sk,
                    int64_t now)
{
	size_t len = (size_t)c->args[2];
	int rc;

	if (!c->args[4] && sk->kind != SK_STREAM)
		return CALL_CONTINUE; /* MSG_FASTOPEN means nothing here */
	if (sk->kind != SK_STREAM && len > UDP_PAYLOAD_MAX)
		return -EMSGSIZE;
	len = MIN(len, SCRATCH_BYTES);
	rc = memory_read(s, c, c->args[1], s->scratch2, len);
	if (rc < 0)
		return rc;
	return send_payload(s, c, sk, c->args[4], (int)c->args[5],
	                    (int)c->args[3], len, &asked_nothing, now);
}

static int ask(struct asked *asked, const struct cmsghdr *cm)
{
	size_t len = cm->cmsg_len - CMSG_LEN(0);
	uint16_t segment;
	int32_t v = 0;

	if (cm->cmsg_level == IPPROTO_UDP && cm->cmsg_type == UDP_SEGMENT) {
		if (len != sizeof(segment))
			return -EINVAL;
		memcpy(&segment, CMSG_DATA(cm), sizeof(segment));
		asked->segment_len = segment;
		return 0;
	}
	if (cm->cmsg_level != IPPROTO_IP && cm->cmsg_level != IPPROTO_IPV6)
		return 0;
	if (len != sizeof(v) && (len != 1 || cm->cmsg_level != IPPROTO_IP))
		return 0; /* of another kind than those below */
	memcpy(&v, CMSG_DATA(cm), len);
	if (cm->cmsg_level == IPPROTO_IP ? cm->cmsg_type == IP_TTL
	                                 : cm->cmsg_type == IPV6_HOPLIMIT) {
		if (v > 255 || v < (cm->cmsg_level == IPPROTO_IP ? 1 : -1))
			return -EINVAL;
		asked->hops = v;
	} else if (cm->cmsg_level == IPPROTO_IP
	                   ? cm->cmsg_type == IP_TOS
	                   : cm->cmsg_type == IPV6_TCLASS) {
		if (v > 255 || v < (cm->cmsg_level == IPPROTO_IP ? 0 : -1))
			return -EINVAL;
		asked->tclass = v;
	}
	return 0;
}

/* What is known of the control data of m; the rest is of no consequence. */
static int read_asked(struct sockets *s, const struct call *c,
                      const struct app_msg *m, struct asked *asked)
{
	_Alignas(struct cmsghdr) uint8_t buf[APP_CONTROL_MAX];
	struct msghdr h = {.msg_control = buf};
	struct cmsghdr *cm;
	int rc;

	*asked = asked_nothing;
	if (!m->control || !m->controllen)
		return 0;
	if (m->controllen > sizeof(buf))
		return -ENOBUFS;
	rc = memory_read(s, c, m->control, buf, (size_t)m->controllen);
	if (rc < 0)
		return rc;
	h.msg_controllen = (size_t)m->controllen;
	for (cm = CMSG_FIRSTHDR(&h); cm; cm = CMSG_NXTHDR(&h, cm)) {
		if (cm->cmsg_len < CMSG_LEN(0) ||
		    cm->cmsg_len >
		            (size_t)(buf + m->controllen - (const uint8_t *)cm))
			return -EINVAL;
		rc = ask(asked, cm);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int64_t send_msg(struct sockets *s, struct call *c, struct sock *sk,
                        const struct app_msg *m, int flags, int64_t now)
{
	ssize_t niov = read_iov(s, c, m);
	struct asked asked;
	size_t total;
	ssize_t n;
	int rc;

	if (niov < 0)
		return niov;
	total = iov_total(s, (size_t)niov);
	if (sk->kind != SK_STREAM && total > UDP_PAYLOAD_MAX)
		return -EMSGSIZE;
	n = memory_gather(s, c, s->iov, (size_t)niov, s->scratch2,
	                  SCRATCH_BYTES);
	if (n < 0)
		return n;
	rc = read_asked(s, c, m, &asked);
	if (rc < 0)
		return rc;
	return send_payload(s, c, sk, m->name, (int)m->namelen, flags,
	                    (size_t)n, &asked, now);
}

/* Neither address nor control: the app's end does it, no copy by us. */
static bool is_plain(const struct sock *sk, const struct app_msg *m, int flags)
{
	if (sk->kind == SK_STREAM)
		return !m->name && !(flags & MSG_FASTOPEN);
	return !m->name && !m->controllen && sk->flags & SK_F_CONNECTED &&
	       !sk->err;
}

int64_t call_sendmsg(struct sockets *s, struct call *c, struct sock *sk,
                     int64_t now)
{
	struct app_msg m;
	int rc = memory_read(s, c, c->args[1], &m, sizeof(m));

	if (rc < 0)
		return rc;
	/* an address put in afterwards is one that AF_UNIX refuses */
	if (is_plain(sk, &m, (int)c->args[2]))
		return CALL_CONTINUE;
	return send_msg(s, c, sk, &m, (int)c->args[2], now);
}

int64_t call_sendmmsg(struct sockets *s, struct call *c, struct sock *sk,
                      int64_t now)
{
	uint32_t count = MIN((uint32_t)c->args[2], MMSG_MAX);
	uint32_t done = 0;
	int64_t r = 0;

	if (sk->kind == SK_STREAM && !((int)c->args[3] & MSG_FASTOPEN))
		count = MIN(count, 64);
	for (; done < count; done++) {
		uint64_t at = c->args[1] + done * sizeof(struct app_mmsg);
		struct app_mmsg m;
		uint32_t len;

		r = memory_read(s, c, at, &m, sizeof(m));
		if (r < 0)
			break;
		if (sk->kind == SK_STREAM && is_plain(sk, &m.msg, 0) && !done)
			return CALL_CONTINUE;
		r = send_msg(s, c, sk, &m.msg,
		             (int)c->args[3] | (done ? MSG_DONTWAIT : 0), now);
		if (r < 0)
			break;
		len = (uint32_t)r;
		r = memory_write(s, c, at + offsetof(struct app_mmsg, len),
		                 &len, sizeof(len));
		if (r < 0)
			break;
	}
	return done ? (int64_t)done : r;
}

/* --- receiving ------------------------------------------------------------ */

static bool wants_wait(const struct sock *sk, int flags)
{
	return !(flags & MSG_DONTWAIT) && !sk_is_nonblocking(sk);
}

/* struct taken - a datagram on its way, whole in s->scratch2 */
struct taken {
	struct origin from;
	size_t total;
	int flags;
};

/*
 * The next datagram: its bytes that fit into room, or a negative errno. Once
 * they and all beside them are the app's, taken_settle().
 */
static ssize_t receive(struct sockets *s, const struct call *c, struct sock *sk,
                       size_t room, int flags, struct taken *t)
{
	ssize_t n;

	t->flags = flags;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (sk->err)
		return take_error(sk);
	if (!call_is_valid(s, c))
		return -ESRCH;
	/* the parts of an answer must keep their order */
	if (sk->kind == SK_NETLINK)
		flags |= MSG_PEEK;
	n = datagram_take(s, sk, s->scratch2, SCRATCH_BYTES, flags, &t->total,
	                  &t->from);
	return n < 0 ? n : (ssize_t)MIN((size_t)n, room);
}

/*
 * rc: of what was written into the app. Where a signal ended the call by then,
 * the datagram waits for the next one, behind what came meanwhile.
 */
static void taken_settle(struct sockets *s, struct sock *sk,
                         const struct taken *t, int64_t rc, int64_t now)
{
	if (t->flags & MSG_PEEK)
		return;
	if (sk->kind == SK_NETLINK) {
		if (rc != -ESRCH)
			datagram_skip(sk);
	} else if (rc == -ESRCH) {
		datagram_arrive(s, sk, &t->from, s->scratch2,
		                MIN(t->total, SCRATCH_BYTES), now);
	}
}

int64_t call_recvfrom(struct sockets *s, struct call *c, struct sock *sk,
                      int64_t now)
{
	int flags = (int)c->args[3];
	struct sockaddr_storage ss;
	struct taken t;
	ssize_t n;
	int rc;

	/*
	 * A stand-in that is not connected would say EAGAIN, or give away the
	 * listener's byte. Most calls never come here, but those of one byte
	 * do: Python's ssl asks so whether a socket is connected.
	 */
	if (sk->kind == SK_STREAM)
		return sk->state == SK_IDLE || sk->state == SK_LISTEN
		               ? -ENOTCONN
		               : CALL_CONTINUE;
	if (!c->args[4] && sk->app_fd < 0)
		return CALL_CONTINUE;
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	n = receive(s, c, sk, (size_t)c->args[2], flags, &t);
	if (n == -ESRCH)
		return CALL_DONE;
	if (n == -EAGAIN && wants_wait(sk, flags) && !(flags & MSG_ERRQUEUE))
		return call_hold(s, sk, c, sk_timeout_ns(sk, false), now);
	if (n < 0)
		return n;
	rc = memory_write(s, c, c->args[1], s->scratch2, (size_t)n);
	if (rc == 0 && c->args[4])
		rc = memory_write_sockaddr(s, c, c->args[4], c->args[5], &ss,
		                           sk_sockaddr(sk, &t.from.from, &ss));
	taken_settle(s, sk, &t, rc, now);
	if (rc < 0)
		return rc == -ESRCH ? CALL_DONE : rc;
	return flags & MSG_TRUNC ? (int64_t)t.total : n;
}

/* struct control - what recvmsg() tells beside the payload, as it grows */
struct control {
	uint8_t *at;
	size_t room, used;
	bool cut;
};

/* As the kernel's put_cmsg(): what does not fit is cut, and that is told. */
static void put_control(struct control *to, int level, int type,
                        const void *data, size_t len)
{
	struct cmsghdr cm = {.cmsg_level = level, .cmsg_type = type};
	size_t whole = CMSG_LEN(len), room = to->room - to->used;

	if (room < sizeof(cm)) {
		to->cut = true;
		return;
	}
	if (room < whole) {
		to->cut = true;
		whole = room;
	}
	cm.cmsg_len = whole;
	memcpy(to->at + to->used, &cm, sizeof(cm));
	memcpy(to->at + to->used + sizeof(cm), data, whole - sizeof(cm));
	to->used += MIN((size_t)CMSG_SPACE(whole - sizeof(cm)), room);
}

static void put_int(struct control *to, int level, int type, int v)
{
	put_control(to, level, type, &v, sizeof(v));
}

static void put_ip4_control(struct control *to, const struct sockets *s,
                            const struct sock *sk, const struct origin *from,
                            const struct addr *here)
{
	struct in_pktinfo info = {.ipi_ifindex = (int)sk_outward_if(s)};

	if (addr_is_loopback(here))
		info.ipi_ifindex = (int)SANDBOX_LO;
	memcpy(&info.ipi_spec_dst, addr_ip4_bytes(here), 4);
	info.ipi_addr = info.ipi_spec_dst;
	if (option_is_on(sk, IPPROTO_IP, IP_PKTINFO))
		put_control(to, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (option_is_on(sk, IPPROTO_IP, IP_RECVTTL))
		put_int(to, IPPROTO_IP, IP_TTL, from->hops);
	if (option_is_on(sk, IPPROTO_IP, IP_RECVTOS))
		put_control(to, IPPROTO_IP, IP_TOS, &from->tclass, 1);
}

static void put_ip6_control(struct control *to, const struct sockets *s,
                            const struct sock *sk, const struct origin *from,
                            const struct addr *here)
{
	struct in6_pktinfo info = {.ipi6_ifindex = sk_outward_if(s)};

	if (addr_is_loopback(here))
		info.ipi6_ifindex = SANDBOX_LO;
	memcpy(&info.ipi6_addr, here->b, sizeof(here->b));
	if (option_is_on(sk, IPPROTO_IPV6, IPV6_RECVPKTINFO))
		put_control(to, IPPROTO_IPV6, IPV6_PKTINFO, &info,
		            sizeof(info));
	if (option_is_on(sk, IPPROTO_IPV6, IPV6_RECVHOPLIMIT))
		put_int(to, IPPROTO_IPV6, IPV6_HOPLIMIT, from->hops);
	if (option_is_on(sk, IPPROTO_IPV6, IPV6_RECVTCLASS))
		put_int(to, IPPROTO_IPV6, IPV6_TCLASS, from->tclass);
}

/* To which address it was sent, and what its header had. */
static void build_control(struct control *to, const struct sockets *s,
                          const struct sock *sk, const struct origin *from)
{
	struct addr here = inside_source(s, sk, &from->from);

	if (sk->kind != SK_DGRAM)
		return;
	if (addr_is_ip4(&here))
		put_ip4_control(to, s, sk, from, &here);
	if (sk->family == AF_INET6)
		put_ip6_control(to, s, sk, from, &here);
}

/* What goes beside the payload: name, control, flags. */
static int write_envelope(struct sockets *s, const struct call *c,
                          const struct sock *sk, struct app_msg *m,
                          const struct origin *from, bool truncated)
{
	struct control control = {.at = s->control};
	struct sockaddr_storage ss;
	int rc;

	m->flags = truncated ? MSG_TRUNC : 0;
	if (m->name) {
		socklen_t len = sk_sockaddr(sk, &from->from, &ss);

		if ((int32_t)m->namelen < 0)
			return -EINVAL;
		rc = memory_write(s, c, m->name, &ss,
		                  MIN((size_t)len, (size_t)m->namelen));
		if (rc < 0)
			return rc;
		m->namelen = len;
	}
	if (m->control)
		control.room = MIN((size_t)m->controllen, sizeof(s->control));
	memset(s->control, 0, control.room);
	build_control(&control, s, sk, from);
	if (control.cut)
		m->flags |= MSG_CTRUNC;
	m->controllen = control.used;
	return memory_write(s, c, m->control, s->control, control.used);
}

/* Payload and envelope into the app; their length as recvmsg(2) has it. */
static int64_t put_msg(struct sockets *s, const struct call *c,
                       const struct sock *sk, struct app_msg *m, size_t niov,
                       size_t n, const struct taken *t)
{
	ssize_t put = memory_scatter(s, c, s->iov, niov, s->scratch2, n);
	int rc;

	if (put < 0)
		return put;
	rc = write_envelope(s, c, sk, m, &t->from, t->total > n);
	if (rc < 0)
		return rc;
	return t->flags & MSG_TRUNC ? (int64_t)t->total : (int64_t)n;
}

/* One datagram into m, which the app has at `at`; many: of recvmmsg(2). */
static int64_t recv_msg(struct sockets *s, struct call *c, struct sock *sk,
                        struct app_mmsg *m, uint64_t at, bool many, int flags,
                        int64_t now)
{
	ssize_t niov = read_iov(s, c, &m->msg), n;
	struct taken t;
	int64_t r;
	int rc;

	if (niov < 0)
		return niov;
	n = receive(s, c, sk, iov_total(s, (size_t)niov), flags, &t);
	if (n < 0)
		return n;
	r = put_msg(s, c, sk, &m->msg, (size_t)niov, (size_t)n, &t);
	if (r >= 0) {
		m->len = (uint32_t)r;
		rc = memory_write(s, c, at, m,
		                  many ? sizeof(*m) : sizeof(m->msg));
		r = rc < 0 ? rc : r;
	}
	taken_settle(s, sk, &t, r, now);
	return r;
}

int64_t call_recvmsg(struct sockets *s, struct call *c, struct sock *sk,
                     int64_t now)
{
	int flags = (int)c->args[2];
	struct app_mmsg m;
	int64_t r;
	int rc;

	if (sk->kind == SK_STREAM)
		return CALL_CONTINUE;
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	rc = memory_read(s, c, c->args[1], &m.msg, sizeof(m.msg));
	if (rc < 0)
		return rc;
	r = recv_msg(s, c, sk, &m, c->args[1], false, flags, now);
	if (r == -ESRCH)
		return CALL_DONE;
	if (r == -EAGAIN && wants_wait(sk, flags) && !(flags & MSG_ERRQUEUE))
		return call_hold(s, sk, c, sk_timeout_ns(sk, false), now);
	return r;
}

int64_t call_recvmmsg(struct sockets *s, struct call *c, struct sock *sk,
                      int64_t now)
{
	uint32_t count = MIN((uint32_t)c->args[2], MMSG_MAX);
	int flags = (int)c->args[3];
	uint32_t done = 0;
	int64_t r = 0;

	if (sk->kind == SK_STREAM)
		return CALL_CONTINUE;
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	for (; done < count; done++) {
		uint64_t at = c->args[1] + done * sizeof(struct app_mmsg);
		struct app_mmsg m;

		r = memory_read(s, c, at, &m, sizeof(m));
		if (r == 0)
			r = recv_msg(s, c, sk, &m, at, true, flags, now);
		if (r < 0)
			break;
	}
	if (done)
		return done;
	if (r == -ESRCH)
		return CALL_DONE;
	if (r == -EAGAIN && wants_wait(sk, flags)) {
		struct timespec ts = {0};
		int64_t wait = sk_timeout_ns(sk, false);

		if (c->args[4] && !c->resumed &&
		    memory_read(s, c, c->args[4], &ts, sizeof(ts)) == 0)
			wait = MAX(ts.tv_sec * NS_PER_S + ts.tv_nsec, 1);
		return call_hold(s, sk, c, wait, now);
	}
	return r;
}
