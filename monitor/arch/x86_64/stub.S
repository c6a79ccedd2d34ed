/*
 * monitor/arch/x86_64/stub.S - the few instructions of the monitor that run on a
 * guest's side of the wall. They are copied to the gate page, which the
 * guest can execute and read but not write, so all of it must be right wherever
 * the guest jumps into it: the worst that a stray jump may do is end the life.
 *
 * Everything here is position dependent on the addresses of abi/guest.h and
 * monitor/arch/arch.h. Labels are offsets in the copies.
 */
#define GATE      0x10000
#define STUB      (GATE + 0x100)
#define PARAMS    (GATE + 0xf00)
#define P_ENTRY   (PARAMS + 0)
#define P_STACK   (PARAMS + 8)
#define P_EFFECTS (PARAMS + 16)
#define P_TOKEN   (PARAMS + 24)
#define P_PROGRAM (PARAMS + 32)
#define P_UNMAP   (PARAMS + 48)
/* x87 SSE AVX MPX opmask ZMM PKRU; AMX needs a permission that no guest has */
#define XSTATE_MASK 0x2ff
#define XSTATE_PKRU 0x200
#define XSTATE    (GATE + 0x300)

#define GO_ON     2	/* process.c: enum token */

#define SYS_read    0
#define SYS_write   1
#define SYS_munmap  11
#define SYS_exit    60
#define SYS_seccomp 317

	.section .rodata
	.macro piece name
	.balign 64
	.globl \name
\name:
	.endm

/* Puts back what a guest can change and the host can't or doesn't: x87, SSE, AVX,
 * AVX-512 (by xrstor of a constant image whose XSTATE_BV is 0), the data segment
 * selectors (KVM_SET_SREGS leaves them on some hosts), the FS and GS bases, all
 * general registers but the stack pointer, the flags. Ends at the image's entry.
 * FNINIT first: some AMD processors leave the x87 pointers out of XRSTOR. */
	.macro reset_and_enter
	fninit
	mov	$XSTATE, %edi
	mov	$XSTATE_MASK, %eax
	xor	%edx, %edx
	xrstor64 (%rdi)
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	wrfsbase %rax
	wrgsbase %rax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	mov	P_STACK, %rsp
	jmp	*P_ENTRY
	.endm

/* ---------------------------------------------------------------- KVM */

/* gate(rdi: operation): returns only from a call that was answered. */
piece arch_kvm_gate
	mov	%edi, %eax
	mov	$0x500, %edx
	out	%eax, %dx
	ret
	.globl arch_kvm_gate_end
arch_kvm_gate_end:

/* KVM_RUN starts here with registers, flags and control registers set by the host. */
piece arch_kvm_stub
	reset_and_enter
	ud2
	.org arch_kvm_stub + 0x180
	/* ARCH_FLOOR */
	mov	$0x500, %edx
	out	%eax, %dx
	ud2
	.globl arch_kvm_stub_end
arch_kvm_stub_end:

/* Ring 0: one stub for each exception, 4 bytes apart: `out` to its own port, so
 * that no register changes before the host looks. */
piece arch_kvm_exceptions
	vector = 0
	.rept 32
	.balign 4
	out	%al, $(0xc0 + vector)
	hlt
	vector = vector + 1
	.endr
	.balign 4
	.globl arch_kvm_exceptions_end
arch_kvm_exceptions_end:

/* -------------------------------------------------------- gated process */

/* gate(rdi: operation): leaves the operation where the monitor looks, tells it by
 * one byte, and waits: for the next life, or for the answer to its call. */
piece arch_gated_gate
	mov	P_EFFECTS, %rax
	mov	%edi, 12(%rax)		/* struct mf_effects.reserved */
	mov	$STUB, %eax
	jmp	*%rax
	.globl arch_gated_gate_end
arch_gated_gate_end:

