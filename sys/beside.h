/*
 * sys/beside.h - a thread that does one thing beside the loop, which its owner joins. Signals stay with the thread that started it, and its
 * stack has as many bytes as it says.
 */
#ifndef SYS_BESIDE_H
#define SYS_BESIDE_H

#include <pthread.h>
#include <stddef.h>

/* 0 or -errno. */
int beside_start(pthread_t *thread, size_t stack, void *(*run)(void *context), void *context);

#endif
