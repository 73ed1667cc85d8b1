/* SPDX-License-Identifier: Apache-2.0 */
/* sockets-private.h - what the files of sockets share with each other */
#ifndef SOCKETS_SOCKETS_PRIVATE_H
#define SOCKETS_SOCKETS_PRIVATE_H

#include "base/log.h"
#include "base/siphash.h"
#include "base/wheel.h"
#include "flow/flow.h"
#include "loop/loop.h"
#include "sockets/sockets.h"

#include <sys/uio.h>

#define SK_NONE UINT32_MAX
#define SK_GEN_MAX 0xffffffu
#define SCRATCH_BYTES (256u * 1024)
#define DEFERRED_CLOSES 256
#define HELD_MAX 4096
#define ANSWERS_MAX 256 /* power of two */
#define PORT_HEADS 1024 /* power of two */
#define UDP_PAYLOAD_MAX 65507
/* What goes by reference, and the pipes for what did not fit at once. */
#define BULK_MIN (64u * 1024)
#define BULK_PIPE_BYTES (256 * 1024)
#define BULK_PIPES 16 /* at most 32 */
/* Datagrams that wait outside the kernel: blocks, and blocks a socket. */
#define CHUNK_BYTES 2048u
#define CHUNKS 2048u
#define CHUNKS_A_SOCKET 256u
#define HOLDERS 4
#define ORPHANS_MAX 1024
/* the interfaces that the app is told of */
#define SANDBOX_LO 1u
#define SANDBOX_IF 2u
#define SANDBOX_IFNAME "tap0"

/*
 * What our ends and the app's ends may buffer: the kernel doubles it. A
 * quarter of the doubled figure must stay above the truesize of one skb
 * (about 53 KiB), since the last byte written stays in the queue (relay.c).
 */
#define SK_BUFFER_BYTES 212992

/* enum sk_kind - what the app asked for */
enum sk_kind {
	SK_STREAM,  /* TCP: one end of an AF_UNIX stream pair */
	SK_DGRAM,   /* UDP: one end of an AF_UNIX seqpacket pair */
	SK_NETLINK, /* NETLINK_ROUTE: a seqpacket pair, answered by us */
};

/*
 * enum sk_state - `app_fd` is our duplicate of the app's end, `our_fd` the
 * other end of the pair.
 */
enum sk_state {
	/* the slot is unused */
	SK_FREE,
	/* not connected; both descriptors are held; UDP and netlink stay so */
	SK_IDLE,
	/* a flow is being opened; as SK_IDLE; the app's end is full */
	SK_CONNECTING,
	/* a flow stands; our_fd is relayed, app_fd is released */
	SK_RELAY,
	/* accepts; our_fd makes the app's end readable, app_fd drains it */
	SK_LISTEN,
	/* waits in a listener's queue: app_fd is what accept() hands out */
	SK_BACKLOG,
	/* two apps hold the two ends; nothing is held here */
	SK_PAIRED,
	/* the app has a host's socket in its place; nothing is held here */
	SK_DIRECT,
	/* refused after EINPROGRESS: our_fd is closed, app_fd is released */
	SK_FAILED,
	/* the flow ended by reset or both ways; nothing is held here */
	SK_CLOSED,
};
const char *sk_state_name(enum sk_state state);

