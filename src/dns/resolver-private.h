/* SPDX-License-Identifier: Apache-2.0 */
/* resolver-private.h - the state that the resolver's files share */
#ifndef DNS_RESOLVER_PRIVATE_H
#define DNS_RESOLVER_PRIVATE_H

#include "dns/hosts.h"
#include "dns/message.h"
#include "dns/resolver.h"

#include <assert.h>

#define HOSTS_FILE_MAX 8192
#define HOSTS_ADDED_MAX 256
#define DENIED_TTL 1
/* datagrams that are no answer before a server counts as broken */
#define STRAYS_MAX 16
/* after so many misses on end a server is not asked first for a while */
#define MISSES_MAX 3
#define SKIP_NS (10 * NS_PER_S)

struct server {
	struct endpoint at;
	uint8_t misses;
	bool flat; /* does not keep a name's spelling */
	int64_t skip_until_ns;
};

struct query {
	struct query *next, *prev; /* in flight or free */
	uint64_t client;
	int64_t deadline_ns; /* of this try */
	int64_t give_up_ns;
	uint16_t sent_id;
	uint8_t server; /* the one asked now */
	uint8_t tries;  /* that timed out */
	uint8_t strays;
	uint8_t failed, tried; /* bits by server */
	bool used;
	bool restart; /* the servers are others now: ask at the next run */
	bool client_tcp;
	bool tcp; /* this try */
	bool opt; /* send EDNS in this try */
	struct dns_query q;
	struct dns_name sent; /* as this try spells it */
};
static_assert(RESOLVER_SERVERS_MAX <= 8, "failed and tried are bytes");

struct resolver {
	struct resolver_config config;
	struct resolver_ops ops;
	void *user;
	struct random_source random;
	struct hosts *hosts, *added;
	struct server servers[RESOLVER_SERVERS_MAX];
	uint8_t nservers;
	bool servers_given;
	struct addr sandbox[2];
	unsigned int sandbox_len[2];
	size_t nsandbox;
	resolver_gate *gate;
	void *gate_user;
	bool gate_refused;
	resolver_judge *judge;
	uint64_t judging; /* UINT64_MAX: nobody's answer from outside */
	void *judge_user;
	struct query live, idle; /* list heads */
	int64_t next_ns;         /* lower bound of the live deadlines */
	struct query *queries;
	size_t fresh; /* from here on never used, and in no list */
	uint8_t *out; /* DNS_MESSAGE_MAX bytes: the message being made */
};

/* Who asked: what a reply needs once the slot is gone. */
struct asker {
	uint64_t client;
	bool tcp;
	const struct dns_query *q;
};

/* local.c - answered here. Each sends exactly one reply through r->out. */
void resolver_reply(struct resolver *r, const struct asker *to, size_t len);
void resolver_reply_error(struct resolver *r, const struct asker *to,
                          uint16_t rcode, int ede, const char *text);
void resolver_reply_negative(struct resolver *r, const struct asker *to,
                             uint16_t rcode, int ede, const char *text);
/* loopback and the sandbox's own addresses; true: the reply is out */
bool resolver_answer_inside(struct resolver *r, const struct asker *to,
                            const char *name);
/* added hosts, the hosts file, zones that are nowhere; as above */
bool resolver_answer_known(struct resolver *r, const struct asker *to,
                           const char *name, int64_t now);
bool resolver_is_judged_away(struct resolver *r, const char *name,
                             const struct addr *a, uint32_t ttl, bool local,
                             int64_t now);

/* forward.c - asked outside */
void resolver_forward(struct resolver *r, const struct asker *who, int64_t now);
/* frees the slot without an answer */
void resolver_release(struct resolver *r, struct query *qu);
void resolver_list_init(struct query *head);
void resolver_list_move(struct query *qu, struct query *head);

#endif
