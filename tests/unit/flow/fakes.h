/* SPDX-License-Identifier: Apache-2.0 */
/* fakes.h - a host side and a frontend that only write down what they hear */
#ifndef TEST_FLOW_FAKES_H
#define TEST_FLOW_FAKES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/resolver.h"
#include "flow/flow-private.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct fake {
	struct flow_table *ft;
	struct policy *policy;
	int64_t now;
	/* host */
	int next_fd, open_fds, closes, reset_closes, connects, udp_opens;
	int connect_rc, udp_open_rc;
	struct flow_id last_id;
	struct endpoint last_to;
	ssize_t write_rc, peek_rc;
	uint32_t consumed;
	int shutdowns, udp_sends, echo_sends;
	size_t udp_len, udp_segment;
	/* published ports */
	int publish_opens, publish_closes, listening, adopts, watches;
	int publish_rc, watch_rc;
	struct endpoint clients[64];
	uint32_t client_slots[64], nclients, client_closes;
	int app_opens, app_open_rc, app_in_use;
	struct flow_id app_id;
	struct tuple app_tuple;
	/* frontend */
	int connected, refused, readable, writable, reset, delivered, errors;
	int echoes;
	uint64_t last_ref;
	int last_err;
	struct tuple last_tuple;
	uint8_t data[70000];
	size_t data_len, data_segment;
	bool close_when_told; /* the frontend closes from inside its calls */
	/* doors */
	int door_opens, door_open_rc;
	uint32_t door;
	struct flow_id door_flow;
	/* lines for people */
	int lines;
	char line[600];
	uint64_t seed;
};

/*
 * A resolver that writes down what it was asked (found before the real one by
 * the linker) and answers from inside when told to.
 */
struct resolver {
	struct fake *fake;
	int queries, gone;
	uint64_t last_client;
	uint8_t last[5000];
	size_t last_len;
	const void *answer;
	size_t answer_len;
};

void resolver_query(struct resolver *r, uint64_t client, bool tcp,
                    const void *msg, size_t len, int64_t now)
{
	r->queries++;
	r->last_client = client;
	assert_true(len <= sizeof(r->last));
	memcpy(r->last, msg, len);
	r->last_len = len;
	if (r->answer)
		flow_resolver_answer(r->fake->ft, client, tcp, r->answer,
		                     r->answer_len, now);
}

void resolver_asker_gone(struct resolver *r, uint64_t client)
{
	(void)client;
	r->gone++;
}

static inline void fake_fill(void *user, void *buf, size_t len)
{
	struct fake *k = user;
	uint8_t *p = buf;

	while (len--) {
		k->seed = k->seed * 6364136223846793005u + 1442695040888963407u;
		*p++ = (uint8_t)(k->seed >> 56);
	}
}

static inline int fk_open(struct fake *k, struct flow_id id,
                          struct flow_host_part *part,
                          const struct endpoint *to)
{
	k->last_id = id;
	k->last_to = *to;
	part->fd = k->next_fd++;
	k->open_fds++;
	return 0;
}

static inline int fk_connect(void *user, struct flow_id id,
                             struct flow_host_part *part,
                             const struct endpoint *to)
{
	struct fake *k = user;

	k->connects++;
	fk_open(k, id, part, to);
	return k->connect_rc;
}

static inline ssize_t fk_write(void *user, struct flow_host_part *part,
                               const void *data, size_t len)
{
	struct fake *k = user;

	(void)part;
	(void)data;
	return k->write_rc < 0 ? k->write_rc : MIN((ssize_t)len, k->write_rc);
}

static inline ssize_t fk_peek(void *user, struct flow_host_part *part,
                              uint32_t offset, void *buf, size_t len)
{
	struct fake *k = user;

	(void)part;
	(void)offset;
	if (k->peek_rc > 0)
		memset(buf, 'h', MIN(len, (size_t)k->peek_rc));
	return k->peek_rc;
}

