/*
 * monitor/arch/x86_64/x86.h - where GDT, TSS, IDT and exception stubs lie on the
 * system page, and the selectors in that GDT. Read-only memory that only ring 0
 * can see: the processor loads from it, and nothing writes it.
 */
#ifndef MONITOR_ARCH_X86_64_X86_H
#define MONITOR_ARCH_X86_64_X86_H

#include "monitor/arch/arch.h"

#define X86_GDT   (MF_ADDR_SYSTEM + 0x000)
#define X86_TSS   (MF_ADDR_SYSTEM + 0x100)
#define X86_IDT   (MF_ADDR_SYSTEM + 0x400)
#define X86_STUBS (MF_ADDR_SYSTEM + 0x800)

#define X86_GDT_ENTRIES 7
#define X86_SEL_CODE0   0x08u
#define X86_SEL_DATA0   0x10u
#define X86_SEL_DATA3   0x18u
#define X86_SEL_CODE3   0x20u
#define X86_SEL_TSS     0x28u

/* The I/O bitmap reaches to the gate's port, and one byte of ones ends it. */
#define X86_TSS_MAP   0x68u
#define X86_TSS_LIMIT (X86_TSS_MAP + (ARCH_PORT_GATE + 3) / 8 + 1)
#define X86_IDT_LIMIT (16 * ARCH_EXCEPTIONS - 1)

#endif
