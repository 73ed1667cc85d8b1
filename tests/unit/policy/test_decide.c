/* SPDX-License-Identifier: Apache-2.0 */
/* test_decide.c - decisions by table: defaults, rules, classes, clothes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int decisions;

/* "allow X", "deny X" or "offline", "own ADDRESS"; NULL-terminated */
static struct policy *policy_of(const char *const *rules)
{
	struct policy *p = policy_new();
	struct addr own[8];
	size_t own_n = 0;

	for (; *rules; rules++) {
		const char *text = strchr(*rules, ' ');
		struct error err = {0};
		int rc = 0;

		if (!strcmp(*rules, "offline"))
			policy_set_offline(p, true);
		else if (!strncmp(*rules, "own ", 4))
			rc = addr_parse(text + 1, &own[own_n++]);
		else
			rc = policy_add(
				p, **rules == 'a' ? POLICY_ALLOW : POLICY_DENY,
				text + 1, &err);
		if (rc < 0)
			fail_msg("%s: %s", *rules, err.text);
	}
	assert_int_equal(policy_set_own(p, own, own_n), 0);
	return p;
}

static void decide(const struct policy *p, const char *addr, uint16_t port,
                   uint8_t proto, struct policy_answer *a)
{
	struct policy_question q = {.host.port = port, .proto = proto};

	if (addr_parse(addr, &q.host.addr) < 0)
		fail_msg("%s is no address", addr);
	policy_decide(p, &q, a);
	decisions++;
	assert_non_null(a->reason);
	if (a->rule)
		assert_true(a->rule <= policy_rule_count(p));
}

/* --- one row a decision -------------------------------------------------- */

struct row {
	const char *rules[6];
	const char *addr;
	uint16_t port;
	uint8_t proto;
	char want; /* 'a', 'd' */
	uint32_t rule;
	enum policy_class cls;
};

#define T IP_PROTO_TCP
#define U IP_PROTO_UDP
#define I IP_PROTO_ICMP
#define OPEN POLICY_CLASS_OPEN
#define LOOP POLICY_CLASS_LOOPBACK
#define OWN POLICY_CLASS_OWN
#define META POLICY_CLASS_METADATA
#define LINK POLICY_CLASS_LINK_LOCAL
#define MULTI POLICY_CLASS_MULTICAST

