/*
 * probe - looks for what a life before it has left behind, and leaves as much behind
 * as it can. One image does both, so that an audit can alternate in one shell:
 *
 *	audit   replies with struct probe_dump: every register as it was at the first
 *	        instruction, and a hash of every page of the window before any of it
 *	        was written to
 *	poison  fills all that CPL-3 code can reach with a secret, then leaves in one of
 *	        several ways
 *
 * The payload is a struct probe_request. A dump of a life in a fresh VM and one of a
 * life after poison must be equal. For that the two events must have the same bytes;
 * what lies behind the event's bytes is hashed too.
 */
#ifndef PROBE_H
#define PROBE_H

/* probe_request.features: what this processor has and may be used */
#define PROBE_XSAVE    0x01 /* audit: xsave instead of fxsave; XCR0 */
#define PROBE_XINUSE   0x02 /* audit: xgetbv with ecx 1 */
#define PROBE_FSGSBASE 0x04 /* both: rdfsbase, wrfsbase ... */
#define PROBE_AVX      0x08 /* poison: ymm0-15 */
#define PROBE_AVX512   0x10 /* poison: zmm0-31, k0-7 (F and BW) */
#define PROBE_PKRU     0x20 /* poison: wrpkru; key 0 stays usable */
#define PROBE_X87_ES   0x40 /* poison: leave with an unmasked x87 exception pending */
#define PROBE_BAD_HEAD 0x80 /* poison: spoil the head of the effects too */

/* probe_request.leave. All but SPIN and FAULT have probe_request.flags set. */
#define PROBE_GATE   0 /* through the gate, as everybody does */
#define PROBE_JUMP   1 /* jump to probe_request.target; rax, rdx as asked */
#define PROBE_IRET   2 /* iretq to it: TF then hits behind the instruction there */
#define PROBE_OUT    3 /* `out` in the probe's own text, directly behind popfq; rax, rdx as asked */
#define PROBE_MOV_SS 4 /* the same, in the shadow of a load of SS */
#define PROBE_COMPAT 5 /* `out` in 32-bit mode, in segment probe_request.cs32 */
#define PROBE_FAULT  6 /* an invalid opcode */
#define PROBE_SPIN   7 /* never */

/* offsets, for the assembly; asserted in main.c */
#define REQUEST_LEAVE    1
#define REQUEST_FEATURES 2
#define REQUEST_DS       4
#define REQUEST_ES       6
#define REQUEST_FS       8
#define REQUEST_GS       10
#define REQUEST_CS32     12
#define REQUEST_SECRET   16
#define REQUEST_FLAGS    24
#define REQUEST_TARGET   32
#define REQUEST_RAX      40
#define REQUEST_RDX      48
#define ORDER_BYTES      256

#define DUMP_RSP      56
#define DUMP_FLAGS    128
#define DUMP_SEGMENTS 136
#define DUMP_FS_BASE  184
#define DUMP_GS_BASE  192
#define DUMP_XCR0     200
#define DUMP_XINUSE   208
#define DUMP_HASH     256
#define DUMP_XSTATE   768
#define PROBE_HASHES  64

#ifndef __ASSEMBLER__
#include <stdint.h>

struct probe_request {
	uint8_t action; /* 'a' audit, 'p' poison */
	uint8_t leave;
	uint16_t features;
	uint16_t ds, es, fs, gs; /* selectors to load */
	uint16_t cs32;
	uint16_t reserved;
	uint64_t secret;
	uint64_t flags;
	uint64_t target;
	uint64_t rax, rdx;
};

struct probe_dump {
	uint64_t general[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15 */
	uint64_t flags;
	uint64_t segments[6]; /* cs ss ds es fs gs */
	uint64_t fs_base, gs_base;
	uint64_t xcr0;   /* 0 without PROBE_XSAVE */
	uint64_t xinuse; /* 0 without PROBE_XINUSE */
	uint64_t reserved[5];
	/* Of the window's pages in order (page n in hash[n % PROBE_HASHES]): all of each but the
	 * event's bytes, the 768 bytes above and here, and the guard page. */
	uint64_t hash[PROBE_HASHES];
	/* xsave64, standard format, of x87 SSE AVX opmask ZMM PKRU as far as XCR0 has them (or
	 * fxsave64). XSTATE_BV, at 512, may differ between processors for equal states. */
	uint8_t xstate[4096 - DUMP_XSTATE];
};
#endif

#endif
