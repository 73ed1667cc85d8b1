/* SPDX-License-Identifier: Apache-2.0 */
/* flowlog.c - one JSON line for each thing that happened to a flow */
/*
 * THEORY
 *
 * The room observe writes down what flow tells it, in forms that programs
 * read. It knows no flow and no policy: a `struct flowlog_record` of texts,
 * numbers and addresses enters, one line leaves, to up to two descriptors.
 *
 * Invariants: one line is one write(2) of at most LINE_MAX_ bytes, so lines
 * of several runs in one file never mix (O_APPEND) and a pipe takes it whole
 * or not at all. A write never waits: a pipe is asked with poll(2) first. A
 * line that found no room is counted (`struct sink`), and the next one that
 * does is preceded by a line that says how many are missing. A sink that
 * fails for good (EPIPE, EBADF) is left alone from then on.
 *
 * Refuses: control characters and bytes beyond ASCII come out escaped; too
 * long texts are cut. Costs nothing when nobody asked for a log.
 */
#include "observe/flowlog.h"

#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* PIPE_BUF: what a pipe that polls writable takes at once */
#define LINE_MAX_ 4096u

struct sink {
	struct flowlog_sink to;
	bool bounded, dead;
	bool cut;         /* a disk took the beginning of a line, not its end */
	uint64_t dropped; /* since the last line that went through */
};

struct flowlog {
	struct sink sinks[2];
	uint64_t run;
	int64_t wall_offset_ns;
};

/* struct line - always a whole prefix of JSON; what does not fit is left out
 */
struct line {
	char text[LINE_MAX_];
	size_t len;
};

static const char *const event_names[] = {
	[FLOWLOG_OPEN] = "open",
	[FLOWLOG_DENY] = "deny",
	[FLOWLOG_CLOSE] = "close",
};
static_assert(ARRAY_SIZE(event_names) == FLOWLOG_CLOSE + 1, "one name each");

static void _printf_(2, 3) put(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	/* the room for "}\n" is kept: texts are bounded by put_text() */
	assert(n >= 0 && (size_t)n < room);
	l->len += (size_t)n;
}

