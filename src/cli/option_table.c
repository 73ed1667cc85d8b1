/* SPDX-License-Identifier: Apache-2.0 */
/* option_table.c - the rows of postern's own options */
#include "cli/options.h"
#include "cli/setters.h"

#define ROW(name_, letter_, kind_, where_, group_, flags_, value_, choices_,   \
            help_, ...)                                                        \
	{                                                                      \
		.name = name_, .letter = letter_, .kind = kind_,               \
		.where = where_, .group = group_, .flags = flags_,             \
		.value = value_, .choices = choices_, .help = help_,           \
		__VA_ARGS__                                                    \
	}
#define AT(field_) .at = offsetof(struct cli, field_)
#define VERBS_JUDGING (OPTION_WHY | OPTION_POLICY | OPTION_CHECK)
#define VERBS_LOOKING (OPTION_PS | OPTION_INFO | OPTION_FLOWS | OPTION_STATS)
#define ON_DO (OPTION_GLOBAL | OPTION_DO)

#define NETWORK OPTION_GROUP_NETWORK
#define POLICY OPTION_GROUP_POLICY
#define NAMES OPTION_GROUP_NAMES
#define PORTS OPTION_GROUP_PORTS
#define PROGRAM OPTION_GROUP_PROGRAM
#define OUTPUT OPTION_GROUP_OUTPUT
#define LATER OPTION_GROUP_LATER
#define MAIN OPTION_MAIN
#define ENV OPTION_ENV
#define LIST OPTION_LIST
#define NET OPTION_NET
#define PATH OPTION_FILE

