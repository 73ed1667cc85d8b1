/* SPDX-License-Identifier: Apache-2.0 */
/* flowlog.h - one JSON line for each thing that happened to a flow */
#ifndef OBSERVE_FLOWLOG_H
#define OBSERVE_FLOWLOG_H

#include "base/addr.h"

struct flowlog;

/* The schema is docs/flow-log.md; a field that changes its meaning, or goes,
 * makes the version move. */
#define FLOWLOG_VERSION 1

enum flowlog_event {
	FLOWLOG_OPEN,  /* allowed, and on its way to the host */
	FLOWLOG_DENY,  /* by policy; a flow, or (without host) a name */
	FLOWLOG_CLOSE, /* the end of one that was opened */
};

/* struct flowlog_record - borrowed for the call; NULL: not known */
struct flowlog_record {
	enum flowlog_event event;
	uint64_t id; /* of the flow in this run, 1..; 0: denied, it has none */
	int64_t now;
	const char *proto;                 /* "tcp", "udp", "icmp", "dns" */
	const struct endpoint *app, *host; /* host: final, as it was judged */
	bool from_host; /* a client at host opened it, through a published port
	                 */
	const char *name; /* by which the app knew the host */
	uint32_t rule_id; /* 1.. as policy counts; 0: none */
	const char *rule, *origin, *reason;
	/* who asked; 0, NULL or "": not known. lookup: best effort */
	uint32_t pid, tid;
	bool lookup;
	const char *program, *comm, *exe;
	/* another name of the address is not allowed */
	bool ambiguous;
	/* of CLOSE, and DENY for fronting: the name that the client said */
	const char *said, *said_in; /* in "tls" or "http"; NULL: none */
	bool ech;                   /* the true one is encrypted */
	/* of CLOSE */
	int64_t opened;
	uint64_t bytes_app_host, bytes_host_app;
	int err; /* negative errno that ended it, 0: it ended well */
	bool has_packets;
	uint64_t packets_app_host, packets_host_app;
	bool has_tcp_info;
	uint32_t rtt_us, retransmits; /* of the host's socket */
};

/* struct flowlog_sink - a file, pipe or memory file; borrowed */
struct flowlog_sink {
	int fd;        /* -1: none */
	uint64_t room; /* bytes that may be written, 0: any number */
};

struct flowlog_config {
	struct flowlog_sink sinks[2];
	uint64_t run;           /* tells the runs in one file apart */
	int64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
};

/* flowlog_new() - malloc here only. NULL: out of memory. */
struct flowlog *flowlog_new(const struct flowlog_config *config);
/*
 * flowlog_write() - never blocks: what a full disk or a reader that does not
 * read would take is dropped, counted, and told by the next line that fits.
 */
void flowlog_write(struct flowlog *log, const struct flowlog_record *r);
/* flowlog_free() - tells what was dropped last; the descriptors stay open. */
void flowlog_free(struct flowlog *log);

#endif
