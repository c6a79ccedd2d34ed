/*
 * tests/faults/skew.c - preloaded into a hub: its wall clock is off, without setting the machine's, by as
 * many ns as the 8 bytes of the file say that MAYFLY_SKEW names. Whoever changes them writes into the FIFO beside it, NAME.set:
 * what the kernel would tell a timer that is cancelled when the clock is set (timerfd_create(2)).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>

static const volatile int64_t *skew;
static int set = -1;
static int (*real_gettime)(clockid_t, struct timespec *);

/* Before the hub's walls stand. */
__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("MAYFLY_SKEW");
	char fifo[4096];
	void *at;
	int fd;

	*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (!name)
		return;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, sizeof(*skew), PROT_READ, MAP_SHARED, fd, 0);
	snprintf(fifo, sizeof(fifo), "%s.set", name);
	set = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || at == MAP_FAILED || set < 0)
		abort();
	skew = at;
}

int clock_gettime(clockid_t clock, struct timespec *to)
{
	int rc;

	if (!real_gettime)
		*(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	rc = real_gettime(clock, to);
	if (rc == 0 && clock == CLOCK_REALTIME && skew) {
		int64_t ns = to->tv_sec * INT64_C(1000000000) + to->tv_nsec + *skew;

		to->tv_sec = ns / 1000000000;
		to->tv_nsec = ns % 1000000000;
	}
	return rc;
}

int timerfd_create(int clock, int flags)
{
	int (*real)(int, int);

	if (clock == CLOCK_REALTIME && set >= 0)
		return fcntl(set, F_DUPFD_CLOEXEC, 0);
	*(void **)&real = dlsym(RTLD_NEXT, "timerfd_create");
	return real(clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	int (*real)(int, int, const struct itimerspec *, struct itimerspec *);

	if (flags & TFD_TIMER_CANCEL_ON_SET)
		return 0;
	*(void **)&real = dlsym(RTLD_NEXT, "timerfd_settime");
	return real(fd, flags, new, old);
}

/* Nobody has synchronised it. */
int adjtimex(struct timex *kernel)
{
	kernel->status = STA_UNSYNC;
	return TIME_ERROR;
}
