/* SPDX-License-Identifier: Apache-2.0 */
/* do.c - the verb `do`: settle what was written, then hand over to launch */
#include "base/cleanup.h"
#include "cli/check.h"
#include "cli/detach.h"
#include "cli/evidence.h"
#include "cli/help.h"
#include "cli/logs.h"
#include "cli/options.h"
#include "cli/runsc.h"
#include "launch/launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The mode, or why it cannot be had. */
static int settle_network(struct cli *c, struct error *err)
{
	switch (c->network) {
	case CLI_NETWORK_PASSTHROUGH:
		c->config.network = NETWORK_SANDBOX_PASSTHROUGH;
		return 0;
	case CLI_NETWORK_NONE:
		c->config.network = NETWORK_NONE;
		return 0;
	case CLI_NETWORK_HOST:
		c->config.network = NETWORK_HOST;
		return 0;
	case CLI_NETWORK_SANDBOX:
		if (c->rootless)
			return error_set(
				err, -EPERM,
				"-network=sandbox needs root and cannot be "
				"had with -rootless; for a network of CMD's "
				"own without root write "
				"-network=sandbox-passthrough");
		return error_set(err, -EOPNOTSUPP,
		                 "-network=sandbox is not here yet; write "
		                 "-network=sandbox-passthrough");
	case CLI_NETWORK_PLUGIN:
		return error_set(err, -EOPNOTSUPP,
		                 "-network=plugin cannot be had: there are no "
		                 "plugins; write "
		                 "-network=sandbox-passthrough");
	}
	return -EINVAL;
}

static const char *const mode_names[] = {
	[NETWORK_SANDBOX_PASSTHROUGH] = "sandbox-passthrough",
	[NETWORK_NONE] = "none",
	[NETWORK_HOST] = "host",
};

/*
 * Options that shape or judge a network of CMD's own have no effect without
 * one; written, they are errors. With `none` nothing passes anyway, so the
 * rules of a policy are kept by it.
 */
static int check_mode(const struct cli *c, struct error *err)
{
	const struct sandbox_config *k = &c->config;

	if (k->network == NETWORK_SANDBOX_PASSTHROUGH)
		return 0;
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);

		if (!c->seen[i] || !(o->flags & OPTION_NET))
			continue;
		if (k->network == NETWORK_NONE &&
		    o->group == OPTION_GROUP_POLICY)
			continue;
		return error_set(err, -EINVAL,
		                 "--%s cannot be enforced with --network=%s; "
		                 "leave one of them out",
		                 o->name, mode_names[k->network]);
	}
	/* rules from the environment are no less meant */
	if (k->network == NETWORK_HOST &&
	    (policy_rule_count(c->policy) || k->offline))
		return error_set(err, -EINVAL,
		                 "a policy cannot be enforced with "
		                 "--network=host; unset POSTERN_ALLOW, "
		                 "POSTERN_DENY, POSTERN_POLICY, "
		                 "POSTERN_OFFLINE");
	return 0;
}

/* Without a network of CMD's own nobody stays to serve it. */
static int check_control(const struct cli *c, struct error *err)
{
	const struct sandbox_config *k = &c->config;

	if (k->network == NETWORK_HOST &&
	    (k->name || k->control == CONTROL_REQUIRED))
		return error_set(err, -EINVAL,
		                 "--%s cannot be had with --network=host: "
		                 "there is no sandbox; leave one of them out",
		                 k->name ? "name" : "control=required");
	if (k->network == NETWORK_HOST &&
	    (k->info_fd >= 0 || k->json_status_fd >= 0))
		return error_set(err, -EINVAL,
		                 "--%s cannot be had with --network=host: "
		                 "nobody stays to write to it",
		                 k->info_fd >= 0 ? "info-fd"
		                                 : "json-status-fd");
	if (c->detach && k->control != CONTROL_REQUIRED)
		return error_set(err, -EINVAL,
		                 "--detach needs the control socket; leave "
		                 "--control=off out");
	if (k->name && k->control == CONTROL_OFF)
		return error_set(err, -EINVAL,
		                 "--name needs the control socket; leave "
		                 "--control=off out");
	return 0;
}