static const struct row rows[] = {
	/* without a rule: open but for the closed classes */
	{{0}, "1.1.1.1", 443, T, 'a', 0, OPEN},
	{{0}, "1.1.1.1", 443, U, 'a', 0, OPEN},
	{{0}, "1.1.1.1", 0, I, 'a', 0, OPEN},
	{{0}, "2606:4700::1111", 443, T, 'a', 0, OPEN},
	{{0}, "2606:4700::1111", 0, IP_PROTO_ICMP6, 'a', 0, OPEN},
	{{0}, "10.0.0.1", 22, T, 'a', 0, OPEN},
	{{0}, "192.168.1.1", 22, T, 'a', 0, OPEN},
	{{0}, "fd00:1::1", 22, T, 'a', 0, OPEN},
	{{0}, "1.1.1.1", 443, 132, 'd', 0, OPEN}, /* SCTP */
	{{0}, "127.0.0.1", 80, T, 'd', 0, LOOP},
	{{0}, "127.0.0.1", 80, U, 'd', 0, LOOP},
	{{0}, "127.0.0.1", 0, I, 'd', 0, LOOP},
	{{0}, "127.0.0.2", 80, T, 'd', 0, LOOP},
	{{0}, "127.255.255.254", 80, T, 'd', 0, LOOP},
	{{0}, "127.255.255.255", 80, T, 'd', 0, LOOP},
	{{0}, "126.255.255.255", 80, T, 'a', 0, OPEN},
	{{0}, "128.0.0.1", 80, T, 'a', 0, OPEN},
	{{0}, "::1", 80, T, 'd', 0, LOOP},
	{{0}, "0.0.0.0", 80, T, 'd', 0, LOOP},
	{{0}, "0.1.2.3", 80, T, 'd', 0, LOOP},
	{{0}, "::", 80, T, 'd', 0, LOOP},
	{{0}, "169.254.1.1", 80, T, 'd', 0, LINK},
	{{0}, "169.253.255.255", 80, T, 'a', 0, OPEN},
	{{0}, "169.255.0.0", 80, T, 'a', 0, OPEN},
	{{0}, "fe80::1", 80, T, 'd', 0, LINK},
	{{0}, "febf::1", 80, T, 'd', 0, LINK},
	{{0}, "fec0::1", 80, T, 'a', 0, OPEN},
	{{0}, "169.254.169.254", 80, T, 'd', 0, META},
	{{0}, "169.254.169.253", 80, T, 'd', 0, LINK},
	{{0}, "100.100.100.200", 80, T, 'd', 0, META},
	{{0}, "100.100.100.199", 80, T, 'a', 0, OPEN},
	{{0}, "168.63.129.16", 80, T, 'd', 0, META},
	{{0}, "168.63.129.17", 80, T, 'a', 0, OPEN},
	{{0}, "192.0.0.192", 80, T, 'd', 0, META},
	{{0}, "192.0.0.193", 80, T, 'a', 0, OPEN},
	{{0}, "fd00:ec2::254", 80, T, 'd', 0, META},
	{{0}, "fd00:ec2:ffff::1", 80, T, 'd', 0, META},
	{{0}, "fd00:ec3::254", 80, T, 'a', 0, OPEN},
	{{0}, "fd20:ce::254", 80, T, 'd', 0, META},
	{{0}, "fd00:c1::a9fe:a9fe", 80, T, 'd', 0, META},
	{{0}, "fd00:42::42", 80, T, 'd', 0, META},
	{{0}, "224.0.0.1", 5353, U, 'd', 0, MULTI},
	{{0}, "224.0.0.251", 5353, U, 'd', 0, MULTI},
	{{0}, "239.1.2.3", 5000, U, 'd', 0, MULTI},
	{{0}, "223.255.255.255", 80, T, 'a', 0, OPEN},
	{{0}, "240.0.0.1", 80, T, 'd', 0, MULTI},
	{{0}, "255.255.255.255", 67, U, 'd', 0, MULTI},
	{{0}, "ff02::fb", 5353, U, 'd', 0, MULTI},
	{{0}, "ff05::2", 5353, U, 'd', 0, MULTI},
	{{"own 192.0.2.7"}, "192.0.2.7", 22, T, 'd', 0, OWN},
	{{"own 192.0.2.7"}, "192.0.2.8", 22, T, 'a', 0, OPEN},
	{{"own 2001:db8::7"}, "2001:db8::7", 22, T, 'd', 0, OWN},
	{{"own 127.0.0.1"}, "127.0.0.1", 22, T, 'd', 0, LOOP},
	{{"own fe80::7"}, "fe80::7", 22, T, 'd', 0, OWN},
	{{"own 10.0.0.7", "own 10.0.0.5", "own 10.0.0.6"},
         "10.0.0.5",
         22,
         T,
         'd',
         0,
         OWN},

	/* the first allow denies the rest */
	{{"allow 192.0.2.1:443"}, "192.0.2.1", 443, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1:443"}, "192.0.2.1", 443, U, 'a', 1, OPEN},
	{{"allow 192.0.2.1:443"}, "192.0.2.1", 442, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443"}, "192.0.2.1", 444, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443"}, "192.0.2.1", 0, I, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443"}, "192.0.2.2", 443, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443"}, "2001:db8::1", 443, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443/tcp"}, "192.0.2.1", 443, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1:443/tcp"}, "192.0.2.1", 443, U, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443/udp"}, "192.0.2.1", 443, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1:443/udp"}, "192.0.2.1", 443, U, 'a', 1, OPEN},
	{{"allow 192.0.2.1"}, "192.0.2.1", 1, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1"}, "192.0.2.1", 65535, U, 'a', 1, OPEN},
	{{"allow 192.0.2.1"}, "192.0.2.1", 0, I, 'a', 1, OPEN},
	{{"allow 192.0.2.1/icmp"}, "192.0.2.1", 0, I, 'a', 1, OPEN},
	{{"allow 192.0.2.1/icmp"}, "192.0.2.1", 80, T, 'd', 0, OPEN},
	{{"allow 2001:db8::1/icmp"},
         "2001:db8::1",
         7,
         IP_PROTO_ICMP6,
         'a',
         1,
         OPEN},
	{{"allow 192.0.2.1/tcp"}, "192.0.2.1", 80, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1/tcp"}, "192.0.2.1", 0, I, 'd', 0, OPEN},
	{{"allow 192.0.2.1:80-90"}, "192.0.2.1", 79, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1:80-90"}, "192.0.2.1", 80, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1:80-90"}, "192.0.2.1", 90, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1:80-90"}, "192.0.2.1", 91, T, 'd', 0, OPEN},
	{{"allow [2001:db8::1]:443"}, "2001:db8::1", 443, T, 'a', 1, OPEN},
	{{"allow [2001:db8::1]:443"}, "2001:db8::2", 443, T, 'd', 0, OPEN},
	{{"allow [2001:db8::/32]:443"}, "2001:db8:ff::2", 443, T, 'a', 1, OPEN},
	{{"allow 2001:db8::/32"}, "2001:db9::", 443, T, 'd', 0, OPEN},
	{{"allow 10.0.0.0/8"}, "10.255.255.255", 443, T, 'a', 1, OPEN},
	{{"allow 10.0.0.0/8"}, "11.0.0.0", 443, T, 'd', 0, OPEN},
	{{"allow 10.0.0.0/8"}, "9.255.255.255", 443, T, 'd', 0, OPEN},
	{{"allow 0.0.0.0/0"}, "1.2.3.4", 443, T, 'a', 1, OPEN},
	{{"allow 0.0.0.0/0"}, "2001:db8::1", 443, T, 'd', 0, OPEN},
	{{"allow ::/0"}, "2001:db8::1", 443, T, 'a', 1, OPEN},
	{{"allow ::/0"}, "1.2.3.4", 443, T, 'd', 0, OPEN},

	/* deny wins, in any order, and alone flips nothing */
	{{"deny 192.0.2.1"}, "192.0.2.1", 80, T, 'd', 1, OPEN},
	{{"deny 192.0.2.1"}, "192.0.2.2", 80, T, 'a', 0, OPEN},
	{{"deny 192.0.2.1:80"}, "192.0.2.1", 81, T, 'a', 0, OPEN},
	{{"deny 192.0.2.1:80"}, "192.0.2.1", 80, U, 'd', 1, OPEN},
	{{"deny 192.0.2.1:80"}, "192.0.2.1", 0, I, 'a', 0, OPEN},
	{{"deny 192.0.2.1/icmp"}, "192.0.2.1", 0, I, 'd', 1, OPEN},
	{{"allow 192.0.2.0/24", "deny 192.0.2.1"},
         "192.0.2.1",
         80,
         T,
         'd',
         2,
         OPEN},
	{{"deny 192.0.2.1", "allow 192.0.2.0/24"},
         "192.0.2.1",
         80,
         T,
         'd',
         1,
         OPEN},
	{{"allow 192.0.2.0/24", "deny 192.0.2.1"},
         "192.0.2.2",
         80,
         T,
         'a',
         1,
         OPEN},
	{{"allow 192.0.2.1", "deny 192.0.2.0/24"},
         "192.0.2.1",
         80,
         T,
         'd',
         2,
         OPEN},
	{{"allow 192.0.2.1:443", "deny 192.0.2.1:400-500"},
         "192.0.2.1",
         443,
         T,
         'd',
         2,
         OPEN},
	{{"allow 192.0.2.1", "deny 192.0.2.1:400-500"},
         "192.0.2.1",
         501,
         T,
         'a',
         1,
         OPEN},
	{{"deny 0.0.0.0/0"}, "8.8.8.8", 53, U, 'd', 1, OPEN},
	{{"deny ::/0"}, "8.8.8.8", 53, U, 'a', 0, OPEN},
	{{"deny 192.0.2.0/24", "deny 192.0.0.0/16"},
         "192.0.2.1",
         80,
         T,
         'd',
         1,
         OPEN},
	{{"deny 192.0.0.0/16", "deny 192.0.2.0/24"},
         "192.0.2.1",
         80,
         T,
         'd',
         1,
         OPEN},
	{{"allow 192.0.2.0/24", "allow 192.0.2.1"},
         "192.0.2.1",
         80,
         T,
         'a',
         1,
         OPEN},
	{{"deny 192.0.2.1:80-90", "deny 192.0.2.1:85-95"},
         "192.0.2.1",
         95,
         T,
         'd',
         2,
         OPEN},
	{{"deny 192.0.2.1:80-90", "deny 192.0.2.1:85-95"},
         "192.0.2.1",
         85,
         T,
         'd',
         1,
         OPEN},
	{{"deny 192.0.2.1:85", "deny 192.0.2.1:80-90"},
         "192.0.2.1",
         86,
         T,
         'd',
         2,
         OPEN},

	/* a closed class opens only to what means it */
	{{"allow 0.0.0.0/0"}, "127.0.0.1", 80, T, 'd', 0, LOOP},
	{{"allow 0.0.0.0/0"}, "169.254.1.1", 80, T, 'd', 0, LINK},
	{{"allow 0.0.0.0/0"}, "169.254.169.254", 80, T, 'd', 0, META},
	{{"allow 0.0.0.0/0"}, "224.0.0.1", 80, U, 'd', 0, MULTI},
	{{"allow 0.0.0.0/1"}, "127.0.0.1", 80, T, 'd', 0, LOOP},
	{{"allow 126.0.0.0/7"}, "127.0.0.1", 80, T, 'd', 0, LOOP},
	{{"allow ::/0"}, "::1", 80, T, 'd', 0, LOOP},
	{{"allow ::/64"}, "::1", 80, T, 'd', 0, LOOP},
	{{"allow ::/0"}, "fe80::1", 80, T, 'd', 0, LINK},
	{{"allow fc00::/7"}, "fd00:ec2::254", 80, T, 'd', 0, META},
	{{"allow 100.64.0.0/10"}, "100.100.100.200", 80, T, 'd', 0, META},
	{{"allow 100.64.0.0/10"}, "100.100.100.201", 80, T, 'a', 1, OPEN},
	{{"allow 127.0.0.0/8"}, "127.0.0.1", 80, T, 'a', 1, LOOP},
	{{"allow 127.0.0.1"}, "127.0.0.1", 80, T, 'a', 1, LOOP},
	{{"allow 127.0.0.1:80"}, "127.0.0.1", 81, T, 'd', 0, LOOP},
	{{"allow 127.0.0.1:80"}, "127.0.0.2", 80, T, 'd', 0, LOOP},
	{{"allow 127.0.0.1:80"}, "1.1.1.1", 80, T, 'd', 0, OPEN},
	{{"allow ::1"}, "::1", 80, T, 'a', 1, LOOP},
	{{"allow ::1"}, "127.0.0.1", 80, T, 'd', 0, LOOP},
	{{"allow 127.0.0.1"}, "::1", 80, T, 'd', 0, LOOP},
	{{"allow 169.254.0.0/16"}, "169.254.1.1", 80, T, 'a', 1, LINK},
	{{"allow 169.254.0.0/16"}, "169.254.169.254", 80, T, 'd', 0, META},
	{{"allow 169.254.169.254:80"}, "169.254.169.254", 80, T, 'a', 1, META},
	{{"allow fe80::/10"}, "fe80::9", 80, T, 'a', 1, LINK},
	{{"allow fe80::/9"}, "fe80::9", 80, T, 'd', 0, LINK},
	{{"allow 224.0.0.0/4"}, "224.0.0.251", 5353, U, 'a', 1, MULTI},
	{{"allow 239.0.0.0/8"}, "239.1.1.1", 5353, U, 'a', 1, MULTI},
	{{"allow 255.255.255.255"}, "255.255.255.255", 67, U, 'a', 1, MULTI},
	{{"allow ff02::fb"}, "ff02::fb", 5353, U, 'a', 1, MULTI},
	{{"allow ff00::/8"}, "ff02::fb", 5353, U, 'a', 1, MULTI},
	{{"own 192.0.2.7", "allow 192.0.2.0/24"},
         "192.0.2.7",
         22,
         T,
         'd',
         0,
         OWN},
	{{"own 192.0.2.7", "allow 192.0.2.7"}, "192.0.2.7", 22, T, 'a', 1, OWN},
	{{"own 192.0.2.7", "allow 192.0.2.7:22"},
         "192.0.2.7",
         22,
         T,
         'a',
         1,
         OWN},
	{{"own 192.0.2.7", "allow 192.0.2.7:22"},
         "192.0.2.7",
         23,
         T,
         'd',
         0,
         OWN},
	{{"own fe80::7", "allow fe80::/10"}, "fe80::7", 22, T, 'd', 0, OWN},
	{{"own fe80::7", "allow fe80::7"}, "fe80::7", 22, T, 'a', 1, OWN},
	{{"allow 127.0.0.0/8", "deny 127.0.0.1:22"},
         "127.0.0.1",
         22,
         T,
         'd',
         2,
         LOOP},

	/* groups */
	{{"allow @loopback"}, "127.0.0.1", 80, T, 'a', 1, LOOP},
	{{"allow @loopback"}, "::1", 80, U, 'a', 1, LOOP},
	{{"allow @loopback"}, "1.1.1.1", 80, T, 'd', 0, OPEN},
	{{"allow @loopback:80"}, "127.0.0.1", 81, T, 'd', 0, LOOP},
	{{"allow @loopback/icmp"}, "127.0.0.1", 0, I, 'a', 1, LOOP},
	{{"allow @link-local"}, "169.254.3.3", 80, T, 'a', 1, LINK},
	{{"allow @link-local"}, "169.254.169.254", 80, T, 'd', 0, META},
	{{"allow @link-local"}, "fe80::3", 80, T, 'a', 1, LINK},
	{{"own fe80::3", "allow @link-local"}, "fe80::3", 80, T, 'd', 0, OWN},
	{{"allow @metadata"}, "169.254.169.254", 80, T, 'a', 1, META},
	{{"allow @metadata"}, "fd00:ec2::254", 80, T, 'a', 1, META},
	{{"allow @metadata"}, "169.254.1.1", 80, T, 'd', 0, LINK},
	{{"allow @multicast"}, "224.0.0.251", 5353, U, 'a', 1, MULTI},
	{{"allow @multicast"}, "255.255.255.255", 67, U, 'a', 1, MULTI},
	{{"allow @multicast"}, "ff02::1", 67, U, 'a', 1, MULTI},
	{{"allow @host", "own 192.0.2.7"}, "192.0.2.7", 80, T, 'a', 1, OWN},
	{{"allow @host", "own 192.0.2.7"}, "192.0.2.8", 80, T, 'd', 0, OPEN},
	{{"allow @host", "own 192.0.2.7"}, "127.0.0.1", 80, T, 'd', 0, LOOP},
	{{"allow @internet"}, "8.8.8.8", 53, U, 'a', 1, OPEN},
	{{"allow @internet"}, "2001:db8::1", 53, U, 'a', 1, OPEN},
	{{"allow @internet"}, "10.0.0.1", 53, U, 'd', 0, OPEN},
	{{"allow @internet"}, "192.168.0.1", 53, U, 'd', 0, OPEN},
	{{"allow @internet"}, "172.16.0.1", 53, U, 'd', 0, OPEN},
	{{"allow @internet"}, "172.32.0.1", 53, U, 'a', 1, OPEN},
	{{"allow @internet"}, "100.64.0.1", 53, U, 'd', 0, OPEN},
	{{"allow @internet"}, "fd00::1", 53, U, 'd', 0, OPEN},
	{{"allow @internet"}, "127.0.0.1", 53, U, 'd', 0, LOOP},
	{{"allow @internet"}, "169.254.169.254", 80, T, 'd', 0, META},
	{{"allow @internet"}, "168.63.129.16", 80, T, 'd', 0, META},
	{{"allow @internet", "own 8.8.8.8"}, "8.8.8.8", 53, U, 'd', 0, OWN},
	{{"allow @internet:443"}, "8.8.8.8", 443, T, 'a', 1, OPEN},
	{{"allow @internet:443"}, "8.8.8.8", 80, T, 'd', 0, OPEN},
	{{"allow @private"}, "10.0.0.1", 53, U, 'a', 1, OPEN},
	{{"allow @private"}, "172.31.255.255", 53, U, 'a', 1, OPEN},
	{{"allow @private"}, "fd12::1", 53, U, 'a', 1, OPEN},
	{{"allow @private"}, "8.8.8.8", 53, U, 'd', 0, OPEN},
	{{"allow @private"}, "fd00:ec2::254", 80, T, 'd', 0, META},
	{{"allow @private"}, "100.100.100.200", 80, T, 'd', 0, META},
	{{"allow @private", "own 10.0.0.7"}, "10.0.0.7", 53, U, 'd', 0, OWN},
	{{"deny @private"}, "10.0.0.1", 53, U, 'd', 1, OPEN},
	{{"deny @private"}, "8.8.8.8", 53, U, 'a', 0, OPEN},
	{{"deny @private", "allow 10.0.0.1"}, "10.0.0.1", 53, U, 'd', 1, OPEN},
	{{"deny @private", "own 10.0.0.7", "allow 10.0.0.7"},
         "10.0.0.7",
         53,
         U,
         'd',
         1,
         OWN},
	{{"deny @internet"}, "8.8.8.8", 53, U, 'd', 1, OPEN},
	{{"deny @internet"}, "10.0.0.1", 53, U, 'a', 0, OPEN},
	{{"deny @host", "allow 192.0.2.7", "own 192.0.2.7"},
         "192.0.2.7",
         80,
         T,
         'd',
         1,
         OWN},
	{{"deny @link-local", "allow 169.254.169.254"},
         "169.254.169.254",
         80,
         T,
         'd',
         1,
         META},
	{{"deny @metadata", "allow 169.254.169.254"},
         "169.254.169.254",
         80,
         T,
         'd',
         1,
         META},
	{{"allow @metadata", "deny 169.254.169.254"},
         "169.254.169.254",
         80,
         T,
         'd',
         2,
         META},

	/* offline closes all */
	{{"offline"}, "1.1.1.1", 443, T, 'd', 0, OPEN},
	{{"offline", "allow 1.1.1.1"}, "1.1.1.1", 443, T, 'd', 0, OPEN},
	{{"offline"}, "127.0.0.1", 443, T, 'd', 0, LOOP},

	/* rules in the spelling of the address are of the address */
	{{"allow ::ffff:192.0.2.1"}, "192.0.2.1", 80, T, 'a', 1, OPEN},
	{{"allow 192.0.2.1"}, "::ffff:192.0.2.1", 80, T, 'a', 1, OPEN},
	{{"allow ::ffff:192.0.2.0/120"}, "192.0.2.9", 80, T, 'a', 1, OPEN},
	{{"deny ::ffff:192.0.2.1"}, "192.0.2.1", 80, T, 'd', 1, OPEN},
	{{"deny 64:ff9b::192.0.2.1"}, "192.0.2.1", 80, T, 'd', 1, OPEN},
	{{"allow 64:ff9b::7f00:1"}, "127.0.0.1", 80, T, 'a', 1, LOOP},
	{{"allow 192.0.2.1"}, "64:ff9b::c000:201", 80, T, 'a', 1, OPEN},
	{{"deny ::/0"}, "64:ff9b::c000:201", 80, T, 'd', 1, OPEN},
	/* an embedded address is never a reason to allow */
	{{"allow 192.0.2.1"}, "2002:c000:201::1", 80, T, 'd', 0, OPEN},
	{{"allow 192.0.2.1"}, "2001:db8::5efe:c000:201", 80, T, 'd', 0, OPEN},
	{{"allow 2001:db8::/32"},
         "2001:db8::5efe:c000:201",
         80,
         T,
         'a',
         1,
         OPEN},
	{{"allow 2002::/16"}, "2002:7f00:1::1", 80, T, 'd', 0, LOOP},
	{{"allow 2002::/16", "allow 127.0.0.1"},
         "2002:7f00:1::1",
         80,
         T,
         'a',
         1,
         OPEN},
	{{"allow 2002::/16", "deny 192.0.2.1"},
         "2002:c000:201::1",
         80,
         T,
         'd',
         2,
         OPEN},
	{{"own 192.0.2.7"}, "2002:c000:207::1", 80, T, 'd', 0, OWN},
	{{"own 192.0.2.7"}, "64:ff9b::c000:207", 80, T, 'd', 0, OWN},
	{{0}, "2002:c000:201::1", 80, T, 'a', 0, OPEN},
	{{0}, "fe80::5efe:c000:201", 80, T, 'd', 0, LINK},
};

static void by_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct policy *p = policy_of(r->rules);
		struct policy_answer a;

		decide(p, r->addr, r->port, r->proto, &a);
		if ((a.action == POLICY_ALLOW) != (r->want == 'a') ||
		    a.rule != r->rule || a.cls != r->cls)
			fail_msg("row %zu: %s %s %s: %u/%u: got %s by %u, %s "
			         "(%s)",
			         i, r->rules[0], r->rules[1], r->addr, r->port,
			         r->proto, a.action ? "deny" : "allow", a.rule,
			         policy_class_name(a.cls), a.reason);
		policy_free(p);
	}
}

