/* SPDX-License-Identifier: Apache-2.0 */
/* frame_port.h - frames with a virtio-net header, whatever carries them */
#ifndef LINK_FRAME_PORT_H
#define LINK_FRAME_PORT_H

#include "base/error.h"

#include <sys/types.h>

enum frame_port_kind { FRAME_PORT_TAP, FRAME_PORT_PACKET };

/* struct frame_port - made in the app's namespace, used by the datapath */
struct frame_port {
	enum frame_port_kind kind;
	int fd; /* non-blocking */
};

/*
 * frame_port_tap_open() - opens /dev/net/tun in the *current* network
 * namespace: IFF_TAP|IFF_NO_PI|IFF_VNET_HDR, header of 10 bytes, offloads
 * CSUM|TSO4|TSO6|USO4|USO6 where the kernel knows them (gso false: none).
 */
_must_check_ int frame_port_tap_open(const char *ifname, bool gso,
                                     struct frame_port *port,
                                     struct error *err);
/*
 * frame_port_packet_open() - an AF_PACKET socket on ifname in the current
 * network namespace with PACKET_VNET_HDR and PACKET_IGNORE_OUTGOING.
 */
_must_check_ int frame_port_packet_open(const char *ifname,
                                        struct frame_port *port,
                                        struct error *err);
/* One frame, virtio header first. Length, -EAGAIN, or the port is dead. */
_must_check_ ssize_t frame_port_read(const struct frame_port *port, void *buf,
                                     size_t len);
_must_check_ int frame_port_write(const struct frame_port *port,
                                  const void *frame, size_t len);

#endif
