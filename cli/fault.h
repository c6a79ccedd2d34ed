/*
 * cli/fault.h - say to a person how a life crashed: the exception by its name,
 * the function, and what lies at the address that it touched. Pure.
 */
#ifndef CLI_FAULT_H
#define CLI_FAULT_H

#include <stdint.h>
#include <stdio.h>

#include "image/image.h"
#include "image/symbols.h"
#include "monitor/monitor.h"

#define FAULT_PAGE 14u /* the exception for which struct life has `touched` */

/* "#PF", "page fault"; for what isn't an exception "exit", "left without the gate". */
const char *fault_short(uint32_t vector);
const char *fault_long(uint32_t vector);

/* What lies there, in words that help: "page zero: a null pointer?". */
const char *fault_place(const struct image *image, uint64_t address);

/* The crash screen, several lines, each indented by two blanks. */
void fault_print(FILE *to, const struct image *image, const struct symbols *symbols,
	const struct life *life);

#endif
