/*
 * cli/password.h - passwords of secret keys: from a file, or from the person at the terminal.
 *
 * Functions that return int return an exit status (cli/commands.h), having said on stderr what is
 * wrong. Whoever has a password wipes it: sodium_memzero.
 */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include <stdbool.h>

#define PASSWORD_MAX 1024

/* The first line of the file, or, if it is NULL, what a person types; `again`: twice, for a new
 * one. Without a terminal there is nobody to ask, which is said with what to do. */
int password_get(
	const char *command, const char *file, const char *what, bool again, char to[PASSWORD_MAX]);

#endif