static inline void fk_consume(void *user, struct flow_host_part *part,
                              uint32_t n)
{
	(void)part;
	((struct fake *)user)->consumed += n;
}

static inline void fk_shutdown(void *user, struct flow_host_part *part)
{
	(void)part;
	((struct fake *)user)->shutdowns++;
}

static inline int fk_udp_open(void *user, struct flow_id id,
                              struct flow_host_part *part,
                              const struct endpoint *to)
{
	struct fake *k = user;

	k->udp_opens++;
	if (k->udp_open_rc < 0)
		return k->udp_open_rc;
	return fk_open(k, id, part, to);
}

static inline int fk_udp_send(void *user, struct flow_host_part *part,
                              const void *data, size_t len, size_t segment_len)
{
	struct fake *k = user;

	(void)part;
	(void)data;
	k->udp_sends++;
	k->udp_len = len;
	k->udp_segment = segment_len;
	return 0;
}

static inline int fk_echo_send(void *user, struct flow_host_part *part,
                               uint16_t seq, const void *data, size_t len,
                               uint8_t ttl)
{
	(void)part;
	(void)seq;
	(void)data;
	(void)len;
	(void)ttl;
	((struct fake *)user)->echo_sends++;
	return 0;
}

static inline void fk_close(void *user, struct flow_host_part *part, bool reset)
{
	struct fake *k = user;

	if (part->kind == HOST_UDP_CLIENT) { /* the socket is the port's */
		part->kind = HOST_NONE;
		k->client_closes++;
		return;
	}
	assert_true(part->fd >= 0);
	part->fd = -1;
	k->open_fds--;
	k->closes++;
	k->reset_closes += reset;
}

static inline int fk_publish_open(void *user, uint32_t slot,
                                  const struct flow_publish *p, int fd)
{
	struct fake *k = user;

	(void)p;
	(void)fd;
	if (slot >= FLOW_PUBLISH_MAX)
		return -ENOBUFS;
	if (!k->publish_rc)
		k->publish_opens++;
	return k->publish_rc;
}

static inline int fk_publish_listen(void *user, uint32_t slot, bool on)
{
	(void)slot;
	((struct fake *)user)->listening += on ? 1 : -1;
	return 0;
}

static inline void fk_publish_close(void *user, uint32_t slot)
{
	(void)slot;
	((struct fake *)user)->publish_closes++;
}

static inline void fk_adopt(void *user, struct flow_host_part *part, int fd,
                            enum host_family family)
{
	struct fake *k = user;

	part->fd = fd;
	part->is_ip4 = family == HOST_IP4;
	k->open_fds++;
	k->adopts++;
}

static inline int fk_watch(void *user, struct flow_id id,
                           struct flow_host_part *part)
{
	struct fake *k = user;

	(void)part;
	k->last_id = id;
	k->watches++;
	return k->watch_rc;
}

static inline int fk_udp_adopt(void *user, struct flow_host_part *part,
                               uint32_t slot, const struct endpoint *client,
                               const struct addr *local)
{
	struct fake *k = user;

	(void)local;
	if (k->watch_rc)
		return k->watch_rc;
	part->kind = HOST_UDP_CLIENT;
	part->client = k->nclients;
	k->client_slots[k->nclients] = slot;
	k->clients[k->nclients++] = *client;
	k->adopts++;
	return 0;
}

static inline bool fk_udp_is_client(void *user,
                                    const struct flow_host_part *part,
                                    uint32_t slot,
                                    const struct endpoint *client)
{
	struct fake *k = user;

	return k->client_slots[part->client] == slot &&
	       endpoint_equal(&k->clients[part->client], client);
}

