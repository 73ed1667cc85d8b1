/* SPDX-License-Identifier: Apache-2.0 */
/* hostfiles.c - the host's resolv.conf and hosts, read and followed */
/*
 * A file is watched at each step of its chain of symlinks: the directory that
 * holds the link (or the file) for entries of that name, and the file itself,
 * since a bind-mounted one is written through another directory. Whatever
 * happened, the chain is walked anew and the text compared; so a lost or
 * spurious event costs a read and nothing else. Without inotify (the user's
 * instances are used up) a timer reads both every two seconds.
 */
#include "launch/hostfiles.h"

#include "base/cleanup.h"
#include "dns/resolv_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LINKS_MAX 8 /* the kernel's limit is 40; nobody needs that */
#define POLL_S 2

struct file {
	char path[PATH_MAX];
	char *text; /* HOSTFILES_TEXT_MAX bytes */
	size_t len;
	int watches[2 * LINKS_MAX];
	size_t nwatches;
};

struct hostfiles {
	int inotify_fd; /* -1: the timer stands in */
	int timer_fd;
	char *fresh; /* HOSTFILES_TEXT_MAX bytes, just read */
	struct file files[HOSTFILES_KINDS];
};

/* The text of path, at most HOSTFILES_TEXT_MAX bytes of whole lines; a FIFO
 * or device in its place is not read (it could block us). */
