/* SPDX-License-Identifier: Apache-2.0 */
/* who.c - which program a thread of the app runs, for people and the log */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Nothing is decided by it: the thread may run another program, or be gone,
 * by now. /proc/TID/exe is read as a link, since files cannot be opened here.
 * #syscalls readlink readlinkat
 */
bool who_of_thread(uint32_t tid, struct frontend_who *who)
{
	char path[32], exe[4096];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", tid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	who->tid = tid;
	frontend_put_exe(who->exe, exe, (size_t)n);
	snprintf(who->name, sizeof(who->name), "%.31s", base ? base + 1 : exe);
	return true;
}

bool sk_who(void *user, uint64_t ref, struct frontend_who *who)
{
	const struct sock *sk = sk_from_ref(user, ref);

	return sk && sk->tid && who_of_thread(sk->tid, who);
}

int sk_who_ask(void *user, uint64_t ref, uint8_t proto, const struct tuple *t,
               uint64_t token)
{
	struct sockets *s = user;
	const struct sock *sk = sk_from_ref(s, ref);

	(void)proto;
	(void)t;
	if (!sk || !sk->tid || !s->ask)
		return -ENOENT;
	return s->ask(s->ask_user, token, sk->tid);
}
