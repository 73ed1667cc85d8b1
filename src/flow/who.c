/* SPDX-License-Identifier: Apache-2.0 */
/* who.c - what is told once the process behind it is known */
/*
 * Under `link` the process is found by its socket, and by the monitor: it
 * takes a fraction of a millisecond, and the process must still be there. So
 * a denied connect(2) is answered only then, a denied name, too, and, where
 * there is a log, a connect that the host refused: whoever waits for an answer
 * cannot go away. Nothing else waits for it, and nobody longer than
 * WHO_WAIT_NS. The waits are a ring in the order of asking, the
 * token is the number of the question; with none free, or more questions a
 * second than WHO_BURST, it is told at once and without a process.
 */
#include "flow/flow-private.h"

#include "dns/resolver.h"
#include "observe/flowlog.h"
#include "wire/headers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHO_BURST 500u

enum wait_kind {
	WAIT_FREE,
	WAIT_DENIED, /* a denial */
	WAIT_OPEN,   /* the opening of a flow that lives */
	WAIT_CLOSED, /* both lines of one that does not */
};

struct who_wait {
	enum wait_kind kind;
	int64_t asked_ns;
	uint64_t app_ref;
	struct tuple t;
	uint8_t proto;
	uint16_t seq;            /* of an echo */
	int refusal;             /* of OPEN, CLOSED: that waits, too; or 0 */
	struct frontend_who who; /* as far as it is known */
	struct flow_id flow;     /* OPEN; DENIED with an answer: that asked */
	union {
		struct {
			struct denial d;
			bool answer_app;
			struct policy_question q;
			struct policy_answer a;
			struct addr addr;
			char name[POLICY_NAME_MAX + 1]; /* of a */
			char other[POLICY_NAME_MAX + 1];
			char reason[256];
			size_t answer_len;
			uint8_t answer[WHO_ANSWER_MAX];
		} denied;
		struct {
			struct flow_watch watch;
			struct flowlog_record record;
		} closed;
	} u;
};

struct who_waits {
	uint64_t oldest, next; /* tokens */
	struct log_limit limit;
	struct who_wait *holding; /* the answer of this call goes there */
	struct who_wait v[WHO_WAITS];
};

int who_init(struct flow_table *ft)
{
	if (!ft->rooms.frontend->who_ask)
		return 0;
	/* a mapping of zeros: untouched places cost nothing */
	ft->waits = calloc(1, sizeof(*ft->waits));
	if (!ft->waits)
		return -ENOMEM;
	ft->waits->oldest = ft->waits->next = 1;
	return 0;
}

void who_fini(struct flow_table *ft)
{
	free(ft->waits);
	ft->waits = NULL;
}

void frontend_put_exe(char to[FRONTEND_EXE_MAX], const char *path, size_t len)
{
	/* the end tells more than the beginning */
	size_t n = MIN(len, FRONTEND_EXE_MAX - 1u);

	memcpy(to, path + len - n, n);
	to[n] = '\0';
}

static struct who_wait *place_of(struct who_waits *all, uint64_t token)
{
	return &all->v[token % WHO_WAITS];
}

/* A place whose question is under way, or NULL; the caller fills it. */
static struct who_wait *ask(struct flow_table *ft, const struct tuple *t,
                            uint8_t proto, uint64_t app_ref, int64_t now)
{
	struct who_waits *all = ft->waits;
	struct who_wait *w;
	uint32_t held;

	if (!all || place_of(all, all->next)->kind != WAIT_FREE ||
	    !log_limit_pass(&all->limit, WHO_BURST, now, &held) ||
	    ft->rooms.frontend->who_ask(ft->rooms.frontend_user, app_ref, proto,
	                                t, all->next) < 0)
		return NULL;
	w = place_of(all, all->next++);
	w->asked_ns = now;
	w->app_ref = app_ref;
	w->t = *t;
	w->proto = proto;
	w->seq = ft->echo_seq;
	w->refusal = 0;
	w->flow = (struct flow_id){0, 0};
	(void)flow_who(ft, app_ref, &w->who);
	return w;
}

/* --- denials ----------------------------------------------------------------
 */

