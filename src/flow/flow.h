/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - the middle: every conversation, judged, counted, recorded once */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/addr.h"
#include "base/siphash.h"
#include "flow/frontend.h"
#include "flow/host.h"

struct policy;   /* policy/policy.h */
struct resolver; /* dns/resolver.h */
struct flowlog;  /* observe/flowlog.h */

/* Index and generation of a flow; gen is 1..2^24-1, 0 is "no flow". */
struct flow_id {
	uint32_t index;
	uint32_t gen;
};

static inline uint64_t flow_id_pack(struct flow_id id)
{
	return (uint64_t)id.gen << 32 | id.index;
}

static inline struct flow_id flow_id_unpack(uint64_t v)
{
	return (struct flow_id){(uint32_t)v, (uint32_t)(v >> 32)};
}

enum flow_kind { FLOW_TCP, FLOW_UDP, FLOW_ECHO, FLOW_DNS_TCP };

enum flow_state {
	/* slot is unused; may do nothing */
	FLOW_FREE,
	/* host connect in flight; may be connected, refused, closed */
	FLOW_CONNECTING,
	/* both sides stand; may write, peek, consume, shut down, close */
	FLOW_OPEN,
	/* a side died; only flow_close() by the frontend is left */
	FLOW_DEAD,
};
const char *flow_state_name(enum flow_state state);

struct flow_table;

/*
 * enum flow_tls_names - what TLS and HTTP clients say they speak to, against
 * the name that allowed the flow. The name matches: allowed; another one, or
 * one that cannot be read: denied; none at all, or an encrypted one: as here.
 */
enum flow_tls_names {
	FLOW_TLS_NAMES_DNS,    /* none: allowed */
	FLOW_TLS_NAMES_STRICT, /* none: denied */
	FLOW_TLS_NAMES_OFF,    /* nothing is looked at */
};

struct flow_config {
	size_t max_flows; /* slots; the descriptor limit caps it too */
	size_t max_connecting;
	size_t max_udp; /* least recently used out beyond this */
	enum flow_tls_names tls_names;
	int64_t udp_idle_ns; /* 180 s, once the app spoke after an answer */
	int64_t short_ns;    /* 30 s: single exchanges, DNS over TCP */
	struct endpoint gateway4, gateway6;   /* port 0; these translate to
	                                         the host's loopback */
	struct endpoint resolver4, resolver6; /* port 53 */
	struct addr app4, app6;               /* all zero: the app has none */
	/* further addresses at which the resolver answers on port 53 */
	struct addr resolver_aliases[4];
	size_t nresolver_aliases;
};

/* Bindings; all borrowed. */
struct flow_rooms {
	const struct frontend_ops *frontend;
	void *frontend_user;
	const struct host_ops *host;
	void *host_user;
	struct policy *policy; /* flows hold its pins */
	struct resolver *resolver;
	/*
	 * told once for each new denial, and of an impossible state (at most
	 * once a second); the text is the line for people. May be NULL.
	 */
	void (*denied)(void *user, const char *line);
	void *denied_user;
	/*
	 * A connection to the door `door`, whose target has a path: somebody
	 * who may opens it, and flow_door_connected() follows with this id. 0
	 * or a negative errno. May be NULL where there is no such door.
	 */
	int (*door_open)(void *user, uint32_t door, struct flow_id id);
	void *door_user;
	/*
	 * The app began (on) or ended to listen for TCP at this port, as far
	 * as flow_follow_found() says. NULL: nobody wants to know.
	 */
	void (*listening)(void *user, uint16_t port, bool on);
	void *listening_user;
	struct flowlog *log; /* NULL: nothing is written down */
	struct random_source random;
};

/* Malloc at start only. NULL: out of memory. */
struct flow_table *flow_table_new(const struct flow_config *config,
                                  const struct flow_rooms *rooms);
/* What the app had ended is closed towards the host, the rest is reset; what
 * is still to be said is said. Nothing may follow but flow_table_free(). */
void flow_table_end(struct flow_table *ft);
/* flow_table_end(), and the memory */
void flow_table_free(struct flow_table *ft);

/* --- TCP, called by the frontend ---------------------------------------- */
/*
 * flow_tcp_open() - judges t.host (after the gateway translation), then
 * starts the host's connect. 0: *id is valid and frontend_ops.tcp_connected()
 * or tcp_refused() follows (never from inside this call); a negative errno:
 * refused at once (-EACCES: policy, -EMFILE/-ENOBUFS: a bound). app_ref is
 * handed back with every call to the frontend.
 */
_must_check_ int flow_tcp_open(struct flow_table *ft, const struct tuple *t,
                               uint64_t app_ref, int64_t now,
                               struct flow_id *id);
