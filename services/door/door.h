/*
 * door.h - what main.c and home.c, which tells Home Assistant of doors, have in common.
 */
#ifndef DOOR_H
#define DOOR_H

#include <mayfly.h>

#include "libos/home/home.h"
#include "wire/names.h"

/* Those that Home Assistant knows. */
extern const struct home doors;

#endif