/* --- IPv4 in IPv6 clothes (THREATS 24) ----------------------------------- */

/* %1..%4: bytes of the address in hex, ~ their complement */
static const char *const clothes[] = {
	"::ffff:%1%2:%3%4",                /* v4-mapped */
	"64:ff9b::%1%2:%3%4",              /* NAT64 */
	"2002:%1%2:%3%4::",                /* 6to4 */
	"2002:%1%2:%3%4:dead:beef::1",     /* 6to4, deep */
	"fe80::5efe:%1%2:%3%4",            /* ISATAP, link-local */
	"2001:db8::5efe:%1%2:%3%4",        /* ISATAP, private v4 */
	"2001:db8:1:2:200:5efe:%1%2:%3%4", /* ISATAP, global v4 */
	"::%1%2:%3%4",                     /* v4-compatible */
	"::ffff:0:%1%2:%3%4",              /* SIIT */
	"64:ff9b:1::%1%2:%3%4",            /* local NAT64, /96 */
	"64:ff9b:1:%1%2:%3:%400::",        /* local NAT64, /48 */
	"2001:0:%1%2:%3%4::f7f7:f7f7",     /* Teredo server */
	"2001:0:808:808:0:ffff:~1~2:~3~4", /* Teredo client */
};

static void dress(const char *form, const uint8_t v4[4], char *text)
{
	for (; *form; form++) {
		if (*form != '%' && *form != '~') {
			*text++ = *form;
			continue;
		}
		uint8_t b = v4[form[1] - '1'];

		text += sprintf(text, "%02x",
		                (unsigned int)(uint8_t)(*form == '~' ? ~b : b));
		form++;
	}
	*text = '\0';
}

