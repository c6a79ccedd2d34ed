/* cli/password.c - see password.h */
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"

/* ---------------------------------------------------------------------- read */

/* Up to the end of the line; it may have no newline. -EMSGSIZE: it is longer. */
static int read_line(int fd, char to[PASSWORD_MAX])
{
	size_t n = 0;

	for (;;) {
		ssize_t got = read(fd, to + n, 1);

		if (got < 0)
			return -errno;
		if (got == 0 || to[n] == '\n')
			break;
		if (++n == PASSWORD_MAX)
			return -EMSGSIZE;
	}
	to[n] = '\0';
	return 0;
}

static int from_file(const char *command, const char *file, char to[PASSWORD_MAX])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : read_line(fd, to);

	if (fd >= 0)
		close(fd);
	if (rc == 0 && to[0] != '\0')
		return STATUS_OK;
	return out_say(command, rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_USAGE,
		"--password-file \"%s\": %s", file,
		rc == 0 ? "its first line is empty: -W makes a key without a password"
			: rc == -EMSGSIZE ? "its first line is too long"
					  : strerror(-rc));
}

/* ------------------------------------------------------------------ terminal */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* With the echo off, whatever ends it: a signal comes to itself when the echo is back. */
static int ask(int tty, const char *prompt, char to[PASSWORD_MAX])
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = on_signal}, before[4];
	struct termios terminal, quiet;
	int rc;

	if (tcgetattr(tty, &terminal) < 0)
		return -errno;
	interrupted = 0;
	for (unsigned i = 0; i < 4; i++)
		sigaction(numbers[i], &action, &before[i]);
	quiet = terminal;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &quiet);
	dprintf(tty, "%s: ", prompt);
	rc = read_line(tty, to);
	dprintf(tty, "\n");
	tcsetattr(tty, TCSAFLUSH, &terminal);
	for (unsigned i = 0; i < 4; i++)
		sigaction(numbers[i], &before[i], NULL);
	if (interrupted)
		raise(interrupted);
	return rc;
}

static int ask_twice(const char *command, int tty, const char *what, char to[PASSWORD_MAX])
{
	char second[PASSWORD_MAX];
	int rc = ask(tty, "The same again", second), same = 1;

	if (rc == 0)
		same = strlen(second) == strlen(to) ? sodium_memcmp(second, to, strlen(to)) : 1;
	sodium_memzero(second, sizeof(second));
	if (rc < 0)
		return out_say(command, STATUS_FAILED, "no password: %s", strerror(-rc));
	if (same != 0)
		return out_say(command, STATUS_USAGE, "%s: the two passwords differ", what);
	return to[0] != '\0'
		? STATUS_OK
		: out_say(command, STATUS_USAGE,
			  "%s: the password is empty: -W makes a key without one", what);
}

int password_get(
	const char *command, const char *file, const char *what, bool again, char to[PASSWORD_MAX])
{
	char prompt[300];
	int tty, rc, status = STATUS_OK;

	if (file)
		return from_file(command, file, to);
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return out_say(command, STATUS_USAGE,
			"%s needs a password, and there is no terminal to ask on: give "
			"--password-file FILE%s",
			what, again ? ", or -W for a key without a password" : "");
	snprintf(prompt, sizeof(prompt), "%s of %.200s", again ? "New password" : "Password", what);
	rc = ask(tty, prompt, to);
	if (rc < 0)
		status = out_say(command, STATUS_FAILED, "no password: %s", strerror(-rc));
	else if (again)
		status = ask_twice(command, tty, what, to);
	close(tty);
	return status;
}
