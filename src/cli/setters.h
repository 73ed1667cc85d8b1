/* SPDX-License-Identifier: Apache-2.0 */
/* setters.h - what a written option does, one function a row */
#ifndef CLI_SETTERS_H
#define CLI_SETTERS_H

#include "cli/options.h"

typedef int option_setter(struct cli *c, const struct option *o,
                          const char *value, struct error *err);

option_setter set_network, set_frontend, set_link, set_sockets, set_interfaces;
option_setter set_allow_unix;
option_setter set_require;
option_setter set_allow, set_deny, set_policy, set_offline;
option_setter set_dns, set_dns_deny, set_tls_names, set_dns_search,
	set_add_host, set_cidr, set_cidr6;
option_setter set_mtu, set_ifname, set_ip4_only, set_ip6_only;
option_setter set_preserve_fds, set_write_fd, set_max_flows;
option_setter set_log, set_report, set_text, set_pcap;
option_setter set_publish, set_host_port, set_forward, set_host_unix;
option_setter set_args, set_block_fd;
option_setter set_detach, set_name, set_control, set_signal;
option_setter set_uid_map, set_gid_map, set_ip, set_cwd, set_volume;

#endif
