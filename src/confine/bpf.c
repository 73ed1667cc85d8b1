/* SPDX-License-Identifier: Apache-2.0 */
/* bpf.c - seccomp filters, put together instruction by instruction */
#include "confine/bpf.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000U
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#else
#error "seccomp filters: name this architecture here"
#endif

/* All of the above are little endian: the lower half comes first. */
#define OFFSET_NR offsetof(struct seccomp_data, nr)
#define OFFSET_ARCH offsetof(struct seccomp_data, arch)
#define OFFSET_ARG(n_) (offsetof(struct seccomp_data, args) + 8 * (n_))

static void put(struct bpf *b, uint16_t code, uint32_t k, uint8_t jt,
                uint8_t jf)
{
	if (b->n == BPF_INSNS_MAX) {
		b->overflow = true;
		return;
	}
	b->insn[b->n++] =
		(struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

static void load(struct bpf *b, size_t offset)
{
	put(b, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

void bpf_return(struct bpf *b, uint32_t action)
{
	put(b, BPF_RET | BPF_K, action, 0, 0);
}

/* Skips the one instruction that follows unless A == k. */
static void unless_equal_skip(struct bpf *b, uint32_t k)
{
	put(b, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1);
}

void bpf_start(struct bpf *b, uint32_t foreign)
{
	b->n = 0;
	b->overflow = false;
	load(b, OFFSET_ARCH);
	put(b, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	bpf_return(b, foreign);
	load(b, OFFSET_NR);
#ifdef X32_BIT
	put(b, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	bpf_return(b, SECCOMP_RET_ERRNO | ENOSYS);
#endif
}

void bpf_call(struct bpf *b, long nr, uint32_t action)
{
	unless_equal_skip(b, (uint32_t)nr);
	bpf_return(b, action);
}

/* Remembers where a jump stands whose distance is not known yet. */
static unsigned int jump_unless_equal(struct bpf *b, uint32_t k)
{
	put(b, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0);
	return b->n;
}

static void jump_lands_here(struct bpf *b, unsigned int begin)
{
	unsigned int distance = b->n - begin;

	if (b->overflow)
		return;
	assert(distance <= UINT8_MAX);
	b->insn[begin - 1].jf = (uint8_t)distance;
}

unsigned int bpf_call_begin(struct bpf *b, long nr)
{
	return jump_unless_equal(b, (uint32_t)nr);
}

void bpf_call_end(struct bpf *b, unsigned int begin)
{
	jump_lands_here(b, begin);
}

unsigned int bpf_when_equal(struct bpf *b, uint32_t k)
{
	return jump_unless_equal(b, k);
}

void bpf_when_end(struct bpf *b, unsigned int begin)
{
	jump_lands_here(b, begin);
}

void bpf_arg(struct bpf *b, unsigned int arg, uint32_t mask)
{
	load(b, OFFSET_ARG(arg));
	if (mask != UINT32_MAX)
		put(b, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
}

void bpf_if_equal(struct bpf *b, uint32_t k, uint32_t action)
{
	unless_equal_skip(b, k);
	bpf_return(b, action);
}

void bpf_if_range(struct bpf *b, uint32_t first, uint32_t last, uint32_t action)
{
	put(b, BPF_JMP | BPF_JGE | BPF_K, first, 0, 2);
	put(b, BPF_JMP | BPF_JGT | BPF_K, last, 1, 0);
	bpf_return(b, action);
}

void bpf_if_any_bit(struct bpf *b, uint32_t bits, uint32_t action)
{
	put(b, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	bpf_return(b, action);
}

void bpf_if_pointer(struct bpf *b, unsigned int arg, uint32_t action)
{
	load(b, OFFSET_ARG(arg));
	put(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	bpf_return(b, action);
	load(b, OFFSET_ARG(arg) + 4);
	put(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	bpf_return(b, action);
}

int bpf_load(const struct bpf *b, unsigned int flags, struct error *err)
{
	struct sock_fprog prog = {.len = (unsigned short)b->n};
	const struct sock_filter *insns = b->insn;
	long rc;

	if (b->overflow)
		return error_set(err, -E2BIG, "seccomp filter is too long");
	/* the kernel reads the program only; its header lacks the const */
	__builtin_memcpy(&prog.filter, &insns, sizeof(insns));
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (rc < 0)
		return error_set(err, -errno, "cannot load seccomp filter: ");
	return (int)rc;
}
