/* SPDX-License-Identifier: Apache-2.0 */
/* frame_port.c - reading and writing frames, the same for every port */
#include "link/frame_port.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* virtio header, Ethernet header with a VLAN tag, the longest IP packet */
#define FRAME_MAX (10 + 18 + 65536)

int frame_port_adopt(enum frame_port_kind kind, int fd, struct frame_port *port,
                     struct error *err)
{
	uint8_t *buf;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set(err, -errno, "bad frame port: ");
	buf = malloc(FRAME_MAX);
	if (!buf)
		return error_set(err, -ENOMEM, "no memory for frames");
	*port = (struct frame_port){.kind = kind, .fd = fd, .buf = buf};
	return 0;
}

void frame_port_close(struct frame_port *port)
{
	free(port->buf);
	port->buf = NULL;
	fd_close(&port->fd);
}

/* #syscalls read */
ssize_t frame_port_read(const struct frame_port *port, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(port->fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int frame_port_receive(struct frame_port *port, unsigned int max,
                       frame_port_handler *fn, void *user)
{
	unsigned int n;

	for (n = 0; n < max; n++) {
		ssize_t len = frame_port_read(port, port->buf, FRAME_MAX);

		if (len == -EAGAIN)
			break;
		if (len < 0)
			return (int)len;
		fn(user, port->buf, (size_t)len);
	}
	return (int)n;
}

/* #syscalls write writev */
int frame_port_write(const struct frame_port *port, const void *frame,
                     size_t len)
{
	ssize_t n;

	do
		n = write(port->fd, frame, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int frame_port_writev(const struct frame_port *port, const struct iovec *iov,
                      int niov)
{
	ssize_t n;

	do
		n = writev(port->fd, iov, niov);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}
