/*
 * libos/boot/boot.h - the C half of boot. Called once, on an empty stack.
 */
#ifndef LIBOS_BOOT_H
#define LIBOS_BOOT_H

_Noreturn void mf_start(void);

#endif
