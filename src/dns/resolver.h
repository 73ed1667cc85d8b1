/* SPDX-License-Identifier: Apache-2.0 */
/* resolver.h - the app's resolver as a pure machine */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include "base/addr.h"
#include "base/error.h"
#include "base/random.h"

struct resolver;

#define RESOLVER_SERVERS_MAX 8
#define DNS_MESSAGE_MAX 65535

/* struct resolver_ops - err is a negative errno */
struct resolver_ops {
	/*
	 * Sends one query to server number `server` by UDP from a fresh
	 * random port, or by TCP. 0, or an error (then the next server is
	 * tried). The answer comes by resolver_upstream_answer().
	 */
	int (*upstream_send)(void *user, uint32_t slot,
	                     const struct endpoint *server, bool tcp,
	                     const void *msg, size_t len);
	/* the exchange of this slot is over: close its socket */
	void (*upstream_close)(void *user, uint32_t slot);
	/*
	 * The finished response for a client. msg is gone with the next call
	 * into the resolver, which may be made from here.
	 */
	void (*answer)(void *user, uint64_t client, bool tcp, const void *msg,
	               size_t len);
};

struct resolver_config {
	size_t max_queries; /* in flight; beyond: SERVFAIL at once */
	int64_t total_ns;   /* 5 s: then SERVFAIL */
	int64_t try_ns;     /* 1.5 s a server */
};

struct resolver *resolver_new(const struct resolver_config *config,
                              const struct resolver_ops *ops, void *user,
                              const struct random_source *random);
void resolver_free(struct resolver *r);

/* Contents of the host's files; may be called again as they change. No
 * malloc after resolver_new(). text need not be NUL-terminated. */
void resolver_set_resolv_conf(struct resolver *r, const char *text, size_t len);
void resolver_set_hosts(struct resolver *r, const char *text, size_t len);
/* resolver_each_host() - every canonical name and address of the hosts tables
 */
void resolver_each_host(const struct resolver *r,
                        void (*fn)(void *user, const char *name,
                                   const struct addr *a),
                        void *user);
/* --dns: replaces what resolv.conf says */
_must_check_ int resolver_set_servers(struct resolver *r,
                                      const struct endpoint *servers, size_t n);
/* --add-host NAME:ADDRESS; goes before the hosts file, at most 256 */
_must_check_ int resolver_add_host(struct resolver *r, const char *name,
                                   const struct addr *a, struct error *err);
/* resolver_set_sandbox() - the sandbox's own prefix (96 + n for IPv4; one call
 * a prefix, at most 2): PTR of its addresses is never asked outside. */
void resolver_set_sandbox(struct resolver *r, const struct addr *prefix,
                          unsigned int len);
/*
 * resolver_set_gate() - asked with the canonical name (lower case, no
 * trailing dot) before anything but localhost and the sandbox's own addresses
 * is answered or forwarded; name is NULL where it has other bytes than a host
 * name. Denied is NXDOMAIN with EDE 15 and reason, SOA with TTL 1 (refused:
 * REFUSED).
 */
enum resolver_verdict {
	RESOLVER_DENY,
	RESOLVER_PASS,
	/* types SVCB and HTTPS are answered "no data": their hints and their
	   keys for encrypted hellos would go around a check by name */
	RESOLVER_PASS_PLAIN,
};
typedef enum resolver_verdict resolver_gate(void *user, const char *name,
                                            const char **reason, int64_t now);
void resolver_set_gate(struct resolver *r, resolver_gate *gate, void *user,
                       bool refused);
/*
 * resolver_set_judge() - told of each address that answers the canonical name,
 * before the app sees it; false: the record is left out. local: it comes from
 * the hosts tables, not from a server.
 */
typedef bool resolver_judge(void *user, const char *name, const struct addr *a,
                            uint32_t ttl, bool local, int64_t now);
void resolver_set_judge(struct resolver *r, resolver_judge *judge, void *user);
/* resolver_judging() - inside the judge: the client whose answer it is, or
 * UINT64_MAX where resolver_query() has not returned yet */
uint64_t resolver_judging(const struct resolver *r);

/*
 * resolver_query() - one message of a client as it came. The answer comes by
 * ops.answer(), possibly from inside. Garbage is answered FORMERR or dropped.
 */
void resolver_query(struct resolver *r, uint64_t client, bool tcp,
                    const void *msg, size_t len, int64_t now);
/* resolver_asker_gone() - no answer for this client any more */
void resolver_asker_gone(struct resolver *r, uint64_t client);
/* err 0: msg is a whole message from the right peer; else msg is NULL. */
void resolver_upstream_answer(struct resolver *r, uint32_t slot, int err,
                              const void *msg, size_t len, int64_t now);
int64_t resolver_deadline(struct resolver *r);
void resolver_run(struct resolver *r, int64_t now);

#endif
