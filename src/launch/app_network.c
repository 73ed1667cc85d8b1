/* SPDX-License-Identifier: Apache-2.0 */
/* app_network.c - the app's network namespace, made ready from inside it */
#include "launch/app_network.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "launch/door.h"
#include "launch/message.h"
#include "link/frame_port.h"
#include "link/sock_diag.h"
#include "wire/headers.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#define FAR_END "far0"

/* This process's network namespace as a descriptor. */
static int own_network(struct error *err)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, -errno,
		                 "cannot open /proc/self/ns/net: ");
	return fd;
}

static int enter(int ns, struct error *err)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		return error_set(err, -errno, "cannot change network: ");
	return 0;
}

/* Before the interface is made: it inherits some of them. */
static void set_sysctls(const struct app_side *a)
{
	ifconfig_sysctls(a->ids.ping_gids, a->congestion);
}

static int open_veth(const struct app_side *a, struct frame_port *port,
                     struct error *err)
{
	_auto_close_ int far = own_network(err), app = -1;
	int rc;

	if (far < 0)
		return far;
	ifconfig_no_ip6();
	if (unshare(CLONE_NEWNET) < 0)
		return error_set(err, -errno,
		                 "cannot make a network namespace: ");
	app = own_network(err);
	if (app < 0)
		return app;
	set_sysctls(a);
	rc = ifconfig_veth(a->ifc.ifname, FAR_END, far, a->ifc.mtu,
	                   !a->config->gso_off, err);
	if (!rc)
		rc = enter(far, err);
	if (!rc)
		rc = ifconfig_up(FAR_END, err);
	/* bound to an interface that is down, it would read ENETDOWN first
	 * (tests/kernel/packet_bind_down) */
	if (!rc)
		rc = frame_port_packet_open(FAR_END, port, err);
	if (!rc)
		rc = enter(app, err);
	return rc;
}

/*
 * A sock_diag socket: whose is this flow? And the far end of a veth pair does
 * not keep the app's namespace alive, as a tap does
 * (tests/kernel/tap_holds_namespace): what CMD has written last would be lost
 * with it. Inside another postern only the second is to be had: its filter
 * leaves no sock_diag.
 */
int app_network_tell(const struct app_side *a, struct error *err)
{
	_auto_close_ int fd = sock_diag_open();
	int index = a->frame_port ? (int)if_nametoindex(a->ifc.ifname) : 0;
	int rc;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		index = 0;
	}
	rc = fd < 0 ? -errno
	            : message_send(a->monitor_fd, MSG_APP_NETWORK, index, NULL,
	                           0, fd);

	return rc ? error_set(err, rc, "cannot hold the app's network: ") : 0;
}

/* May a veth pair do where this is what became of the tap device? */
static bool tap_is_missing(int code)
{
	return code == -ENOENT || code == -ENXIO || code == -ENODEV ||
	       code == -EACCES || code == -EPERM || code == -EBUSY;
}

int app_network_port(const struct app_side *a, struct error *err)
{
	enum link_choice choice = a->config->link;
	struct frame_port port = {.fd = -1};
	int rc = -ENOENT;

	if (choice != LINK_VETH) {
		set_sysctls(a);
		rc = frame_port_tap_open(a->ifc.ifname, !a->config->gso_off,
		                         &port, err);
	}
	if (choice == LINK_VETH ||
	    (choice == LINK_AUTO && tap_is_missing(rc))) {
		if (choice == LINK_AUTO)
			log_debug("%s; using a veth pair", err->text);
		*err = (struct error){0};
		rc = open_veth(a, &port, err);
	}
	if (rc)
		return rc;
	rc = message_send(a->monitor_fd, MSG_FRAME_PORT, (int32_t)port.kind,
	                  NULL, 0, port.fd);
	frame_port_close(&port);
	return rc ? error_set(err, rc, "cannot hand over the frame port: ")
	          : app_network_tell(a, err);
}

