/*
 * posix: what is done before and after a service's own mf_init and mf_main, which the linker makes
 * these call (--wrap). What musl sets up it sets up once: in mf_init, if there is one, and then it is
 * part of the snapshot. Only the thread pointer is a register, and put back by every birth.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/place.h"
#include "libos/posix/posix.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): names of the linker's and of musl's */

/* The wrapped ones and the service's. */
void __wrap_mf_init(void);
void __wrap_mf_main(const struct mf_event *ev);
void __real_mf_init(void) __attribute__((weak));
void __real_mf_main(const struct mf_event *ev);

/* musl's: its beginning, from the environment and the auxiliary vector behind it; what writes the
 * buffers of streams, which is there if there are streams. */
void __init_libc(const uint64_t *environment, const char *name);
void __stdio_exit(void) __attribute__((weak));

/* libos/arch/ */
void thread_pointer(void *at);

static void *thread;

/* musl calls it, in place of its own. */
int __set_thread_area(void *at);
int __set_thread_area(void *at)
{
	thread = at;
	thread_pointer(at);
	return 0;
}

static void begin(void)
{
	/* no variables; AT_PAGESZ */
	static const uint64_t environment[] = {0, 6, MF_PAGE, 0, 0};

	if (thread == NULL)
		__init_libc(environment, "");
	else
		thread_pointer(thread);
}

static void end(void)
{
	if (__stdio_exit != NULL)
		__stdio_exit();
	posix_write_rest();
}

void __wrap_mf_init(void)
{
	begin();
	if (__real_mf_init != NULL)
		__real_mf_init();
	end();
}

void __wrap_mf_main(const struct mf_event *ev)
{
	begin();
	__real_mf_main(ev);
	end();
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
