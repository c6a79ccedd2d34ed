/*
 * The probe's own entry. It saves what it finds before the library OS, or the stack,
 * is used: absolute addresses need no register.
 */
#include "probe.h"

#define WINDOW            0x40000000	/* MF_ADDR_WINDOW */
#define EVENT_BYTES       (WINDOW + 4)	/* struct mf_event */
#define EVENT_PAYLOAD_OFF (WINDOW + 152)
#define EVENT_PAYLOAD_LEN (WINDOW + 156)
#define INFO_WINDOW_BYTES (0x13000 + 24) /* struct mf_info */
#define INFO_HEAP_END     (0x13000 + 40)
#define PAGE              4096

/* x87 SSE AVX opmask ZMM PKRU; AMX, which doesn't fit, shows in XINUSE */
#define XSAVE_MASK 0x2ff

	.section .text.mf_boot, "ax", @progbits
	.globl mf_boot
	.type mf_boot, @function
mf_boot:
	offset = 0
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15
	mov	%\register, probe_dump + offset
	offset = offset + 8
	.endr
	mov	$probe_dump + DUMP_FLAGS + 8, %rsp
	pushfq
	cld
	offset = 0
	.irp segment, cs, ss, ds, es, fs, gs
	mov	%\segment, %eax
	mov	%rax, probe_dump + DUMP_SEGMENTS + offset
	offset = offset + 8
	.endr

	/* %ebp: features, none if the payload is too short for them */
	xor	%ebp, %ebp
	cmpl	$4, EVENT_PAYLOAD_LEN
	jb	1f
	mov	EVENT_PAYLOAD_OFF, %eax
	movzwl	WINDOW + REQUEST_FEATURES(%rax), %ebp
1:	test	$PROBE_FSGSBASE, %ebp
	jz	1f
	rdfsbase %rax
	mov	%rax, probe_dump + DUMP_FS_BASE
	rdgsbase %rax
	mov	%rax, probe_dump + DUMP_GS_BASE
1:	test	$PROBE_XSAVE, %ebp
	jz	1f
	xor	%ecx, %ecx
	xgetbv
	mov	%eax, probe_dump + DUMP_XCR0
	mov	%edx, probe_dump + DUMP_XCR0 + 4
1:	test	$PROBE_XINUSE, %ebp
	jz	1f
	mov	$1, %ecx
	xgetbv
	mov	%eax, probe_dump + DUMP_XINUSE
	mov	%edx, probe_dump + DUMP_XINUSE + 4
1:
	/* Hash the window: FNV-1a, by words of 64 bits.
	 * %rsi page, %rdi end of the window, %rdx word, %r11 end of the page, %rax hash,
	 * %r8 guard page, %r9 end of the event, %r10 number of the page */
	mov	$WINDOW, %esi
	mov	INFO_WINDOW_BYTES, %rdi
	add	%rsi, %rdi
	mov	INFO_HEAP_END, %r8
	mov	EVENT_BYTES, %r9d
	lea	7(%r9, %rsi), %r9
	and	$-8, %r9
	xor	%r10d, %r10d
	movabs	$0x100000001b3, %rcx
page:	cmp	%r8, %rsi
	je	next
	mov	%rsi, %rdx
	lea	PAGE(%rsi), %r11
	cmp	$probe_dump, %rsi
	jne	1f
	add	$DUMP_XSTATE, %rdx
1:	cmp	%r9, %rdx
	cmovb	%r9, %rdx
	movabs	$0xcbf29ce484222325, %rax
2:	cmp	%r11, %rdx
	jae	3f
	xor	(%rdx), %rax
	imul	%rcx, %rax
	add	$8, %rdx
	jmp	2b
3:	mov	%r10, %rbx
	and	$PROBE_HASHES - 1, %ebx
	mov	probe_dump + DUMP_HASH(, %rbx, 8), %rdx
	imul	%rcx, %rdx
	add	%rax, %rdx
	mov	%rdx, probe_dump + DUMP_HASH(, %rbx, 8)
next:	add	$PAGE, %rsi
	inc	%r10
	cmp	%rdi, %rsi
	jb	page

	/* the vector registers, untouched so far */
	mov	$XSAVE_MASK, %eax
	xor	%edx, %edx
	test	$PROBE_XSAVE, %ebp
	jz	1f
	xsave64	probe_dump + DUMP_XSTATE
	jmp	2f
1:	fxsave64 probe_dump + DUMP_XSTATE
2:	mov	probe_dump + DUMP_RSP, %rsp
	call	mf_start
	ud2
	.size mf_boot, . - mf_boot

	.section .note.GNU-stack, "", @progbits