const struct option postern_options[] = {
	ROW("network", 0, OPTION_VALUE, ON_DO, NETWORK, MAIN | ENV, "MODE",
            "sandbox-passthrough|none|host|sandbox|plugin",
            "sandbox-passthrough (default), none or host", .set = set_network),
	ROW("frontend", 0, OPTION_VALUE, ON_DO, NETWORK, MAIN | ENV | NET,
            "HOW", "auto|link|sockets",
            "auto, link or sockets: how traffic gets here",
            .set = set_frontend),
	ROW("link", 0, OPTION_VALUE, ON_DO, NETWORK, ENV | NET, "PORT",
            "auto|tap|veth", "what carries frames of the link frontend",
            .set = set_link),
	ROW("sockets", 0, OPTION_VALUE, ON_DO, NETWORK, NET, "KIND",
            "isolated|direct", "direct: real host sockets, fast, no boundary",
            .set = set_sockets),
	ROW("interfaces", 0, OPTION_VALUE, ON_DO, NETWORK, NET, "WHICH",
            "one|lo", "lo: the sockets frontend shows no interface but lo",
            .set = set_interfaces),
	ROW("require", 0, OPTION_VALUE, ON_DO, NETWORK, LIST | NET, "WHAT,...",
            NULL, "fail unless: link, sockets, netns, dns, policy",
            .set = set_require),
	ROW("best-effort", 0, OPTION_BOOL, ON_DO, NETWORK, 0, NULL, NULL,
            "go on without what is refused, saying so first",
            AT(config.best_effort)),

	ROW("allow", 0, OPTION_VALUE, ON_DO | VERBS_JUDGING, POLICY,
            MAIN | ENV | LIST | NET, "TARGET", NULL,
            "CMD may reach TARGET, and nothing else", .set = set_allow),
	ROW("deny", 0, OPTION_VALUE, ON_DO | VERBS_JUDGING, POLICY,
            MAIN | ENV | LIST | NET, "TARGET", NULL,
            "CMD may not reach TARGET, whatever allows it", .set = set_deny),
	ROW("allow-unix", 0, OPTION_VALUE, ON_DO, POLICY, LIST | PATH, "PATH",
            NULL, "of the host's path sockets CMD may reach PATH alone",
            .set = set_allow_unix),
	ROW("policy", 0, OPTION_VALUE, ON_DO | VERBS_JUDGING, POLICY,
            MAIN | ENV | LIST | NET | PATH, "FILE", NULL,
            "rules from FILE, - or fd:N; see postern-policy(5)",
            .set = set_policy),
	ROW("offline", 0, OPTION_BOOL, ON_DO | VERBS_JUDGING, POLICY,
            MAIN | ENV | NET, NULL, NULL,
            "deny everything; loopback inside works", .set = set_offline),

	ROW("dns", 0, OPTION_VALUE, ON_DO, NAMES, ENV | LIST | NET, "ADDRESS",
            NULL, "ask this server instead of the host's", .set = set_dns),
	ROW("dns-search", 0, OPTION_VALUE, ON_DO, NAMES, ENV | LIST | NET,
            "DOMAIN", NULL, "search list of CMD's resolv.conf",
            .set = set_dns_search),
	ROW("dns-deny", 0, OPTION_VALUE, ON_DO, NAMES, ENV | NET, "HOW",
            "nxdomain|refused", "what a denied name is answered with",
            .set = set_dns_deny),
	ROW("tls-names", 0, OPTION_VALUE, ON_DO, NAMES, ENV | NET, "HOW",
            "dns|strict|off", "hold names in TLS and HTTP against the rules",
            .set = set_tls_names),
	ROW("add-host", 0, OPTION_VALUE, ON_DO, NAMES, MAIN | LIST | NET,
            "NAME:ADDRESS", NULL, "answer NAME with ADDRESS",
            .set = set_add_host),
	ROW("cidr", 0, OPTION_VALUE, ON_DO, NAMES, ENV | NET, "CIDR", NULL,
            "CMD's IPv4 network (10.0.2.0/24, CMD is .100)", .set = set_cidr),
	ROW("cidr6", 0, OPTION_VALUE, ON_DO, NAMES, ENV | NET, "CIDR", NULL,
            "CMD's IPv6 network (fd00::/64, CMD is ::100)", .set = set_cidr6),
	ROW("mtu", 'm', OPTION_VALUE, ON_DO, NAMES, ENV | NET, "BYTES", NULL,
            "of CMD's interface, 1280 to 65521", .set = set_mtu),
	ROW("ifname", 'I', OPTION_VALUE, ON_DO, NAMES, ENV | NET, "NAME", NULL,
            "of CMD's interface (tap0)", .set = set_ifname),
	ROW("ipv4-only", '4', OPTION_BOOL, ON_DO, NAMES, NET, NULL, NULL,
            "no IPv6 inside", .set = set_ip4_only),
	ROW("ipv6-only", '6', OPTION_BOOL, ON_DO, NAMES, NET, NULL, NULL,
            "no IPv4 inside", .set = set_ip6_only),

	ROW("publish", 'p', OPTION_VALUE, ON_DO | OPTION_LIVE_PUBLISH, PORTS,
            MAIN | ENV | LIST | NET, "PORT", NULL,
            "clients of the host reach PORT inside", .set = set_publish),

	ROW("host-port", 0, OPTION_VALUE, ON_DO, PORTS, MAIN | ENV | LIST | NET,
            "PORT", NULL, "CMD's own localhost:PORT is the host's",
            .set = set_host_port),
	ROW("forward", 'L', OPTION_VALUE, ON_DO, PORTS, ENV | LIST | NET,
            "SPEC", NULL,
            "PORT:HOST:HOSTPORT: CMD's localhost:PORT leads there",
            .set = set_forward),
	ROW("host-unix", 0, OPTION_VALUE, ON_DO, PORTS, ENV | LIST | NET,
            "SPEC", NULL,
            "PATH:PORT: CMD's localhost:PORT is the host's socket",
            .set = set_host_unix),

	ROW("map-root", 0, OPTION_BOOL, ON_DO, PROGRAM, MAIN, NULL, NULL,
            "CMD is root in its own namespaces", AT(config.map_root)),
	ROW("no-filter", 0, OPTION_BOOL, ON_DO, PROGRAM, 0, NULL, NULL,
            "no system call filter on CMD", AT(config.no_filter)),
	ROW("preserve-fds", 0, OPTION_VALUE, ON_DO, PROGRAM, 0, "N", NULL,
            "CMD keeps descriptors 3 to 2+N, and no others above 2",
            .set = set_preserve_fds),
	ROW("close-fds", 0, OPTION_BOOL, ON_DO, PROGRAM, 0, NULL, NULL,
            "CMD keeps descriptors 0 to 2 only", AT(config.close_fds)),
	ROW("ready-fd", 'r', OPTION_VALUE, ON_DO, PROGRAM, 0, "N", NULL,
            "\"1\" is written to descriptor N once CMD may run",
            AT(config.ready_fd), .set = set_write_fd),
	ROW("info-fd", 0, OPTION_VALUE, ON_DO, PROGRAM, 0, "FD", NULL,
            "CMD's pid and published ports, as JSON, once CMD may run",
            AT(config.info_fd), .set = set_write_fd),
	ROW("json-status-fd", 0, OPTION_VALUE, ON_DO, PROGRAM, 0, "FD", NULL,
            "a line of JSON when CMD starts, and one when it ends",
            AT(config.json_status_fd), .set = set_write_fd),
	ROW("args", 0, OPTION_VALUE, ON_DO, PROGRAM, LIST, "FD", NULL,
            "more options, NUL-separated, from descriptor FD", .set = set_args),
	ROW("block-fd", 0, OPTION_VALUE, ON_DO, PROGRAM, 0, "FD", NULL,
            "CMD starts once there is something to read from FD",
            .set = set_block_fd),
	ROW("foreground", 'f', OPTION_BOOL, ON_DO, PROGRAM, 0, NULL, NULL,
            "stay in the foreground, as always", AT(foreground)),
	ROW("max-flows", 0, OPTION_VALUE, ON_DO, PROGRAM, ENV | NET, "N", NULL,
            "at most N conversations at a time, 16 to 1048576",
            .set = set_max_flows),

	ROW("detach", 0, OPTION_OPTIONAL, ON_DO, PROGRAM, PATH, "FILE", NULL,
            "go on in the background; CMD's output goes to FILE",
            .set = set_detach),
	ROW("name", 0, OPTION_VALUE, ON_DO, PROGRAM, MAIN, "NAME", NULL,
            "what ps, flows, allow and the like call this sandbox",
            .set = set_name),
	ROW("control", 0, OPTION_VALUE, ON_DO, PROGRAM, ENV, "HOW",
            "auto|off|required", "the control socket; required: 125 without",
            .set = set_control),
	ROW("signal", 's', OPTION_VALUE, OPTION_KILL, PROGRAM, 0, "SIGNAL",
            NULL, "kill: by name or number; -SIGNAL is the same",
            .set = set_signal),

	ROW("quiet", 'q', OPTION_BOOL, ON_DO, OUTPUT, MAIN | ENV, NULL, NULL,
            "say nothing but errors", AT(quiet)),
	ROW("debug", 'd', OPTION_BOOL, ON_DO, OUTPUT, MAIN | ENV, NULL, NULL,
            "say what is done, and what has no effect", AT(debug)),
	ROW("trace", 0, OPTION_BOOL, ON_DO, OUTPUT, ENV, NULL, NULL,
            "say everything", AT(trace)),
	ROW("log", 0, OPTION_VALUE, OPTION_DO, OUTPUT, NET | PATH, "FILE", NULL,
            "what happens to flows, as JSON lines, to FILE or fd:N",
            .set = set_log),
	ROW("report", 0, OPTION_OPTIONAL, ON_DO, OUTPUT, MAIN | NET, "FORMAT",
            "|text|json|md|html", "at the end, what CMD talked to",
            .set = set_report),
	ROW("report-file", 0, OPTION_VALUE, ON_DO, OUTPUT, NET | PATH, "FILE",
            NULL, "the report goes to FILE", AT(report_file), .set = set_text),
	ROW("output", 'o', OPTION_VALUE, OPTION_LEARN, POLICY, PATH, "FILE",
            NULL, "learn: where the policy goes", AT(learn_file),
            .set = set_text),
	ROW("merge", 0, OPTION_BOOL, OPTION_LEARN, POLICY, 0, NULL, NULL,
            "learn: add to the policy that FILE is", AT(learn_merge)),
	ROW("pcap", 'w', OPTION_VALUE, ON_DO, OUTPUT, NET | PATH, "FILE", NULL,
            "the frames of CMD's interface, as pcapng", .set = set_pcap),
	ROW("json", 0, OPTION_BOOL, OPTION_CHECK | OPTION_WHY | VERBS_LOOKING,
            OUTPUT, 0, NULL, NULL, "answer in JSON", AT(json)),
	ROW("openmetrics", 0, OPTION_BOOL, OPTION_STATS, OUTPUT, 0, NULL, NULL,
            "stats: for scrapers", AT(openmetrics)),
	ROW("help", 'h', OPTION_BOOL, OPTION_EVERYWHERE, OUTPUT, MAIN, NULL,
            NULL, "this page; help-all has every option", AT(help)),
	ROW("help-all", 0, OPTION_BOOL, OPTION_EVERYWHERE, OUTPUT, 0, NULL,
            NULL, "every option", AT(help_all)),
	ROW("version", 'V', OPTION_BOOL, OPTION_GLOBAL, OUTPUT, MAIN, NULL,
            NULL, "version, frontends and features", AT(version)),

	/* refused until a room enforces them; help says what to do instead */
	ROW("upstream", 'x', OPTION_VALUE, ON_DO, LATER, 0, "URL", NULL,
            "set the program's own proxy variables", .set = NULL),
	ROW("outbound-addr", 0, OPTION_VALUE, ON_DO, LATER, 0, "ADDRESS", NULL,
            "the kernel chooses the source address", .set = NULL),
	ROW("outbound-iface", 0, OPTION_VALUE, ON_DO, LATER, 0, "NAME", NULL,
            "the kernel chooses the interface", .set = NULL),
	ROW("netem", 0, OPTION_VALUE, ON_DO, LATER, 0, "SPEC", NULL,
            "traffic is not shaped", .set = NULL),
	ROW("rate", 0, OPTION_VALUE, ON_DO, LATER, 0, "RATE", NULL,
            "traffic is not shaped", .set = NULL),
	ROW("quota", 0, OPTION_VALUE, ON_DO, LATER, 0, "SPEC", NULL,
            "traffic is not limited", .set = NULL),
	ROW("on-deny", 0, OPTION_VALUE, ON_DO, LATER, 0, "HOW", NULL,
            "a denied flow is refused at once", .set = NULL),
	ROW("ask", 0, OPTION_BOOL, ON_DO, LATER, 0, NULL, NULL,
            "write the rules down beforehand", .set = NULL),
	ROW("uplink", 0, OPTION_VALUE, ON_DO, LATER, 0, "WHERE", NULL,
            "traffic leaves by ordinary sockets", .set = NULL),
	ROW("netns", 0, OPTION_VALUE, ON_DO, LATER, 0, "PATH", NULL,
            "CMD gets a network namespace of its own", .set = NULL),
	ROW("userns", 0, OPTION_VALUE, ON_DO, LATER, 0, "PATH", NULL,
            "CMD gets a user namespace of its own", .set = NULL),
	ROW("exit-fd", 'e', OPTION_VALUE, ON_DO, LATER, 0, "FD", NULL,
            "postern ends with CMD", .set = NULL),
};

const size_t postern_noptions = ARRAY_SIZE(postern_options);
