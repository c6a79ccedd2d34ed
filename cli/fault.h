/*
 * cli/fault.h - say to a person how a life crashed (image/fault.h has the words).
 */
#ifndef CLI_FAULT_H
#define CLI_FAULT_H

#include <stdio.h>

#include "cli/backtrace.h"
#include "image/fault.h"
#include "image/image.h"
#include "monitor/monitor.h"

/* What is left of a life that stopped where it shouldn't have. */
struct fault {
	bool known; /* all of what follows; else the machine told nothing but address and vector */
	struct backtrace trace;
	struct mfw_registers registers;
	uint64_t stack[8]; /* from the stack pointer on */
	unsigned stack_words;
	enum { FAULT_SYMBOLS, FAULT_NO_SYMBOLS, FAULT_OTHER_SYMBOLS } symbols;
};

/* While the shell still is as the life left it. NULL: it is gone. */
void fault_take(struct fault *fault, const struct image *image, const char *image_path,
	const struct shell *shell, const struct life *life);

/* The crash screen, several lines, each indented by two blanks. */
void fault_print(
	FILE *to, const struct image *image, const struct fault *fault, const struct life *life);

#endif
