/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c - questions in flight to the host's servers, and their answers */
#include "dns/resolver-private.h"

#include <string.h>

void resolver_list_init(struct query *head)
{
	head->next = head->prev = head;
}

void resolver_list_move(struct query *qu, struct query *head)
{
	if (qu->next) {
		qu->prev->next = qu->next;
		qu->next->prev = qu->prev;
	}
	qu->next = head;
	qu->prev = head->prev;
	head->prev->next = qu;
	head->prev = qu;
}

static uint32_t slot_of(const struct resolver *r, const struct query *qu)
{
	return (uint32_t)(qu - r->queries);
}

/* --- questions ---------------------------------------------------------- */
static void arm(struct resolver *r, struct query *qu, int64_t at)
{
	qu->deadline_ns = at;
	if (at < r->next_ns)
		r->next_ns = at;
}

/* The slot is free before the answer goes out: the client may ask anew. */
void resolver_release(struct resolver *r, struct query *qu)
{
	r->ops.upstream_close(r->user, slot_of(r, qu));
	qu->used = false;
	resolver_list_move(qu, r->idle.next); /* the warm one is next */
}

static void fail(struct resolver *r, struct query *qu, const char *text)
{
	struct dns_query q = qu->q;
	struct asker to = {qu->client, qu->client_tcp, &q};

	resolver_release(r, qu);
	resolver_reply_error(r, &to, DNS_SERVFAIL,
	                     DNS_EDE_NO_REACHABLE_AUTHORITY, text);
}

/* The letters' case carries up to one bit each (draft-vixie-dnsext-dns0x20) */
static void spell(struct resolver *r, struct query *qu, bool flat)
{
	uint8_t bits[(DNS_NAME_WIRE_MAX + 7) / 8] = {0};

	if (!flat)
		r->random.fill(r->random.user, bits, sizeof(bits));
	qu->sent = qu->q.name;
	for (size_t i = 0; i < qu->sent.len; i++) {
		uint8_t c = qu->sent.wire[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c >= 'a' && c <= 'z' && bits[i / 8] >> i % 8 & 1)
			c &= 0xdf;
		qu->sent.wire[i] = c;
	}
}

static int transmit(struct resolver *r, struct query *qu)
{
	size_t len;

	qu->sent_id = (uint16_t)random_u32(&r->random);
	qu->strays = 0;
	spell(r, qu, r->servers[qu->server].flat);
	len = dns_query_write(r->out, DNS_MESSAGE_MAX, &qu->q, qu->sent_id,
	                      &qu->sent, qu->opt);
	return r->ops.upstream_send(r->user, slot_of(r, qu),
	                            &r->servers[qu->server].at, qu->tcp, r->out,
	                            len);
}

static void missed(struct resolver *r, const struct query *qu, int64_t now)
{
	struct server *s = &r->servers[qu->server];

	if (s->misses < MISSES_MAX)
		s->misses++;
	if (s->misses == MISSES_MAX)
		s->skip_until_ns = now + SKIP_NS;
}

static uint8_t first_server(const struct resolver *r, int64_t now)
{
	for (uint8_t i = 0; i < r->nservers; i++)
		if (r->servers[i].misses < MISSES_MAX ||
		    r->servers[i].skip_until_ns <= now)
			return i;
	return 0;
}

/* Asks qu->server, or the next one that did not fail; fails without any. */
static void ask(struct resolver *r, struct query *qu, int64_t now)
{
	for (uint8_t i = 0; i < r->nservers; i++) {
		if (!(qu->failed >> qu->server & 1)) {
			int64_t at = now + r->config.try_ns;

			if (transmit(r, qu) == 0) {
				if (qu->tries >= r->nservers)
					at = qu->give_up_ns;
				arm(r, qu, MIN(at, qu->give_up_ns));
				return;
			}
			qu->failed |= (uint8_t)(1 << qu->server);
			missed(r, qu, now);
		}
		qu->server = (uint8_t)((qu->server + 1) % r->nservers);
		qu->tcp = false;
		qu->opt = qu->q.has_opt;
	}
	fail(r, qu,
	     r->nservers ? "no DNS server can be reached"
	                 : "no DNS server is known");
}

static void ask_next(struct resolver *r, struct query *qu, int64_t now)
{
	r->ops.upstream_close(r->user, slot_of(r, qu));
	if (r->nservers)
		qu->server = (uint8_t)((qu->server + 1) % r->nservers);
	qu->tcp = false;
	qu->opt = qu->q.has_opt;
	ask(r, qu, now);
}

