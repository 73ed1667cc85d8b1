/* SPDX-License-Identifier: Apache-2.0 */
/* flow-private.h - what the files of flow share with each other */
#ifndef FLOW_FLOW_PRIVATE_H
#define FLOW_FLOW_PRIVATE_H

#include "base/log.h"
#include "flow/flow.h"
#include "policy/policy.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define FLOW_NONE UINT32_MAX
#define FLOW_GEN_MAX 0xffffffu

/* enum flow_list - the one doubly linked list a live flow is on */
enum flow_list {
	/* on none: host TCP */
	FLOW_LIST_NONE,
	/* one exchange at most so far, and internal services: short time-out */
	FLOW_LIST_SHORT,
	/* the app spoke again after an answer: long time-out */
	FLOW_LIST_LONG,
	FLOW_LISTS
};

enum flow_flag {
	FLOW_F_BLOCKED = 1 << 0,  /* the last write was short: tell writable */
	FLOW_F_INTERNAL = 1 << 1, /* served by dns, no host socket */
	FLOW_F_REPLIED = 1 << 2,  /* a datagram came from the host */
	FLOW_F_PENDING = 1 << 3,  /* on the pending list */
	FLOW_F_APP_EOF = 1 << 4,  /* the app's FIN was passed on */
	FLOW_F_HELD = 1 << 5,     /* a name allowed it: hold.c looks first */
	FLOW_F_WAITS = 1 << 6,    /* denied: who.c lets its reset go */
	FLOW_F_INWARD = 1 << 7,   /* a client of a published port opened it */
};

/*
 * struct flow - one slot. host belongs to the host room, the rest to flow.
 * `gen` is that of the next or the living flow in this slot; it moves on the
 * moment a flow ends, so that ids go stale at once while descriptor and slot
 * wait for the end of the turn.
 */
struct flow {
	struct flow_host_part host;
	uint32_t gen;
	uint64_t app_ref;
	struct tuple t;      /* as the app knows it, untranslated */
	uint32_t hash;       /* of kind and t; UDP and echo only */
	uint32_t prev, next; /* flow_list, or next: free and dead lists */
	uint32_t pend_next;
	int64_t last_ns; /* last datagram; lists are ordered by it */
	uint32_t pin;    /* held of policy's, or 0 */
	/* FLOW_F_INWARD: the id of what it came through; else of the door
	 * that it goes by, or 0 */
	uint32_t way;
	/* FLOW_DNS_TCP: index of its struct dns_tcp; FLOW_TCP: of its struct
	 * hold + 1, or 0 */
	uint32_t service;
	int16_t err;   /* negative errno of a host side that died, or 0 */
	uint8_t kind;  /* enum flow_kind */
	uint8_t state; /* enum flow_state */
	uint8_t list;  /* enum flow_list */
	uint8_t flags; /* enum flow_flag */
	bool reset;    /* dead: close the host side by RST */
};

struct flow_chain {
	uint32_t head, tail;
};

#define DENIED_SLOTS 1024u
#define DENIED_BURST 10u

/* struct denied_names - the last names that were told as denied */
struct denied_names {
	char last[8][POLICY_NAME_MAX + 1];
	uint32_t next;
};

/* struct denied - which denials were told already; oldest forgotten first */
struct denied {
	uint64_t seen[DENIED_SLOTS]; /* keyed hashes, 0: empty; in pairs */
	struct log_limit limit;
	uint64_t unsaid; /* new denials held back by the limit */
	struct denied_names names;
};

/* struct publish - a published socket; listens while the app does */
struct publish {
	struct flow_publish p;
	bool is_used, is_listening;
	bool other_family; /* the listener is of the other than host */
};

struct dns_tcp;

/* struct flow_watch - what the log needs of a slot beyond struct flow; there
 * only when there is a log. id 0: not an opened flow */
struct flow_watch {
	uint64_t id;
	int64_t opened_ns;
	uint64_t bytes_app_host, bytes_host_app;
	struct endpoint host;                  /* final, as it was judged */
	uint64_t pkts_app_host, pkts_host_app; /* datagrams */
	uint32_t rule;
	uint32_t publish; /* id, of a flow that a client opened; else 0 */
	uint32_t door;    /* id, of a flow that goes by one; else 0 */
	/* the line of its opening waits for the process; 0: it is written */
	uint64_t asked;
	const char *reason; /* of the answer, while asked */
	struct frontend_who who;
	bool ambiguous;      /* as the answer had it */
	bool ech;            /* of what the client said */
	const char *said_in; /* "tls", "http"; NULL: not looked at, neither */
	char said[POLICY_NAME_MAX + 1];
	char name[POLICY_NAME_MAX + 1];
};

