/* SPDX-License-Identifier: Apache-2.0 */
/* hostfiles.h - the host's resolv.conf and hosts, read and followed */
#ifndef LAUNCH_HOSTFILES_H
#define LAUNCH_HOSTFILES_H

#include "base/addr.h"
#include "base/error.h"

/*
 * struct hostfiles - lives in the monitor: the datapath opens no files. The
 * files may be absent or unreadable; their text is then empty. At most
 * HOSTFILES_TEXT_MAX bytes are taken, cut at the end of a line.
 */
struct hostfiles;

/* head and text of a message fit one packet with this (message.h) */
#define HOSTFILES_TEXT_MAX 65536

enum hostfiles_kind {
	HOSTFILES_RESOLV_CONF, /* goes out as MSG_RESOLV_CONF */
	HOSTFILES_HOSTS,       /* goes out as MSG_HOSTS */
	HOSTFILES_KINDS
};

/* hostfiles_open() - NULL paths are /etc/resolv.conf and /etc/hosts. NULL:
 * out of memory or descriptors (errno tells). */
struct hostfiles *hostfiles_open(const char *resolv_conf, const char *hosts);
void hostfiles_close(struct hostfiles *h);

/* hostfiles_text() - what the file said when last read; owned by h. */
const char *hostfiles_text(const struct hostfiles *h, enum hostfiles_kind kind,
                           size_t *len);

/*
 * hostfiles_fd() - readable when hostfiles_poll() should be called; borrowed.
 * hostfiles_poll() never blocks, reads again what may have changed and calls
 * changed() for each file whose text is another now.
 */
int hostfiles_fd(const struct hostfiles *h);
typedef void hostfiles_changed(void *user, enum hostfiles_kind kind,
                               const char *text, size_t len);
void hostfiles_poll(struct hostfiles *h, hostfiles_changed *changed,
                    void *user);

/*
 * hostfiles_app_resolv_conf() - the resolv.conf for the app: one nameserver
 * line for each address in resolvers, then the search, domain, options and
 * sortlist lines of the host's; nsearch > 0 (--dns-search) replaces search
 * and domain. Returns the length written to buf, or -ENOSPC.
 */
_must_check_ ssize_t hostfiles_app_resolv_conf(const struct hostfiles *h,
                                               const struct addr *resolvers,
                                               size_t nresolvers,
                                               const char *const *search,
                                               size_t nsearch, char *buf,
                                               size_t len);
/*
 * hostfiles_nameservers() - the addresses that the text of a resolv.conf
 * names, at most max; for the aliases at which the resolver must answer where
 * the app's file cannot be replaced. Returns their number.
 */
size_t hostfiles_nameservers(const char *text, size_t len, struct addr *out,
                             size_t max);

#endif