static void ask_afresh(struct resolver *r, struct query *qu, int64_t now)
{
	qu->server = first_server(r, now);
	qu->restart = false;
	qu->failed = qu->tried = qu->tries = 0;
	qu->tcp = false;
	qu->opt = qu->q.has_opt;
	ask(r, qu, now);
}

static bool is_asked_already(struct resolver *r, const struct asker *who)
{
	for (struct query *qu = r->live.next; qu != &r->live; qu = qu->next)
		if (qu->client == who->client && qu->client_tcp == who->tcp &&
		    qu->q.id == who->q->id && qu->q.type == who->q->type &&
		    dns_name_equal(&qu->q.name, &who->q->name))
			return true;
	return false;
}

/* NULL: all are in use. A slot is first touched when all before it are. */
static struct query *take_slot(struct resolver *r)
{
	struct query *qu = r->idle.next;

	if (qu == &r->idle) {
		if (r->fresh == r->config.max_queries)
			return NULL;
		qu = &r->queries[r->fresh++];
	}
	resolver_list_move(qu, &r->live);
	return qu;
}

void resolver_forward(struct resolver *r, const struct asker *who, int64_t now)
{
	struct query *qu;

	if (is_asked_already(r, who))
		return;
	qu = take_slot(r);
	if (!qu) {
		resolver_reply_error(r, who, DNS_SERVFAIL,
		                     DNS_EDE_NO_REACHABLE_AUTHORITY,
		                     "too many questions at a time");
		return;
	}
	qu->used = true;
	qu->client = who->client;
	qu->client_tcp = who->tcp;
	qu->q = *who->q;
	qu->give_up_ns = now + r->config.total_ns;
	ask_afresh(r, qu, now);
}

void resolver_asker_gone(struct resolver *r, uint64_t client)
{
	struct query *next;

	for (struct query *qu = r->live.next; qu != &r->live; qu = next) {
		next = qu->next;
		if (qu->client == client)
			resolver_release(r, qu);
	}
}

/* --- answers ------------------------------------------------------------ */
/*
 * Leaves out the addresses that the judge refuses: then the reply is made
 * anew, with what is left as the name's own addresses. The length.
 */
static size_t judge_answer(struct resolver *r, const struct dns_query *q,
                           size_t len, int64_t now)
{
	struct addr keep[64];
	uint32_t ttl[ARRAY_SIZE(keep)];
	char name[DNS_NAME_TEXT_MAX];
	size_t n = 0, refused = 0, pos;
	struct dns_answer a;
	struct dns_writer w;
	struct dns_rr rr;

	if (!dns_name_canonical(&q->name, name))
		return len; /* nothing speaks of such a name */
	if (!dns_answer_parse(r->out, len, &a))
		return 0;
	pos = a.records;
	for (size_t i = 0; i < a.ancount; i++) {
		struct addr addr;

		if (!dns_rr_read(r->out, len, &pos, &rr))
			return 0;
		if (!dns_rr_addr(r->out, &rr, &addr))
			continue;
		if (n == ARRAY_SIZE(keep) ||
		    resolver_is_judged_away(r, name, &addr, rr.ttl, false,
		                            now)) {
			refused++;
			continue;
		}
		ttl[n] = rr.ttl;
		keep[n++] = addr;
	}
	if (!refused)
		return len;
	dns_reply_begin(&w, r->out, DNS_MESSAGE_MAX, q, 0, 0);
	for (size_t i = 0; i < n; i++)
		dns_reply_addr(&w, &keep[i], ttl[i]);
	if (!n)
		dns_reply_soa(&w, DENIED_TTL);
	return dns_reply_finish(&w, q, 0, DNS_EDE_BLOCKED,
	                        "an address of this name is denied");
}

static void deliver(struct resolver *r, struct query *qu, const uint8_t *msg,
                    const struct dns_answer *a, int64_t now)
{
	struct dns_query q = qu->q;
	struct asker to = {qu->client, qu->client_tcp, &q};
	size_t len;

	resolver_release(r, qu);
	memcpy(r->out, msg, a->end);
	len = dns_answer_adapt(r->out, a, &q);
	if (r->judge) {
		r->judging = to.client;
		len = judge_answer(r, &q, len, now);
		r->judging = UINT64_MAX;
	}
	if (len)
		resolver_reply(r, &to, len);
	else
		resolver_reply_error(r, &to, DNS_SERVFAIL, DNS_EDE_NONE, NULL);
}