static const struct host_ops fake_host = {
	.udp_adopt = fk_udp_adopt,
	.udp_is_client = fk_udp_is_client,
	.tcp_connect = fk_connect,
	.tcp_write = fk_write,
	.tcp_peek = fk_peek,
	.tcp_consume = fk_consume,
	.tcp_shutdown = fk_shutdown,
	.udp_open = fk_udp_open,
	.udp_send = fk_udp_send,
	.echo_open = fk_udp_open,
	.echo_send = fk_echo_send,
	.close = fk_close,
	.publish_open = fk_publish_open,
	.publish_listen = fk_publish_listen,
	.publish_close = fk_publish_close,
	.tcp_adopt = fk_adopt,
	.tcp_watch = fk_watch,
};

static inline void fe_note(struct fake *k, uint64_t ref, int err)
{
	k->last_ref = ref;
	k->last_err = err;
}

static inline void fe_connected(void *user, uint64_t ref, int64_t now)
{
	struct fake *k = user;

	(void)now;
	k->connected++;
	fe_note(k, ref, 0);
}

static inline void fe_refused(void *user, uint64_t ref, int err, int64_t now)
{
	struct fake *k = user;

	(void)now;
	k->refused++;
	fe_note(k, ref, err);
}

/* reads all there is, as the stack does */
static inline void fe_readable(void *user, uint64_t ref, int64_t now)
{
	struct fake *k = user;
	ssize_t n;

	(void)now;
	k->readable++;
	fe_note(k, ref, 0);
	n = flow_tcp_peek(k->ft, k->last_id, 0, k->data, sizeof(k->data));
	k->data_len = n > 0 ? (size_t)n : 0;
	if (n < 0 && n != -EAGAIN) {
		k->last_err = (int)n;
		if (k->close_when_told)
			flow_close(k->ft, k->last_id, true, now);
	}
}

static inline void fe_writable(void *user, uint64_t ref, int64_t now)
{
	(void)now;
	((struct fake *)user)->writable++;
	fe_note(user, ref, 0);
}

static inline void fe_reset(void *user, uint64_t ref, int err, int64_t now)
{
	(void)now;
	((struct fake *)user)->reset++;
	fe_note(user, ref, err);
}

static inline void fe_deliver(void *user, uint64_t ref, const struct tuple *t,
                              const void *data, size_t len, size_t segment_len,
                              int64_t now)
{
	struct fake *k = user;

	(void)now;
	k->delivered++;
	fe_note(k, ref, 0);
	k->last_tuple = *t;
	k->data_len = MIN(len, sizeof(k->data));
	memcpy(k->data, data, k->data_len);
	k->data_segment = segment_len;
}

static inline void fe_error(void *user, uint64_t ref, const struct tuple *t,
                            int err, const struct addr *from, int64_t now)
{
	struct fake *k = user;

	(void)from;
	(void)now;
	k->errors++;
	fe_note(k, ref, err);
	k->last_tuple = *t;
}

static inline void fe_echo(void *user, uint64_t ref, const struct tuple *t,
                           uint16_t seq, const void *data, size_t len,
                           int64_t now)
{
	struct fake *k = user;

	(void)seq;
	(void)data;
	(void)len;
	(void)now;
	k->echoes++;
	fe_note(k, ref, 0);
	k->last_tuple = *t;
}

static void fe_echo_error(void *user, uint64_t app_ref, const struct tuple *t,
                          uint16_t seq, int err, const struct addr *from,
                          int64_t now)
{
	(void)seq;
	fe_error(user, app_ref, t, err, from, now);
}

static inline int fe_open(void *user, struct flow_id id, uint32_t slot,
                          const struct tuple *t, uint64_t *app_ref, int64_t now)
{
	struct fake *k = user;

	(void)now;
	(void)slot;
	k->app_opens++;
	k->app_id = id;
	k->app_tuple = *t;
	*app_ref = 4711;
	if (k->app_in_use)
		return k->app_in_use--, -EADDRINUSE;
	return k->app_open_rc;
}

static inline uint64_t fe_udp_open(void *user, uint32_t slot)
{
	(void)user;
	return 5000 + slot;
}