/* "key":"text", cut after 200 characters */
static void put_text(struct line *l, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	put(l, ",\"%s\":\"", key);
	for (size_t i = 0; text[i] && i < 200; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			put(l, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			put(l, "\\u%04x", c);
		else
			put(l, "%c", c);
	}
	put(l, "\"");
}

/* A name or rule may be longer: 253 bytes, all of them plain. */
static void put_plain(struct line *l, const char *key, const char *text)
{
	char plain[400];
	size_t i;

	if (!text || !*text)
		return;
	for (i = 0; text[i] && i < sizeof(plain) - 1; i++) {
		unsigned char c = (unsigned char)text[i];

		plain[i] = c >= 0x20 && c < 0x7f && c != '"' && c != '\\'
		                   ? (char)c
		                   : '?';
	}
	plain[i] = '\0';
	put(l, ",\"%s\":\"%s\"", key, plain);
}

/*
 * "2026-11-25T02:43:13.123456Z": gmtime_r(3) may open the file of the local
 * time zone, which the confined datapath must not. Days to a date by counting
 * 400-year eras that begin on 1 March.
 */
static void put_time(struct line *l, int64_t wall_ns)
{
	int64_t s = wall_ns / NS_PER_S, us = wall_ns % NS_PER_S / NS_PER_US;
	int64_t days = s / 86400 + 719468, era = days / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t day = doy - (153 * mp + 2) / 5 + 1;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;
	int64_t year = yoe + era * 400 + (month <= 2);

	put(l,
	    ",\"time\":\"%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64
	    ":%02" PRId64 ":%02" PRId64 ".%06" PRId64 "Z\"",
	    year, month, day, s / 3600 % 24, s / 60 % 60, s % 60, us);
}

static void start(const struct flowlog *log, struct line *l, const char *event,
                  int64_t now)
{
	l->len = 0;
	put(l, "{\"v\":%d,\"event\":\"%s\",\"run\":\"%016" PRIx64 "\"",
	    FLOWLOG_VERSION, event, log->run);
	if (now) {
		put_time(l, now + log->wall_offset_ns);
		put(l, ",\"mono_ns\":%" PRId64, now);
	}
}

static void put_endpoint(struct line *l, const char *who,
                         const struct endpoint *e)
{
	char addr[ADDR_TEXT_MAX];

	if (!e)
		return;
	put(l, ",\"%s_addr\":\"%s\"", who, addr_format(&e->addr, addr));
	if (e->port)
		put(l, ",\"%s_port\":%u", who, (unsigned int)e->port);
}

static void put_close(struct line *l, const struct flowlog_record *r)
{
	put(l, ",\"duration_ns\":%" PRId64, r->now - r->opened);
	put(l, ",\"bytes_app_host\":%" PRIu64 ",\"bytes_host_app\":%" PRIu64,
	    r->bytes_app_host, r->bytes_host_app);
	if (r->has_packets)
		put(l,
		    ",\"packets_app_host\":%" PRIu64
		    ",\"packets_host_app\":%" PRIu64,
		    r->packets_app_host, r->packets_host_app);
	if (r->err)
		put(l, ",\"error\":\"%s\"", errno_name(r->err));
	if (r->has_tcp_info)
		put(l, ",\"rtt_us\":%u,\"retransmits\":%u", r->rtt_us,
		    r->retransmits);
}

static void put_process(struct line *l, const struct flowlog_record *r)
{
	if (r->pid)
		put(l, ",\"pid\":%u", r->pid);
	if (r->tid)
		put(l, ",\"tid\":%u", r->tid);
	if (!r->pid && !r->tid)
		return;
	put_text(l, "program", r->program);
	put_text(l, "comm", r->comm);
	put_text(l, "exe", r->exe);
	put(l, ",\"process_how\":\"%s\"", r->lookup ? "lookup" : "exact");
}

/* #syscalls poll ppoll write */
static int write_now(struct sink *s, const struct line *l)
{
	struct pollfd p = {.fd = s->to.fd, .events = POLLOUT};
	ssize_t n;

	if (s->bounded && s->to.room < l->len)
		return -ENOSPC;
	/* a pipe without a reader is writable, and the write a SIGPIPE */
	if (poll(&p, 1, 0) != 1 || p.revents != POLLOUT)
		return p.revents & (POLLERR | POLLNVAL | POLLHUP) ? -EPIPE
		                                                  : -EAGAIN;
	n = write(s->to.fd, l->text, l->len);
	if (n < 0)
		return -errno;
	if (s->bounded)
		s->to.room -= (uint64_t)n;
	/* a disk that fills up in the middle of a line: the rest is lost */
	s->cut = (size_t)n < l->len;
	return s->cut ? -ENOSPC : 0;
}

/* Says first what is missing. */
static int tell_dropped(const struct flowlog *log, struct sink *s, int64_t now)
{
	struct line l;
	int rc;

	if (!s->dropped)
		return 0;
	start(log, &l, "dropped", now);
	if (s->cut) {
		memmove(l.text + 1, l.text, l.len++);
		l.text[0] = '\n';
	}
	put(&l, ",\"lines\":%" PRIu64 "}\n", s->dropped);
	rc = write_now(s, &l);
	if (rc == 0)
		s->dropped = 0;
	return rc;
}

static void emit(const struct flowlog *log, struct sink *s,
                 const struct line *l, int64_t now)
{
	int rc;

	if (s->to.fd < 0 || s->dead)
		return;
	rc = tell_dropped(log, s, now);
	if (rc == 0)
		rc = write_now(s, l);
	if (rc < 0)
		s->dropped++;
	if (rc == -EPIPE || rc == -EBADF)
		s->dead = true;
}

struct flowlog *flowlog_new(const struct flowlog_config *config)
{
	struct flowlog *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->run = config->run;
	log->wall_offset_ns = config->wall_offset_ns;
	for (size_t i = 0; i < ARRAY_SIZE(log->sinks); i++) {
		log->sinks[i].to = config->sinks[i];
		log->sinks[i].bounded = config->sinks[i].room > 0;
	}
	return log;
}

void flowlog_write(struct flowlog *log, const struct flowlog_record *r)
{
	struct line l;

	start(log, &l, event_names[r->event], r->now);
	if (r->id)
		put(&l, ",\"flow\":%" PRIu64, r->id);
	put(&l, ",\"proto\":\"%s\"", r->proto);
	put_endpoint(&l, "app", r->app);
	put_endpoint(&l, "host", r->host);
	if (r->from_host)
		put(&l, ",\"opened_by\":\"host\"");
	put_plain(&l, "name", r->name);
	if (r->ambiguous)
		put(&l, ",\"ambiguous\":true");
	put_plain(&l, "said", r->said);
	put_plain(&l, "said_in", r->said_in);
	if (r->ech)
		put(&l, ",\"ech\":true");
	put_process(&l, r);
	if (r->event == FLOWLOG_CLOSE)
		put_close(&l, r);
	if (r->rule_id)
		put(&l, ",\"rule_id\":%u", r->rule_id);
	put_plain(&l, "rule", r->rule);
	put_text(&l, "origin", r->origin);
	if (r->event != FLOWLOG_CLOSE)
		put_text(&l, "reason", r->reason);
	put(&l, "}\n");
	for (size_t i = 0; i < ARRAY_SIZE(log->sinks); i++)
		emit(log, &log->sinks[i], &l, r->now);
}

void flowlog_free(struct flowlog *log)
{
	for (size_t i = 0; log && i < ARRAY_SIZE(log->sinks); i++)
		if (log->sinks[i].to.fd >= 0 && !log->sinks[i].dead)
			(void)tell_dropped(log, &log->sinks[i], 0);
	free(log);
}
