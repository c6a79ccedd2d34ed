/*
 * In musl's archive, in the place of its own: functions of the C standard that need signals or
 * processes.
 */
#define NULL ((void *)0)

_Noreturn void posix_abort(void);

_Noreturn void abort(void);
_Noreturn void abort(void)
{
	posix_abort();
}

/* There is no command processor. */
int system(const char *command);
int system(const char *command)
{
	return command == NULL ? 0 : -1;
}
