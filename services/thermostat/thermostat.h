/*
 * thermostat.h - what main.c and home.c, which tells Home Assistant of rooms, have in common.
 */
#ifndef THERMOSTAT_H
#define THERMOSTAT_H

#include <mayfly.h>

#include "wire/names.h"

#define TARGET_LEAST 5 /* degrees that may be asked for */
#define TARGET_MOST  35

/* In mf_init: reads its settings. */
void home_init(void);
/* Home Assistant's MQTT discovery: a room that is told of so appears there by itself. */
void home_introduce(struct mf_str room);
/* Keeps the name among those of all rooms, for home_introduce_all. False: it was there. */
bool home_remember(struct mf_str room);
/* All of them from the nth on, a few now and the others a little later. */
void home_introduce_all(uint64_t nth);

#endif
