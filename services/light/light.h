/*
 * light.h - a lamp, as main.c switches it and home.c tells Home Assistant of it.
 */
#ifndef LIGHT_H
#define LIGHT_H

#include <mayfly.h>

#include "wire/names.h"

struct lamp {
	struct mf_str name;
	char key[NAMES_MAX + 8]; /* of its state */
	bool known, on;
};

/* Home Assistant's MQTT discovery: a lamp that is told of so appears there by itself. */
void home_introduce(struct mf_str name);
/* Keeps the name among those of all lamps, for home_introduce_all. */
void home_remember(struct mf_str name);
/* All of them from the nth on, a few now and the others a little later. */
void home_introduce_all(uint64_t nth);

#endif