/*
 * flow_tcp_is_connected() - right after flow_tcp_open(), for who can use the
 * answer at once: true, and frontend_ops.tcp_connected() will not follow.
 */
bool flow_tcp_is_connected(struct flow_table *ft, struct flow_id id);
/* As stack_ops.tcp_write / tcp_peek / tcp_consume / tcp_shutdown. */
ssize_t flow_tcp_write(struct flow_table *ft, struct flow_id id,
                       const void *data, size_t len);
ssize_t flow_tcp_peek(struct flow_table *ft, struct flow_id id, uint32_t offset,
                      void *buf, size_t len);
void flow_tcp_consume(struct flow_table *ft, struct flow_id id, uint32_t n);
void flow_tcp_shutdown(struct flow_table *ft, struct flow_id id);
/*
 * Bytes by reference, splice(2), for flows whose bytes nobody here needs to
 * see (flow_tcp_is_plain(); false may become true).
 * flow_tcp_write_from() takes them from a pipe, as flow_tcp_write();
 * flow_tcp_read_into() is peek and consume in one: 0 or -EAGAIN say only that
 * a peek will tell.
 */
bool flow_tcp_is_plain(struct flow_table *ft, struct flow_id id);
ssize_t flow_tcp_write_from(struct flow_table *ft, struct flow_id id, int pipe,
                            size_t len);
ssize_t flow_tcp_read_into(struct flow_table *ft, struct flow_id id, int pipe,
                           size_t len);
/*
 * flow_tcp_hand_over() - the host socket of a flow that is connecting or open
 * is to become the app's own; flow_close() by the frontend then ends only what
 * is known of it here. -EOPNOTSUPP where bytes must pass here.
 * flow_tcp_take_back() - it did not come to that
 */
_must_check_ int flow_tcp_hand_over(struct flow_table *ft, struct flow_id id);
void flow_tcp_take_back(struct flow_table *ft, struct flow_id id);
/*
 * Host events are edges: a peek that said -EAGAIN says so until
 * frontend_ops.tcp_readable() was called, nothing is polled for.
 * flow_tcp_fd() - the host socket, for its options and TCP_INFO; -1
 * for internal services. Never closed by the caller.
 */
int flow_tcp_fd(struct flow_table *ft, struct flow_id id);
/* flow_close() - the frontend is done; reset: RST towards the host. */
void flow_close(struct flow_table *ft, struct flow_id id, bool reset,
                int64_t now);

/* --- published ports ------------------------------------------------------ */
#define FLOW_PUBLISH_MAX 4096u

/*
 * struct flow_publish - a socket of the host at which clients of the app
 * arrive. Several may have one id: it is what people know a published port
 * by, and the rule of its flows is called "publish:ID".
 */
struct flow_publish {
	uint32_t id;
	uint8_t proto; /* IP_PROTO_TCP or IP_PROTO_UDP */
	uint16_t app_port;
	struct endpoint host; /* where it is bound */
};

/*
 * flow_publish_add() - fd is bound and does not listen; it is taken, also on
 * failure. Nobody is let in before flow_publish_set_listening(). 0, -ENOBUFS,
 * -EINVAL, or a negative errno of the host's.
 */
_must_check_ int flow_publish_add(struct flow_table *ft,
                                  const struct flow_publish *p, int fd);
/* flow_publish_remove() - no new flows; those that run go on. */
void flow_publish_remove(struct flow_table *ft, uint32_t id);
/* flow_publish_count() - how many sockets; none: nobody need be looked for */
size_t flow_publish_count(const struct flow_table *ft);
/*
 * flow_publish_next() - the first socket at or after *slot, which moves past
 * it; NULL: there is no more. Start at 0.
 */
const struct flow_publish *flow_publish_next(const struct flow_table *ft,
                                             uint32_t *slot);
/*
 * flow_publish_set_listening() - called by the frontend whenever it finds
 * that a listener inside came or went: without one, clients are refused by
 * the host's kernel. Nothing happens where it was so already. Where it is of
 * the other family than the clients of this socket, they are shown as that
 * family's gateway.
 */
enum flow_listening {
	FLOW_LISTENS_NOT,
	FLOW_LISTENS,
	FLOW_LISTENS_OTHER_FAMILY,
};
void flow_publish_set_listening(struct flow_table *ft, uint32_t slot,
                                enum flow_listening how);
/*
 * flow_is_following() - shall the frontend say where the app listens for TCP?
 * Then every now and then: begin, found() for each port with a listener that
 * is not on loopback alone, end.
 */
