/*
 * The first instruction of every life. The monitor has put back all registers and
 * jumps here with %rsp at the top of the stack, a multiple of 16; a call makes of
 * that what the C convention expects.
 */
	.section .text.mf_boot, "ax", @progbits
	.globl mf_boot
	.type mf_boot, @function
	.cfi_sections .debug_frame /* NAME.debug: a backtrace ends here */
mf_boot:
	.cfi_startproc
	.cfi_undefined rip
	call mf_start
	ud2
	.cfi_endproc
	.size mf_boot, . - mf_boot

	.section .note.GNU-stack, "", @progbits
