/*
 * thread_pointer(rdi): where code that asks for "its thread" looks, by %fs. The birth sets it to
 * zero, so it is set in each life that needs it.
 */
	.section .text.thread_pointer, "ax", @progbits
	.globl thread_pointer
	.type thread_pointer, @function
thread_pointer:
	wrfsbase %rdi
	ret
	.size thread_pointer, . - thread_pointer

	.section .note.GNU-stack, "", @progbits