static size_t read_text(const char *path, char *buf)
{
	_auto_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	while (len < HOSTFILES_TEXT_MAX) {
		ssize_t n = read(fd, buf + len, HOSTFILES_TEXT_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return len;
		len += (size_t)n;
	}
	while (len && buf[len - 1] != '\n')
		len--;
	return len;
}

/*
 * "fe80::1%eth0" becomes "fe80::1%2   ": the datapath cannot look interfaces
 * up. What does not fit in place stays, and the server is left out.
 */
static void number_scopes(char *text, size_t len)
{
	char *end = text + len, *p = text, name[IF_NAMESIZE], digits[16];

	while ((p = memchr(p, '%', (size_t)(end - p)))) {
		size_t n = 0, used;

		p++;
		while (p + n < end && n < sizeof(name) - 1 &&
		       !strchr(" \t\r\n#;", p[n]))
			n++;
		memcpy(name, p, n);
		name[n] = '\0';
		used = (size_t)snprintf(digits, sizeof(digits), "%u",
		                        if_nametoindex(name));
		if (digits[0] != '0' && used <= n) {
			memset(p, ' ', n);
			memcpy(p, digits, used);
		}
	}
}

static void watch(struct hostfiles *h, struct file *f, const char *path,
                  uint32_t events)
{
	int wd = inotify_add_watch(h->inotify_fd, path, events | IN_MASK_ADD);

	if (wd >= 0 && f->nwatches < ARRAY_SIZE(f->watches))
		f->watches[f->nwatches++] = wd;
}

/* The directory part of path into dir. */
static void dir_of(const char *path, char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (!slash) {
		memcpy(dir, ".", 2);
		return;
	}
	if (!len)
		len = 1;
	memcpy(dir, path, len);
	dir[len] = '\0';
}

/* One link further: path becomes what it points to; false: it is no link. */
static bool follow(char *path)
{
	char target[PATH_MAX], dir[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	size_t dir_len;

	if (n <= 0)
		return false;
	target[n] = '\0';
	if (target[0] == '/') {
		memcpy(path, target, (size_t)n + 1);
		return true;
	}
	dir_of(path, dir);
	dir_len = strlen(dir);
	if (dir_len + 1 + (size_t)n >= PATH_MAX)
		return false;
	memcpy(path, dir, dir_len);
	path[dir_len] = '/';
	memcpy(path + dir_len + 1, target, (size_t)n + 1);
	return true;
}

/* Adds what is missing; watches of directories that are left go stale and
 * harm nobody: an event there is a read for nothing. */
static void watch_chain(struct hostfiles *h, struct file *f)
{
	char path[PATH_MAX], dir[PATH_MAX];

	if (h->inotify_fd < 0)
		return;
	memcpy(path, f->path, sizeof(path));
	f->nwatches = 0;
	for (int i = 0; i < LINKS_MAX; i++) {
		dir_of(path, dir);
		watch(h, f, dir,
		      IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
		              IN_CLOSE_WRITE | IN_ONLYDIR);
		if (!follow(path))
			break;
	}
	watch(h, f, path, IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF);
}

static bool read_again(struct hostfiles *h, struct file *f)
{
	size_t len;
	char *old;

	/* first the watches, then the text: no change falls in between */
	watch_chain(h, f);
	len = read_text(f->path, h->fresh);
	if (f == &h->files[HOSTFILES_RESOLV_CONF])
		number_scopes(h->fresh, len);
	if (len == f->len && !memcmp(h->fresh, f->text, len))
		return false;
	old = f->text;
	f->text = h->fresh;
	f->len = len;
	h->fresh = old;
	return true;
}

static int timer_open(void)
{
	const struct itimerspec every = {.it_interval.tv_sec = POLL_S,
	                                 .it_value.tv_sec = POLL_S};
	_auto_close_ int fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0)
		return -1;
	return fd_take(&fd);
}

struct hostfiles *hostfiles_open(const char *resolv_conf, const char *hosts)
{
	const char *const paths[HOSTFILES_KINDS] = {
		[HOSTFILES_RESOLV_CONF] =
			resolv_conf ? resolv_conf : "/etc/resolv.conf",
		[HOSTFILES_HOSTS] = hosts ? hosts : "/etc/hosts",
	};
	struct hostfiles *h = calloc(1, sizeof(*h));
	bool complete;

	if (!h)
		return NULL;
	h->timer_fd = -1;
	h->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (h->inotify_fd < 0)
		h->timer_fd = timer_open();
	h->fresh = malloc(HOSTFILES_TEXT_MAX);
	complete = h->fresh && (h->inotify_fd >= 0 || h->timer_fd >= 0);
	for (size_t i = 0; i < HOSTFILES_KINDS; i++) {
		struct file *f = &h->files[i];
		size_t len = strlen(paths[i]);

		f->text = malloc(HOSTFILES_TEXT_MAX);
		complete = complete && f->text && len < sizeof(f->path);
		if (!complete)
			break;
		memcpy(f->path, paths[i], len + 1);
		read_again(h, f);
	}
	if (complete)
		return h;
	hostfiles_close(h);
	return NULL;
}

void hostfiles_close(struct hostfiles *h)
{
	if (!h)
		return;
	fd_close(&h->inotify_fd);
	fd_close(&h->timer_fd);
	for (size_t i = 0; i < HOSTFILES_KINDS; i++)
		free(h->files[i].text);
	free(h->fresh);
	free(h);
}

const char *hostfiles_text(const struct hostfiles *h, enum hostfiles_kind kind,
                           size_t *len)
{
	*len = h->files[kind].len;
	return h->files[kind].text;
}

int hostfiles_fd(const struct hostfiles *h)
{
	return h->inotify_fd >= 0 ? h->inotify_fd : h->timer_fd;
}

static bool is_watch_of(const struct file *f, int wd)
{
	for (size_t i = 0; i < f->nwatches; i++)
		if (f->watches[i] == wd)
			return true;
	return false;
}

/* Which files may be others now, as bits; an overrun of the queue is all. */
static unsigned int drain(struct hostfiles *h)
{
	_Alignas(struct inotify_event) char buf[4096];
	unsigned int touched = 0;
	uint64_t ticks;
	ssize_t n;

	if (h->inotify_fd < 0)
		return read(h->timer_fd, &ticks, sizeof(ticks)) > 0 ? ~0u : 0;
	while ((n = read(h->inotify_fd, buf, sizeof(buf))) > 0) {
		const char *p = buf;

		while (p < buf + n) {
			struct inotify_event ev;

			memcpy(&ev, p, sizeof(ev));
			p += sizeof(ev) + ev.len;
			if (ev.mask & IN_Q_OVERFLOW)
				touched = ~0u;
			for (size_t i = 0; i < HOSTFILES_KINDS; i++)
				if (is_watch_of(&h->files[i], ev.wd))
					touched |= 1u << i;
		}
	}
	return touched;
}

void hostfiles_poll(struct hostfiles *h, hostfiles_changed *changed, void *user)
{
	unsigned int touched = drain(h);

	for (unsigned int i = 0; i < HOSTFILES_KINDS; i++) {
		struct file *f = &h->files[i];

		if (touched >> i & 1 && read_again(h, f))
			changed(user, (enum hostfiles_kind)i, f->text, f->len);
	}
}

/* --- for the app ------------------------------------------------------------
 */
struct text {
	char *buf;
	size_t cap, len;
	bool full;
};

static void put(struct text *t, const char *data, size_t len)
{
	if (t->full || t->cap - t->len < len) {
		t->full = true;
		return;
	}
	memcpy(t->buf + t->len, data, len);
	t->len += len;
}

static void put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void put_host_lines(struct text *t, const struct file *f,
                           bool with_search)
{
	const char *text = f->text;
	struct resolv_conf_line line;
	size_t len = f->len;

	while (resolv_conf_line(&text, &len, &line)) {
		bool search = resolv_conf_is(&line, "search") ||
		              resolv_conf_is(&line, "domain");

		if (!(search && with_search) &&
		    !resolv_conf_is(&line, "options") &&
		    !resolv_conf_is(&line, "sortlist"))
			continue;
		put(t, line.keyword, line.keyword_len);
		put_str(t, " ");
		put(t, line.rest, line.rest_len);
		put_str(t, "\n");
	}
}

ssize_t hostfiles_app_resolv_conf(const struct hostfiles *h,
                                  const struct addr *resolvers,
                                  size_t nresolvers, const char *const *search,
                                  size_t nsearch, char *buf, size_t len)
{
	struct text t = {.buf = buf, .cap = len};

	put_str(&t, "# made by postern; the host's file is followed\n");
	for (size_t i = 0; i < nresolvers; i++) {
		char addr[ADDR_TEXT_MAX];

		put_str(&t, "nameserver ");
		put_str(&t, addr_format(&resolvers[i], addr));
		put_str(&t, "\n");
	}
	if (nsearch) {
		put_str(&t, "search");
		for (size_t i = 0; i < nsearch; i++) {
			put_str(&t, " ");
			put_str(&t, search[i]);
		}
		put_str(&t, "\n");
	}
	put_host_lines(&t, &h->files[HOSTFILES_RESOLV_CONF], nsearch == 0);
	return t.full ? -ENOSPC : (ssize_t)t.len;
}

size_t hostfiles_nameservers(const char *text, size_t len, struct addr *out,
                             size_t max)
{
	struct endpoint servers[8];
	size_t kept = 0;
	size_t n = resolv_conf_servers(text, len, servers,
	                               MIN(max, ARRAY_SIZE(servers)));

	for (size_t i = 0; i < n; i++) {
		struct addr a = servers[i].addr;

		/* CMD has no such interface: it cannot ask there anyway */
		if (!resolv_conf_scope(&a))
			out[kept++] = a;
	}
	return kept;
}
