/* SPDX-License-Identifier: Apache-2.0 */
/* setters.c - what a written option does, one function a row */
#include "cli/setters.h"
#include "base/cleanup.h"
#include "base/nearest.h"
#include "cli/evidence.h"
#include "cli/rules.h"
#include "policy/names.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

/* Which of "a|b|c" it is; check_choice() has seen that it is one. */
static unsigned int choice_index(const char *choices, const char *value)
{
	unsigned int i = 0;
	size_t len = strlen(value);

	for (const char *s = choices; *s; i++) {
		size_t n = strcspn(s, "|");

		if (n == len && !strncmp(s, value, n))
			break;
		s += n + (s[n] == '|');
	}
	return i;
}

int set_network(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	(void)err;
	c->network = (enum cli_network)choice_index(o->choices, value);
	return 0;
}

int set_frontend(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	(void)err;
	c->config.frontend =
		(enum frontend_choice)choice_index(o->choices, value);
	c->config.frontend_forced = c->config.frontend != FRONTEND_AUTO;
	return 0;
}

int set_link(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	(void)err;
	c->config.link = (enum link_choice)choice_index(o->choices, value);
	return 0;
}

int set_sockets(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	(void)err;
	c->config.sockets_direct = choice_index(o->choices, value) == 1;
	return 0;
}

int set_interfaces(struct cli *c, const struct option *o, const char *value,
                   struct error *err)
{
	(void)err;
	c->config.lo_only = choice_index(o->choices, value) == 1;
	return 0;
}

int set_allow_unix(struct cli *c, const struct option *o, const char *value,
                   struct error *err)
{
	struct sandbox_config *k = &c->config;

	(void)o;
	if (*value != '/')
		return error_set(err, -EINVAL,
		                 "--allow-unix %s: write the whole path, "
		                 "/...",
		                 value);
	/* it is held from the start on: unix_paths.c */
	if (access(value, F_OK) < 0)
		return error_set(err, -errno, "--allow-unix %s: ", value);
	if (k->nallow_unix == ARRAY_SIZE(k->allow_unix))
		return error_set(err, -E2BIG,
		                 "--allow-unix: no more than %d of them",
		                 CONFIG_UNIX_MAX);
	k->allow_unix[k->nallow_unix++] = value;
	return 0;
}

int set_require(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	static const char *const words[] = {"link", "sockets", "netns", "dns",
	                                    "policy"};
	bool *const flags[] = {&c->config.require_link,
	                       &c->config.require_sockets,
	                       &c->config.require_netns, &c->config.require_dns,
	                       &c->require_policy};

	(void)o;
	for (const char *s = value; *s;) {
		size_t len = strcspn(s, ","), i;
		char word[32];
		const char *near;

		snprintf(word, sizeof(word), "%.*s", (int)MIN(len, 31u), s);
		for (i = 0; i < ARRAY_SIZE(words); i++)
			if (!strcmp(word, words[i]))
				break;
		if (i == ARRAY_SIZE(words)) {
			near = nearest_word(word, words, ARRAY_SIZE(words));
			return error_set(
				err, -EINVAL,
				near ? "--require %s: did you mean %s?"
				     : "--require %s: it takes link, sockets, "
				       "netns, dns, policy%s",
				word, near ? near : "");
		}
		*flags[i] = true;
		s += len + (s[len] == ',');
	}
	return 0;
}

/* --- policy -------------------------------------------------------------- */

int set_allow(struct cli *c, const struct option *o, const char *value,
              struct error *err)
{
	(void)o;
	return rules_add(c->policy, POLICY_ALLOW, value, err);
}

int set_deny(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	(void)o;
	return rules_add(c->policy, POLICY_DENY, value, err);
}

int set_policy(struct cli *c, const struct option *o, const char *value,
               struct error *err)
{
	(void)o;
	return rules_load(c->policy, value, err);
}

int set_offline(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	(void)o;
	(void)err;
	c->config.offline = !strcmp(value, "true");
	return 0;
}

/* --- names and addresses ------------------------------------------------- */

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. */
static int parse_server(const char *value, struct endpoint *out)
{
	struct policy_target t;

	if (policy_target_parse(value, &t, NULL) < 0 || t.len != 128 ||
	    t.kind != POLICY_TARGET_PREFIX || t.has_proto ||
	    (t.has_port && t.first != t.last))
		return -EINVAL;
	out->addr = t.prefix;
	out->port = t.has_port ? t.first : 53;
	return 0;
}