/* struct who_waits - who.c: what is told once its process is known */
struct who_waits;

struct flow_table {
	struct flow_config config;
	struct flow_rooms rooms;
	struct siphash_key key;
	struct flow *slots;
	uint32_t nslots;
	uint32_t free_head, fresh; /* slots from `fresh` on were never used */
	struct flow_chain dead, lists[FLOW_LISTS];
	uint32_t pend_head, pend_tail;
	uint32_t *buckets; /* slot index + 1, 0: empty; open addressing */
	uint32_t bucket_mask;
	size_t connecting;
	bool ended; /* flow_table_end() */
	struct flow_stats stats;
	struct denied denied;
	struct policy_answer judged; /* behind the last FLOW_ROUTE_HOST */
	struct endpoint judged_host;
	uint32_t judged_door;     /* its id, or 0 */
	struct flow_watch *watch; /* by slot; NULL: no log */
	struct who_waits *waits;
	uint16_t echo_seq;  /* of the request that is judged right now */
	struct flow *asker; /* whose question the resolver has right now */
	uint64_t watch_id;
	struct log_limit impossible_limit;
	struct dns_tcp *dns_tcp;
	struct publish *publishes; /* FLOW_PUBLISH_MAX */
	uint32_t publish_end;      /* slots from here on were never used */
	size_t npublished;
	struct flow_door *doors; /* FLOW_DOORS_MAX */
	size_t ndoors;
	struct follow *follow; /* NULL: nobody wants to know */
	struct holds *holds;   /* NULL: names are not looked at */
	int64_t now_ns;        /* of the last turn: for limits of rate only */
	bool closed;
};

/* table.c */
struct flow *flow_get(struct flow_table *ft, struct flow_id id);
struct flow_id flow_id_of(const struct flow_table *ft, const struct flow *f);
/* flow_new() - a slot in state FREE with everything but gen zeroed, or NULL */
struct flow *flow_new(struct flow_table *ft, enum flow_kind kind,
                      const struct tuple *t, uint64_t app_ref, int64_t now);
/* flow_end() - the id is stale from now on; the rest is done in turn_end */
void flow_end(struct flow_table *ft, struct flow *f, bool reset);
void flow_pend(struct flow_table *ft, struct flow *f);
void flow_list_move(struct flow_table *ft, struct flow *f, enum flow_list to,
                    int64_t now);
/* flow_impossible() - resets that one flow, counts, tells */
void flow_impossible(struct flow_table *ft, struct flow *f, const char *where,
                     int64_t now);

/* hash.c: datagram flows by (kind, tuple) */
_must_check_ int flow_hash_init(struct flow_table *ft, size_t entries);
void flow_hash_fini(struct flow_table *ft);
struct flow *flow_hash_find(struct flow_table *ft, enum flow_kind kind,
                            const struct tuple *t, uint32_t *hash);
void flow_hash_insert(struct flow_table *ft, struct flow *f, uint32_t hash);
void flow_hash_remove(struct flow_table *ft, struct flow *f);

/* judge.c */
enum flow_route {
	FLOW_ROUTE_HOST,     /* allowed; *final is what to connect to */
	FLOW_ROUTE_RESOLVER, /* served by dns */
	FLOW_ROUTE_REFUSED,  /* nothing listens there: -ECONNREFUSED */
	FLOW_ROUTE_DENIED,   /* policy: -EACCES, and it was told */
	/* the same, but app and people are told within WHO_WAIT_NS, once the
	 * process is known: until then it shall not go on */
	FLOW_ROUTE_WAITS,
};
/* app_ref: who asks, where the frontend can say */
enum flow_route flow_judge(struct flow_table *ft, const struct tuple *t,
                           uint8_t proto, uint64_t app_ref,
                           struct endpoint *final, int64_t now);
/* flow_decide() - what policy says of t; q->proto and q->now are given, the
 * rest of q is set. Returns where it goes; *door: by which, or 0 */
struct endpoint flow_decide(struct flow_table *ft, const struct tuple *t,
                            struct policy_question *q, struct policy_answer *a,
                            uint32_t *door);
/* flow_who() - false, and *who zeroed, where the frontend does not know */
bool flow_who(const struct flow_table *ft, uint64_t app_ref,
              struct frontend_who *who);