enum sk_flag {
	SK_F_BOUND = 1 << 0,      /* in the table of ports */
	SK_F_BOUND_PORT = 1 << 1, /* the port was asked for, not drawn */
	SK_F_V6ONLY = 1 << 2,
	SK_F_REUSEADDR = 1 << 3,
	SK_F_REUSEPORT = 1 << 4,
	SK_F_CONNECTED = 1 << 5,   /* UDP: has a peer */
	SK_F_TOLD = 1 << 6,        /* connect()'s success reached the app */
	SK_F_LINGER0 = 1 << 7,     /* close is a reset */
	SK_F_APP_EOF = 1 << 8,     /* the app's end said its last byte */
	SK_F_APP_GONE = 1 << 9,    /* the app's end is closed */
	SK_F_APP_RESET = 1 << 10,  /* ... with unread data */
	SK_F_HOST_EOF = 1 << 11,   /* the host said its last byte */
	SK_F_APP_FULL = 1 << 12,   /* our_fd waits for EPOLLOUT */
	SK_F_HOST_FULL = 1 << 13,  /* the flow waits for tcp_writable() */
	SK_F_SHUT_SENT = 1 << 14,  /* flow_tcp_shutdown() was called */
	SK_F_ORPHAN = 1 << 16,     /* on the list of entries without ends */
	SK_F_WATCHED = 1 << 17,    /* our_fd is in the loop */
	SK_F_LOST = 1 << 18,       /* app_fd was given up while still open */
	SK_F_MARKED = 1 << 20,     /* listener: the readiness byte is in */
	SK_F_NONBLOCK = 1 << 19,   /* O_NONBLOCK when app_fd was let go */
	SK_F_MORE = 1 << 21,       /* on the list of unfinished relays */
	SK_F_URGENT = 1 << 15,     /* an urgent byte was written once */
	SK_F_NONE_STAYS = 1 << 22, /* no byte in our_fd was sent on yet */
	SK_F_RESET = 1 << 23,      /* paired: the other closed with a reset */
	SK_F_BULK_OUT = 1 << 24,   /* much was sent at once: try bulk.c */
	SK_F_BULK_IN = 1 << 25,    /* much was received at once: likewise */
	SK_F_BULK_READY = 1 << 26, /* our_fd never blocks */
	SK_F_CLOEXEC = 1 << 27,    /* socket() was asked for it */
	SK_F_PLANTED = 1 << 28, /* linger.c: a byte makes its close a reset */
};

/* Remembered options: index into sock.opt, see calls_opt.c. */
#define SK_OPTIONS 64

/* A process (or thread) and the number under which it held the socket. */
struct holder {
	uint32_t tid;
	int32_t fd;
};

/* struct origin - who sent a datagram, and what its IP header said */
struct origin {
	struct endpoint from;
	uint8_t hops, tclass; /* TTL and TOS of IPv4 */
};

/* struct sending - how a datagram is sent; of one message or of its socket */
struct sending {
	size_t segment_len; /* UDP_SEGMENT; 0: none */
	uint8_t hops, tclass;
};

/*
 * struct sock - one socket of the app. Links are indices into the slab.
 */
struct sock {
	uint64_t ino;  /* of the app's end; 0: not in the hash */
	uint32_t gen;  /* of this slot */
	uint32_t next; /* hash chain, or free list */
	uint32_t flags;
	uint8_t state; /* enum sk_state */
	uint8_t kind;  /* enum sk_kind */
	uint16_t family;
	int app_fd, our_fd;
	uint32_t tid; /* the thread that called last */
	struct flow_id flow;
	struct endpoint local, peer;
	uint32_t port_next, port_prev;     /* chain of the port table */
	uint32_t orphan_next, orphan_prev; /* least recent first */
	uint32_t held_head, held_tail;     /* calls that wait, struct held */
	int err;                           /* SO_ERROR, positive */
	int soft_err; /* told by SO_ERROR after connect() told it */
	/* stream */
	uint32_t filler;     /* bytes of ours at the head of our_fd's queue */
	uint32_t queue_head; /* listener: sockets to accept */
	uint32_t queue_tail;
	uint32_t queue_next; /* backlog: the next one */
	uint32_t queue_len, backlog;
	uint32_t listener; /* backlog: index of its listener */
	uint32_t listener_gen;
	uint64_t mate; /* paired, backlog: sk_ref() of the other one */
	/* datagrams: all that lie in the app's end came from run_from */
	struct origin run_from;
	uint32_t chunk_head, chunk_tail, nchunks;
	struct holder holders[HOLDERS];
	uint8_t holder_next;
	uint32_t more_next; /* list of unfinished relays */
	struct bulk {
		uint32_t len; /* bytes in the pipe */
		uint8_t pipe; /* of s->pipes, + 1; 0: none */
	} bulk_out, bulk_in;
	uint64_t opt_set; /* bit i: opt[i] was set by the app */
	int32_t opt[SK_OPTIONS];
};

