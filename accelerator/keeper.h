/*
 * accelerator/keeper.h - the process that keeps another one with the device (abi/accelerator.h). It loads nothing, so it lives
 * when a driver takes its process down.
 */
#ifndef ACCELERATOR_KEEPER_H
#define ACCELERATOR_KEEPER_H

#include "accelerator/serve.h"

/* Until the hub closes the socket: then it ends what it kept, and returns. 0 or -errno. */
int keeper_run(struct serve *serve);

/* How long it waits before it starts another, after so many that ended without a product done, in ms. */
unsigned keeper_pause_ms(unsigned failures);

#endif
