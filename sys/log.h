/*
 * sys/log.h - what the operator reads: one line a message on standard error. Control
 * bytes are shown as \xNN, so no text from outside can draw on a terminal or forge a line.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_LINE 1536 /* longer lines are cut, and say so */

/* Name in front of every line, and the least level that is shown. */
void log_setup(const char *program, enum log_level least);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* Bytes of others as text: returns `to`, always terminated; control bytes as \xNN, cut to size. */
const char *log_clean(char *to, size_t size, const void *bytes, size_t n);

/* At most `burst` lines a second; the rest is counted. */
struct log_rate {
	uint64_t second;
	unsigned burst, used;
	uint64_t skipped;
};
/* May a line be written now? *skipped: how many were not, since the last that was. */
bool log_allowed(struct log_rate *rate, uint64_t now_ns, uint64_t *skipped);

#endif