/* struct call - one notification, copied; args are the app's registers */
struct call {
	uint64_t id;
	uint32_t tid;
	int nr;
	uint64_t args[6];
	bool resumed;        /* run again after it was held */
	int64_t deadline_ns; /* of a held call; 0: not computed yet */
};

/* struct held - a call that waits for its answer on one socket */
struct held {
	struct call call;
	struct wheel_timer timer;
	uint32_t sock, sock_gen;
	uint32_t next, prev; /* list of the socket; next: also the free list */
	uint32_t tid_next;
	bool used;
};

/*
 * struct answer - a result that could not be delivered because a signal
 * ended the call: the same call of the same thread, made again, gets it.
 */
struct answer {
	uint32_t tid;
	int nr;
	uint64_t args[6];
	int64_t result;
};

/* struct chunk - a block of a datagram that waits for the app's end */
struct chunk {
	struct origin from; /* first block of a datagram only */
	uint32_t total;     /* length of the datagram; first block only */
	uint32_t next;
	uint8_t data[CHUNK_BYTES];
};

#define UNIX_CALLS 64

/* struct unix_call - an AF_UNIX connect() that waits for us (calls_unix.c) */
struct unix_call {
	struct call call;
	uint32_t gen;
	bool used, cloexec, nonblock;
	int type, file;            /* -1: not found yet */
	int64_t again_at, wait_ns; /* of a full queue */
};

struct sockets {
	struct sockets_config config;
	struct loop *loop;
	struct random_source random;
	struct siphash_key key;
	struct flow_table *ft;
	int notify_fd;
	int (*ask)(void *user, uint64_t token, uint32_t tid); /* or NULL */
	void *ask_user;
	int (*find_path)(void *user, uint64_t token, uint32_t tid, int fd,
	                 bool describe, const char *path); /* or NULL */
	void *find_user;
	struct unix_call unix_calls[UNIX_CALLS];
	uint32_t nunix_calls; /* that are used */
	bool ended;           /* the listener's last task is gone */
	bool unix_kept;
	bool can_getfd; /* pidfd_getfd() works here: sk_regain() will */

	struct sock *socks;
	uint32_t nsocks, fresh, free_head, live;
	uint32_t *ino_heads;
	uint32_t ino_mask;
	uint32_t port_heads[PORT_HEADS];
	uint32_t orphan_head, orphan_tail, norphans;
	uint32_t nheld_ends; /* sockets whose app_fd is held */
	uint32_t sweep_at;   /* sweep when so many are held */
	uint32_t pairs_at;   /* look at the paired when so many are in use */
	uint32_t nqueued;    /* sockets in listeners' queues */
	int64_t look_at;     /* are their listeners alive? next time */
	int64_t inward_at;   /* which published ports are open? next time */
	size_t ninward;      /* published ports at the last look */

	struct held *held;
	uint32_t held_free, held_fresh; /* as those of chunks */
	uint32_t held_tids[HELD_MAX];   /* heads by thread */
	struct wheel wheel;
	bool wheel_ready;
	struct answer answers[ANSWERS_MAX];
	uint64_t wake_next; /* sk_ref() of call_after_answer(), or 0 */
	int64_t wake_now;

	struct chunk *chunks;
	uint32_t chunk_free;  /* list of those that were used */
	uint32_t chunk_fresh; /* from here on none was */
	uint32_t chunks_used;

	uint32_t more_head; /* relays whose turn was over too early */

	/* all are empty but those that a socket holds; -1: not opened */
	int pipes[BULK_PIPES][2];
	uint32_t pipes_used; /* bit i: a socket holds pipes[i] */

	int deferred[DEFERRED_CLOSES];
	uint32_t ndeferred;

