/*
 * light.h - a lamp, as main.c switches it and home.c tells Home Assistant of it.
 */
#ifndef LIGHT_H
#define LIGHT_H

#include <mayfly.h>

#include "libos/home/home.h"
#include "wire/names.h"

struct lamp {
	struct mf_str name;
	char key[NAMES_MAX + 8]; /* of its state */
	bool known, on;
};

/* Those that Home Assistant knows. */
extern const struct home lamps;

#endif
