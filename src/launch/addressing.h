/* SPDX-License-Identifier: Apache-2.0 */
/* addressing.h - which private prefix the app gets */
#ifndef LAUNCH_ADDRESSING_H
#define LAUNCH_ADDRESSING_H

#include "base/addr.h"
#include "base/error.h"
#include "launch/config.h"

/* struct addressing - as it goes to the interface and to the datapath */
struct addressing {
	struct addr app4, gateway4, resolver4, app6, gateway6, resolver6;
	unsigned int prefix4, prefix6; /* as written: 24, 64 */
};

/* struct prefix - a route's destination; len counts bits of the 128-bit form */
struct prefix {
	struct addr addr;
	unsigned int len;
};

/*
 * addressing_choose() - what was asked for, or the first prefix of ours that
 * overlaps no route in routes[0..n); the first of all where none is free.
 * Gateway and resolver are .2 and .3 of the prefix, or the next ones where
 * the app's own address is one of them. -EINVAL, with err set, for a prefix
 * that has no room for three addresses.
 */
_must_check_ int addressing_choose(const struct sandbox_config *config,
                                   const struct prefix *routes, size_t n,
                                   struct addressing *out, struct error *err);
/*
 * addressing_routes() - destinations of all routes of the current network
 * namespace, default routes left out; at most max. Their number, or a
 * negative errno.
 */
_must_check_ ssize_t addressing_routes(struct prefix *routes, size_t max);

#endif