/* flow_take_pin() - f is the flow that was judged last, and opens now */
void flow_take_pin(struct flow_table *ft, struct flow *f, int64_t now);
uint8_t flow_kind_proto(enum flow_kind kind);

/* denied.c */
/* hopeless: no rule would help */
void denied_tell(struct flow_table *ft, const struct policy_question *q,
                 const struct policy_answer *a, const struct frontend_who *who,
                 bool hopeless, int64_t now);
/* what a client says it speaks to is not the name that opened the address */
void denied_tell_fronting(struct flow_table *ft,
                          const struct policy_question *q,
                          const struct policy_answer *a,
                          const struct frontend_who *who, const char *opened_by,
                          int64_t now);
/* a name was not looked up, or (addr) one of its addresses left out */
void denied_tell_name(struct flow_table *ft, const char *name,
                      const struct addr *addr, const struct policy_answer *a,
                      const struct frontend_who *who, int64_t now);
int64_t denied_deadline(const struct flow_table *ft);
void denied_run(struct flow_table *ft, int64_t now, bool last);

/*
 * who.c: denials and openings that are told once their process is known, or
 * after WHO_WAIT_NS without
 */
#define WHO_WAIT_NS (20 * NS_PER_MS)
#define WHO_WAITS 128u
#define WHO_ANSWER_MAX 1280u
_must_check_ int who_init(struct flow_table *ft);
void who_fini(struct flow_table *ft);
/* what a denial is about */
enum who_denial { WHO_FLOW, WHO_FRONTING, WHO_NAME };
/* struct denial - all that is told of one; what it points to is copied */
struct denial {
	enum who_denial kind;
	const struct policy_question *q; /* NAME: only proto and now */
	const struct policy_answer *a;
	const char *name; /* FRONTING: that opened it; NAME: that was asked */
	bool quiet;       /* no line for people */
	bool final;       /* the app was answered; no rule would help */
	const char
		*said_in; /* FRONTING: "tls", "http": where a->name is from */
	/* FRONTING: that waits for its reset. NAME: that asked, or NULL */
	const struct flow *flow;
	const struct addr *addr; /* NAME: this one of it; NULL: all of it */
};
/*
 * who_denied() - tells a denial in line and log, now or once the process is
 * known. true: the app is answered then as well, where that is possible
 * (refused flows, answers of the resolver to ft->asker).
 */
bool who_denied(struct flow_table *ft, const struct denial *d,
                const struct tuple *t, uint8_t proto, uint64_t app_ref,
                int64_t now);
/* who_query() - hands a question of f to the resolver, with f as asker */
void who_query(struct flow_table *ft, struct flow *f, const void *msg,
               size_t len, int64_t now);
/* who_hold_answer() - true: this answer to ft->asker waits; it is copied */
bool who_hold_answer(struct flow_table *ft, const struct flow *f,
                     const void *msg, size_t len);
/* who_opened() - a token if the process of f is looked up, or 0 */
uint64_t who_opened(struct flow_table *ft, const struct flow *f, int64_t now);
/* who_hold_refusal() - true: the app hears of it once its process is known */
bool who_hold_refusal(struct flow_table *ft, const struct flow *f, int err);
struct flowlog_record;
/* who_closed() - f is gone before its opening was told: both lines wait */
void who_closed(struct flow_table *ft, const struct flow *f,
                const struct flow_watch *w, const struct flowlog_record *r);
int64_t who_deadline(const struct flow_table *ft);
/* last: nobody is waited for any more */
void who_run(struct flow_table *ft, int64_t now, bool last);

/* watch.c: the log's view of flows; all do nothing without rooms.log */
_must_check_ int watch_init(struct flow_table *ft);
void watch_fini(struct flow_table *ft);
void watch_open(struct flow_table *ft, const struct flow *f, int64_t now);
void watch_close(struct flow_table *ft, const struct flow *f, int64_t now);
/* said_in: fronting, the name of a is from there; NULL: no fronting */
void watch_denied(struct flow_table *ft, const struct policy_question *q,
                  const struct policy_answer *a, const char *said_in,
                  const struct frontend_who *who);
void watch_denied_name(struct flow_table *ft, const char *name,
                       const struct addr *addr, const struct policy_answer *a,
                       const struct frontend_who *who, int64_t now);
struct sniff;
/* watch_said() - what the first bytes of f speak to */
void watch_said(struct flow_table *ft, const struct flow *f,
                const struct sniff *s);
const char *watch_said_in(const struct sniff *s);
/* watch_told() - the process of an opened flow is known, or will not be */
void watch_told(struct flow_table *ft, const struct flow *f,
                const struct frontend_who *who);
