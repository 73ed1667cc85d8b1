/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - the fake host side of the script interpreter */
#include "pst.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	int err;
} answers[] = {
	{"refused", -ECONNREFUSED}, {"unreachable", -EHOSTUNREACH},
	{"no-route", -ENETUNREACH}, {"denied", -EACCES},
	{"timeout", -ETIMEDOUT},    {"no-files", -EMFILE},
	{"reset", -ECONNRESET},
};

uint8_t host_byte(int conn, bool from_app, uint64_t pos)
{
	uint64_t x = pos * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	return (uint8_t)(x + (unsigned int)conn * 17 + (from_app ? 128 : 0));
}

/* --- the calls of the stack ------------------------------------------------
 */

static struct pst_host *host_of(struct pst *p, uint64_t cookie)
{
	if (cookie >= PST_CONNS)
		pst_fail(p, "a call with the cookie %llu",
		         (unsigned long long)cookie);
	if (p->conns[cookie].host.closed)
		pst_fail(p, "a call after tcp_closed()");
	return &p->conns[cookie].host;
}

static int on_open(void *user, struct conn_id id, const struct tuple *t)
{
	struct pst *p = user;

	for (int i = 0; i < PST_CONNS; i++) {
		struct pst_conn *c = &p->conns[i];

		if (!endpoint_equal(&t->app, &c->t.app) ||
		    !endpoint_equal(&t->host, &c->t.host))
			continue;
		c->host = (struct pst_host){
			.id = id, .has_id = true, .opens = c->host.opens + 1};
		if (p->connect_mode == CONNECT_REFUSE)
			return -ECONNREFUSED;
		stack_tcp_set_cookie(p->stack, id, (uint64_t)i);
		if (p->connect_mode == CONNECT_AUTO)
			stack_tcp_connected(p->stack, id, p->now);
		return 0;
	}
	pst_fail(p, "tcp_open() for an unknown tuple");
}

static ssize_t on_write(void *user, uint64_t cookie, const void *data,
                        size_t len)
{
	struct pst *p = user;
	struct pst_host *h = host_of(p, cookie);
	const uint8_t *bytes = data;

	if (h->dead)
		return -ECONNRESET;
	if (h->fin)
		pst_fail(p, "tcp_write() after tcp_shutdown()");
	if (h->limited && len > h->budget)
		len = h->budget;
	if (!len)
		return -EAGAIN;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != host_byte((int)cookie, true, h->received + i))
			pst_fail(p, "byte %llu of the app came out wrong",
			         (unsigned long long)(h->received + i));
	h->received += len;
	h->budget -= h->limited ? len : 0;
	return (ssize_t)len;
}

static void on_shutdown(void *user, uint64_t cookie)
{
	struct pst *p = user;
	struct pst_host *h = host_of(p, cookie);

	if (h->fin)
		pst_fail(p, "tcp_shutdown() twice");
	h->fin = true;
}

static ssize_t on_peek(void *user, uint64_t cookie, uint32_t offset, void *buf,
                       size_t len)
{
	struct pst_host *h = host_of(user, cookie);
	uint64_t pos = h->consumed + offset;
	uint8_t *out = buf;

	if (h->dead)
		return -ECONNRESET;
	if (pos >= h->written)
		return h->eof ? 0 : -EAGAIN;
	len = MIN(len, h->written - pos);
	for (size_t i = 0; i < len; i++)
		out[i] = host_byte((int)cookie, false, pos + i);
	return (ssize_t)len;
}

static void on_consume(void *user, uint64_t cookie, uint32_t n)
{
	struct pst *p = user;
	struct pst_host *h = host_of(p, cookie);

	h->consumed += n;
	if (h->consumed > h->written)
		pst_fail(p, "tcp_consume() of bytes never written");
}

static void on_closed(void *user, uint64_t cookie, bool reset)
{
	struct pst_host *h = host_of(user, cookie);

	h->closed = true;
	h->reset = reset;
}

static void on_established(void *user, uint64_t cookie, int err)
{
	struct pst_host *h = host_of(user, cookie);

	h->established = true;
	h->established_err = err;
}

static int on_udp(void *user, const struct tuple *t, const void *data,
                  size_t len, size_t segment_len, uint8_t ttl)
{
	(void)user, (void)t, (void)data, (void)len, (void)segment_len;
	(void)ttl;
	return -EAGAIN;
}

static int on_echo(void *user, const struct tuple *t, uint16_t seq,
                   const void *data, size_t len, uint8_t ttl)
{
	(void)user, (void)t, (void)seq, (void)data, (void)len, (void)ttl;
	return -EAGAIN;
}

const struct stack_ops pst_ops = {
	.frame_send = wire_frame_sent,
	.tcp_open = on_open,
	.tcp_write = on_write,
	.tcp_shutdown = on_shutdown,
	.tcp_peek = on_peek,
	.tcp_consume = on_consume,
	.tcp_closed = on_closed,
	.tcp_established = on_established,
	.udp_input = on_udp,
	.echo_input = on_echo,
};

/* --- statements
 * ---------------------------------------------------------------- */