int set_dns(struct cli *c, const struct option *o, const char *value,
            struct error *err)
{
	(void)o;
	if (c->config.ndns == CONFIG_DNS_MAX)
		return error_set(err, -E2BIG, "more than %d --dns",
		                 CONFIG_DNS_MAX);
	if (parse_server(value, &c->config.dns[c->config.ndns]) < 0)
		return error_set(err, -EINVAL,
		                 "--dns %s: not an address; write 192.0.2.1, "
		                 "192.0.2.1:5353 or [2001:db8::1]:53",
		                 value);
	c->config.ndns++;
	return 0;
}

int set_dns_search(struct cli *c, const struct option *o, const char *value,
                   struct error *err)
{
	char name[POLICY_NAME_MAX + 1];
	int rc = policy_name_canonical(value, strlen(value), name, err);

	(void)o;
	if (rc < 0) {
		error_prefix(err, "--dns-search %s: ", value);
		return rc;
	}
	if (c->config.ndns_search == CONFIG_DNS_SEARCH_MAX)
		return error_set(err, -E2BIG, "more than %d --dns-search",
		                 CONFIG_DNS_SEARCH_MAX);
	c->config.dns_search[c->config.ndns_search++] = value;
	return 0;
}

int set_dns_deny(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	(void)err;
	c->config.dns_refused = choice_index(o->choices, value) == 1;
	return 0;
}

int set_tls_names(struct cli *c, const struct option *o, const char *value,
                  struct error *err)
{
	static const enum tls_names modes[] = {TLS_NAMES_DNS, TLS_NAMES_STRICT,
	                                       TLS_NAMES_OFF};

	(void)err;
	c->config.tls_names = modes[choice_index(o->choices, value)];
	return 0;
}

int set_add_host(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	size_t len = strcspn(value, ":="), alen;
	const char *text = value + len + (value[len] != '\0');
	struct config_host *host;
	char addr[ADDR_TEXT_MAX];
	struct error name_err = {0};

	(void)o;
	if (c->config.nhosts == CONFIG_HOSTS_MAX)
		return error_set(err, -E2BIG, "more than %d --add-host",
		                 CONFIG_HOSTS_MAX);
	host = &c->hosts[c->config.nhosts];
	alen = strlen(text);
	if (text[0] == '[' && text[alen - 1] == ']') {
		text++;
		alen -= 2;
	}
	if (!value[len] || alen >= sizeof(addr))
		return error_set(err, -EINVAL,
		                 "--add-host %s: write NAME:ADDRESS", value);
	if (policy_name_canonical(value, len, host->name, &name_err) < 0)
		return error_set(err, -EINVAL, "--add-host %s: %s", value,
		                 name_err.text);
	snprintf(addr, sizeof(addr), "%.*s", (int)alen, text);
	if (addr_parse(addr, &host->addr) < 0)
		return error_set(err, -EINVAL,
		                 "--add-host %s: \"%s\" is not an address; "
		                 "write NAME:ADDRESS",
		                 value, text);
	c->config.hosts = c->hosts;
	c->config.nhosts++;
	return 0;
}

/* ADDRESS/LENGTH of the family; *addr keeps the bits beyond the prefix. */
static int parse_cidr(const char *value, bool ip4, struct addr *addr,
                      unsigned int *len)
{
	size_t n = strcspn(value, "/");
	char text[ADDR_TEXT_MAX];
	int64_t bits;

	if (!value[n] || n >= sizeof(text))
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", (int)n, value);
	if (addr_parse(text, addr) < 0 || addr_is_ip4(addr) != ip4 ||
	    option_parse_number(value + n + 1, 0, ip4 ? 32 : 128, &bits) < 0)
		return -EINVAL;
	*len = (unsigned int)bits;
	return 0;
}

/* The number in the last 16 bits that are not of the prefix. */
static unsigned int host_part(const struct addr *a, unsigned int len)
{
	unsigned int part = (unsigned int)(a->b[14] << 8 | a->b[15]);

	return len >= 112 ? part & ((1u << (128 - len)) - 1) : part;
}

/* Are all bits beyond len zero? */
static bool is_network(const struct addr *a, unsigned int len)
{
	struct addr net = *a;

	for (unsigned int i = len; i < 128; i++)
		net.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return addr_equal(&net, a);
}

int set_cidr(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	struct addr a;
	unsigned int len, part;

	(void)o;
	if (parse_cidr(value, true, &a, &len) < 0)
		return error_set(err, -EINVAL,
		                 "--cidr %s: write a network such as "
		                 "10.0.2.0/24",
		                 value);
	if (len < 8 || len > 25)
		return error_set(err, -EINVAL,
		                 "--cidr %s: the prefix length must be 8 to "
		                 "25: .2, .3 and .100 must lie within",
		                 value);
	if (is_network(&a, 96 + len))
		a.b[15] = (uint8_t)(a.b[15] + 100);
	part = host_part(&a, 96 + len);
	if (part == 2 || part == 3 ||
	    part == (len >= 16 ? (1u << (32 - len)) - 1 : UINT16_MAX))
		return error_set(err, -EINVAL,
		                 "--cidr %s: .2 is the gateway's, .3 the "
		                 "resolver's and the last the broadcast "
		                 "address; choose another",
		                 value);
	c->config.cidr4 = a;
	c->config.prefix4 = len;
	c->config.cidr4_given = true;
	return 0;
}