static const struct frontend_ops fake_frontend = {
	.udp_open = fe_udp_open,
	.tcp_open = fe_open,
	.tcp_connected = fe_connected,
	.tcp_refused = fe_refused,
	.tcp_readable = fe_readable,
	.tcp_writable = fe_writable,
	.tcp_reset = fe_reset,
	.udp_deliver = fe_deliver,
	.udp_error = fe_error,
	.echo_error = fe_echo_error,
	.echo_deliver = fe_echo,
};

static inline int fake_door_open(void *user, uint32_t door, struct flow_id id)
{
	struct fake *k = user;

	k->door_opens++;
	k->door = door;
	k->door_flow = id;
	return k->door_open_rc;
}

static inline void fake_line(void *user, const char *line)
{
	struct fake *k = user;

	k->lines++;
	snprintf(k->line, sizeof(k->line), "%s", line);
}

static inline struct endpoint ep(const char *text, uint16_t port)
{
	struct endpoint e = {.port = port};

	assert_int_equal(addr_parse(text, &e.addr), 0);
	return e;
}

static inline struct tuple tup(uint16_t app_port, const char *host,
                               uint16_t host_port)
{
	bool is_ip6 = strchr(host, ':') != NULL;

	return (struct tuple){ep(is_ip6 ? "fd00::100" : "10.0.2.100", app_port),
	                      ep(host, host_port)};
}

static inline struct flow_config fake_config(void)
{
	return (struct flow_config){
		.max_flows = 64,
		.max_connecting = 8,
		.max_udp = 16,
		.udp_idle_ns = 180 * NS_PER_S,
		.short_ns = 30 * NS_PER_S,
		.gateway4 = ep("10.0.2.2", 0),
		.gateway6 = ep("fd00::2", 0),
		.resolver4 = ep("10.0.2.3", 53),
		.resolver6 = ep("fd00::3", 53),
		.app4 = ep("10.0.2.100", 0).addr,
		.app6 = ep("fd00::100", 0).addr,
	};
}

static inline void fake_init(struct fake *k, const struct flow_config *config,
                             struct resolver *resolver)
{
	struct flow_rooms rooms = {
		.frontend = &fake_frontend,
		.frontend_user = k,
		.host = &fake_host,
		.host_user = k,
		.resolver = resolver,
		.denied = fake_line,
		.denied_user = k,
		.door_open = fake_door_open,
		.door_user = k,
		.random = {fake_fill, k},
	};

	memset(k, 0, sizeof(*k));
	k->next_fd = 100;
	k->connect_rc = -EINPROGRESS;
	k->write_rc = 1 << 20;
	k->peek_rc = -EAGAIN;
	k->now = 1000 * NS_PER_S;
	rooms.policy = k->policy = policy_new();
	assert_non_null(k->policy);
	k->ft = flow_table_new(config, &rooms);
	assert_non_null(k->ft);
}

/* Whatever a test did, nothing may be left over. */
static inline void fake_fini(struct fake *k)
{
	flow_turn_end(k->ft, k->now);
	flow_table_free(k->ft);
	assert_int_equal(k->open_fds, 0);
	policy_free(k->policy);
}

static inline void fake_allow(struct fake *k, const char *rule)
{
	struct error err = {0};

	assert_int_equal(policy_add(k->policy, POLICY_ALLOW, rule, &err), 0);
}

/* An open TCP flow to host. */
static inline struct flow_id fake_tcp(struct fake *k, uint16_t app_port,
                                      const char *host, uint16_t port)
{
	struct tuple t = tup(app_port, host, port);
	struct flow_id id;

	assert_int_equal(flow_tcp_open(k->ft, &t, app_port, k->now, &id), 0);
	flow_host_connected(k->ft, id, 0, k->now);
	assert_int_equal(k->last_ref, app_port);
	return id;
}

#endif