static void connect_answer(struct pst *p, struct pst_host *h, const char *word)
{
	if (!strcmp(word, "ok")) {
		stack_tcp_connected(p->stack, h->id, p->now);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (!strcmp(word, answers[i].word)) {
			stack_tcp_refused(p->stack, h->id, answers[i].err,
			                  p->now);
			return;
		}
	pst_fail(p, "unknown answer '%s'", word);
}

static void dial(struct pst *p, int conn)
{
	struct pst_conn *c = &p->conns[conn];
	int r;

	c->host = (struct pst_host){.has_id = true};
	r = stack_tcp_connect(p->stack, &c->t, (uint64_t)conn, &c->host.id,
	                      p->now);
	if (r < 0)
		c->host.established_err = r;
	c->host.established = r < 0;
}

static void accept_more(struct pst *p, struct pst_host *h, const char *what)
{
	h->limited = true;
	if (!strcmp(what, "none"))
		h->budget = 0;
	else if (!strcmp(what, "all"))
		h->limited = false;
	else
		h->budget += strtoull(what, NULL, 0);
	if (!h->limited || h->budget)
		stack_tcp_host_writable(p->stack, h->id, p->now);
}

void host_statement(struct pst *p, int conn, const char *text)
{
	struct pst_host *h = &p->conns[conn].host;
	char verb[32] = "", arg[32] = "";

	if (sscanf(text, "%31s %31s", verb, arg) < 1)
		pst_fail(p, "host wants a verb");
	if (!strcmp(verb, "open")) {
		dial(p, conn);
		return;
	}
	if (!h->has_id)
		pst_fail(p, "no connection yet");
	if (!strcmp(verb, "connect")) {
		connect_answer(p, h, arg);
	} else if (!strcmp(verb, "write")) {
		h->written += strtoull(arg, NULL, 0);
		stack_tcp_host_readable(p->stack, h->id, p->now);
	} else if (!strcmp(verb, "eof")) {
		h->eof = true;
		stack_tcp_host_readable(p->stack, h->id, p->now);
	} else if (!strcmp(verb, "accepts")) {
		accept_more(p, h, arg);
	} else if (!strcmp(verb, "reset")) {
		stack_tcp_abort(p->stack, h->id, p->now);
		h->closed = true;
	} else if (!strcmp(verb, "dead")) {
		h->dead = true;
	} else if (!strcmp(verb, "readable")) {
		stack_tcp_host_readable(p->stack, h->id, p->now);
	} else if (!strcmp(verb, "writable")) {
		stack_tcp_host_writable(p->stack, h->id, p->now);
	} else {
		pst_fail(p, "unknown verb 'host %s'", verb);
	}
}

/* --- expectations
 * ----------------------------------------------------------------- */

static void want(const struct pst *p, bool ok, const char *what)
{
	if (!ok)
		pst_fail(p, "expected: %s", what);
}

static void want_number(const struct pst *p, uint64_t got, const char *arg,
                        const char *what)
{
	uint64_t n = strtoull(arg, NULL, 0);

	if (got != n)
		pst_fail(p, "%s: expected %llu, is %llu", what,
		         (unsigned long long)n, (unsigned long long)got);
}

static void expect_established(const struct pst *p, const struct pst_host *h,
                               const char *arg)
{
	int err = 0;

	want(p, h->established, "an answer to the open");
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (!strcmp(arg, answers[i].word))
			err = answers[i].err;
	if (!strcmp(arg, "in-use"))
		err = -EADDRINUSE;
	if (h->established_err != err)
		pst_fail(p, "the open ended with %d, not %d",
		         h->established_err, err);
}

static bool expect_number(struct pst *p, struct pst_host *h, const char *verb,
                          const char *arg)
{
	const struct stack_stats *s = stack_stats(p->stack);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"data", h->received - h->told},
		{"consumed", h->consumed},
		{"opens", h->opens},
		{"conns", s->conns},
		{"connecting", s->conns_connecting},
		{"pool", s->pool_used_bytes},
		{"pool-full", s->tcp_pool_full},
		{"challenges", s->tcp_challenge_acks},
		{"retransmits", s->tcp_retransmits},
		{"resets", s->tcp_resets},
		{"refused", s->tcp_refused},
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(verb, numbers[i].name)) {
			want_number(p, numbers[i].value, arg, verb);
			h->told = h->received;
			return true;
		}
	return false;
}

void host_expect(struct pst *p, int conn, const char *text)
{
	struct pst_host *h = &p->conns[conn].host;
	char verb[32] = "", arg[32] = "";

	if (sscanf(text, "%31s %31s", verb, arg) < 1)
		pst_fail(p, "expect wants a verb");
	if (expect_number(p, h, verb, arg))
		return;
	if (!strcmp(verb, "fin"))
		want(p, h->fin, "the app's FIN at the host");
	else if (!strcmp(verb, "no-fin"))
		want(p, !h->fin, "no FIN at the host");
	else if (!strcmp(verb, "closed"))
		want(p, h->closed && !h->reset, "closed, not reset");
	else if (!strcmp(verb, "reset"))
		want(p, h->closed && h->reset, "reset by the app");
	else if (!strcmp(verb, "open"))
		want(p, h->has_id && !h->closed, "an open connection");
	else if (!strcmp(verb, "established"))
		expect_established(p, h, arg);
	else if (!strcmp(verb, "not-established"))
		want(p, !h->established, "no answer to the open yet");
	else
		pst_fail(p, "unknown expectation '%s'", verb);
}