bool flow_is_following(const struct flow_table *ft);
void flow_follow_begin(struct flow_table *ft);
void flow_follow_found(struct flow_table *ft, uint16_t port);
void flow_follow_end(struct flow_table *ft);
/*
 * flow_app_connected() - the answer to frontend_ops.tcp_open(): 0, or a
 * negative errno, and then the flow is gone. From inside tcp_open() as well.
 */
void flow_app_connected(struct flow_table *ft, struct flow_id id, int err,
                        int64_t now);

/* --- doors ------------------------------------------------------------- */
#define FLOW_DOORS_MAX 512u
#define FLOW_DOOR_FACES 4u
/* the names under which the app knows the host, while a door is there */
#define FLOW_GATEWAY_NAMES                                                     \
	"host.postern.internal", "host.docker.internal",                       \
		"host.containers.internal"

/*
 * struct flow_door - one service outside that the app reaches under addresses
 * inside, its faces: it is allowed by having been asked for, and no rule but
 * one that denies says otherwise. The rule of its flows is called "door:ID".
 */
struct flow_door {
	uint32_t id;     /* from 1 */
	uint8_t proto;   /* IP_PROTO_TCP or IP_PROTO_UDP */
	bool to_unix;    /* the target has a path, which flow never sees */
	bool by_gateway; /* some faces are the gateway's */
	size_t nfaces;
	struct endpoint faces[FLOW_DOOR_FACES];
	struct endpoint to; /* final; not with to_unix */
	char name[256];     /* of the target as it was written; may be "" */
};

/* flow_door_add() - copied. 0, -ENOBUFS, -EINVAL. */
_must_check_ int flow_door_add(struct flow_table *ft,
                               const struct flow_door *d);
/* flow_door_at() - that with this face, or NULL */
const struct flow_door *flow_door_at(const struct flow_table *ft, uint8_t proto,
                                     const struct endpoint *at);
/* flow_has_gateway_door() - do the names of FLOW_GATEWAY_NAMES exist? */
bool flow_has_gateway_door(const struct flow_table *ft);
bool flow_is_gateway_name(const char *name);
/*
 * flow_door_connected() - the answer to flow_rooms.door_open(): fd, a
 * connected stream socket that is taken, or -1 and a negative errno.
 */
void flow_door_connected(struct flow_table *ft, struct flow_id id, int fd,
                         int err, int64_t now);

/* --- UDP and echo, called by the frontend ------------------------------- */
/*
 * flow_udp_send() - finds or makes the flow of t, judges it, sends.
 * segment_len as in stack_ops.udp_input. 0, -EACCES (policy), -EAGAIN
 * (dropped), another negative errno of the host's socket.
 */
_must_check_ int flow_udp_send(struct flow_table *ft, const struct tuple *t,
                               uint64_t app_ref, const void *data, size_t len,
                               size_t segment_len, int64_t now);
_must_check_ int flow_echo_send(struct flow_table *ft, const struct tuple *t,
                                uint64_t app_ref, uint16_t seq,
                                const void *data, size_t len, uint8_t ttl,
                                int64_t now);

/*
 * flow_refused() - the frontend itself turned this away, and the app knows:
 * for people and the log. No rule would open it.
 */
void flow_refused(struct flow_table *ft, const struct tuple *t, uint8_t proto,
                  int64_t now);

/*
 * flow_resolver_answer() - what resolver_ops.answer() is bound to for the
 * clients that flow named (FLOW_IS_ASKER); the owner of the resolver keeps
 * asker numbers with the top bit set for itself.
 */
#define FLOW_IS_ASKER(asker_) (!((asker_) >> 63))
void flow_resolver_answer(struct flow_table *ft, uint64_t asker, bool tcp,
                          const void *msg, size_t len, int64_t now);

/* --- called by host ------------------------------------------------------ */
void flow_host_connected(struct flow_table *ft, struct flow_id id, int err,
                         int64_t now);
void flow_host_readable(struct flow_table *ft, struct flow_id id, int64_t now);
void flow_host_writable(struct flow_table *ft, struct flow_id id, int64_t now);
void flow_host_reset(struct flow_table *ft, struct flow_id id, int err,
                     int64_t now);
void flow_host_datagram(struct flow_table *ft, struct flow_id id,
                        const void *data, size_t len, size_t segment_len,
                        int64_t now);
void flow_host_datagram_error(struct flow_table *ft, struct flow_id id, int err,
                              const struct addr *from, int64_t now);
void flow_host_echo_error(struct flow_table *ft, struct flow_id id,
                          uint16_t seq, int err, const struct addr *from,
                          int64_t now);
void flow_host_echo(struct flow_table *ft, struct flow_id id, uint16_t seq,
                    const void *data, size_t len, int64_t now);
/*
 * flow_host_accepted() - a client came to the published socket `slot`. fd is
 * taken where 0 is returned, else it is the caller's, to be reset.
 */
