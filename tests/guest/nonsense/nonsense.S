/*
 * nonsense_go - does what `plan` says: memory, vector registers, segments, and then leaves with
 * all general registers as planned. From the first store on the only memory that is used is the
 * plan, whose middle serves as the stack.
 */
#include "nonsense.h"
#include "probe.h"

#define WINDOW            0x40000000	/* MF_ADDR_WINDOW */
#define GATE              0x10000	/* MF_ADDR_GATE */
#define INFO_WINDOW_BYTES (0x13000 + 24) /* struct mf_info */
#define INFO_HEAP_END     (0x13000 + 40)
#define PAGE              4096

#define P(member) (plan + PLAN_##member)

/* [%rdi, %rsi) becomes a stream of nonsense; %r8 state, %r9 or, %r10 and. Both are multiples of 8. */
	.macro fill
1:	cmp	%rsi, %rdi
	jae	2f
	mov	%r8, %rax
	shl	$13, %rax
	xor	%rax, %r8
	mov	%r8, %rax
	shr	$7, %rax
	xor	%rax, %r8
	mov	%r8, %rax
	shl	$17, %rax
	xor	%rax, %r8
	mov	%r8, %rax
	or	%r9, %rax
	and	%r10, %rax
	mov	%rax, (%rdi)
	add	$8, %rdi
	jmp	1b
2:
	.endm

	.macro planned_registers
	offset = 0
	.irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15
	mov	P(GENERAL) + offset, %\register
	offset = offset + 8
	.endr
	.endm

/* flags need a stack, so they come before the other registers, which leave them as they are */
	.macro planned
	mov	$P(SCRATCH), %rsp
	pushq	P(FLAGS)
	popfq
	planned_registers
	.endm

	.section .text.nonsense_go, "ax", @progbits
	.globl nonsense_go
	.type nonsense_go, @function
nonsense_go:
	mov	P(FILL), %r8
	mov	P(OR), %r9
	mov	P(AND), %r10
	mov	$WINDOW, %edi
	mov	P(SKIP), %rsi
	fill
	mov	P(SKIP_END), %rdi
	mov	$plan, %esi
	fill
	mov	$plan + PLAN_BYTES, %edi
	mov	INFO_HEAP_END, %rsi
	fill
	lea	PAGE(%rsi), %rdi
	mov	$WINDOW, %esi
	add	INFO_WINDOW_BYTES, %rsi
	fill

	mov	P(FEATURES), %ebp
	test	$PROBE_XSAVE, %ebp
	jz	1f
	xor	%ecx, %ecx
	xgetbv
	and	P(MASK), %eax
	and	P(MASK) + 4, %edx
	/* what this processor hasn't can't be loaded */
	cmpq	$0x2e7, P(XSAVE) + 512
	jne	3f
	and	%eax, P(XSAVE) + 512
	and	%edx, P(XSAVE) + 516
3:	xrstor64 P(XSAVE)
	jmp	2f
1:	fxrstor64 P(XSAVE)
2:
	/* selectors before bases: some processors zero the base with the selector */
	mov	P(SEGMENTS), %eax
	mov	%eax, %ds
	mov	P(SEGMENTS) + 2, %eax
	mov	%eax, %es
	mov	P(SEGMENTS) + 4, %eax
	mov	%eax, %fs
	mov	P(SEGMENTS) + 6, %eax
	mov	%eax, %gs
	test	$PROBE_FSGSBASE, %ebp
	jz	1f
	mov	P(FS_BASE), %rax
	wrfsbase %rax
	mov	P(GS_BASE), %rax
	wrgsbase %rax
1:	mov	P(WAY), %eax
	jmp	*ways(, %rax, 8)

way_gate:
	planned
	mov	$1, %edi		/* MF_OP_END */
	jmp	GATE
way_operation:
	planned
	jmp	GATE
way_suspend:
	planned
	mov	$2, %edi		/* MF_OP_CALL */
	jmp	GATE
way_jump:
	planned
	jmp	*P(TARGET)
way_iret:
	planned
	mov	$P(FRAME), %rsp
	iretq
way_far:
	planned
	mov	$P(FRAME), %rsp
	lretq
way_out:
	planned
	out	%eax, %dx
	jmp	GATE
way_in:
	planned
	in	%dx, %eax
	jmp	GATE
way_ud2:
	planned
	ud2
way_syscall:
	planned
	mov	P(GENERAL), %eax
	and	$511, %eax
	syscall
	jmp	GATE
way_int80:
	planned
	int	$0x80
	jmp	GATE
way_return:
	planned
	ret
way_x87:
	planned
	fwait
	fdivp
	vzeroall
	jmp	GATE
way_store:
	planned
	mov	%rax, (%rcx)
	mov	(%rsi), %rax
	rep movsb
	jmp	GATE
way_spin:
	planned
1:	jmp	1b
	.size nonsense_go, . - nonsense_go

	.section .rodata.nonsense_go, "a", @progbits
	.balign 8
ways:	.quad	way_gate, way_operation, way_suspend, way_jump, way_iret, way_far, way_out, way_in
	.quad	way_ud2, way_syscall, way_int80, way_return, way_x87, way_store, way_spin

	.section .note.GNU-stack, "", @progbits