	uint8_t *scratch;       /* SCRATCH_BYTES: relay */
	uint8_t *scratch2;      /* SCRATCH_BYTES: calls */
	struct iovec iov[1024]; /* of the call in hand */
	uint8_t control[512];   /* likewise */
	void *req, *resp;       /* struct seccomp_notif, _resp of kernel size */
	size_t req_size, resp_size;
	uint64_t stat_calls, stat_held, stat_gone;
};

/* Results of a handler besides a value >= 0 and a negative errno. */
#define CALL_CONTINUE INT64_C(-100000) /* the kernel does it */
#define CALL_HELD INT64_C(-100001)     /* answered later */
#define CALL_DONE INT64_C(-100002)     /* answered already, or gone */

/* --- fdtable.c ------------------------------------------------------------ */
_must_check_ int fdtable_init(struct sockets *s);
/* every socket of the app's let go of, flow told */
void fdtable_end(struct sockets *s);
void fdtable_fini(struct sockets *s);
/* sk_new() - NULL at the bound; descriptors -1, no inode yet. */
struct sock *sk_new(struct sockets *s, enum sk_kind kind, int family);
/* sk_free() - closes what is held, leaves every table; the id goes stale. */
void sk_free(struct sockets *s, struct sock *sk);
static inline uint32_t sk_index(const struct sockets *s, const struct sock *sk)
{
	return (uint32_t)(sk - s->socks);
}
struct sock *sk_get(struct sockets *s, uint32_t index, uint32_t gen);
static inline uint64_t sk_ref(const struct sockets *s, const struct sock *sk)
{
	return (uint64_t)sk->gen << 32 | sk_index(s, sk);
}
/* who.c: for people and the log; what /proc says of the thread */
bool who_of_thread(uint32_t tid, struct frontend_who *who);
bool sk_who(void *user, uint64_t ref, struct frontend_who *who);
int sk_who_ask(void *user, uint64_t ref, uint8_t proto, const struct tuple *t,
               uint64_t token);
struct sock *sk_from_ref(struct sockets *s, uint64_t ref);
/* sk_identify() - enters the inode of fd (the app's end) into the hash. */
_must_check_ int sk_identify(struct sockets *s, struct sock *sk, int fd);
/*
 * sk_lookup() - which socket is descriptor fd of thread tid? 1 with *out, 0
 * where it is a socket but not of ours, -ENOTSOCK, -EBADF, -EPERM.
 */
_must_check_ int sk_lookup(struct sockets *s, uint32_t tid, int fd,
                           struct sock **out);
/* sk_is_seen() - is it still where it was last seen? false: unknown */
bool sk_is_seen(const struct sock *sk);
/*
 * sk_give_up() - closes our duplicate and looks whether that was the last
 * one: true, and sk is freed; false, and sk is SK_F_LOST until sk_regain().
 * Where there is no way back, a UDP server is not given up on a mere
 * suspicion: a daemon's parent is gone, but its child has not called us yet.
 */
bool sk_give_up(struct sockets *s, struct sock *sk);
/* fd_fetch() - a duplicate of any descriptor of thread tid, or -EPERM */
_must_check_ int fd_fetch(uint32_t tid, int fd);
/* sk_fetch() - a duplicate of sk's descriptor in the app, or -EPERM */
_must_check_ int sk_fetch(const struct sock *sk, uint32_t tid, int fd);
/* sk_regain() - a new duplicate from the caller's descriptor, if allowed */
void sk_regain(struct sockets *s, struct sock *sk, uint32_t tid, int fd);
/* sk_watch() - events of our end; changes them if it is watched already */
_must_check_ int sk_watch(struct sockets *s, struct sock *sk, uint32_t events);
/* sk_sweep() - gives up what the app is likely to have closed */
void sk_sweep(struct sockets *s);
void sk_note_holder(struct sock *sk, uint32_t tid, int fd);
/* sk_orphan() - nothing will tell when the app is done: reuse at need. */
void sk_orphan(struct sockets *s, struct sock *sk);
void sk_unorphan(struct sockets *s, struct sock *sk);
/* sk_release_app_end() - our duplicate goes at the end of the turn. */
void sk_release_app_end(struct sockets *s, struct sock *sk);
void sk_close_our_end(struct sockets *s, struct sock *sk);
void defer_close(struct sockets *s, int fd);
void deferred_run(struct sockets *s);
/* sk_is_nonblocking() - O_NONBLOCK of the app's end; false once released */
bool sk_is_nonblocking(const struct sock *sk);