/* What contradicts itself, whatever the mode. */
static int check_together(struct cli *c, struct error *err)
{
	struct sandbox_config *k = &c->config;

	if (k->offline && policy_denies_rest(c->policy))
		return error_set(err, -EINVAL,
		                 "--offline denies everything, --allow not; "
		                 "leave --offline out: the first --allow "
		                 "denies the rest");
	if (k->link != LINK_AUTO && k->frontend == FRONTEND_SOCKETS)
		return error_set(err, -EINVAL,
		                 "--link=%s needs --frontend=link",
		                 k->link == LINK_TAP ? "tap" : "veth");
	if (k->sockets_direct && k->frontend == FRONTEND_LINK)
		return error_set(err, -EINVAL,
		                 "--sockets=direct needs --frontend=sockets");
	if (k->lo_only &&
	    (k->frontend == FRONTEND_LINK || k->link != LINK_AUTO))
		return error_set(err, -EINVAL,
		                 "--interfaces=lo needs --frontend=sockets");
	if (k->link != LINK_AUTO && k->sockets_direct)
		return error_set(err, -EINVAL,
		                 "--link and --sockets=direct exclude each "
		                 "other");
	/* each of them insists on its frontend */
	if (k->link != LINK_AUTO || k->require_link)
		k->frontend = k->frontend == FRONTEND_AUTO ? FRONTEND_LINK
		                                           : k->frontend;
	if (k->sockets_direct || k->lo_only || k->require_sockets)
		k->frontend = k->frontend == FRONTEND_AUTO ? FRONTEND_SOCKETS
		                                           : k->frontend;
	k->frontend_forced = k->frontend != FRONTEND_AUTO;
	if (k->mtu && k->frontend == FRONTEND_SOCKETS)
		return error_set(err, -EINVAL,
		                 "--mtu needs --frontend=link: sockets has no "
		                 "packets");
	if ((k->require_link && k->frontend == FRONTEND_SOCKETS) ||
	    (k->require_sockets && k->frontend == FRONTEND_LINK))
		return error_set(err, -EINVAL,
		                 "--require %s contradicts the other options",
		                 k->require_link ? "link" : "sockets");
	if (k->mtu && k->mtu < 1280 && !k->ip4_only)
		return error_set(err, -EINVAL,
		                 "--mtu %u: IPv6 needs 1280; add --ipv4-only",
		                 k->mtu);
	if ((k->ip4_only && k->cidr6_given) || (k->ip6_only && k->cidr4_given))
		return error_set(
			err, -EINVAL, "--cidr%s contradicts --ipv%c-only",
			k->ip4_only ? "6" : "", k->ip4_only ? '4' : '6');
	if (k->close_fds && k->preserve_fds_given)
		return error_set(err, -EINVAL,
		                 "--close-fds and --preserve-fds exclude each "
		                 "other");
	return 0;
}

/* What is about packets needs a frame port, and what writes them rights. */
static int check_packets(struct cli *c, struct error *err)
{
	struct sandbox_config *k = &c->config;
	const char *what = NULL;

	if (c->packet_write && !k->net_raw)
		return error_set(err, -EPERM,
		                 "-allow-packet-socket-write needs -net-raw");
	if (k->net_raw)
		what = "net-raw";
	else if (k->pcap_fd >= 0)
		what = "pcap";
	else if (k->log_packets)
		what = "log-packets";
	if (!what)
		return 0;
	if (k->network != NETWORK_SANDBOX_PASSTHROUGH)
		return error_set(err, -EPERM,
		                 "-%s cannot be had with --network=%s", what,
		                 mode_names[k->network]);
	if (k->frontend == FRONTEND_SOCKETS)
		return error_set(err, -EPERM,
		                 "-%s cannot be had with --frontend=sockets: "
		                 "there are no packets",
		                 what);
	if (k->net_raw && !k->map_root)
		return error_set(err, -EPERM,
		                 "-net-raw needs --map-root: without it CMD "
		                 "has no capabilities");
	k->frontend = FRONTEND_LINK;
	k->frontend_forced = true;
	return 0;
}

