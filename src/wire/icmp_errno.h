/* SPDX-License-Identifier: Apache-2.0 */
/* icmp_errno.h - the one table between errnos and what ICMP says of them */
#ifndef WIRE_ICMP_ERRNO_H
#define WIRE_ICMP_ERRNO_H

#include "base/util.h"

/* How an errno of the host's side is told to the app. */
enum icmp_answer {
	/* nothing on the wire says it: the app's own timer does */
	ICMP_ANSWER_SILENCE,
	/* TCP: RST; UDP and echo: the port-unreachable error of the row */
	ICMP_ANSWER_REFUSE,
	/* the ICMP error of the row, whatever the protocol */
	ICMP_ANSWER_ERROR,
};

/*
 * struct icmp_errno - a row. What connect() of the app's kernel makes of it
 * was measured: 3/13 and 3/1 EHOSTUNREACH, 3/0 ENETUNREACH, 3/3
 * ECONNREFUSED; ICMPv6 1/1 EACCES, 1/0 ENETUNREACH, 1/3 EHOSTUNREACH.
 */
struct icmp_errno {
	int err; /* negative */
	enum icmp_answer answer;
	uint8_t type4, code4;
	uint8_t type6, code6;
};

/*
 * icmp_errno_find() - the row for a negative errno, never NULL: one that is
 * not in the table (a bound reached, a socket that could not be made) is
 * answered as a refusal.
 */
const struct icmp_errno *icmp_errno_find(int err);

/*
 * icmp_errno_of() - the other way round: the negative errno for an error
 * that arrived, such that icmp_errno_find() of it says the same again; 0
 * where type and code are not an error.
 */
int icmp_errno_of(bool is_ip4, uint8_t type, uint8_t code);
/*
 * icmp_errno_seen() - what a connected UDP socket of Linux makes of it: the
 * negative errno, or 0 where it is told nothing (the errors that may pass).
 */
int icmp_errno_seen(bool is_ip4, int err);

#endif