/* --- memory.c ------------------------------------------------------------- */
/*
 * memory_read() - exactly len bytes of the app, once; the notification was
 * still valid afterwards. 0, -EFAULT, -EPERM, -ESRCH (the call is gone).
 */
_must_check_ int memory_read(struct sockets *s, const struct call *c,
                             uint64_t at, void *buf, size_t len);
_must_check_ int memory_write(struct sockets *s, const struct call *c,
                              uint64_t at, const void *buf, size_t len);
/* memory_gather(), memory_scatter() - between buf and the app's iovecs */
ssize_t memory_gather(struct sockets *s, const struct call *c,
                      const struct iovec *iov, size_t niov, void *buf,
                      size_t len);
ssize_t memory_scatter(struct sockets *s, const struct call *c,
                       const struct iovec *iov, size_t niov, const void *buf,
                       size_t len);
/* memory_read_sockaddr() - len as the app gave it; -EINVAL beyond 128 */
_must_check_ int memory_read_sockaddr(struct sockets *s, const struct call *c,
                                      uint64_t at, int len,
                                      struct sockaddr_storage *ss);
/* memory_write_sockaddr() - as the kernel's move_addr_to_user() */
_must_check_ int memory_write_sockaddr(struct sockets *s, const struct call *c,
                                       uint64_t at, uint64_t len_at,
                                       const struct sockaddr_storage *ss,
                                       socklen_t len);
bool call_is_valid(struct sockets *s, const struct call *c);

/* --- notify.c ------------------------------------------------------------- */
void notify_on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now);
/* call_answer() - result as a handler gives it; a lost one is remembered. */
void call_answer(struct sockets *s, const struct call *c, int64_t result);
/* call_after_answer() - wakes sk once the call in hand has its answer */
void call_after_answer(struct sockets *s, struct sock *sk, int64_t now);
/* call_hold() - keeps c until sk_wake() or its time is up; CALL_HELD. */
int64_t call_hold(struct sockets *s, struct sock *sk, const struct call *c,
                  int64_t timeout_ns, int64_t now);
/* sk_wake() - runs the calls held on sk again, oldest first. */
void sk_wake(struct sockets *s, struct sock *sk, int64_t now);
/* sk_answer_held() - answers every held call with one result. */
void sk_answer_held(struct sockets *s, struct sock *sk, int64_t result);
void held_run(struct sockets *s, int64_t now);
int64_t call_dispatch(struct sockets *s, struct call *c, int64_t now);

/* --- addfd.c -------------------------------------------------------------- */
/*
 * call_answer_fd() - puts a duplicate of fd into the caller and answers with
 * its number, atomically. CALL_DONE; the number in *number (or -1: the
 * caller is gone); or a negative errno to answer with (-EMFILE).
 */
int64_t call_answer_fd(struct sockets *s, const struct call *c, int fd,
                       bool cloexec, int *number);
/* call_replace_fd() - fd takes the place of the caller's number. 0 or < 0 */
_must_check_ int call_replace_fd(struct sockets *s, const struct call *c,
                                 int fd, int number, bool cloexec);
/* pair_open() - the two ends of kind; close-on-exec, ours non-blocking */
_must_check_ int pair_open(enum sk_kind kind, bool nonblock, int *app_fd,
                           int *our_fd);
/* pair_fill() - the app's end is not writable until pair_drain(). */
void pair_fill(struct sock *sk);
/* pair_drain() - leaves `keep` bytes of the filling in our end's queue. */
void pair_drain(struct sockets *s, struct sock *sk, uint32_t keep);

