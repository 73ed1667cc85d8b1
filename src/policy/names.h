/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - what a name is, spelled once for matcher and resolver */
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

#include "policy/policy.h"

/*
 * policy_name_canonical() - lower case, one trailing dot dropped, letters,
 * digits, hyphen and underscore in labels of 1..63, at most 253 bytes; what
 * the resolver and the matcher compare byte for byte. text need not be
 * NUL-terminated. 0 or -EINVAL with err set: what is wrong and the spelling
 * to use.
 */
_must_check_ int policy_name_canonical(const char *text, size_t len,
                                       char out[POLICY_NAME_MAX + 1],
                                       struct error *err);

#endif
