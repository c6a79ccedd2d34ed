/*
 * meter.h - what main.c and home.c, which tells Home Assistant of meters, have in common.
 */
#ifndef METER_H
#define METER_H

#include <mayfly.h>

#include "libos/home/home.h"
#include "wire/names.h"

/* In mf_init: reads the settings for Home Assistant. */
void home_open(void);
/* Those that it knows. */
extern const struct home meters;

#endif
