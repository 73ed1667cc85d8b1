/* SPDX-License-Identifier: Apache-2.0 */
/* reach.c - what a policy closes and leaves open on this machine */
/*
 * Every verdict is the matcher's, asked about what is really here: the host's
 * listeners in /proc/net/tcp, its addresses, and one address of each class.
 */
#include "cli/reach.h"

#include "base/cleanup.h"
#include "wire/headers.h"

#include <assert.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN 5 /* of a list; the rest is counted */

static const char *const verdict_names[] = {
	[REACH_CLOSED] = "closed",
	[REACH_PART] = "part",
	[REACH_OPEN] = "open",
};
static_assert(ARRAY_SIZE(verdict_names) == REACH_OPEN + 1, "one name each");

const char *reach_verdict_name(enum reach_verdict v)
{
	return verdict_names[v];
}

static bool passes(const struct policy *p, const struct endpoint *to,
                   uint8_t proto)
{
	struct policy_question q = {.host = *to, .proto = proto};
	struct policy_answer a;

	policy_decide(p, &q, &a);
	return a.action == POLICY_ALLOW;
}

/* struct tally - what of many is open, and the first of them by name */
struct tally {
	struct reach *r;
	size_t n, open;
};

static void count(struct tally *t, const char *text, bool open)
{
	size_t at = strlen(t->r->detail);

	t->n++;
	t->open += open;
	if (t->n <= SHOWN)
		snprintf(t->r->detail + at, sizeof(t->r->detail) - at, "%s%s%s",
		         at ? " " : "", text, open ? " (open)" : "");
	t->r->verdict = !t->open          ? REACH_CLOSED
	                : t->open == t->n ? REACH_OPEN
	                                  : REACH_PART;
}

static void say_rest(struct tally *t, const char *none)
{
	size_t at = strlen(t->r->detail);

	if (!t->n)
		snprintf(t->r->detail, sizeof(t->r->detail), "%s", none);
	else if (t->n > SHOWN)
		snprintf(t->r->detail + at, sizeof(t->r->detail) - at,
		         " and %zu more", t->n - SHOWN);
}

/* --- the host ---------------------------------------------------------------
 */

/* A line of /proc/net/tcp or tcp6: words of the address in host order. */
static bool parse_listener(const char *line, struct endpoint *e)
{
	char addr[33];
	unsigned int port, state;
	uint8_t raw[16];
	size_t len;

	if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", addr, &port,
	           &state) != 3 ||
	    state != 0x0a)
		return false;
	len = strlen(addr) / 2;
	if (len != 4 && len != 16)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		char word[9] = "";
		uint32_t v;

		memcpy(word, addr + 2 * i, 8);
		v = (uint32_t)strtoul(word, NULL, 16);
		memcpy(raw + i, &v, sizeof(v));
	}
	e->addr = len == 4 ? addr_from_ip4(raw) : addr_from_ip6(raw);
	e->port = (uint16_t)port;
	return true;
}

/* struct own - the host's addresses beyond its loopback; not of all of many */
struct own {
	struct addr addrs[64];
	size_t n;
};

static void list_own(struct own *own)
{
	struct ifaddrs *list, *i;

	own->n = 0;
	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i && own->n < ARRAY_SIZE(own->addrs); i = i->ifa_next) {
		struct endpoint e;

		if (i->ifa_addr &&
		    endpoint_from_sockaddr(i->ifa_addr,
		                           sizeof(struct sockaddr_storage),
		                           &e) == 0 &&
		    !addr_is_loopback(&e.addr))
			own->addrs[own->n++] = e.addr;
	}
	freeifaddrs(list);
}

/* One that listens everywhere is open where one of the addresses is. */
static bool passes_anywhere(const struct policy *p, const struct own *own,
                            uint16_t port)
{
	for (size_t i = 0; i < own->n; i++) {
		struct endpoint e = {own->addrs[i], port};

		if (passes(p, &e, IP_PROTO_TCP))
			return true;
	}
	return false;
}

static void look_at_listener(const struct policy *p, const struct own *own,
                             const struct endpoint *e, struct tally *loopback,
                             struct tally *services)
{
	bool everywhere = addr_is_unspecified(&e->addr);
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint to = *e;

	endpoint_format(e, text);
	if (everywhere)
		to.addr = addr_ip4(127, 0, 0, 1);
	if (addr_is_loopback(&to.addr))
		count(loopback, text, passes(p, &to, IP_PROTO_TCP));
	if (everywhere || !addr_is_loopback(&to.addr))
		count(services, text,
		      everywhere ? passes_anywhere(p, own, e->port)
		                 : passes(p, e, IP_PROTO_TCP));
}

static void look_at_listeners(const struct policy *p, const struct own *own,
                              struct reach *loopback, struct reach *services)
{
	static const char *const paths[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	struct tally of_loopback = {.r = loopback}, of_own = {.r = services};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_auto_fclose_ FILE *f = fopen(paths[i], "re");
		struct endpoint e;
		char line[256];

		while (f && fgets(line, sizeof(line), f))
			if (parse_listener(line, &e))
				look_at_listener(p, own, &e, &of_loopback,
				                 &of_own);
	}
	say_rest(&of_loopback, "nothing listens there");
	say_rest(&of_own, "nothing listens there");
}

static void look_at_addresses(const struct policy *p, const struct own *own,
                              struct reach *r)
{
	struct tally t = {.r = r};

	for (size_t i = 0; i < own->n; i++) {
		struct endpoint e = {own->addrs[i], 80};
		char text[ADDR_TEXT_MAX];

		count(&t, addr_format(&e.addr, text),
		      passes(p, &e, IP_PROTO_TCP));
	}
	say_rest(&t, "there is none");
}

