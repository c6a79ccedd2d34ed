/*
 * thermostat.h - what main.c and home.c, which tells Home Assistant of rooms, have in common.
 */
#ifndef THERMOSTAT_H
#define THERMOSTAT_H

#include <mayfly.h>

#include "libos/home/home.h"
#include "wire/names.h"

#define TARGET_LEAST 5 /* degrees that may be asked for */
#define TARGET_MOST  35

/* Those that Home Assistant knows. */
extern const struct home rooms;

#endif