_must_check_ int flow_host_accepted(struct flow_table *ft, uint32_t slot,
                                    int fd, const struct endpoint *client,
                                    int64_t now);
/*
 * flow_host_client() - a datagram of a client came to the published UDP socket
 * `slot`, at the host's address `local`: it goes to the client's flow, which
 * is opened where there is none and the app listens.
 */
void flow_host_client(struct flow_table *ft, uint32_t slot,
                      const struct endpoint *client, const struct addr *local,
                      const void *data, size_t len, size_t segment_len,
                      int64_t now);
/* The slot behind a live id, or NULL: fields the host room may use. */
struct flow_host_part *flow_host_part(struct flow_table *ft, struct flow_id id);

/*
 * flow_who_told() - the answer to frontend_ops.who_ask(); not found: who is
 * all zero. A token that is not waited for any more is ignored.
 */
void flow_who_told(struct flow_table *ft, uint64_t token,
                   const struct frontend_who *who, int64_t now);

/* --- names --------------------------------------------------------------- */
/*
 * flow_names_bind() - from now on the resolver asks policy which names it may
 * look up (refused: answers REFUSED instead of NXDOMAIN) and where they may
 * lead, and what it answers is pinned. After flow_table_new() with a resolver.
 */
void flow_names_bind(struct flow_table *ft, bool refused);
/*
 * flow_names_learn_hosts() - pins what the hosts tables say of names that a
 * rule allows: libcs read /etc/hosts themselves and never ask. After each
 * resolver_set_hosts().
 */
void flow_names_learn_hosts(struct flow_table *ft, int64_t now);

/* --- time, numbers ------------------------------------------------------- */
int64_t flow_deadline(struct flow_table *ft);
void flow_run(struct flow_table *ft, int64_t now);
/*
 * flow_turn_end() - answers what waited (internal services), then frees what
 * died in this turn; after each batch of events.
 */
void flow_turn_end(struct flow_table *ft, int64_t now);

/*
 * flow_set_closed() - true: every new flow is denied, whatever policy says
 * (the host's own addresses are not known any more).
 */
void flow_set_closed(struct flow_table *ft, bool closed);
/*
 * flow_policy_changed() - judges every live flow again and ends those that
 * may not go on: TCP by reset, the others in silence.
 */
void flow_policy_changed(struct flow_table *ft, int64_t now);
/*
 * flow_rules_changed() - the same, when a rule was added: what was told of
 * denials is news again, and what the hosts tables say of names is pinned.
 */
void flow_rules_changed(struct flow_table *ft, int64_t now);

struct flow_stats {
	uint64_t opened, refused, denied, resets, expired, evicted;
	uint64_t impossible; /* states that should not be; one flow each */
	uint64_t bytes_app_host, bytes_host_app;
	size_t live, live_tcp, live_udp, live_echo;
	size_t app_open; /* TCP flows whose app side has not ended yet */
};
const struct flow_stats *flow_stats(struct flow_table *ft);

/* struct flow_info - one live flow, for people; texts live until the next
 * change of policy or flows */
struct flow_info {
	const char *proto; /* "tcp", "udp", "icmp" */
	enum flow_state state;
	bool internal; /* served by the resolver here, nothing leaves */
	struct endpoint app, host; /* host: final, as it is judged */
	const char *name;          /* by which the app knows it, or NULL */
	uint32_t rule;             /* that allows it now; 0: a default */
	uint32_t publish;          /* through which a client opened it, or 0 */
	uint32_t door;             /* by which it goes, or 0 */
	const char *reason;
	struct frontend_who who;
	int64_t idle_ns; /* of datagram flows; -1: not known */
	bool has_bytes;
	uint64_t bytes_app_host, bytes_host_app;
	bool has_tcp_info;
	uint32_t rtt_us, retransmits; /* of the host's socket */
};

/*
 * flow_list_next() - the next live flow behind *cursor (0: from the start),
 * which moves on; looks at no more than `looks` places. False: there is none
 * among them; *cursor is 0 at the end of all.
 */
bool flow_list_next(struct flow_table *ft, uint64_t *cursor, size_t *looks,
                    int64_t now, struct flow_info *out);
/* flow_tell_denied_path() - a line: the AF_UNIX socket at path is not to be
 * reached; who: NULL, or who asked. Once a path and program, bounded */
void flow_tell_denied_path(struct flow_table *ft, const char *path,
                           const struct frontend_who *who, int64_t now);
/* flow_say_rest() - the denials that were held back are told as a number now */
void flow_say_rest(struct flow_table *ft, int64_t now);
/* flow_log_end() - the run is over: what is open is logged as closed now */
void flow_log_end(struct flow_table *ft, int64_t now);

#endif