static void tell(struct flow_table *ft, const struct denial *d,
                 const struct frontend_who *who, int64_t now)
{
	switch (d->kind) {
	case WHO_FLOW:
		watch_denied(ft, d->q, d->a, NULL, who);
		denied_tell(ft, d->q, d->a, who, d->final, now);
		break;
	case WHO_FRONTING:
		watch_denied(ft, d->q, d->a, d->said_in, who);
		denied_tell_fronting(ft, d->q, d->a, who, d->name, now);
		break;
	case WHO_NAME:
		watch_denied_name(ft, d->name, d->addr, d->a, who, d->q->now);
		if (!d->quiet)
			denied_tell_name(ft, d->name, d->addr, d->a, who, now);
		break;
	}
}

static const char *copy(char *to, size_t len, const char *from)
{
	if (!from)
		return NULL;
	len = strnlen(from, len - 1);
	memcpy(to, from, len);
	to[len] = '\0';
	return to;
}

/* What it points to may change before it is told. */
static void keep(const struct flow_table *ft, struct who_wait *w,
                 const struct denial *d)
{
	w->kind = WAIT_DENIED;
	w->u.denied.d = *d;
	w->u.denied.q = *d->q;
	w->u.denied.a = *d->a;
	w->u.denied.a.name =
		copy(w->u.denied.name, sizeof(w->u.denied.name), d->a->name);
	w->u.denied.a.reason = copy(w->u.denied.reason,
	                            sizeof(w->u.denied.reason), d->a->reason);
	w->u.denied.d.q = &w->u.denied.q;
	w->u.denied.d.a = &w->u.denied.a;
	w->u.denied.d.name =
		copy(w->u.denied.other, sizeof(w->u.denied.other), d->name);
	if (d->addr) {
		w->u.denied.addr = *d->addr;
		w->u.denied.d.addr = &w->u.denied.addr;
	}
	w->u.denied.d.flow = NULL;
	if (d->flow)
		w->flow = flow_id_of(ft, d->flow);
	w->u.denied.answer_len = 0;
}

bool who_denied(struct flow_table *ft, const struct denial *d,
                const struct tuple *t, uint8_t proto, uint64_t app_ref,
                int64_t now)
{
	struct frontend_who who;
	struct who_wait *w = NULL;

	if (t && (ft->rooms.log || !d->quiet))
		w = ask(ft, t, proto, app_ref, now);
	if (!w) {
		(void)flow_who(ft, app_ref, &who);
		tell(ft, d, &who, now);
		return false;
	}
	keep(ft, w, d);
	/* a thread that is known hears it at once, by the call itself */
	w->u.denied.answer_app =
		d->kind != WHO_FLOW || (!d->final && !w->who.tid);
	if (d->kind == WHO_NAME && w->u.denied.answer_app)
		ft->waits->holding = w;
	return w->u.denied.answer_app;
}

void who_query(struct flow_table *ft, struct flow *f, const void *msg,
               size_t len, int64_t now)
{
	ft->asker = f;
	resolver_query(ft->rooms.resolver, flow_id_pack(flow_id_of(ft, f)),
	               f->kind == FLOW_DNS_TCP, msg, len, now);
	ft->asker = NULL;
	if (ft->waits)
		ft->waits->holding = NULL;
}

bool who_hold_answer(struct flow_table *ft, const struct flow *f,
                     const void *msg, size_t len)
{
	struct who_wait *w = ft->waits ? ft->waits->holding : NULL;

	if (!w)
		return false;
	ft->waits->holding = NULL;
	if (f != flow_get(ft, w->flow) || len > sizeof(w->u.denied.answer))
		return false;
	memcpy(w->u.denied.answer, msg, len);
	w->u.denied.answer_len = len;
	return true;
}

static void refuse(struct flow_table *ft, struct who_wait *w, int64_t now)
{
	const struct frontend_ops *ops = ft->rooms.frontend;
	void *user = ft->rooms.frontend_user;

	if (w->proto == IP_PROTO_TCP)
		ops->tcp_refused(user, w->app_ref, -EACCES, now);
	else if (w->proto == IP_PROTO_UDP)
		ops->udp_error(user, w->app_ref, &w->t, -EACCES, NULL, now);
	else
		ops->echo_error(user, w->app_ref, &w->t, w->seq, -EACCES, NULL,
		                now);
}

static void answer_app(struct flow_table *ft, struct who_wait *w, int64_t now)
{
	struct flow *f = flow_get(ft, w->flow);

	switch (w->u.denied.d.kind) {
	case WHO_FLOW:
		refuse(ft, w, now);
		break;
	case WHO_FRONTING:
		if (f && f->flags & FLOW_F_WAITS) {
			f->flags &= (uint8_t)~FLOW_F_WAITS;
			flow_pend(ft, f);
		}
		break;
	case WHO_NAME:
		if (f && w->u.denied.answer_len)
			flow_resolver_answer(ft, flow_id_pack(w->flow),
			                     f->kind == FLOW_DNS_TCP,
			                     w->u.denied.answer,
			                     w->u.denied.answer_len, now);
		break;
	}
}