/* The stub of a gated process starts with the way out. Seccomp allows two
 * system calls, each at its one address here with these arguments: whoever
 * reaches the write must pass the read, and whoever passes the read must pass the
 * reset behind it, unless the monitor's byte says that this life goes on: then it returns
 * from the gate like from any function. Between the two nothing can fault, and SIGTRAP (a guest may
 * have set TF) kills, so there is one byte written for each byte read. */
piece arch_gated_stub
	mov	$SYS_write, %eax
	mov	$1, %edi
	mov	P_EFFECTS, %rsi
	mov	$1, %edx
	syscall
	.globl arch_gated_after_write
arch_gated_after_write:
	/* With the guest's PKRU the read might not be able to write: it would fail, leave its byte
	 * in the pipe, and what reports the fault would write a second one. */
	mov	$XSTATE, %edi
	mov	$XSTATE_PKRU, %eax
	xor	%edx, %edx
	xrstor64 (%rdi)
	xor	%eax, %eax		/* SYS_read */
	xor	%edi, %edi
	mov	P_TOKEN, %rsi
	mov	$1, %edx
	syscall
	.globl arch_gated_after_read
arch_gated_after_read:
	cmp	$1, %eax
	jne	9f
	mov	P_TOKEN, %rsi
	cmpb	$GO_ON, (%rsi)
	je	7f
	mov	P_STACK, %rsp
	push	$2
	popfq				/* from here no single step can stop it */
	movq	$0, -8(%rsp)		/* what the push left */
	mov	P_TOKEN, %rsi
	movb	$0, (%rsi)		/* the event has zeros there */
	reset_and_enter
7:	movb	$0, (%rsi)
	ret				/* what a call may change has been; and if the stack isn't one,
					   the life faults, as it would anywhere */
9:	ud2				/* the monitor is gone */

/* A fault, on the alternate stack, which lies in the effects area: rdi signal,
 * rdx ucontext. Tells the monitor what happened, in words of 64 bits at the start
 * of the effects area: outcome, -, exception, instruction, address touched, signal, ucontext. */
	.balign 16
	.globl arch_gated_handler
arch_gated_handler:
	cld
	mov	P_EFFECTS, %rbx
	mov	$0xfau, %eax
	shl	$32, %rax
	mov	%rax, 8(%rbx)		/* outcome 0, operation 0xfa */
	mov	200(%rdx), %rax		/* uc_mcontext.gregs[REG_TRAPNO] */
	mov	%rax, 16(%rbx)
	mov	168(%rdx), %rax		/* REG_RIP */
	mov	%rax, 24(%rbx)
	mov	216(%rdx), %rax		/* REG_CR2 */
	mov	%rax, 32(%rbx)
	mov	%rdi, 40(%rbx)
	mov	%rdx, 48(%rbx)		/* where the other registers are */
	mov	$STUB, %eax
	jmp	*%rax

/* A new gated process jumps here, everything of the guest mapped: it throws away
 * the rest of its address space, closes the gate and waits for its first life. */
	.balign 16
	.globl arch_gated_first
arch_gated_first:
	mov	P_STACK, %rsp
	mov	$P_UNMAP, %ebx
1:	mov	(%rbx), %rdi
	mov	8(%rbx), %rsi
	test	%rsi, %rsi
	jz	2f
	mov	$SYS_munmap, %eax
	syscall
	test	%rax, %rax
	jnz	8f
	add	$16, %rbx
	cmp	$(P_UNMAP + 64), %rbx
	jb	1b
2:	mov	$SYS_seccomp, %eax
	mov	$1, %edi		/* SECCOMP_SET_MODE_FILTER */
	xor	%esi, %esi
	mov	$P_PROGRAM, %edx
	syscall
	test	%rax, %rax
	jnz	8f
	mov	$STUB, %eax		/* says "ready" as if a life had ended */
	jmp	*%rax
8:	mov	$SYS_exit, %eax
	mov	$9, %edi
	syscall
	ud2
	.globl arch_gated_stub_end
arch_gated_stub_end:

	.section .note.GNU-stack,"",@progbits
