/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.c - TCP flows between a frontend and a host socket */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <errno.h>

static int open_internal(struct flow_table *ft, const struct tuple *t,
                         uint64_t app_ref, int64_t now, struct flow_id *id)
{
	struct flow *f = flow_new(ft, FLOW_DNS_TCP, t, app_ref, now);
	int rc;

	if (!f)
		return -EMFILE;
	f->state = FLOW_CONNECTING;
	f->flags = FLOW_F_INTERNAL;
	rc = dns_tcp_open(ft, f);
	if (rc < 0) {
		flow_end(ft, f, false);
		return rc;
	}
	flow_list_move(ft, f, FLOW_LIST_SHORT, now);
	flow_pend(ft, f);
	*id = flow_id_of(ft, f);
	ft->stats.opened++;
	return 0;
}

static int start_connect(struct flow_table *ft, struct flow *f,
                         struct flow_id id, const struct endpoint *final)
{
	if (door_is_path(ft, f->way))
		return ft->rooms.door_open(ft->rooms.door_user, f->way, id);
	return ft->rooms.host->tcp_connect(ft->rooms.host_user, id, &f->host,
	                                   final);
}

static int open_host(struct flow_table *ft, const struct tuple *t,
                     uint64_t app_ref, const struct endpoint *final,
                     int64_t now, struct flow_id *id)
{
	struct flow *f;
	int rc;

	if (ft->connecting >= ft->config.max_connecting)
		return -ENOBUFS;
	f = flow_new(ft, FLOW_TCP, t, app_ref, now);
	if (!f)
		return -EMFILE;
	f->state = FLOW_CONNECTING;
	flow_take_pin(ft, f, now);
	ft->connecting++;
	*id = flow_id_of(ft, f);
	rc = start_connect(ft, f, *id, final);
	if (rc < 0 && rc != -EINPROGRESS) {
		f->err = (int16_t)rc;
		flow_end(ft, f, true);
		return rc;
	}
	ft->stats.opened++;
	return 0;
}

int flow_tcp_open(struct flow_table *ft, const struct tuple *t,
                  uint64_t app_ref, int64_t now, struct flow_id *id)
{
	struct endpoint final;
	int rc = -EACCES;

	switch (flow_judge(ft, t, IP_PROTO_TCP, app_ref, &final, now)) {
	case FLOW_ROUTE_RESOLVER:
		rc = open_internal(ft, t, app_ref, now, id);
		break;
	case FLOW_ROUTE_HOST:
		rc = open_host(ft, t, app_ref, &final, now, id);
		break;
	case FLOW_ROUTE_REFUSED:
		rc = -ECONNREFUSED;
		break;
	case FLOW_ROUTE_DENIED:
		return -EACCES;
	case FLOW_ROUTE_WAITS: /* no flow: only its refusal will follow */
		*id = (struct flow_id){0, 0};
		return 0;
	}
	if (rc < 0)
		ft->stats.refused++;
	return rc;
}

bool flow_tcp_is_connected(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = flow_get(ft, id);

	if (!f || f->kind != FLOW_TCP || f->state != FLOW_CONNECTING ||
	    !ft->rooms.host->tcp_is_connected(ft->rooms.host_user, &f->host))
		return false;
	ft->connecting--;
	f->state = FLOW_OPEN;
	return true;
}

/* A live TCP flow that may carry bytes, or NULL. */
static struct flow *open_flow(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = flow_get(ft, id);

	if (!f || (f->kind != FLOW_TCP && f->kind != FLOW_DNS_TCP) ||
	    f->state != FLOW_OPEN)
		return NULL;
	return f;
}

/*
 * The host side failed inside a call of the frontend, which is told by the
 * result and closes the flow; until then no other result will follow.
 */
static ssize_t died(struct flow_table *ft, struct flow *f, ssize_t err)
{
	if (!f->err) {
		f->err = err == -EPIPE ? -ECONNRESET : (int16_t)err;
		ft->stats.resets++;
	}
	return f->err;
}

/*
 * What came of `len` bytes written to the host's socket; held: bytes of the
 * same call that went before.
 */