static bool is_failure(uint16_t rcode)
{
	return rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN;
}

/* Some servers answer what they do not like with a bare header. */
static bool is_bare_failure(const struct query *qu, const uint8_t *msg,
                            size_t len)
{
	return len == DNS_HEADER_LEN && msg[0] == qu->sent_id >> 8 &&
	       msg[1] == (qu->sent_id & 0xff) && msg[2] & 0x80 &&
	       is_failure(msg[3] & DNS_FLAG_RCODE);
}

static void retry_by_tcp(struct resolver *r, struct query *qu, int64_t now)
{
	r->ops.upstream_close(r->user, slot_of(r, qu));
	qu->tcp = true;
	ask(r, qu, now);
}

/* The server said no, in whatever way: another may do better. */
static void server_failed(struct resolver *r, struct query *qu,
                          const uint8_t *msg, const struct dns_answer *a,
                          int64_t now)
{
	uint8_t all = (uint8_t)((1u << r->nservers) - 1);

	qu->failed |= (uint8_t)(1 << qu->server);
	if (a && ((qu->failed | qu->tried) & all) == all)
		deliver(r, qu, msg, a, now);
	else
		ask_next(r, qu, now);
}

static void stray(struct resolver *r, struct query *qu, int64_t now)
{
	if (qu->tcp || ++qu->strays > STRAYS_MAX)
		server_failed(r, qu, NULL, NULL, now);
}

static bool answers(const struct query *qu, const struct dns_answer *a)
{
	return a->id == qu->sent_id && a->type == qu->q.type &&
	       a->cls == qu->q.cls && dns_name_equal(&a->name, &qu->sent);
}

void resolver_upstream_answer(struct resolver *r, uint32_t slot, int err,
                              const void *msg, size_t len, int64_t now)
{
	bool same_spelling, no_edns;
	struct dns_answer a;
	struct query *qu;

	if (slot >= r->config.max_queries)
		return;
	qu = &r->queries[slot];
	if (!qu->used || qu->restart) /* it is no server of ours any more */
		return;
	if (err) {
		missed(r, qu, now);
		server_failed(r, qu, NULL, NULL, now);
		return;
	}
	no_edns = is_bare_failure(qu, msg, len);
	if (!no_edns && (!dns_answer_parse(msg, len, &a) || !answers(qu, &a))) {
		stray(r, qu, now);
		return;
	}
	r->servers[qu->server].misses = 0;
	if (no_edns && !qu->opt) {
		server_failed(r, qu, NULL, NULL, now);
		return;
	}
	if (no_edns || (qu->opt && !a.opt && a.rcode == DNS_FORMERR)) {
		r->ops.upstream_close(r->user, slot);
		qu->opt = false; /* RFC 6891 7: it does not know EDNS */
		ask(r, qu, now);
		return;
	}
	same_spelling = !memcmp(a.name.wire, qu->sent.wire, a.name.len);
	if (!qu->tcp && (!same_spelling || a.flags & DNS_FLAG_TC)) {
		retry_by_tcp(r, qu, now);
		return;
	}
	if (!same_spelling)
		r->servers[qu->server].flat = true;
	if (is_failure(a.rcode))
		server_failed(r, qu, msg, &a, now);
	else
		deliver(r, qu, msg, &a, now);
}

int64_t resolver_deadline(struct resolver *r)
{
	return r->next_ns;
}

static struct query *first_due(struct resolver *r, int64_t now)
{
	for (struct query *qu = r->live.next; qu != &r->live; qu = qu->next)
		if (qu->deadline_ns <= now)
			return qu;
	return NULL;
}

void resolver_run(struct resolver *r, int64_t now)
{
	struct query *qu;

	/* from the start each time: an answer may change the list */
	while ((qu = first_due(r, now))) {
		if (qu->give_up_ns <= now) {
			fail(r, qu, "no DNS server answered in time");
			continue;
		}
		if (qu->restart) {
			r->ops.upstream_close(r->user, slot_of(r, qu));
			ask_afresh(r, qu, now);
			continue;
		}
		missed(r, qu, now);
		qu->tried |= (uint8_t)(1 << qu->server);
		qu->tries++;
		ask_next(r, qu, now);
	}
	r->next_ns = TIME_NEVER;
	for (qu = r->live.next; qu != &r->live; qu = qu->next)
		r->next_ns = MIN(r->next_ns, qu->deadline_ns);
}