/* --- bulk.c --------------------------------------------------------------- */
void bulk_init(struct sockets *s);
void bulk_fini(struct sockets *s);
/* bulk_drop() - what sk's pipes hold is lost; they are free again */
void bulk_drop(struct sockets *s, struct sock *sk);
/*
 * bulk_to_host(), bulk_to_app() - bytes that passed; 0: none, and either the
 * other side is full (SK_F_HOST_FULL, SK_F_APP_FULL) or the flag that asked
 * for bulk is gone. Nothing else may pass that way while sk has a pipe for
 * it. Negative errno (bulk_to_host() alone): the flow is dead.
 */
ssize_t bulk_to_host(struct sockets *s, struct sock *sk);
size_t bulk_to_app(struct sockets *s, struct sock *sk);

/* --- linger.c: closes by reset, inside ------------------------------------ */
/* linger_plant() - fd of thread tid is sk: from now on its close is one */
void linger_plant(struct sockets *s, struct sock *sk, uint32_t tid, int fd);
void linger_pull(struct sock *sk, uint32_t tid, int fd);

/* sk_outward_if() - the interface that the app's own addresses are on */
static inline uint32_t sk_outward_if(const struct sockets *s)
{
	return s->config.lo_only ? SANDBOX_LO : SANDBOX_IF;
}

/* --- direct.c ------------------------------------------------------------- */
/*
 * direct_swap() - the host's socket takes the number's place in the caller of
 * connect(), sk is SK_DIRECT. A negative errno: it must be relayed.
 */
_must_check_ int direct_swap(struct sockets *s, const struct call *c,
                             struct sock *sk, bool nonblock);
/* direct_connected() - false: it is to be relayed */
bool direct_connected(struct sockets *s, struct sock *sk, int64_t now);
/* direct_refused() - where only another bound or policy may have ended it */
void direct_refused(struct sockets *s, struct sock *sk);
/*
 * direct_connect_again() - connect() once more: false, and its answer in *r;
 * or it had failed and the app knows: sk is SK_FAILED as after any refusal
 */
bool direct_connect_again(struct sockets *s, const struct call *c,
                          struct sock *sk, int64_t *r);
/* direct_call() - any call but connect() on a socket that is SK_DIRECT */
int64_t direct_call(struct sockets *s, struct call *c, struct sock *sk);

/* inside_is_own() - loopback or an address of the app: never leaves */
bool inside_is_own(const struct sockets *s, const struct addr *a);
bool inside_is_resolver(const struct sockets *s, const struct endpoint *e);
/* inside_is_outward() - does what is sent there become a flow? */
bool inside_is_outward(const struct sockets *s, uint8_t kind,
                       const struct endpoint *e);
/* inside_bind() - port 0: one is drawn. 0, -EADDRINUSE, -EADDRNOTAVAIL */
_must_check_ int inside_bind(struct sockets *s, struct sock *sk,
                             const struct endpoint *at);
void inside_unbind(struct sockets *s, struct sock *sk);
/* inside_may_listen() - 0, or -EADDRINUSE: another one listens there */
_must_check_ int inside_may_listen(struct sockets *s, struct sock *sk);
/* inside_find() - who takes what is sent to `to`? A listener, or UDP. */
struct sock *inside_find(struct sockets *s, enum sk_kind kind,
                         const struct endpoint *to,
                         const struct endpoint *from);
/* inside_source() - the address a socket shows to the peer `to` */
struct addr inside_source(const struct sockets *s, const struct sock *sk,
                          const struct endpoint *to);
/* inside_autobind() - before connect and the first datagram */
_must_check_ int inside_autobind(struct sockets *s, struct sock *sk,
                                 const struct endpoint *to);

/* --- calls_*.c ------------------------------------------------------------ */
int64_t call_socket(struct sockets *s, struct call *c, int64_t now);
int64_t call_connect(struct sockets *s, struct call *c, struct sock *sk,
                     int64_t now);
