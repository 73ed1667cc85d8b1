/* SPDX-License-Identifier: Apache-2.0 */
/* icmp_errno.c - the one table between errnos and what ICMP says of them */
#include "wire/icmp_errno.h"

#include "wire/headers.h"

#include <errno.h>

#define UNREACH4 ICMP4_UNREACHABLE
#define UNREACH6 ICMP6_UNREACHABLE

static const struct icmp_errno rows[] = {
	{-EAGAIN, ICMP_ANSWER_SILENCE, 0, 0, 0, 0},
	{-ETIMEDOUT, ICMP_ANSWER_SILENCE, 0, 0, 0, 0},
	/* policy; and what the host's own packet filter says to a socket */
	{-EACCES, ICMP_ANSWER_ERROR, UNREACH4, 13, UNREACH6, 1},
	{-EPERM, ICMP_ANSWER_ERROR, UNREACH4, 13, UNREACH6, 1},
	{-ENETUNREACH, ICMP_ANSWER_ERROR, UNREACH4, 0, UNREACH6, 0},
	{-ENETDOWN, ICMP_ANSWER_ERROR, UNREACH4, 0, UNREACH6, 0},
	/* a host without the address family has no route for it */
	{-EAFNOSUPPORT, ICMP_ANSWER_ERROR, UNREACH4, 0, UNREACH6, 0},
	{-EHOSTUNREACH, ICMP_ANSWER_ERROR, UNREACH4, 1, UNREACH6, 3},
	{-EHOSTDOWN, ICMP_ANSWER_ERROR, UNREACH4, 1, UNREACH6, 3},
	{-EMSGSIZE, ICMP_ANSWER_ERROR, UNREACH4, 4, ICMP6_TOO_BIG, 0},
	{-ENOPROTOOPT, ICMP_ANSWER_ERROR, UNREACH4, 2, ICMP6_PARAMETER, 1},
	/* a router further on; connect() sees EHOSTUNREACH */
	{-ETIME, ICMP_ANSWER_ERROR, ICMP4_TIME_EXCEEDED, 0, ICMP6_TIME_EXCEEDED,
         0},
	{-EPROTO, ICMP_ANSWER_ERROR, ICMP4_PARAMETER, 0, ICMP6_PARAMETER, 0},
	/* the last row is also that of every errno not named here */
	{-ECONNREFUSED, ICMP_ANSWER_REFUSE, UNREACH4, 3, UNREACH6, 4},
};

const struct icmp_errno *icmp_errno_find(int err)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(rows) - 1 && rows[i].err != err)
		i++;
	return &rows[i];
}

/*
 * As icmp_err_convert of net/ipv4/icmp.c has it, but for the four that mean
 * "forbidden" (9, 10, 13, 15): the kernel has no EACCES for IPv4, we do, and
 * the difference is kept from the host's side to the app's.
 */
static int errno_of_unreach4(uint8_t code)
{
	static const int errs[] = {
		-ENETUNREACH,  -EHOSTUNREACH, -ENOPROTOOPT,  -ECONNREFUSED,
		-EMSGSIZE,     -EOPNOTSUPP,   -ENETUNREACH,  -EHOSTDOWN,
		-ENONET,       -EACCES,       -EACCES,       -ENETUNREACH,
		-EHOSTUNREACH, -EACCES,       -EHOSTUNREACH, -EACCES,
	};

	return code < ARRAY_SIZE(errs) ? errs[code] : -EHOSTUNREACH;
}

/* As icmpv6_err_convert of net/ipv6/icmp.c has it. */
static int errno_of_unreach6(uint8_t code)
{
	static const int errs[] = {
		-ENETUNREACH,  -EACCES, -EHOSTUNREACH, -EHOSTUNREACH,
		-ECONNREFUSED, -EACCES, -EACCES,
	};

	return code < ARRAY_SIZE(errs) ? errs[code] : -EPROTO;
}

int icmp_errno_of(bool is_ip4, uint8_t type, uint8_t code)
{
	if (is_ip4) {
		switch (type) {
		case ICMP4_UNREACHABLE:
			return errno_of_unreach4(code);
		case ICMP4_TIME_EXCEEDED:
			return -ETIME;
		case ICMP4_PARAMETER:
			return -EPROTO;
		default:
			return 0;
		}
	}
	switch (type) {
	case ICMP6_UNREACHABLE:
		return errno_of_unreach6(code);
	case ICMP6_TOO_BIG:
		return -EMSGSIZE;
	case ICMP6_TIME_EXCEEDED:
		return -ETIME;
	case ICMP6_PARAMETER:
		return -EPROTO;
	default:
		return 0;
	}
}

int icmp_errno_seen(bool is_ip4, int err)
{
	switch (err) {
	case -EACCES:
		return is_ip4 ? -EHOSTUNREACH : -EACCES;
	case -ECONNREFUSED:
	case -ENOPROTOOPT:
	case -EPROTO:
	case -EMSGSIZE:
		return err;
	default: /* no route, no host, too many hops: may get better */
		return 0;
	}
}
