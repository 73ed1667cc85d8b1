/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what a run talked to, put together from its flow log */
#ifndef OBSERVE_REPORT_H
#define OBSERVE_REPORT_H

#include "base/addr.h"
#include "base/error.h"

#include <stdio.h>

/* struct report_row - one peer: a name or address, a port, a verdict */
struct report_row {
	char name[254]; /* "": known by address alone */
	char addr[ADDR_TEXT_MAX];
	char proto[8];
	char program[32]; /* "": not known */
	char why[128];    /* rule, or reason */
	uint16_t port;    /* 0: none */
	bool denied;
	bool from_host; /* a client of a published port; port is the app's */
	bool by_door; /* each time an option had opened it: no rule is needed */
	uint64_t count, failed;
	uint64_t bytes_app_host, bytes_host_app;
	uint32_t number;          /* in order of appearance */
	char first[32], last[32]; /* times, RFC 3339 */
	char error[24];           /* the last errno that ended one */
};

enum report_span_kind { REPORT_FLOW, REPORT_FAILED, REPORT_DENIED };

/* struct report_span - when one flow was open, or a denial; row: index, once
 * sorted */
struct report_span {
	uint32_t row;
	enum report_span_kind kind;
	int64_t from_us, to_us; /* monotonic */
};
#define REPORT_SPANS_MAX 5000u /* more are not drawn */

struct report {
	struct report_row *rows;
	size_t n, room;
	uint32_t *buckets; /* of the rows, while reading */
	struct report_span *spans;
	size_t nspans;
	uint64_t lines, dropped;
};

/*
 * report_read() - all lines of a flow log of one run. Rows are sorted:
 * allowed before denied, then by bytes. The caller owns what r holds,
 * report_fini() frees it.
 */
_must_check_ int report_read(struct report *r, FILE *log, struct error *err);
void report_fini(struct report *r);

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_MD, REPORT_HTML };
void report_print(const struct report *r, enum report_format format, FILE *f);
/*
 * report_target() - what a rule about this row is about: "github.com:443",
 * "10.0.0.5/icmp"; of a client "192.0.2.1 -> port 80/tcp", which is none.
 * Returns buf.
 */
char *report_target(const struct report_row *row, char buf[300]);
/* report_html() - one page that needs nothing else; command: its title,
 * policy: its rules */
void report_html(const struct report *r, const char *command,
                 const char *policy, FILE *f);
/* report_bytes() - "1.2M"; returns buf. */
char *report_bytes(uint64_t n, char buf[16]);

#endif