static void in_clothes(void **state)
{
	static const char *const closed[] = {
		"127.0.0.1",       "127.255.255.254", "127.1.2.3",
		"0.0.0.5",         "169.254.169.254", "169.254.7.7",
		"100.100.100.200", "168.63.129.16",   "192.0.0.192",
		"224.0.0.251",     "255.255.255.255", "203.0.113.7",
		"198.51.100.9",
	};
	static const char *const rules[] = {"own 203.0.113.7",
	                                    "deny 198.51.100.9", NULL};
	struct policy *p = policy_of(rules);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
		struct policy_answer a;
		struct addr v4;

		decide(p, closed[i], 80, T, &a);
		assert_int_equal(a.action, POLICY_DENY);
		assert_int_equal(addr_parse(closed[i], &v4), 0);
		for (size_t k = 0; k < ARRAY_SIZE(clothes); k++) {
			char text[64];

			dress(clothes[k], v4.b + 12, text);
			decide(p, text, 80, T, &a);
			if (a.action != POLICY_DENY)
				fail_msg("%s as %s passes: %s", closed[i], text,
				         a.reason);
		}
	}
	/* a harmless address is not caught by its clothes, but ISATAP of
	 * link-local and the forms whose outer address is closed are */
	for (size_t k = 0; k < ARRAY_SIZE(clothes); k++) {
		const uint8_t v4[4] = {8, 8, 4, 4};
		struct policy_answer a;
		char text[64];

		dress(clothes[k], v4, text);
		decide(p, text, 80, T, &a);
		if ((a.action == POLICY_ALLOW) == !strncmp(text, "fe80", 4))
			fail_msg("8.8.4.4 as %s: %s", text, a.reason);
	}
	policy_free(p);
}

