/*
 * sys/log.h - what the operator reads: one line a message, on standard error unless somebody
 * else takes the lines (log_to). Control bytes and what isn't UTF-8 are shown as \xNN, so no
 * text from outside can draw on a terminal or forge a line.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };
extern const char *const log_level_names[LOG_LEVELS]; /* "debug", "info", "warning", "error" */

#define LOG_LINE 1536             /* longer texts are cut, and say so */
#define LOG_MOST (LOG_LINE + 256) /* of a line with what stands before the text */

struct log_record {
	enum log_level level;
	int64_t wall_ns;     /* since 1970 */
	const char *service; /* what it is about; NULL: the program itself */
	const char *event;   /* an event's id; NULL: none */
	const char *text;    /* clean */
};
typedef void log_writer(void *context, const struct log_record *record);

/* Name in front of every line, and the least level that is shown. */
void log_setup(const char *program, enum log_level least);
/* Who gets the lines from now on; NULL: standard error again. */
void log_to(log_writer *writer, void *context);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line about a service or one of its events; both may be NULL. */
void log_about(enum log_level level, const char *service, const char *event, const char *format,
	...) __attribute__((format(printf, 4, 5)));

#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* The line for people, "SERVICE: [EVENT] TEXT" and a newline, with the program's name and the
 * level in front if `named`. Its length; `to` is always terminated. */
size_t log_text(char to[static LOG_MOST], const struct log_record *record, bool named);

/* Bytes of others as text: returns `to`, always terminated, UTF-8 without control characters;
 * other bytes as \xNN, cut to size. */
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