/* --- flows ------------------------------------------------------------------
 */

uint64_t who_opened(struct flow_table *ft, const struct flow *f, int64_t now)
{
	struct who_wait *w =
		ask(ft, &f->t, flow_kind_proto((enum flow_kind)f->kind),
	            f->app_ref, now);

	if (!w)
		return 0;
	w->kind = WAIT_OPEN;
	w->flow = flow_id_of(ft, f);
	return ft->waits->next - 1;
}

bool who_hold_refusal(struct flow_table *ft, const struct flow *f, int err)
{
	const struct flow_watch *watch =
		ft->watch ? &ft->watch[f - ft->slots] : NULL;
	struct who_wait *w;

	if (!watch || !watch->asked)
		return false;
	w = place_of(ft->waits, watch->asked);
	if (w->who.tid)
		return false;
	w->refusal = err;
	return true;
}

void who_closed(struct flow_table *ft, const struct flow *f,
                const struct flow_watch *watch, const struct flowlog_record *r)
{
	struct who_wait *w = place_of(ft->waits, watch->asked);

	assert(w->kind == WAIT_OPEN && w->flow.index == f - ft->slots);
	w->kind = WAIT_CLOSED;
	w->t = f->t;
	w->u.closed.watch = *watch;
	w->u.closed.record = *r;
}

/* --- the answers ------------------------------------------------------------
 */

/* What was known before stays: the thread, and the program of one that has
 * ended meanwhile. */
static void add_told(struct frontend_who *who, const struct frontend_who *told)
{
	struct frontend_who before = *who;

	*who = *told;
	who->tid = before.tid;
	if (told->exe[0] || !before.exe[0])
		return;
	memcpy(who->exe, before.exe, sizeof(who->exe));
	memcpy(who->name, before.name, sizeof(who->name));
}

/* told: NULL: it will not be */
static void finish(struct flow_table *ft, struct who_wait *w,
                   const struct frontend_who *told, bool last, int64_t now)
{
	struct flow *f;

	if (told && told->pid)
		add_told(&w->who, told);
	switch (w->kind) {
	case WAIT_FREE:
		return;
	case WAIT_DENIED:
		tell(ft, &w->u.denied.d, &w->who, now);
		if (w->u.denied.answer_app && !last)
			answer_app(ft, w, now);
		break;
	case WAIT_OPEN:
		/* an ended flow says so at the turn's end, by who_closed() */
		f = &ft->slots[w->flow.index];
		watch_told(ft, f, &w->who);
		break;
	case WAIT_CLOSED:
		w->u.closed.watch.who = w->who;
		watch_late(ft, w->proto, &w->t, &w->u.closed.watch,
		           &w->u.closed.record);
		break;
	}
	if (w->refusal && !last)
		ft->rooms.frontend->tcp_refused(ft->rooms.frontend_user,
		                                w->app_ref, w->refusal, now);
	if (ft->waits->holding == w)
		ft->waits->holding = NULL;
	w->kind = WAIT_FREE;
}

static void skip_free(struct who_waits *all)
{
	while (all->oldest < all->next &&
	       place_of(all, all->oldest)->kind == WAIT_FREE)
		all->oldest++;
}

void flow_who_told(struct flow_table *ft, uint64_t token,
                   const struct frontend_who *who, int64_t now)
{
	struct who_waits *all = ft->waits;

	if (!all || token < all->oldest || token >= all->next)
		return;
	finish(ft, place_of(all, token), who, false, now);
	skip_free(all);
}

int64_t who_deadline(const struct flow_table *ft)
{
	struct who_waits *all = ft->waits;

	if (!all || all->oldest == all->next)
		return TIME_NEVER;
	return place_of(all, all->oldest)->asked_ns + WHO_WAIT_NS;
}

void who_run(struct flow_table *ft, int64_t now, bool last)
{
	struct who_waits *all = ft->waits;

	while (all && all->oldest < all->next &&
	       (last || who_deadline(ft) <= now)) {
		finish(ft, place_of(all, all->oldest), NULL, last, now);
		skip_free(all);
	}
}