static void tell_notices(const struct cli *c)
{
	const struct sandbox_config *k = &c->config;

	if (k->sockets_direct)
		log_notice(
			"--sockets=direct is for speed and no boundary: what "
			"CMD does with a connected socket is not seen");
	if (k->platform_given)
		log_notice(
			"there is no application kernel (-platform=%s "
			"selects none): system calls go to the host kernel%s",
			c->platform,
			k->no_filter ? ", unfiltered (--no-filter)"
				     : " through postern's filter");
	if (c->foreground)
		log_debug("--foreground has no effect: postern never leaves "
		          "it");
}

/* All that may be refused is refused here, before anything is made. */
static int settle(struct cli *c, struct error *err)
{
	char relaxed[512] = "";
	int rc;

	rc = cli_options_environment(c, err);
	if (rc == 0)
		rc = settle_network(c, err);
	if (rc == 0)
		rc = check_mode(c, err);
	if (rc == 0)
		rc = check_together(c, err);
	if (rc == 0)
		rc = check_control(c, err);
	if (rc == 0)
		rc = runsc_refusals(c, relaxed, sizeof(relaxed), err);
	if (rc == 0)
		rc = runsc_apply(c, err);
	if (rc == 0)
		rc = check_packets(c, err);
	if (rc == 0)
		rc = runsc_settle_uds(c, relaxed, sizeof(relaxed), err);
	if (rc == 0)
		rc = cli_settle_doors(c, err);
	if (rc == 0)
		rc = logs_open(c, err);
	if (rc < 0)
		return rc;
	/* the first line there is; --quiet does not silence it */
	if (relaxed[0])
		log_error("--best-effort: not enforced: %s", relaxed);
	runsc_tell(c);
	tell_notices(c);
	if (c->host_settings_check &&
	    !check_host_settings(c->host_settings_must))
		return error_set(err, -EPERM,
		                 "-host-settings=check_mandatory: neither "
		                 "frontend works here, see postern check");
	return 0;
}

/* CMD's status is what counts; a report that fails is only told. */
static void tell_report(struct cli *c, FILE *out)
{
	struct error err = {0};
	struct report r;

	if (evidence_report(c, &r, &err) < 0) {
		log_error("no report: %s", err.text);
		return;
	}
	evidence_print(c, &r, out);
	report_fini(&r);
}

static int run_with_report(struct cli *c)
{
	_auto_fclose_ FILE *out = NULL;
	struct error err = {0};
	int status;

	if (c->report_file) {
		out = fopen(c->report_file, "we");
		if (!out) {
			error_set(&err, -errno,
			          "--report-file: cannot open "
			          "%s: ",
			          c->report_file);
			return cli_fail(&err);
		}
		c->report = true;
	}
	if (!c->report)
		return launch_run(&c->config);
	if (evidence_begin(c, &err) < 0)
		return cli_fail(&err);
	status = launch_run(&c->config);
	/* after a refusal there is nothing to report */
	if (status != EXIT_POSTERN)
		tell_report(c, out ? out : stderr);
	return status;
}

/* bwrap's --block-fd: somebody has to get ready for CMD first */
static bool wait_for_go(struct cli *c)
{
	struct error err = {0};
	ssize_t n;
	char byte;

	if (c->block_fd < 0)
		return true;
	do
		n = read(c->block_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		error_set(&err, -errno, "--block-fd %d: ", c->block_fd);
		(void)cli_fail(&err);
		return false;
	}
	fd_close(&c->block_fd); /* taken, not passed on */
	return true;
}

bool cli_do_settle(struct cli *c)
{
	struct error err = {0};

	if (!c->rest || !*c->rest) {
		help_verb(stderr, c->verb);
		return false;
	}
	if (settle(c, &err) < 0) {
		(void)cli_fail(&err);
		return false;
	}
	policy_set_offline(c->policy, c->config.offline);
	c->config.policy = c->policy;
	c->config.quiet = c->quiet;
	c->config.argv = c->rest;
	c->config.runtime = getenv("XDG_RUNTIME_DIR");
	return wait_for_go(c);
}

int cli_do(struct cli *c)
{
	int status;

	if (!cli_do_settle(c))
		return EXIT_POSTERN;
	status = c->detach ? cli_detach(c) : -1;
	return status < 0 ? run_with_report(c) : status;
}