static ssize_t written(struct flow_table *ft, struct flow *f, ssize_t n,
                       size_t len, ssize_t held)
{
	if (n >= 0) {
		ft->stats.bytes_app_host += (uint64_t)n;
		watch_bytes(ft, f, (size_t)n, 0);
		if ((size_t)n < len)
			f->flags |= FLOW_F_BLOCKED;
		return held + n;
	}
	if (n == -EAGAIN) {
		f->flags |= FLOW_F_BLOCKED;
		return held ? held : n;
	}
	/*
	 * The host's last bytes may still be in its socket, and go before the
	 * reset: an early answer (HTTP 413) must not be lost to the write
	 * that came too late. turn_end does both.
	 */
	died(ft, f, n);
	flow_pend(ft, f);
	return held ? held : -EAGAIN;
}

ssize_t flow_tcp_write(struct flow_table *ft, struct flow_id id,
                       const void *data, size_t len)
{
	struct flow *f = open_flow(ft, id);
	ssize_t held = 0;

	if (!f)
		return -ECONNRESET;
	if (f->kind == FLOW_DNS_TCP)
		return dns_tcp_write(ft, f, data, len);
	if (f->err)
		return -EAGAIN; /* its reset is under way */
	if (f->flags & FLOW_F_HELD) {
		held = hold_write(ft, f, data, len);
		if (held < 0 || f->err || f->flags & FLOW_F_HELD ||
		    (size_t)held == len)
			return held;
	}
	data = (const uint8_t *)data + held;
	len -= (size_t)held;
	return written(ft, f,
	               ft->rooms.host->tcp_write(ft->rooms.host_user, &f->host,
	                                         data, len),
	               len, held);
}

/* Nobody here needs to see its bytes. */
static bool is_plain(const struct flow *f)
{
	return f && f->kind == FLOW_TCP && !f->err &&
	       !(f->flags & FLOW_F_HELD) && !f->host.is_path;
}

int flow_tcp_hand_over(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = flow_get(ft, id);

	if (!is_plain(f) || f->host.fd < 0)
		return -EOPNOTSUPP;
	return ft->rooms.host->tcp_share(ft->rooms.host_user, &f->host, true);
}

void flow_tcp_take_back(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = flow_get(ft, id);

	if (f)
		(void)ft->rooms.host->tcp_share(ft->rooms.host_user, &f->host,
		                                false);
}

bool flow_tcp_is_plain(struct flow_table *ft, struct flow_id id)
{
	return is_plain(open_flow(ft, id));
}

ssize_t flow_tcp_write_from(struct flow_table *ft, struct flow_id id, int pipe,
                            size_t len)
{
	struct flow *f = open_flow(ft, id);
	ssize_t n;

	if (!f)
		return -ECONNRESET;
	if (f->err)
		return -EAGAIN; /* its reset is under way */
	n = ft->rooms.host->tcp_write_from(ft->rooms.host_user, &f->host, pipe,
	                                   len);
	return written(ft, f, n, len, 0);
}

ssize_t flow_tcp_read_into(struct flow_table *ft, struct flow_id id, int pipe,
                           size_t len)
{
	struct flow *f = open_flow(ft, id);
	ssize_t n;

	if (!f)
		return -ECONNRESET;
	n = ft->rooms.host->tcp_read_into(ft->rooms.host_user, &f->host, pipe,
	                                  len);
	if (n <= 0)
		return -EAGAIN;
	ft->stats.bytes_host_app += (uint64_t)n;
	watch_bytes(ft, f, 0, (size_t)n);
	return n;
}

ssize_t flow_tcp_peek(struct flow_table *ft, struct flow_id id, uint32_t offset,
                      void *buf, size_t len)
{
	struct flow *f = open_flow(ft, id);
	ssize_t n;

	if (!f)
		return -ECONNRESET;
	if (f->kind == FLOW_DNS_TCP)
		return dns_tcp_peek(ft, f, offset, buf, len);
	n = ft->rooms.host->tcp_peek(ft->rooms.host_user, &f->host, offset, buf,
	                             len);
	if (n > 0 || (n == -EAGAIN && !f->err))
		return n;
	if (n == 0 && !f->err)
		return 0;
	/* after a reset the kernel says "end of stream": it never was one */
	return died(ft, f, n < 0 && n != -EAGAIN ? n : f->err);
}