/* --- what to type -------------------------------------------------------- */

/* Whatever is denied by default passes with the option that is printed. */
static void remedies(void **state)
{
	static const char *const texts[] = {
		"127.0.0.1",         "::1",          "169.254.169.254",
		"fe80::1",           "224.0.0.1",    "2002:7f00:1::1",
		"64:ff9b::7f00:1",   "192.0.2.7",    "fe80::5efe:7f00:1",
		"2001:0:7f00:1::a9", "10.1.2.3",     "::7f00:1",
		"ff02::1",           "2001:db8::77",
	};
	static const uint8_t protos[] = {T, U, I};
	static const char *const own[] = {"own 192.0.2.7", "allow 1.1.1.1",
	                                  NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts) * 3; i++) {
		struct policy *p = policy_of(own);
		struct policy_question q = {.host.port = 80,
		                            .proto = protos[i % 3]};
		struct policy_answer a;
		char buf[256], *save = NULL;

		assert_int_equal(addr_parse(texts[i / 3], &q.host.addr), 0);
		policy_decide(p, &q, &a);
		assert_int_equal(a.action, POLICY_DENY);
		policy_remedy(&q, buf, sizeof(buf));
		for (char *w = strtok_r(buf, " ", &save); w;
		     w = strtok_r(NULL, " ", &save))
			if (strcmp(w, "--allow") != 0)
				assert_int_equal(
					policy_add(p, POLICY_ALLOW, w, NULL),
					0);
		policy_decide(p, &q, &a);
		if (a.action != POLICY_ALLOW)
			fail_msg("%s: still denied after its remedy: %s",
			         texts[i / 3], a.reason);
		policy_free(p);
	}
}

