/*
 * probe_poison - fills memory and registers with the secret of probe_order, and leaves
 * as it says. Memory first, then from the registers that nothing else needs to those
 * that the way out needs. The stack is poisoned too: from then on the only memory that
 * is used is probe_order, whose end serves as the stack.
 */
#include "probe.h"

#define WINDOW             0x40000000	/* MF_ADDR_WINDOW */
#define GATE               0x10000	/* MF_ADDR_GATE */
#define END                1		/* MF_OP_END */
#define OUTCOME_OK         1
#define EFFECTS_HEAD       16
#define INFO_EVENT_BYTES   (0x13000 + 12) /* struct mf_info */
#define INFO_WINDOW_BYTES  (0x13000 + 24)
#define INFO_HEAP_END      (0x13000 + 40)
#define PAGE               4096

#define ORDER(member) (probe_order + REQUEST_##member)
#define SCRATCH_END   (probe_order + ORDER_BYTES)

/* [%rdi, %rbx) = %rax */
	.macro fill
	mov	%rbx, %rcx
	sub	%rdi, %rcx
	shr	$3, %rcx
	rep stosq
	.endm

/* every general register but %rsp */
	.macro secret_registers
	mov	ORDER(SECRET), %rax
	.irp register, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	mov	%rax, %\register
	.endr
	.endm

	.macro asked_registers
	secret_registers
	mov	$END, %edi
	mov	ORDER(RAX), %rax
	mov	ORDER(RDX), %rdx
	.endm

	.macro set_flags
	mov	$SCRATCH_END, %rsp
	pushq	ORDER(FLAGS)
	popfq
	.endm

	.section .text.probe_poison, "ax", @progbits
	.globl probe_poison
	.type probe_poison, @function
probe_poison:
	mov	ORDER(SECRET), %rax
	mov	$WINDOW, %edi
	mov	$probe_order, %ebx
	fill
	mov	$SCRATCH_END, %edi
	mov	INFO_HEAP_END, %rbx
	fill
	lea	PAGE(%rbx), %rdi
	mov	$WINDOW, %ebx
	add	INFO_WINDOW_BYTES, %rbx
	fill

	movzwl	ORDER(FEATURES), %ebp
	test	$PROBE_BAD_HEAD, %ebp
	jnz	1f
	mov	INFO_EVENT_BYTES, %eax
	movl	$EFFECTS_HEAD, WINDOW(%rax)
	movl	$0, WINDOW + 4(%rax)
	movl	$OUTCOME_OK, WINDOW + 8(%rax)
	movl	$0, WINDOW + 12(%rax)
1:
	test	$PROBE_AVX512, %ebp
	jnz	avx512
	test	$PROBE_AVX, %ebp
	jnz	avx
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movq	ORDER(SECRET), %xmm\n
	punpcklqdq %xmm\n, %xmm\n
	.endr
	jmp	x87
avx:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vbroadcastsd ORDER(SECRET), %ymm\n
	.endr
	jmp	x87
avx512:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vpbroadcastq ORDER(SECRET), %zmm\n
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vpbroadcastq ORDER(SECRET), %zmm\n
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	ORDER(SECRET), %k\n
	.endr
x87:	fninit
	.rept 6
	fildq	ORDER(SECRET)
	.endr
	fldcw	masked
	fld1
	fldz
	fdivrp				/* sets ZE */
	fildq	ORDER(SECRET)
	test	$PROBE_X87_ES, %ebp
	jz	1f
	fldcw	unmasked
1:	ldmxcsr	mxcsr

	/* selectors before bases: some processors zero the base with the selector */
	movzwl	ORDER(DS), %eax
	mov	%eax, %ds
	movzwl	ORDER(ES), %eax
	mov	%eax, %es
	movzwl	ORDER(FS), %eax
	mov	%eax, %fs
	movzwl	ORDER(GS), %eax
	mov	%eax, %gs
	test	$PROBE_FSGSBASE, %ebp
	jz	1f
	mov	ORDER(SECRET), %rax
	btr	$63, %rax
	shr	$16, %rax		/* canonical whatever the secret is */
	wrfsbase %rax
	wrgsbase %rax
1:	test	$PROBE_PKRU, %ebp
	jz	1f
	mov	ORDER(SECRET), %eax
	and	$~3, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	wrpkru
1:
	movzbl	ORDER(LEAVE), %eax
	jmp	*ways(, %rax, 8)

leave_gate:
	secret_registers
	mov	$END, %edi
	set_flags
	mov	ORDER(SECRET), %rsp
	jmp	GATE

leave_jump:
	asked_registers
	set_flags
	mov	ORDER(SECRET), %rsp
	jmp	*ORDER(TARGET)

leave_iret:
	mov	$SCRATCH_END, %rsp
	mov	%ss, %eax
	push	%rax
	pushq	ORDER(SECRET)
	pushq	ORDER(FLAGS)
	mov	%cs, %eax
	push	%rax
	pushq	ORDER(TARGET)
	asked_registers
	iretq

leave_out:
	asked_registers
	set_flags
	out	%eax, %dx
	ud2

leave_mov_ss:
	asked_registers
	mov	%ss, %ecx
	set_flags
	mov	%ecx, %ss
	out	%eax, %dx
	ud2

leave_compat:
	mov	$SCRATCH_END, %rsp
	movzwl	ORDER(CS32), %eax
	push	%rax
	push	$1f
	asked_registers
	lretq
	.code32
1:	out	%eax, %dx
	ud2
	.code64

leave_fault:
	secret_registers
	mov	%rax, %rsp
	ud2

leave_spin:
	secret_registers
	mov	%rax, %rsp
1:	jmp	1b
	.size probe_poison, . - probe_poison

	.section .rodata.probe_poison, "a", @progbits
	.balign 8
ways:	.quad	leave_gate, leave_jump, leave_iret, leave_out
	.quad	leave_mov_ss, leave_compat, leave_fault, leave_spin
masked:	.word	0x0c7f			/* rounds to zero, single precision */
unmasked:
	.word	0x0c40
	.balign 4
mxcsr:	.long	0xe07f			/* flags set, nothing masked, DAZ, FTZ, rounds to zero */

	.section .note.GNU-stack, "", @progbits
