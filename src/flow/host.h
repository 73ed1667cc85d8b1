/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - what flow asks of the host's side (ordinary sockets) */
#ifndef FLOW_HOST_H
#define FLOW_HOST_H

#include "base/addr.h"

struct flow_id;
struct flow_publish;

/* enum host_family - of a stream that was not opened by tcp_connect() */
enum host_family {
	HOST_IP4,
	HOST_IP6,
	HOST_PATH, /* AF_UNIX, behind a door */
};

enum host_kind {
	HOST_NONE,
	HOST_TCP_CONNECTING,
	HOST_TCP,
	HOST_UDP,
	HOST_UDP_CLIENT, /* of a published port, by its socket */
	HOST_ECHO
};

/*
 * struct flow_host_part - the fields of a flow that belong to host. Offsets
 * count from the first byte in the socket's queue, in which `unconsumed`
 * bytes of the frontend's past may still lie (they are discarded in bulk).
 */
struct flow_host_part {
	int fd; /* -1: none; owned by host, closed in host_ops.close */
	union {
		uint32_t peek_off; /* where SO_PEEK_OFF stands */
		uint32_t client;   /* HOST_UDP_CLIENT: which */
	};
	uint32_t end_off;      /* where the queue ended, if is_dry */
	uint32_t taken;        /* bytes consumed, modulo 2^32 */
	uint16_t unconsumed;   /* bytes, at most HOST_DEFER_BYTES */
	uint8_t deferred;      /* how often consume() put it off */
	uint8_t kind;          /* enum host_kind */
	uint8_t ttl;           /* as last set on the socket; 0: never */
	bool has_peek_off : 1; /* the kernel can */
	bool is_ip4 : 1;
	bool is_path : 1;   /* AF_UNIX */
	bool is_dry : 1;    /* no event came since the queue's end was seen */
	bool was_large : 1; /* much was queued since it was last empty */
	bool is_shared : 1; /* the app has it, too: tcp_share() */
	bool is_wide : 1;   /* its receive buffer was made large */
	bool has_fin : 1; /* the host's end of stream is queued, or an error */
	bool is_peek_off : 1; /* SO_PEEK_OFF is on */
	bool has_written : 1;
	bool is_nodelay : 1;
};

/*
 * struct host_ops - `to` is final: canonical, translated, judged. Errors are
 * negative errnos. Nothing blocks. Answers come by flow_host_*().
 */
struct host_ops {
	/* -EINPROGRESS or 0, then flow_host_connected() from a later event
	   either way; another errno: refused, part->fd may be open */
	int (*tcp_connect)(void *user, struct flow_id id,
	                   struct flow_host_part *part,
	                   const struct endpoint *to);
	/* just after it: true, if it is connected already (a peer on the same
	   machine mostly is); then flow_host_connected() will not follow */
	bool (*tcp_is_connected)(void *user, struct flow_host_part *part);
	ssize_t (*tcp_write)(void *user, struct flow_host_part *part,
	                     const void *data, size_t len);
	ssize_t (*tcp_peek)(void *user, struct flow_host_part *part,
	                    uint32_t offset, void *buf, size_t len);
	void (*tcp_consume)(void *user, struct flow_host_part *part,
	                    uint32_t n);
	/* bytes pass between the socket and a pipe by reference, splice(2);
	   what read_into took is off the queue. As write and read say it */
	ssize_t (*tcp_write_from)(void *user, struct flow_host_part *part,
	                          int pipe, size_t len);
	ssize_t (*tcp_read_into)(void *user, struct flow_host_part *part,
	                         int pipe, size_t len);
	/* on: the socket is to become the app's own, as a new one but for its
	   connection, and a close says nothing to the peer; off: it did not.
	   Its number */
	int (*tcp_share)(void *user, struct flow_host_part *part, bool on);
	void (*tcp_shutdown)(void *user, struct flow_host_part *part);
	int (*udp_open)(void *user, struct flow_id id,
	                struct flow_host_part *part, const struct endpoint *to);
	int (*udp_send)(void *user, struct flow_host_part *part,
	                const void *data, size_t len, size_t segment_len);
	int (*echo_open)(void *user, struct flow_id id,
	                 struct flow_host_part *part,
	                 const struct endpoint *to);
	int (*echo_send)(void *user, struct flow_host_part *part, uint16_t seq,
	                 const void *data, size_t len, uint8_t ttl);
	/*
	 * Published ports, by the slot that flow chose. publish_open() takes
	 * fd, also on failure; it lets nobody in. publish_listen() does, or
	 * ends that: clients are then refused. 0 or a negative errno; -EBUSY:
	 * flows of the slot's past still need it, and fd was not taken.
	 */
	int (*publish_open)(void *user, uint32_t slot,
	                    const struct flow_publish *p, int fd);
	int (*publish_listen)(void *user, uint32_t slot, bool on);
	void (*publish_close)(void *user, uint32_t slot);
	/* a stream that others opened (of a client, of a door) becomes part's;
	   events come after tcp_watch() */
	void (*tcp_adopt)(void *user, struct flow_host_part *part, int fd,
	                  enum host_family family);
	int (*tcp_watch)(void *user, struct flow_id id,
	                 struct flow_host_part *part);
	/* part answers a client that came to the published UDP socket `slot`,
	   from `local`, an address of the host; no descriptor of its own */
	int (*udp_adopt)(void *user, struct flow_host_part *part, uint32_t slot,
	                 const struct endpoint *client,
	                 const struct addr *local);
	/* is part the client's? */
	bool (*udp_is_client)(void *user, const struct flow_host_part *part,
	                      uint32_t slot, const struct endpoint *client);
	/* closes part->fd if open; reset: RST (SO_LINGER 0) */
	void (*close)(void *user, struct flow_host_part *part, bool reset);
};

#endif
