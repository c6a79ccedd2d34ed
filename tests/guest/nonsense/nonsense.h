/*
 * nonsense - a life that fills its memory, its registers and what it asks for with nonsense, made
 * from a seed in its event, and leaves in one of many ways, most of them wrong. The same image
 * audits: probe/boot.S has saved every register and a hash of every page of the window before
 * anything was used, and the reply is that, and a hash of all else that a life can read. The reply
 * must be the same after whatever life before.
 *
 * The payload is a struct nonsense_request for both, so that events have the same bytes.
 */
#ifndef NONSENSE_H
#define NONSENSE_H

/* union plan, for the assembly; asserted in main.c */
#define PLAN_GENERAL  0 /* rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15 */
#define PLAN_FLAGS    128
#define PLAN_FS_BASE  136
#define PLAN_GS_BASE  144
#define PLAN_TARGET   152
#define PLAN_WAY      160
#define PLAN_FEATURES 164 /* PROBE_XSAVE, PROBE_FSGSBASE */
#define PLAN_SEGMENTS 168 /* ds es fs gs */
#define PLAN_MASK     176 /* of xrstor */
#define PLAN_FILL     184 /* memory is a stream from here ... */
#define PLAN_OR       192 /* ... with these bits set */
#define PLAN_AND      200 /* ... and only these */
#define PLAN_SKIP     208 /* but for what lies from here */
#define PLAN_SKIP_END 216 /* to here */
#define PLAN_FRAME    224 /* of iretq */
#define PLAN_SCRATCH  512 /* the end of a stack */
#define PLAN_XSAVE    512
#define PLAN_BYTES    4096

#define WAY_GATE 0
#define WAY_SPIN 14
#define WAYS     15

#define NONSENSE_RANGES 4

#ifndef __ASSEMBLER__
#include <stdint.h>

struct nonsense_request {
	uint8_t action; /* 'a' audit, 'n' nonsense */
	uint8_t reserved;
	uint16_t features; /* as probe_request's */
	uint16_t wild;     /* one in so many lives may do what ends it early; 0: none */
	uint16_t spin;     /* one in so many of those never ends by itself; 0: none */
	uint64_t seed;
	struct {
		uint64_t at, bytes; /* what an audit hashes beside the window */
	} range[NONSENSE_RANGES];
};
#endif

#endif
