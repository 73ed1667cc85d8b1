/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - everything `do` was told, as cli hands it to launch */
#ifndef LAUNCH_CONFIG_H
#define LAUNCH_CONFIG_H

#include "base/addr.h"
#include "base/log.h"
#include "policy/policy.h"

enum network_mode {
	NETWORK_SANDBOX_PASSTHROUGH,
	NETWORK_NONE,
	NETWORK_HOST,
};

enum frontend_choice { FRONTEND_AUTO, FRONTEND_LINK, FRONTEND_SOCKETS };
enum link_choice { LINK_AUTO, LINK_TAP, LINK_VETH };
enum control_choice { CONTROL_AUTO, CONTROL_OFF, CONTROL_REQUIRED };
enum tls_names { TLS_NAMES_DNS, TLS_NAMES_STRICT, TLS_NAMES_OFF };
/* -host-uds: open, path sockets of others may be connected to; create, the
 * app may bind its own, and connect to those */
enum host_uds { HOST_UDS_ALL, HOST_UDS_NONE, HOST_UDS_OPEN, HOST_UDS_CREATE };
#define CONFIG_UNIX_MAX 32

struct id_map_entry {
	uint32_t inside, outside, count;
};

#define CONFIG_IDMAP_MAX 16
#define CONFIG_DNS_MAX 8
#define CONFIG_DNS_SEARCH_MAX 6 /* as glibc's MAXDNSRCH once was */
#define CONFIG_HOSTS_MAX 64

#define CONFIG_PUBLISH_MAX 64

/*
 * struct publish_spec - "[IP:][HOSTPORT:]APPPORT[-APPPORT][/tcp|/udp]" as
 * publish_parse() took it; count ports from these two on.
 */
struct publish_spec {
	struct addr addr; /* with has_addr; else the host's loopback */
	bool has_addr, udp;
	uint16_t host_port; /* 0: the kernel chooses one, each time */
	uint16_t app_port, count;
};

#define CONFIG_DOORS_MAX 64
enum door_kind { DOOR_HOST_PORT, DOOR_FORWARD, DOOR_UNIX };

/* struct door_spec - what door_parse() took; see launch/door.h */
struct door_spec {
	enum door_kind kind;
	const char *text; /* as it was written */
	bool udp, is_resolved;
	bool has_bind; /* else the loopback addresses of both families */
	struct addr bind;
	uint16_t port;      /* inside */
	struct endpoint to; /* final, once is_resolved; DOOR_UNIX: nothing */
	char host[256];     /* of DOOR_FORWARD; of DOOR_UNIX the path */
};

struct config_host {
	char name[256];
	struct addr addr;
};

/*
 * struct sandbox_config - filled by cli from the option table, read by
 * launch. Pointers are borrowed from argv or owned by cli for the life of
 * the program. Zero means the default unless a comment says otherwise.
 */
struct sandbox_config {
	enum network_mode network;
	enum frontend_choice frontend;
	enum link_choice link;
	bool frontend_forced; /* --frontend given: no fall to another */
	bool require_netns, require_link, require_sockets, require_dns;
	bool best_effort;
	bool quiet;
	enum log_level log_level;
	/*
	 * cli has called log_init() and log_add(); the processes inherit
	 * that over fork. These are files it opened for it (close-on-exec),
	 * -1: none. The datapath must keep them.
	 */
	int log_fd, debug_log_fd, panic_log_fd;
	/*
	 * Where the datapath writes what happened to flows, -1: nowhere; a
	 * file or pipe, and a memory file for the report. flow_done_fd is a
	 * pipe that only has to be held until the datapath is gone.
	 */
	int flow_log_fd, flow_memory_fd, flow_done_fd;
	uint64_t flow_memory_room; /* bytes the memory file may take */
	bool no_filter;            /* --no-filter: no seccomp filter on CMD */
	bool map_root;             /* --map-root */
	bool sockets_direct;
	bool lo_only; /* --interfaces=lo */
	enum host_uds host_uds;
	/* --allow-unix: within reach all the same */
	const char *allow_unix[CONFIG_UNIX_MAX];
	size_t nallow_unix;
	bool net_raw;        /* keep CAP_NET_RAW inside (with --map-root) */
	bool platform_given; /* one line: no application kernel */
	bool gso_off;        /* -gso=false */
	bool ip4_only, ip6_only;
	unsigned int mtu;         /* 0: the default of the frame port */
	char ifname[16];          /* "" : tap0 */
	struct addr cidr4, cidr6; /* app address; all-zero: default */
	unsigned int prefix4, prefix6;
	bool cidr4_given, cidr6_given;
	const char *cwd; /* -cwd */
	struct policy *policy;
	bool offline;
	struct endpoint dns[CONFIG_DNS_MAX];
	size_t ndns;
	enum tls_names tls_names; /* as enum flow_tls_names */
	bool dns_refused;         /* a denied name is REFUSED, not NXDOMAIN */
	const char *dns_search[CONFIG_DNS_SEARCH_MAX]; /* canonical names */
	size_t ndns_search;
	struct config_host *hosts; /* CONFIG_HOSTS_MAX of them, or NULL */
	size_t nhosts;
	struct publish_spec publish[CONFIG_PUBLISH_MAX];
	size_t npublish;
	bool publish_auto;       /* -p auto */
	struct door_spec *doors; /* CONFIG_DOORS_MAX of them, or NULL */
	size_t ndoors;
	struct id_map_entry uid_map[CONFIG_IDMAP_MAX];
	struct id_map_entry gid_map[CONFIG_IDMAP_MAX];
	size_t nuid_map, ngid_map;
	unsigned int preserve_fds; /* 3..2+N kept; with preserve_fds_given */
	bool preserve_fds_given;
	bool close_fds; /* close everything above stdio */
	/* -1: none. "1" is written once CMD may run; JSON about it then; a
	 * line of JSON then, and one at the end */
	int ready_fd, info_fd, json_status_fd;
	/*
	 * --detach: the id of the sandbox is written to the first once CMD
	 * runs, and until then lines go to the second, too. -1: none
	 */
	int started_fd, start_errors_fd;
	enum control_choice control;
	const char *name;    /* --name, NULL: a number; insists on control */
	const char *runtime; /* XDG_RUNTIME_DIR, NULL */
	bool log_packets;    /* a line for each frame of link */
	int pcap_fd;         /* -1: none */
	size_t max_flows;    /* 0: from RLIMIT_NOFILE, at most 65536 */
	char **argv;         /* CMD and its arguments, NULL-terminated */
};

/*
 * sandbox_config_init() - the defaults of `postern do`, into zeroed memory: its
 * pages that hold nothing are never touched
 */
void sandbox_config_init(struct sandbox_config *c);

#endif
