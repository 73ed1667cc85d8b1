/* SPDX-License-Identifier: Apache-2.0 */
/* frame_port.h - frames with a virtio-net header, whatever carries them */
#ifndef LINK_FRAME_PORT_H
#define LINK_FRAME_PORT_H

#include "base/error.h"

#include <sys/types.h>
#include <sys/uio.h>

enum frame_port_kind { FRAME_PORT_TAP, FRAME_PORT_PACKET };

/*
 * The link-layer addresses of both ends, fixed: the app's interface gets the
 * first, and permanent neighbour entries at start say that gateway and
 * resolver have the second (struct stack_config.mac must be it).
 * Locally administered, unicast.
 */
#define FRAME_PORT_MAC_APP ((const uint8_t[6]){0x52, 0x50, 0, 0, 0, 0x64})
#define FRAME_PORT_MAC_HOST ((const uint8_t[6]){0x52, 0x50, 0, 0, 0, 0x02})

/*
 * struct frame_port - made in the app's namespace (open), carried as a bare
 * descriptor to the datapath, used there (adopt).
 */
struct frame_port {
	enum frame_port_kind kind;
	int fd;       /* non-blocking, close-on-exec, owned */
	uint8_t *buf; /* where frames are read to, after adopt */
};

/*
 * frame_port_tap_open() - opens /dev/net/tun in the *current* network
 * namespace: IFF_TAP|IFF_NO_PI|IFF_VNET_HDR, header of 10 bytes, offloads
 * CSUM|TSO4|TSO6|USO4|USO6 where the kernel knows them (gso false: none).
 * 0, or a negative errno: -ENOENT, -EACCES, -EPERM, -ENODEV where there is no
 * device to be had here, and another port may do.
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
/*
 * frame_port_adopt() - the datapath's side, before confinement: takes fd and
 * allocates what reading needs. On failure fd is still the caller's.
 */
_must_check_ int frame_port_adopt(enum frame_port_kind kind, int fd,
                                  struct frame_port *port, struct error *err);
void frame_port_close(struct frame_port *port);

/*
 * frame_port_receive() - hands up to `max` waiting frames to fn, virtio header
 * first; the memory is the port's and valid only inside fn. Returns the
 * number of frames (less than max: there are no more now), or a negative
 * errno: the port is dead. Only after frame_port_adopt().
 */
typedef void frame_port_handler(void *user, const void *frame, size_t len);
_must_check_ int frame_port_receive(struct frame_port *port, unsigned int max,
                                    frame_port_handler *fn, void *user);
/* One frame into buf. Length, -EAGAIN, or the port is dead. */
_must_check_ ssize_t frame_port_read(const struct frame_port *port, void *buf,
                                     size_t len);
/* One frame, virtio header first. 0, -EAGAIN, or another negative errno. */
_must_check_ int frame_port_write(const struct frame_port *port,
                                  const void *frame, size_t len);
_must_check_ int frame_port_writev(const struct frame_port *port,
                                   const struct iovec *iov, int n);

#endif
