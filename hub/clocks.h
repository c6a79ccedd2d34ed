/*
 * hub/clocks.h - the hub's clocks (time.h) at work: they are read with each event, and when somebody sets
 * the machine's, or it wakes up: then what waits for a time looks again. Says what is news, once.
 */
#ifndef HUB_CLOCKS_H
#define HUB_CLOCKS_H

#include "hub/time.h"
#include "sys/loop.h"

struct hub;

struct clocks {
	struct timekept kept;
	struct loop_source set; /* ready: the clock was set, or the machine slept */
	int fd;
};

/* Without a descriptor yet: nobody says when the clock is set. */
void clocks_init(struct clocks *clocks);
/* -errno. */
int clocks_open(struct hub *hub);
/* The store is open, and knows the last run's. */
void clocks_go_on(struct hub *hub);
/* The hub ends: the store knows until when it ran. */
void clocks_keep(struct hub *hub);
void clocks_close(struct hub *hub);
/* Reads them: hub->clocks.kept is of now. */
void clocks_look(struct hub *hub);

#endif