static void own_addresses_overflow(void **state)
{
	struct policy *p = policy_new();
	static struct addr own[POLICY_OWN_MAX + 1];
	struct policy_answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		own[i] = addr_ip4(10, 9, (uint8_t)(i >> 8), (uint8_t)i);
	assert_true(policy_set_own(p, own, POLICY_OWN_MAX + 1) < 0);
	decide(p, "1.1.1.1", 80, T, &a);
	assert_int_equal(a.action, POLICY_DENY);
	assert_int_equal(policy_set_own(p, own, POLICY_OWN_MAX), 0);
	decide(p, "1.1.1.1", 80, T, &a);
	assert_int_equal(a.action, POLICY_ALLOW);
	for (size_t i = 0; i < POLICY_OWN_MAX; i++) {
		char text[ADDR_TEXT_MAX];

		decide(p, addr_format(&own[i], text), 80, T, &a);
		assert_int_equal(a.cls, POLICY_CLASS_OWN);
	}
	policy_free(p);
}

/* --- rules that are added while flows run -------------------------------- */

static int add_live(struct policy *p, const char *rule)
{
	struct error err = {0};

	return policy_add_live(p, *rule == 'a' ? POLICY_ALLOW : POLICY_DENY,
	                       strchr(rule, ' ') + 1, "control:1", &err);
}

