/* sys/beside.c - see beside.h */
#include "sys/beside.h"

#include <signal.h>

int beside_start(pthread_t *thread, size_t stack, void *(*run)(void *context), void *context)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int e;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, stack);
	e = pthread_create(thread, &attr, run, context);
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -e;
}