/* the two lines of a flow that is gone */
void watch_late(struct flow_table *ft, uint8_t proto, const struct tuple *t,
                struct flow_watch *w, struct flowlog_record *closed);
static inline void watch_bytes(struct flow_table *ft, const struct flow *f,
                               size_t app_host, size_t host_app)
{
	if (ft->watch) {
		ft->watch[f - ft->slots].bytes_app_host += app_host;
		ft->watch[f - ft->slots].bytes_host_app += host_app;
	}
}
/* watch_datagrams() - a train of datagrams of segment_len; 0: just one */
static inline void watch_datagrams(struct flow_table *ft, const struct flow *f,
                                   bool from_app, size_t len,
                                   size_t segment_len)
{
	uint64_t n = segment_len ? (len + segment_len - 1) / segment_len : 1;
	struct flow_watch *w;

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	*(from_app ? &w->bytes_app_host : &w->bytes_host_app) += len;
	*(from_app ? &w->pkts_app_host : &w->pkts_host_app) += n;
}

/* libc's struct tcp_info ends here; the kernel's goes on (Linux 4.2) */
struct tcp_info_more {
	struct tcp_info info;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in;
};
static_assert(offsetof(struct tcp_info_more, pacing_rate) ==
                      offsetof(struct tcp_info, tcpi_total_retrans) + 4,
              "as in linux/tcp.h");
/* watch_tcp_info() - how much of it the kernel filled in; 0: nothing */
size_t watch_tcp_info(const struct flow *f, struct tcp_info_more *more);

/* watch_inward() - f was opened by a client of a published port */
void watch_inward(struct flow_table *ft, const struct flow *f, uint32_t id,
                  const struct endpoint *client, int64_t now);

/* datagram.c: a slot for one more datagram flow */
void flow_make_room(struct flow_table *ft);

/* publish.c: flows that clients of the host open */
_must_check_ int publish_init(struct flow_table *ft);
void publish_fini(struct flow_table *ft);

/* follow.c: where the app listens */
_must_check_ int follow_init(struct flow_table *ft);
void follow_fini(struct flow_table *ft);

/* door.c: what the app reaches under an address of its own */
_must_check_ int doors_init(struct flow_table *ft);
void doors_fini(struct flow_table *ft);
/* door_decide() - policy's word on a flow to d; false: a rule denies it */
bool door_decide(struct flow_table *ft, const struct flow_door *d,
                 struct policy_question *q, struct policy_answer *a);

/* door_is_path() - is there a door of this id, to a socket with a path? */
bool door_is_path(const struct flow_table *ft, uint32_t id);

/* dns_tcp.c: port 53/tcp of the resolver, without a host socket */
_must_check_ int dns_tcp_init(struct flow_table *ft);
void dns_tcp_fini(struct flow_table *ft);
_must_check_ int dns_tcp_open(struct flow_table *ft, struct flow *f);
ssize_t dns_tcp_write(struct flow_table *ft, struct flow *f, const void *data,
                      size_t len);
ssize_t dns_tcp_peek(struct flow_table *ft, struct flow *f, uint32_t offset,
                     void *buf, size_t len);
void dns_tcp_consume(struct flow_table *ft, struct flow *f, uint32_t n);
void dns_tcp_close(struct flow_table *ft, struct flow *f);
/* dns_tcp_work() - hands whole queries to the resolver; from turn_end only */
void dns_tcp_work(struct flow_table *ft, struct flow *f, int64_t now);
void dns_tcp_answer(struct flow_table *ft, struct flow *f, const void *msg,
                    size_t len, int64_t now);

/* hold.c: the first bytes of flows that a name allowed */
_must_check_ int hold_init(struct flow_table *ft);
void hold_fini(struct flow_table *ft);
/* hold_write() - bytes taken; 0: the flow is free, write them as usual;
 * -EAGAIN as flow_tcp_write() */
ssize_t hold_write(struct flow_table *ft, struct flow *f, const void *data,
                   size_t len);
/* false: what it holds goes first, and hold_writable() sends the FIN */
bool hold_shutdown(struct flow_table *ft, struct flow *f);
/* false: what it holds is still not all sent */
bool hold_writable(struct flow_table *ft, struct flow *f);
void hold_end(struct flow_table *ft, struct flow *f);
int64_t hold_deadline(const struct flow_table *ft);
void hold_run(struct flow_table *ft, int64_t now);
void hold_turn_end(struct flow_table *ft, int64_t now);

#endif
