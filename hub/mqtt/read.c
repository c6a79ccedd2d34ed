/* hub/mqtt/read.c - see read.h */
#include "hub/mqtt/read.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/mqtt/lib.h"

static _Thread_local jmp_buf *reading; /* NULL: nothing is read */

/* What glibc calls when an assertion doesn't hold (LSB, __assert_fail). mayflyd is linked so that libmosquitto finds this
 * one. No lock is held where a property is read, and none of the hub's functions is between here and mqtt_read. */
_Noreturn void mqtt_asserted(const char *what, const char *file, unsigned line,
	const char *function) __asm__("__assert_fail");

__attribute__((visibility("default"), used)) _Noreturn void mqtt_asserted(
	const char *what, const char *file, unsigned line, const char *function)
{
	if (reading && function && strcmp(function, "log__printf") == 0)
		longjmp(*reading, 1);
	fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line,
		function ? function : "?", what);
	abort();
}

int mqtt_read(struct mosquitto *mosq)
{
	jmp_buf back;
	int rc;

	if (setjmp(back) != 0) {
		reading = NULL;
		return MOSQ_ERR_PROTOCOL;
	}
	reading = &back;
	rc = mqtt_library.mosquitto_loop_read(mosq, 1);
	reading = NULL;
	return rc;
}
