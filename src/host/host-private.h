/* SPDX-License-Identifier: Apache-2.0 */
/* host-private.h - what the files of host share with each other */
#ifndef HOST_HOST_PRIVATE_H
#define HOST_HOST_PRIVATE_H

#include "host/host.h"
#include "loop/loop.h"

#include <sys/socket.h>

/* datagrams taken by one recvmmsg(2), each up to a train of 64 KiB */
#define HOST_BATCH 32u
#define HOST_DATAGRAM_MAX 65536u

/* host_tcp_consume() puts off so much at most, so often */
#define HOST_DEFER_BYTES 4096u
#define HOST_DEFER_CALLS 15u

/*
 * struct host_train - datagrams of one flow and one length, put off until the
 * end of the batch that brought them: they then leave by one sendmsg(2).
 */
struct host_train {
	struct flow_host_part *part; /* NULL: empty */
	size_t segment_len, len;
	uint8_t *data; /* HOST_DATAGRAM_MAX */
};

struct host {
	struct host_config config;
	struct loop *loop;
	struct flow_table *ft;
	bool has_peek_off4, has_peek_off6;
	bool told_ping;
	struct host_listen *listens; /* by slot, FLOW_PUBLISH_MAX */
	uint32_t nlistens;           /* from here on none was ever open */
	struct host_clients *clients;
	uint8_t *buffers; /* HOST_BATCH * HOST_DATAGRAM_MAX; also discards */
	struct host_train app_train;  /* app -> host */
	struct host_train host_train; /* host -> app, within one read */
};

/* A non-blocking socket; the descriptor or a negative errno. */
_must_check_ int host_socket(const struct endpoint *to, int type, int proto);
/* Registers part->fd under id. */
_must_check_ int host_watch(struct host *h, const struct flow_host_part *part,
                            struct flow_id id, uint32_t events);
/* Asks for ICMP errors on the error queue of a datagram socket. */
void host_want_errors(const struct flow_host_part *part);
/* Empties the error queue into flow_host_datagram_error(). */
void host_read_errors(struct host *h, struct flow_id id, int fd, int64_t now);

/* tcp.c */
void host_tcp_probe(struct host *h);
int host_tcp_connect(void *user, struct flow_id id, struct flow_host_part *part,
                     const struct endpoint *to);
bool host_tcp_is_connected(void *user, struct flow_host_part *part);
ssize_t host_tcp_write(void *user, struct flow_host_part *part,
                       const void *data, size_t len);
ssize_t host_tcp_peek(void *user, struct flow_host_part *part, uint32_t offset,
                      void *buf, size_t len);
void host_tcp_consume(void *user, struct flow_host_part *part, uint32_t n);
/* discards what consume() put off: before a close, lest it become a reset */
void host_tcp_flush(struct flow_host_part *part);
ssize_t host_tcp_write_from(void *user, struct flow_host_part *part, int pipe,
                            size_t len);
ssize_t host_tcp_read_into(void *user, struct flow_host_part *part, int pipe,
                           size_t len);
int host_tcp_share(void *user, struct flow_host_part *part, bool on);
void host_tcp_shutdown(void *user, struct flow_host_part *part);
/* a stream that others opened, and its events */
void host_tcp_adopt(void *user, struct flow_host_part *part, int fd,
                    enum host_family family);
int host_tcp_watch(void *user, struct flow_id id, struct flow_host_part *part);
void host_tcp_event(struct host *h, struct flow_id id,
                    struct flow_host_part *part, uint32_t events, int64_t now);

/* udp.c */
int host_udp_open(void *user, struct flow_id id, struct flow_host_part *part,
                  const struct endpoint *to);
int host_udp_send(void *user, struct flow_host_part *part, const void *data,
                  size_t len, size_t segment_len);
/* sends what was put off */
void host_udp_flush(struct host *h);
void host_udp_event(struct host *h, struct flow_id id, int fd, uint32_t events,
                    int64_t now);

/* ping.c */
int host_echo_open(void *user, struct flow_id id, struct flow_host_part *part,
                   const struct endpoint *to);
int host_echo_send(void *user, struct flow_host_part *part, uint16_t seq,
                   const void *data, size_t len, uint8_t ttl);
void host_echo_event(struct host *h, struct flow_id id, int fd, uint32_t events,
                     int64_t now);

#endif
