/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.h - which name a client says it speaks to: TLS SNI, HTTP Host. PURE */
#ifndef POLICY_SNIFF_H
#define POLICY_SNIFF_H

#include "policy/policy.h"

/* the first bytes of a connection that are looked at, at most */
#define SNIFF_MAX 16384

enum sniff_kind {
	SNIFF_MORE,  /* could become either; a server cannot act on it yet */
	SNIFF_OTHER, /* neither TLS nor HTTP */
	SNIFF_TLS,
	SNIFF_HTTP,
};

enum sniff_name {
	SNIFF_ABSENT, /* none, or an address in its place */
	SNIFF_NAMED,
	/* two different ones, one that is no host name, or a start of TLS or
	   HTTP that cannot be read: never to be taken for ABSENT */
	SNIFF_UNREADABLE,
};

struct sniff {
	enum sniff_kind kind;
	enum sniff_name what;           /* of TLS and HTTP */
	bool ech;                       /* the true name is encrypted */
	char name[POLICY_NAME_MAX + 1]; /* canonical, where NAMED */
};

/*
 * sniff() - looks at the first len bytes that a client sent. Never SNIFF_MORE
 * from SNIFF_MAX bytes on. The ClientHello may lie in any number of records.
 * Only a connection's start is seen: not the second request of an HTTP
 * connection, nothing after STARTTLS or CONNECT.
 */
void sniff(const void *data, size_t len, struct sniff *out);

#endif