int set_cidr6(struct cli *c, const struct option *o, const char *value,
              struct error *err)
{
	struct addr a;
	unsigned int len, part;

	(void)o;
	if (parse_cidr(value, false, &a, &len) < 0 || len < 8 || len > 112)
		return error_set(err, -EINVAL,
		                 "--cidr6 %s: write a network such as "
		                 "fd00::/64, of 8 to 112 bits",
		                 value);
	if (is_network(&a, len))
		a.b[14] = 1; /* ::100 */
	part = host_part(&a, len);
	if (part == 2 || part == 3)
		return error_set(err, -EINVAL,
		                 "--cidr6 %s: ::2 is the gateway's and ::3 "
		                 "the resolver's; choose another",
		                 value);
	c->config.cidr6 = a;
	c->config.prefix6 = len;
	c->config.cidr6_given = true;
	return 0;
}

/* runsc's -ip: the app's address, in a /24 */
int set_ip(struct cli *c, const struct option *o, const char *value,
           struct error *err)
{
	char cidr[ADDR_TEXT_MAX + 4];
	struct addr a;

	if (addr_parse(value, &a) < 0 || !addr_is_ip4(&a) || !a.b[15])
		return error_set(err, -EINVAL,
		                 "-ip=%s: write an IPv4 address such as "
		                 "192.168.10.2",
		                 value);
	/* runsc's default ends in .2, which is the gateway here */
	if (a.b[15] == 2 || a.b[15] == 3 || a.b[15] == 255)
		return error_set(err, -EINVAL,
		                 "-ip=%s: .2 and .3 of the /24 are the "
		                 "gateway's and the resolver's; write "
		                 "-ip=%u.%u.%u.100",
		                 value, a.b[12], a.b[13], a.b[14]);
	snprintf(cidr, sizeof(cidr), "%s/24", value);
	return set_cidr(c, o, cidr, err);
}

int set_mtu(struct cli *c, const struct option *o, const char *value,
            struct error *err)
{
	int64_t v;

	(void)o;
	if (option_parse_number(value, 576, 65521, &v) < 0)
		return error_set(err, -EINVAL,
		                 "--mtu %s: write a number of bytes, 1280 to "
		                 "65521 (576 with --ipv4-only)",
		                 value);
	c->config.mtu = (unsigned int)v;
	return 0;
}

int set_ifname(struct cli *c, const struct option *o, const char *value,
               struct error *err)
{
	size_t len = strlen(value);
	bool good = len && len < IF_NAMESIZE && strcmp(value, ".") &&
	            strcmp(value, "..") && strcmp(value, "lo");

	(void)o;
	for (const char *s = value; *s; s++)
		if (!isgraph((unsigned char)*s) || strchr("/:%", *s))
			good = false;
	if (!good)
		return error_set(err, -EINVAL,
		                 "--ifname %s: write at most %d letters and "
		                 "digits, and not lo",
		                 value, IF_NAMESIZE - 1);
	memcpy(c->config.ifname, value, len + 1);
	return 0;
}

int set_ip4_only(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	(void)o;
	(void)err;
	c->config.ip4_only = !strcmp(value, "true");
	if (c->config.ip4_only)
		c->config.ip6_only = false; /* the last one wins */
	return 0;
}

int set_ip6_only(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	(void)o;
	(void)err;
	c->config.ip6_only = !strcmp(value, "true");
	if (c->config.ip6_only)
		c->config.ip4_only = false;
	return 0;
}

/* --- the program --------------------------------------------------------- */

int set_preserve_fds(struct cli *c, const struct option *o, const char *value,
                     struct error *err)
{
	int64_t v;

	(void)o;
	if (option_parse_number(value, 0, 1 << 20, &v) < 0)
		return error_set(err, -EINVAL,
		                 "--preserve-fds %s: write how many "
		                 "descriptors above 2 CMD keeps",
		                 value);
	c->config.preserve_fds = (unsigned int)v;
	c->config.preserve_fds_given = true;
	return 0;
}

