/*
 * cli/fault.h - say to a person how a life crashed (image/fault.h has the words).
 */
#ifndef CLI_FAULT_H
#define CLI_FAULT_H

#include <stdio.h>

#include "image/fault.h"
#include "image/image.h"
#include "image/symbols.h"
#include "monitor/monitor.h"

/* The crash screen, several lines, each indented by two blanks. */
void fault_print(FILE *to, const struct image *image, const struct symbols *symbols,
	const struct life *life);

#endif
