/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.h - names that are known without asking: hosts(5), --add-host */
#ifndef DNS_HOSTS_H
#define DNS_HOSTS_H

#include "base/addr.h"
#include "base/siphash.h"
#include "dns/message.h"

/* One line of hosts(5) is one entry a name; the first name of a line is the
 * one its address is called. Fields are read-only outside. */
struct hosts_entry {
	struct addr addr;
	uint32_t name; /* offset of the canonical text, NUL-terminated */
	uint32_t next; /* index + 1 of the next entry in the hash chain */
	bool first;
};

struct hosts;

/* hosts_new() - at most max entries, and 64 bytes of names each on average;
 * what does not fit is left out. No malloc later. NULL: out of memory. */
struct hosts *hosts_new(size_t max, const struct siphash_key *key);
void hosts_free(struct hosts *h);
void hosts_clear(struct hosts *h);
/* hosts_add() - 0, -EINVAL for a name that is none, -ENOSPC */
_must_check_ int hosts_add(struct hosts *h, const char *name, size_t len,
                           const struct addr *a, bool first);
/* hosts_parse() - replaces all by what the text says; odd lines are skipped,
 * as glibc does. */
void hosts_parse(struct hosts *h, const char *text, size_t len);
/*
 * hosts_find() - the first entry of a canonical name after `after` (NULL: from
 * the start), or NULL.
 */
const struct hosts_entry *hosts_find(const struct hosts *h, const char *name,
                                     const struct hosts_entry *after);
/* hosts_each() - every entry: its canonical name and address */
typedef void hosts_each_fn(void *user, const char *name, const struct addr *a);
void hosts_each(const struct hosts *h, hosts_each_fn *fn, void *user);
/* hosts_name_of() - what an address is called, or NULL */
const char *hosts_name_of(const struct hosts *h, const struct addr *a);

#endif
