/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - rules whose target is a name, not an address */
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

/*
 * policy_names_add() - called by policy_add() for a POLICY_TARGET_NAME;
 * rule is the id it will have. -EOPNOTSUPP with err set: no resolver pins
 * names to addresses yet, so such a rule could not be enforced.
 */
_must_check_ int policy_names_add(struct policy *p, enum policy_action action,
                                  const struct policy_target *t, uint32_t rule,
                                  struct error *err);

#endif
