/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - the app's memory: read once, written only where it asked */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>

/* #syscalls ioctl */
bool call_is_valid(struct sockets *s, const struct call *c)
{
	uint64_t id = c->id;

	return ioctl(s->notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void *app_pointer(uint64_t at)
{
	return (void *)(uintptr_t)at; /* an address in another process */
}

static int vm_error(int err)
{
	if (err == ESRCH)
		return -ESRCH;
	return err == EPERM ? -EPERM : -EFAULT;
}

/*
 * The thread may be gone and its number given to another one while we read:
 * what was read counts only if the notification is still alive afterwards.
 * #syscalls process_vm_readv process_vm_writev
 */
int memory_read(struct sockets *s, const struct call *c, uint64_t at, void *buf,
                size_t len)
{
	struct iovec mine = {buf, len};
	struct iovec theirs = {app_pointer(at), len};
	ssize_t n;

	if (!len)
		return 0;
	n = process_vm_readv((pid_t)c->tid, &mine, 1, &theirs, 1, 0);
	if (n < 0)
		return vm_error(errno);
	if (!call_is_valid(s, c))
		return -ESRCH;
	return (size_t)n == len ? 0 : -EFAULT;
}

int memory_write(struct sockets *s, const struct call *c, uint64_t at,
                 const void *buf, size_t len)
{
	struct iovec mine = {(void *)(uintptr_t)buf, len};
	struct iovec theirs = {app_pointer(at), len};
	ssize_t n;

	if (!len)
		return 0;
	/* a held call's thread may be another one's number by now */
	if (!call_is_valid(s, c))
		return -ESRCH;
	n = process_vm_writev((pid_t)c->tid, &mine, 1, &theirs, 1, 0);
	if (n < 0)
		return vm_error(errno);
	return (size_t)n == len ? 0 : -EFAULT;
}

ssize_t memory_gather(struct sockets *s, const struct call *c,
                      const struct iovec *iov, size_t niov, void *buf,
                      size_t len)
{
	struct iovec mine = {buf, len};
	size_t total = 0;
	ssize_t n;

	for (size_t i = 0; i < niov; i++)
		total += iov[i].iov_len;
	if (!total || !len)
		return 0;
	n = process_vm_readv((pid_t)c->tid, &mine, 1, iov, niov, 0);
	if (n < 0)
		return vm_error(errno);
	if (!call_is_valid(s, c))
		return -ESRCH;
	return (size_t)n == MIN(total, len) ? n : -EFAULT;
}

ssize_t memory_scatter(struct sockets *s, const struct call *c,
                       const struct iovec *iov, size_t niov, const void *buf,
                       size_t len)
{
	struct iovec mine = {(void *)(uintptr_t)buf, len};
	size_t total = 0;
	ssize_t n;

	for (size_t i = 0; i < niov; i++)
		total += iov[i].iov_len;
	if (!total || !len)
		return 0;
	if (!call_is_valid(s, c))
		return -ESRCH;
	n = process_vm_writev((pid_t)c->tid, &mine, 1, iov, niov, 0);
	if (n < 0)
		return vm_error(errno);
	return (size_t)n == MIN(total, len) ? n : -EFAULT;
}

int memory_read_sockaddr(struct sockets *s, const struct call *c, uint64_t at,
                         int len, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (len < 0 || (size_t)len > sizeof(*ss))
		return -EINVAL;
	return memory_read(s, c, at, ss, (size_t)len);
}

int memory_write_sockaddr(struct sockets *s, const struct call *c, uint64_t at,
                          uint64_t len_at, const struct sockaddr_storage *ss,
                          socklen_t len)
{
	int room;
	int rc = memory_read(s, c, len_at, &room, sizeof(room));

	if (rc < 0)
		return rc;
	if (room < 0)
		return -EINVAL;
	rc = memory_write(s, c, at, ss, MIN((size_t)room, (size_t)len));
	if (rc < 0)
		return rc;
	return memory_write(s, c, len_at, &len, sizeof(len));
}
