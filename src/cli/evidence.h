/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.h - the flow log, the report at exit, and what `learn` learns */
#ifndef CLI_EVIDENCE_H
#define CLI_EVIDENCE_H

#include "cli/cli.h"

/* evidence_log_open() - --log: a path or fd:N (taken). */
_must_check_ int evidence_log_open(struct cli *c, const char *spec,
                                   struct error *err);
/* evidence_pcap_open() - --pcap or -pcap-log: a regular file, emptied. */
_must_check_ int evidence_pcap_open(struct cli *c, const char *option,
                                    const char *path, struct error *err);
/*
 * evidence_begin() - a memory file for the datapath to write to, before
 * launch_run(). evidence_end() - waits for the datapath (at most 3 s) and
 * gives the lines back as a stream at its start, the caller's; NULL with err
 * set.
 */
_must_check_ int evidence_begin(struct cli *c, struct error *err);
FILE *evidence_end(struct cli *c, struct error *err);

/* evidence_report() - evidence_end(), read. *r is the caller's to free. */
_must_check_ int evidence_report(struct cli *c, struct report *r,
                                 struct error *err);
/* evidence_put_command() - CMD and its words on one line, as they are */
void evidence_put_command(const struct cli *c, FILE *f);
/* evidence_print() - in the format asked for, the policy behind it. */
void evidence_print(const struct cli *c, const struct report *r, FILE *f);
/*
 * evidence_policy() - the rules under which what was allowed passes, one a
 * line, sorted, with counts as comments; what p allows already is left out.
 * p learns the rules. -1 for out of memory, else how many there are.
 */
_must_check_ int evidence_policy(const struct report *r, struct policy *p,
                                 FILE *f);

#endif