/* Names of the host's that hang in its network namespace, not in a folder. */
static void look_at_abstract(struct reach *r)
{
	_auto_fclose_ FILE *f = fopen("/proc/net/unix", "re");
	char line[512];
	size_t n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, " @") != NULL;
	snprintf(r->detail, sizeof(r->detail), "%zu of the host's", n);
}

/* --- the rest of the world --------------------------------------------------
 */

/* One address and port of a class stand for it; rules may open a part. */
static void look_at_class(const struct policy *p, struct reach *r,
                          const char *addr, uint8_t proto, bool may_be_open)
{
	struct endpoint e = {.port = 80};
	uint32_t allows = 0;

	if (addr_parse(addr, &e.addr) < 0)
		return;
	if (passes(p, &e, proto))
		r->verdict = REACH_OPEN;
	if (r->verdict == REACH_OPEN || !may_be_open)
		return;
	for (uint32_t i = 1; i <= policy_rule_count(p); i++)
		allows += !strncmp(policy_rule_text(p, i), "allow ", 6);
	if (allows)
		snprintf(r->detail, sizeof(r->detail),
		         "but for what the %" PRIu32 " allow rules open",
		         allows);
}

void reach_look(const struct policy *p, struct reach out[REACHES])
{
	static const char *const names[REACHES] = {
		"host-loopback", "own-addresses", "own-services",
		"metadata",      "link-local",    "multicast",
		"private",       "internet",      "abstract-sockets",
	};
	struct own own;

	memset(out, 0, REACHES * sizeof(*out));
	for (size_t i = 0; i < REACHES; i++)
		out[i].name = names[i];
	list_own(&own);
	look_at_listeners(p, &own, &out[0], &out[2]);
	look_at_addresses(p, &own, &out[1]);
	look_at_class(p, &out[3], "169.254.169.254", IP_PROTO_TCP, false);
	look_at_class(p, &out[4], "169.254.1.1", IP_PROTO_TCP, false);
	look_at_class(p, &out[5], "224.0.0.251", IP_PROTO_UDP, false);
	look_at_class(p, &out[6], "10.1.2.3", IP_PROTO_TCP, true);
	look_at_class(p, &out[7], "1.1.1.1", IP_PROTO_TCP, true);
	look_at_abstract(&out[8]);
}

/* --- ways around --------------------------------------------------------- */

/* Those without a leading slash are below $XDG_RUNTIME_DIR. */
static const struct {
	const char *path, *what;
} doors[] = {
	{"/run/docker.sock", "docker"},
	{"/run/podman/podman.sock", "podman"},
	{"/run/containerd/containerd.sock", "containerd"},
	{"/run/crio/crio.sock", "cri-o"},
	{"/run/buildkit/buildkitd.sock", "buildkit"},
	{"/run/libvirt/libvirt-sock", "libvirt"},
	{"/var/snap/lxd/common/lxd/unix.socket", "lxd"},
	{"/run/incus/unix.socket", "incus"},
	{"/run/snapd.socket", "snapd"},
	{"/run/dbus/system_bus_socket", "the system D-Bus"},
	{"/run/systemd/private", "systemd"},
	{"/tmp/.X11-unix/X0", "the X display"},
	{"docker.sock", "docker"},
	{"podman/podman.sock", "podman"},
	{"buildkit/buildkitd.sock", "buildkit"},
	{"bus", "the session D-Bus"},
	{"systemd/private", "the user's systemd"},
	{"keyring/ssh", "the keyring's ssh-agent"},
	{"gnupg/S.gpg-agent.ssh", "gpg's ssh-agent"},
	{"gnupg/S.gpg-agent", "the gpg-agent"},
	{"wayland-0", "the Wayland display"},
};

/* The others are named by the environment, as a path or behind "unix:". */
static const struct {
	const char *variable, *what;
} named_doors[] = {
	{"SSH_AUTH_SOCK", "the ssh-agent"},
	{"DOCKER_HOST", "docker"},
	{"DBUS_SESSION_BUS_ADDRESS", "the session D-Bus"},
};
static_assert(ARRAY_SIZE(doors) + ARRAY_SIZE(named_doors) == REACH_DOORS,
              "all of them are asked about");

/* "/a", "unix:///a", "unix:path=/a,guid=b" -> "/a" */
static void path_of_address(const char *text, char *buf, size_t len)
{
	const char *slash = text ? strchr(text, '/') : NULL;

	while (slash && slash[1] == '/')
		slash++;
	snprintf(buf, len, "%s", slash ? slash : "");
	buf[strcspn(buf, ",;")] = '\0';
}

const char *reach_door(size_t i, char *buf, size_t len)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *what;
	struct stat st;
	char at[32];

	/* sudo and cron forget to say */
	snprintf(at, sizeof(at), "/run/user/%u", (unsigned int)getuid());
	if (!runtime || !*runtime)
		runtime = at;
	if (i < ARRAY_SIZE(doors)) {
		what = doors[i].what;
		snprintf(buf, len, "%s%s%s",
		         doors[i].path[0] == '/' ? "" : runtime,
		         doors[i].path[0] == '/' ? "" : "/", doors[i].path);
	} else {
		i -= ARRAY_SIZE(doors);
		what = named_doors[i].what;
		path_of_address(getenv(named_doors[i].variable), buf, len);
	}
	if (stat(buf, &st) < 0 || !S_ISSOCK(st.st_mode) ||
	    access(buf, W_OK) < 0)
		return NULL;
	return what;
}