int64_t call_bind(struct sockets *s, struct call *c, struct sock *sk);
int64_t call_listen(struct sockets *s, struct call *c, struct sock *sk);
int64_t call_accept(struct sockets *s, struct call *c, struct sock *sk,
                    int64_t now);
int64_t call_getsockname(struct sockets *s, struct call *c, struct sock *sk);
int64_t call_getpeername(struct sockets *s, struct call *c, struct sock *sk);
int64_t call_getsockopt(struct sockets *s, struct call *c, struct sock *sk);
int64_t call_setsockopt(struct sockets *s, struct call *c, struct sock *sk);
int64_t call_sendto(struct sockets *s, struct call *c, struct sock *sk,
                    int64_t now);
int64_t call_sendmsg(struct sockets *s, struct call *c, struct sock *sk,
                     int64_t now);
int64_t call_sendmmsg(struct sockets *s, struct call *c, struct sock *sk,
                      int64_t now);
int64_t call_recvfrom(struct sockets *s, struct call *c, struct sock *sk,
                      int64_t now);
int64_t call_recvmsg(struct sockets *s, struct call *c, struct sock *sk,
                     int64_t now);
int64_t call_recvmmsg(struct sockets *s, struct call *c, struct sock *sk,
                      int64_t now);
int64_t call_shutdown(struct sockets *s, struct call *c, struct sock *sk);
/* sk: NULL for a socket that is not ours (interface names are asked there) */
int64_t call_ioctl(struct sockets *s, struct call *c, const struct sock *sk);
/* options that are set on the host's socket once there is one */
void options_tell_host(struct sockets *s, struct sock *sk);
/* option_sending() - as the socket's options say it, towards that version */
struct sending option_sending(const struct sock *sk, bool ip4);
bool option_is_on(const struct sock *sk, int level, int name);
/* options_hand_over() - all that fd shall have when it is the app's own */
void options_hand_over(struct sockets *s, struct sock *sk, int fd);
/* option_is_direct() - may the app set it on a host's socket that it has? */
bool option_is_direct(int level, int name);
/* option_is_listed() - does any kind of socket have it? */
bool option_is_listed(int level, int name);
/* option_put() - a value as getsockopt() writes it; 0 or < 0 */
int64_t option_put(struct sockets *s, const struct call *c, const void *v,
                   size_t size);
/* A call with an address on a socket that is not ours. */
int64_t call_foreign(struct sockets *s, struct call *c);

/* --- calls_unix.c --------------------------------------------------------- */
/* unix_is_judged() - AF_UNIX calls with names are done here, or refused */
bool unix_is_judged(const struct sockets *s);
void unix_init(struct sockets *s);
void unix_fini(struct sockets *s);
int64_t unix_deadline(const struct sockets *s);
void unix_run(struct sockets *s, int64_t now);
int64_t call_unix_connect(struct sockets *s, struct call *c);
int64_t call_unix_bind(struct sockets *s, struct call *c);

/* socket address of the app's family for an endpoint */
socklen_t sk_sockaddr(const struct sock *sk, const struct endpoint *e,
                      struct sockaddr_storage *ss);
/* sk_parse_peer() - a peer as connect() and sendto() take it */
_must_check_ int sk_parse_peer(const struct sock *sk,
                               const struct sockaddr_storage *ss, int len,
                               struct endpoint *to);
int64_t sk_timeout_ns(const struct sock *sk, bool sending);
/* connect() for sendto(MSG_FASTOPEN) */
int64_t sk_connect(struct sockets *s, struct call *c, struct sock *sk,
                   const struct endpoint *to, bool nonblock, int64_t now);
/* sk_give_connect_up() - idle again; who waits is told err */
void sk_give_connect_up(struct sockets *s, struct sock *sk, int err);
/* sk_connected(), sk_refused() - the flow's answers to sk_connect() */
void sk_connected(struct sockets *s, struct sock *sk, int64_t now);
void sk_refused(struct sockets *s, struct sock *sk, int err, int64_t now);
/* sk_pair_watch() - a hang-up of fd means that sk's app closed its end */
void sk_pair_watch(struct sockets *s, int fd, const struct sock *sk);
void listener_enqueue(struct sockets *s, struct sock *listener,
                      struct sock *peer, int64_t now);