int app_network_configure(const struct app_side *a, struct error *err)
{
	bool no_ip6;
	int rc;

	if (!a->namespaces)
		return 0;
	if (!a->frame_port)
		set_sysctls(a);
	rc = ifconfig_apply(&a->ifc, &no_ip6, err);
	if (!rc && no_ip6)
		log_debug("no IPv6 in the app's kernel");
	return rc;
}

static int send_resolver(const struct app_side *a, const struct addr *addr,
                         bool tcp, struct error *err)
{
	const struct endpoint at = {*addr, 53};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&at, &ss);
	_auto_close_ int fd = socket(ss.ss_family,
	                             (tcp ? SOCK_STREAM : SOCK_DGRAM) |
	                                     SOCK_CLOEXEC | SOCK_NONBLOCK,
	                             0);
	int rc;

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0 ||
	    (tcp && listen(fd, 64) < 0))
		return error_set(err, -errno, "cannot answer at %s: ",
		                 addr_format(addr, (char[ADDR_TEXT_MAX]){0}));
	rc = message_send(a->monitor_fd, MSG_RESOLVER_SOCKET, tcp, NULL, 0, fd);
	return rc ? error_set(err, rc, "cannot hand over a resolver: ") : 0;
}

int app_network_resolvers(const struct app_side *a, struct error *err)
{
	for (size_t i = 0; i < a->nloopback_resolvers; i++) {
		const struct addr *at = &a->loopback_resolvers[i];
		int rc = send_resolver(a, at, false, err);

		if (!rc)
			rc = send_resolver(a, at, true, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- doors, and what listens on loopback alone ------------------------------
 */

int app_network_socket(enum app_socket_kind kind)
{
	int fd;

	if (kind >= APP_SOCKET_KINDS)
		return -EINVAL;
	fd = socket(kind == APP_SOCKET_TCP4 || kind == APP_SOCKET_UDP4
	                    ? AF_INET
	                    : AF_INET6,
	            (kind == APP_SOCKET_TCP4 || kind == APP_SOCKET_TCP6
	                     ? SOCK_STREAM
	                     : SOCK_DGRAM) |
	                    SOCK_NONBLOCK | SOCK_CLOEXEC,
	            0);
	return fd < 0 ? -errno : fd;
}

static bool is_absent(int code)
{
	return code == EADDRNOTAVAIL || code == EAFNOSUPPORT;
}

/* At one face. One that the app's kernel has no address for is left out. */
static int send_door(const struct app_side *a, size_t door, size_t face,
                     const struct flow_door *d, struct error *err)
{
	const struct endpoint *at = &d->faces[face];
	bool tcp = d->proto == IP_PROTO_TCP;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(at, &ss);
	_auto_close_ int fd = socket(ss.ss_family,
	                             (tcp ? SOCK_STREAM : SOCK_DGRAM) |
	                                     SOCK_CLOEXEC | SOCK_NONBLOCK,
	                             0);
	char text[ENDPOINT_TEXT_MAX];
	int rc;

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0 ||
	    (tcp && listen(fd, SOMAXCONN) < 0)) {
		if (is_absent(errno))
			return 0;
		return error_set(err, -errno, "%s: cannot be at %s inside: ",
		                 a->config->doors[door].text,
		                 endpoint_format(at, text));
	}
	rc = message_send(a->monitor_fd, MSG_DOOR,
	                  (int32_t)DOOR_FACE(door, face), NULL, 0, fd);
	return rc ? error_set(err, rc, "cannot hand over a door: ") : 0;
}

int app_network_doors(const struct app_side *a, struct error *err)
{
	const struct door_side side = {.has_ip4 = a->ifc.has_ip4,
	                               .has_ip6 = a->ifc.has_ip6,
	                               .gateway4 = a->ifc.gateway4,
	                               .gateway6 = a->ifc.gateway6};

	for (size_t i = 0; i < a->config->ndoors; i++) {
		struct flow_door d;

		door_make(&a->config->doors[i], (uint32_t)i + 1, &side, &d);
		for (size_t k = 0; k < door_loopback_faces(&d); k++) {
			int rc = send_door(a, i, k, &d, err);

			if (rc)
				return rc;
		}
	}
	return 0;
}
