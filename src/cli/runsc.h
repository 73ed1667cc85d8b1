/* SPDX-License-Identifier: Apache-2.0 */
/* runsc.h - runsc's command line: honoured, accepted or refused, row by row */
#ifndef CLI_RUNSC_H
#define CLI_RUNSC_H

#include "cli/options.h"

extern const struct option runsc_options[];
extern const size_t runsc_noptions;

/* runsc_check_value() - is it one that runsc takes? 0 or -EINVAL. */
_must_check_ int runsc_check_value(const struct option *o, const char *value,
                                   struct error *err);

/*
 * runsc_refusals() - judges the last value of every row that was written.
 * A refused one is -EPERM with err set, unless config.best_effort: then its
 * text is appended to relaxed ("; " between).
 */
_must_check_ int runsc_refusals(struct cli *c, char *relaxed, size_t len,
                                struct error *err);
/*
 * runsc_settle_uds() - after runsc_apply(): may -host-uds and --allow-unix be
 * had with the other options? Picks the frontend they need. As
 * runsc_refusals(); -EINVAL where they contradict each other.
 */
_must_check_ int runsc_settle_uds(struct cli *c, char *relaxed, size_t len,
                                  struct error *err);
/* runsc_apply() - acts on what is honoured. */
_must_check_ int runsc_apply(struct cli *c, struct error *err);
/* runsc_tell() - says what is deprecated, and under --debug what has no
 * effect. */
void runsc_tell(const struct cli *c);

#endif