/* listeners_run() - finds those that died with somebody in their queue */
void listeners_run(struct sockets *s, int64_t now);
/* listener_close() - resets those who wait in its queue */
void listener_close(struct sockets *s, struct sock *sk);
/* listener_drop() - a queued socket leaves its listener */
void listener_drop(struct sockets *s, struct sock *sk);

/* --- inward.c: clients of published ports --------------------------------- */
/* as frontend_ops.tcp_open */
int inward_open(void *user, struct flow_id id, uint32_t slot,
                const struct tuple *t, uint64_t *app_ref, int64_t now);
/* inward_is() - waits in a listener's queue, and its flow is the host's */
bool inward_is(const struct sock *sk);
/* inward_reset() - the client went before it was accepted */
void inward_reset(struct sock *sk);
/* inward_accepted() - the app has its end now: bytes may move */
void inward_accepted(struct sockets *s, struct sock *sk, int64_t now);
/* inward_datagram() - who takes what a client sent first; NULL: nobody */
struct sock *inward_datagram(struct sockets *s, const struct tuple *t);
/* inward_changed() - a port of the app was opened or closed */
void inward_changed(struct sockets *s);
int64_t inward_deadline(const struct sockets *s);
void inward_run(struct sockets *s, int64_t now);

/* --- relay.c -------------------------------------------------------------- */
void relay_start(struct sockets *s, struct sock *sk, bool waited, int64_t now);
void relay_on_app_event(struct sockets *s, struct sock *sk, uint32_t events,
                        int64_t now);
void relay_to_host(struct sockets *s, struct sock *sk, int64_t now);
void relay_to_app(struct sockets *s, struct sock *sk, int64_t now);
void relay_reset(struct sockets *s, struct sock *sk, int err, int64_t now);
/* relay_more() - goes on with what stopped for the others' sake */
void relay_more(struct sockets *s, int64_t now);
/* relay_send() - data after all that the app wrote before; bytes or < 0 */
ssize_t relay_send(struct sockets *s, struct sock *sk, const void *data,
                   size_t len, int64_t now);

/* --- netlink.c: what NETLINK_ROUTE says of the sandbox -------------------- */
void netlink_request(struct sockets *s, struct sock *sk, const void *data,
                     size_t len, int64_t now);
/* netlink_pid() - nl_pid of the socket's own address (kept in filler) */
uint32_t netlink_pid(struct sock *sk);
int64_t netlink_setsockopt(const struct sock *sk, int level, int name);
int64_t netlink_getsockopt(struct sockets *s, struct call *c, int level,
                           int name);

/* --- datagram.c ----------------------------------------------------------- */
void datagram_on_app_event(struct sockets *s, struct sock *sk, uint32_t events,
                           int64_t now);
/* datagram_send() - from sk to `to`; 0 or a negative errno */
_must_check_ int datagram_send(struct sockets *s, struct sock *sk,
                               const struct endpoint *to, const void *data,
                               size_t len, const struct sending *how,
                               int64_t now);
/* datagram_arrive() - for the app; dropped at the bound */
void datagram_arrive(struct sockets *s, struct sock *sk,
                     const struct origin *from, const void *data, size_t len,
                     int64_t now);
/*
 * datagram_take() - the next one for a notified receive: bytes copied,
 * *total its true length, *from its sender; -EAGAIN.
 */
ssize_t datagram_take(struct sockets *s, struct sock *sk, void *buf, size_t len,
                      int flags, size_t *total, struct origin *from);
/* datagram_skip() - the one that datagram_take(MSG_PEEK) gave is gone */
void datagram_skip(struct sock *sk);
/* datagram_drop_all() - what waits here, and what lies in the app's end */
void datagram_drop_all(struct sockets *s, struct sock *sk);

#endif
