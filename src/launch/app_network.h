/* SPDX-License-Identifier: Apache-2.0 */
/* app_network.h - the app's network namespace, made ready from inside it */
#ifndef LAUNCH_APP_NETWORK_H
#define LAUNCH_APP_NETWORK_H

#include "launch/init.h"
#include "link/app_sockets.h"

/*
 * app_network_port() - makes the frame port and sends it to the monitor. With
 * a veth pair the network namespace that the caller is in becomes the far
 * end's, and a new one the app's.
 */
_must_check_ int app_network_port(const struct app_side *a, struct error *err);
/* app_network_configure() - sysctls, loopback, and the interface if any */
_must_check_ int app_network_configure(const struct app_side *a,
                                       struct error *err);
/* app_network_tell() - a socket of the app's network, sock_diag if it can be
 * had, sent to the monitor */
_must_check_ int app_network_tell(const struct app_side *a, struct error *err);
/*
 * app_network_resolvers() - a UDP and a TCP socket on port 53 of each
 * loopback address that the host's resolv.conf names, sent to the monitor.
 */
_must_check_ int app_network_resolvers(const struct app_side *a,
                                       struct error *err);
/*
 * app_network_doors() - link: a socket at each face that a door has on the
 * app's loopback, sent to the monitor.
 */
_must_check_ int app_network_doors(const struct app_side *a, struct error *err);
/* app_network_socket() - a new one, of the caller's network namespace, or a
 * negative errno */
_must_check_ int app_network_socket(enum app_socket_kind kind);

#endif