void flow_tcp_consume(struct flow_table *ft, struct flow_id id, uint32_t n)
{
	struct flow *f = open_flow(ft, id);

	if (!f || !n)
		return;
	if (f->kind == FLOW_DNS_TCP) {
		dns_tcp_consume(ft, f, n);
		return;
	}
	ft->stats.bytes_host_app += n;
	watch_bytes(ft, f, 0, n);
	ft->rooms.host->tcp_consume(ft->rooms.host_user, &f->host, n);
}

void flow_tcp_shutdown(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = open_flow(ft, id);

	if (!f || f->flags & FLOW_F_APP_EOF)
		return;
	f->flags |= FLOW_F_APP_EOF;
	ft->stats.app_open--;
	if (f->kind == FLOW_DNS_TCP)
		flow_pend(ft, f);
	else if (!(f->flags & FLOW_F_HELD) || hold_shutdown(ft, f))
		ft->rooms.host->tcp_shutdown(ft->rooms.host_user, &f->host);
}

int flow_tcp_fd(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = flow_get(ft, id);

	return f ? f->host.fd : -1;
}

void flow_close(struct flow_table *ft, struct flow_id id, bool reset,
                int64_t now)
{
	struct flow *f = flow_get(ft, id);

	(void)now;
	if (f)
		flow_end(ft, f, reset);
}

void flow_host_connected(struct flow_table *ft, struct flow_id id, int err,
                         int64_t now)
{
	struct flow *f = flow_get(ft, id);
	uint64_t ref;

	if (!f)
		return;
	if (f->kind != FLOW_TCP || f->state != FLOW_CONNECTING) {
		flow_impossible(ft, f, "connected", now);
		return;
	}
	ref = f->app_ref;
	if (err < 0) {
		ft->stats.refused++;
		f->err = (int16_t)err;
		flow_end(ft, f, true);
		if (!who_hold_refusal(ft, f, err))
			ft->rooms.frontend->tcp_refused(ft->rooms.frontend_user,
			                                ref, err, now);
		return;
	}
	ft->connecting--;
	f->state = FLOW_OPEN;
	ft->rooms.frontend->tcp_connected(ft->rooms.frontend_user, ref, now);
}

void flow_host_readable(struct flow_table *ft, struct flow_id id, int64_t now)
{
	struct flow *f = flow_get(ft, id);

	if (!f)
		return;
	if (f->kind != FLOW_TCP || f->state != FLOW_OPEN) {
		flow_impossible(ft, f, "readable", now);
		return;
	}
	ft->rooms.frontend->tcp_readable(ft->rooms.frontend_user, f->app_ref,
	                                 now);
}

void flow_host_writable(struct flow_table *ft, struct flow_id id, int64_t now)
{
	struct flow *f = flow_get(ft, id);

	if (!f)
		return;
	if (f->kind != FLOW_TCP || f->state != FLOW_OPEN) {
		flow_impossible(ft, f, "writable", now);
		return;
	}
	if (!(f->flags & FLOW_F_BLOCKED))
		return;
	f->flags &= (uint8_t)~FLOW_F_BLOCKED;
	if (f->flags & FLOW_F_HELD && !hold_writable(ft, f))
		return;
	ft->rooms.frontend->tcp_writable(ft->rooms.frontend_user, f->app_ref,
	                                 now);
}

void flow_host_reset(struct flow_table *ft, struct flow_id id, int err,
                     int64_t now)
{
	struct flow *f = flow_get(ft, id);
	uint64_t ref;

	if (!f)
		return;
	if (f->kind != FLOW_TCP || f->state != FLOW_OPEN) {
		flow_impossible(ft, f, "reset", now);
		return;
	}
	ref = f->app_ref;
	died(ft, f, err);
	err = f->err;
	/* what arrived before the reset goes first, as far as it fits */
	ft->rooms.frontend->tcp_readable(ft->rooms.frontend_user, ref, now);
	f = flow_get(ft, id);
	if (!f)
		return;
	flow_end(ft, f, true);
	ft->rooms.frontend->tcp_reset(ft->rooms.frontend_user, ref, err, now);
}