/* A descriptor that the caller reads the other end of. */
int set_write_fd(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	int64_t v;
	int flags, fd;

	if (option_parse_number(value, 0, 1 << 20, &v) < 0)
		return error_set(err, -EINVAL,
		                 "--%s %s: write the number of an open "
		                 "descriptor",
		                 o->name, value);
	flags = fcntl((int)v, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return error_set(err, -EBADF,
		                 "--%s %s: this descriptor is not open for "
		                 "writing",
		                 o->name, value);
	/* those of stdio are CMD's alone once it runs: then a copy of it */
	fd = v > 2 ? (int)v : fcntl((int)v, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_set(err, -errno, "--%s %s: ", o->name, value);
	memcpy((char *)c + o->at, &fd, sizeof(fd));
	return 0;
}

int set_max_flows(struct cli *c, const struct option *o, const char *value,
                  struct error *err)
{
	int64_t v;

	(void)o;
	if (option_parse_number(value, 16, 1 << 20, &v) < 0)
		return error_set(err, -EINVAL,
		                 "--max-flows %s: write a number, 16 to "
		                 "1048576",
		                 value);
	c->config.max_flows = (size_t)v;
	return 0;
}

/* "CID HID SIZE[,CID HID SIZE...]" */
static int parse_id_map(const struct option *o, const char *value,
                        struct id_map_entry *map, size_t *n, struct error *err)
{
	for (const char *s = value;;) {
		size_t len = strcspn(s, ",");
		char entry[64], end;
		struct id_map_entry *e;

		if (*n == CONFIG_IDMAP_MAX)
			return error_set(err, -E2BIG,
			                 "-%s: more than %d entries", o->name,
			                 CONFIG_IDMAP_MAX);
		e = &map[*n];
		snprintf(entry, sizeof(entry), "%.*s", (int)MIN(len, 63u), s);
		if (strpbrk(entry, "-+") ||
		    sscanf(entry, "%u %u %u %c", &e->inside, &e->outside,
		           &e->count, &end) != 3 ||
		    !e->count || e->inside > UINT32_MAX - e->count ||
		    e->outside > UINT32_MAX - e->count)
			return error_set(err, -EINVAL,
			                 "-%s=%s: write \"INSIDE OUTSIDE "
			                 "COUNT[,...]\", such as \"0 1000 1\"",
			                 o->name, value);
		(*n)++;
		if (!s[len])
			return 0;
		s += len + 1;
	}
}

int set_uid_map(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	return parse_id_map(o, value, c->config.uid_map, &c->config.nuid_map,
	                    err);
}

int set_gid_map(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	return parse_id_map(o, value, c->config.gid_map, &c->config.ngid_map,
	                    err);
}

int set_cwd(struct cli *c, const struct option *o, const char *value,
            struct error *err)
{
	(void)o;
	(void)err;
	c->config.cwd = value;
	return 0;
}

/* runsc's -volume: what is mounted on itself needs no mount */
int set_volume(struct cli *c, const struct option *o, const char *value,
               struct error *err)
{
	size_t len = strcspn(value, ":");

	(void)o;
	(void)err;
	if (value[len] && strcmp(value + len + 1, "") &&
	    (strlen(value + len + 1) != len ||
	     strncmp(value, value + len + 1, len) != 0))
		c->moved_volume = value; /* runsc_refusals() */
	return 0;
}

/* --- evidence ------------------------------------------------------------ */

/* A plain text: the string at o->at is value. */
int set_text(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	(void)err;
	*(const char **)(void *)((char *)c + o->at) = value;
	return 0;
}

int set_log(struct cli *c, const struct option *o, const char *value,
            struct error *err)
{
	(void)o;
	return evidence_log_open(c, value, err);
}

int set_report(struct cli *c, const struct option *o, const char *value,
               struct error *err)
{
	static const enum report_format formats[] = {
		REPORT_TEXT, REPORT_TEXT, REPORT_JSON, REPORT_MD, REPORT_HTML};

	(void)err;
	c->report = true;
	c->report_format = formats[choice_index(o->choices, value)];
	return 0;
}

int set_pcap(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	return evidence_pcap_open(c, o->name, value, err);
}

/* --- descriptors that bring something ------------------------------------ */

int option_parse_fd(const struct option *o, const char *value,
                    struct error *err)
{
	int64_t v;

	if (option_parse_number(value, 0, INT_MAX, &v) < 0 ||
	    fcntl((int)v, F_GETFD) < 0)
		return error_set(err, -EBADF,
		                 "--%s %s: write the number of an open "
		                 "descriptor",
		                 o->name, value);
	return (int)v;
}

int set_block_fd(struct cli *c, const struct option *o, const char *value,
                 struct error *err)
{
	int fd = option_parse_fd(o, value, err);

	if (fd < 0)
		return fd;
	c->block_fd = fd;
	return 0;
}
