/*
 * cli/out.h - how a subcommand speaks: data on stdout as text or JSON, one line
 * of talk on stderr. Shared by the subcommands.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* "mayfly: COMMAND: ..." and a newline on stderr, control characters replaced. Returns status. */
int out_say(const char *command, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* -o json or -o text. False, having said so: it is neither. */
bool out_format(const char *command, const char *word, bool *json);

/* Prints a JSON object, indented, keys in the order they were added, and frees it. Returns
 * status, or STATUS_FAILED if stdout is full or closed. */
int out_json(const char *command, int status, json_t *object);
/* Flushes stdout: status, or STATUS_FAILED having said why. */
int out_end(const char *command, int status);

/* A string, also of what isn't UTF-8: escaped then as in text. NULL: no memory. */
json_t *out_text(const char *text);

/* Lower-case hexadecimal of n bytes; to has room for 2n + 1. */
const char *out_hex(const uint8_t *bytes, size_t n, char *to);

/* Reads a regular file of at most max bytes. *bytes is malloc'ed and has a zero behind the last.
 * 0 or -errno; -EFBIG: it is longer. */
int out_read_file(const char *path, size_t max, uint8_t **bytes, size_t *size);
/* Puts a file in the place of whatever is at path, all or nothing. 0 or -errno. */
int out_write_file(const char *path, const void *bytes, size_t size);
/* The same, for its owner's eyes alone (0600). */
int out_write_secret(const char *path, const void *bytes, size_t size);

#endif