static void expect(const struct policy *p, const char *addr,
                   enum policy_action action, uint32_t rule)
{
	struct policy_answer a;

	decide(p, addr, 80, T, &a);
	assert_int_equal(a.action, action);
	assert_int_equal(a.rule, rule);
}

static void live_rules(void **state)
{
	struct policy *open = policy_of((const char *[]){NULL});
	struct policy *shut = policy_of(
		(const char *[]){"allow 192.0.2.1", "deny 192.0.2.7", NULL});
	struct policy *off = policy_of((const char *[]){"offline", NULL});
	struct policy_answer a;

	(void)state;
	/* where nothing is denied for want of a rule, an allow stays that */
	assert_int_equal(add_live(open, "allow 127.0.0.1:80"), 0);
	expect(open, "127.0.0.1", POLICY_ALLOW, 1);
	expect(open, "203.0.113.9", POLICY_ALLOW, 0);
	assert_false(policy_denies_rest(open));
	policy_ask(open, "any.example", &a);
	assert_int_equal(a.action, POLICY_ALLOW);
	assert_int_equal(add_live(open, "allow any.example"), -EINVAL);
	assert_int_equal(add_live(open, "allow 127.1"), -EINVAL);
	assert_int_equal(policy_rule_count(open), 1);
	assert_int_equal(add_live(open, "deny 203.0.113.0/24"), 0);
	expect(open, "203.0.113.9", POLICY_DENY, 2);
	assert_string_equal(policy_rule_origin(open, 2), "control:1");
	/* where the rest is denied, an allow opens; deny wins as ever */
	expect(shut, "192.0.2.2", POLICY_DENY, 0);
	assert_int_equal(add_live(shut, "allow 192.0.2.0/24"), 0);
	expect(shut, "192.0.2.2", POLICY_ALLOW, 3);
	expect(shut, "192.0.2.7", POLICY_DENY, 2);
	assert_int_equal(add_live(shut, "allow any.example"), 0);
	policy_ask(shut, "any.example", &a);
	assert_int_equal(a.rule, 4);
	assert_true(policy_denies_rest(shut));
	/* --offline is never opened */
	assert_int_equal(add_live(off, "allow 192.0.2.1"), -EINVAL);
	assert_int_equal(add_live(off, "deny 192.0.2.1"), 0);
	expect(off, "192.0.2.1", POLICY_DENY, 0);
	policy_free(open);
	policy_free(shut);
	policy_free(off);
}

static void enough_of_them(void **state)
{
	(void)state;
	assert_true(decisions >= 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_table),
		cmocka_unit_test(in_clothes),
		cmocka_unit_test(remedies),
		cmocka_unit_test(live_rules),
		cmocka_unit_test(enough_of_them),
		cmocka_unit_test(own_addresses_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
