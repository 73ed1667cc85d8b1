/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - what the processes of one sandbox are told at their start */
#include "launch/plan.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "launch/addressing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ROUTES_MAX 512
#define MTU_DEFAULT 65520

static void read_congestion(char *buf, size_t len)
{
	_auto_close_ int fd = open("/proc/sys/net/ipv4/tcp_congestion_control",
	                           O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, len - 1);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* Names: the app's resolv.conf, and where else the resolver must answer. */
static int plan_names(struct launch_plan *p, const struct addressing *a,
                      struct error *err)
{
	const struct sandbox_config *c = p->app.config;
	struct datapath_args *d = &p->datapath;
	struct addr resolvers[1], named[4];
	size_t n = 0, len;
	ssize_t written;
	const char *text =
		hostfiles_text(p->files, HOSTFILES_RESOLV_CONF, &len);

	/* one line: with two, what fails takes a client twice as long */
	resolvers[n++] = c->ip6_only ? a->resolver6 : a->resolver4;
	written = hostfiles_app_resolv_conf(
		p->files, resolvers, n, c->dns_search, c->ndns_search,
		p->resolv_conf, sizeof(p->resolv_conf));
	if (written < 0)
		return error_set(err, (int)written,
		                 "/etc/resolv.conf is too long");
	p->app.resolv_conf = p->resolv_conf;
	p->app.resolv_conf_len = (size_t)written;
	n = hostfiles_nameservers(text, len, named, ARRAY_SIZE(named));
	if (!n) /* then libc asks its own machine, resolv.conf(5) */
		named[n++] = addr_ip4(127, 0, 0, 1);
	for (size_t i = 0; i < n; i++) {
		bool loopback = addr_is_loopback(&named[i]);

		/* sockets: the supervisor itself is at every address */
		if (loopback && p->kind != MONITOR_SOCKETS)
			p->app.loopback_resolvers
				[p->app.nloopback_resolvers++] = named[i];
		else
			d->resolver_aliases[d->nresolver_aliases++] = named[i];
	}
	return 0;
}

static int plan_addresses(struct launch_plan *p, struct addressing *a,
                          struct error *err)
{
	static struct prefix routes[ROUTES_MAX];
	ssize_t n = addressing_routes(routes, ARRAY_SIZE(routes));

	if (n < 0) {
		log_debug("cannot read the host's routes: %s",
		          errno_text((int)n));
		n = 0;
	}
	return addressing_choose(p->app.config, routes, (size_t)n, a, err);
}

static void fill_datapath(struct launch_plan *p, const struct addressing *a)
{
	struct datapath_args *d = &p->datapath;

	d->config = p->app.config;
	d->sockets = p->kind == MONITOR_SOCKETS;
	d->route_fd = -1;
	d->app4 = a->app4;
	d->gateway4 = a->gateway4;
	d->resolver4 = a->resolver4;
	d->app6 = a->app6;
	d->gateway6 = a->gateway6;
	d->resolver6 = a->resolver6;
	d->prefix4 = a->prefix4;
	d->prefix6 = a->prefix6;
	d->mtu = p->app.config->mtu ? p->app.config->mtu : MTU_DEFAULT;
}

static void fill_interface(struct launch_plan *p, const struct addressing *a)
{
	const struct sandbox_config *c = p->app.config;
	struct ifconfig *i = &p->app.ifc;

	snprintf(i->ifname, sizeof(i->ifname), "%s",
	         c->ifname[0] ? c->ifname : "tap0");
	i->mtu = p->datapath.mtu;
	i->has_ip4 = !c->ip6_only;
	i->has_ip6 = !c->ip4_only;
	i->app4 = a->app4;
	i->gateway4 = a->gateway4;
	i->resolver4 = a->resolver4;
	i->app6 = a->app6;
	i->gateway6 = a->gateway6;
	i->resolver6 = a->resolver6;
	i->prefix4 = a->prefix4;
	i->prefix6 = a->prefix6;
}

int launch_plan_make(struct launch_plan *p, const struct sandbox_config *config,
                     enum monitor_plan kind, const sigset_t *mask,
                     struct error *err)
{
	struct addressing a;
	int rc = id_plan_make(config, &p->app.ids, err);

	if (rc)
		return rc;
	p->kind = kind;
	p->app.config = config;
	p->app.mask = *mask;
	p->app.launched_as = getpid();
	p->app.namespaces = true;
	p->app.pid_ns = true;
	read_congestion(p->app.congestion, sizeof(p->app.congestion));
	if (p->kind == MONITOR_NONE)
		return 0;
	rc = plan_addresses(p, &a, err);
	if (rc)
		return rc;
	p->files = hostfiles_open(NULL, NULL);
	if (!p->files)
		return error_set(err, -errno, "cannot watch resolv.conf: ");
	fill_datapath(p, &a);
	if (p->kind == MONITOR_LINK) {
		p->app.frame_port = true;
		fill_interface(p, &a);
	}
	return plan_names(p, &a, err);
}
