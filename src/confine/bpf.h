/* SPDX-License-Identifier: Apache-2.0 */
/* bpf.h - seccomp filters, put together instruction by instruction */
#ifndef CONFINE_BPF_H
#define CONFINE_BPF_H

#include "base/error.h"

#include <linux/filter.h>

/*
 * struct bpf - a filter in the making. The rules below are independent: each
 * expects the call's number in the accumulator, acts on its own call only and
 * leaves the number there for the next. A kernel from 5.11 on remembers which
 * numbers are allowed whatever their arguments, so the length of a list of
 * plain numbers costs nothing per call.
 */
#define BPF_INSNS_MAX 1024
struct bpf {
	struct sock_filter insn[BPF_INSNS_MAX];
	unsigned int n;
	bool overflow; /* more than fit; bpf_load() refuses it */
};

/*
 * bpf_start() - another architecture than the one we are built for gets
 * `foreign` (a SECCOMP_RET_* value); on x86-64 the x32 numbers get ENOSYS.
 * Always the first.
 */
void bpf_start(struct bpf *b, uint32_t foreign);
/* bpf_return() - every call that comes here: action. Always the last. */
void bpf_return(struct bpf *b, uint32_t action);
/* bpf_call() - this call: action, whatever its arguments. */
void bpf_call(struct bpf *b, long nr, uint32_t action);

/*
 * bpf_call_begin() .. bpf_call_end() - a rule that looks at arguments: what
 * stands between is for this call only, and must end in bpf_return().
 */
unsigned int bpf_call_begin(struct bpf *b, long nr);
void bpf_call_end(struct bpf *b, unsigned int begin);
/* bpf_arg() - loads the lower half of an argument, masked. Kernel functions
 * with an int parameter look at no more either. */
void bpf_arg(struct bpf *b, unsigned int arg, uint32_t mask);
/* bpf_if_equal() - the loaded value is k: action */
void bpf_if_equal(struct bpf *b, uint32_t k, uint32_t action);
/* bpf_if_range() - the loaded value is in first..last: action */
void bpf_if_range(struct bpf *b, uint32_t first, uint32_t last,
                  uint32_t action);
/* bpf_if_any_bit() - the loaded value has one of these bits: action */
void bpf_if_any_bit(struct bpf *b, uint32_t bits, uint32_t action);
/* bpf_if_pointer() - the argument, all 64 bits, is not NULL: action */
void bpf_if_pointer(struct bpf *b, unsigned int arg, uint32_t action);
/*
 * bpf_when_equal() .. bpf_when_end() - what stands between applies when the
 * loaded value is k; it may load another and falls through to what follows
 * with whatever it loaded.
 */
unsigned int bpf_when_equal(struct bpf *b, uint32_t k);
void bpf_when_end(struct bpf *b, unsigned int begin);

/*
 * bpf_load() - seccomp(SECCOMP_SET_MODE_FILTER) with flags; no_new_privs must
 * be set. What seccomp returns: 0, or a listener's descriptor; or a negative
 * errno with err set.
 */
_must_check_ int bpf_load(const struct bpf *b, unsigned int flags,
                          struct error *err);

#endif
