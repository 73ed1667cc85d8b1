/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h - rules from flags, policy files and named sets */
#ifndef CLI_RULES_H
#define CLI_RULES_H

#include "policy/policy.h"

/*
 * rules_add() - one TARGET as written with --allow or --deny; @NAME that is
 * no group is a set of targets in $XDG_CONFIG_HOME/postern/sets/NAME or in
 * the installed data. err names the option and the column.
 */
_must_check_ int rules_add(struct policy *p, enum policy_action action,
                           const char *text, struct error *err);
/*
 * rules_load() - a policy file: a path, "-" or "fd:N" (which is closed). Its
 * includes are taken relative to its directory. err names file, line and
 * column.
 */
_must_check_ int rules_load(struct policy *p, const char *spec,
                            struct error *err);

#endif
