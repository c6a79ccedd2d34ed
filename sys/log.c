/* sys/log.c - lines for the operator. */
#include "sys/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/fd.h"

static const char *name = "mayfly";
static enum log_level shown = LOG_INFO;

void log_setup(const char *program, enum log_level least)
{
	name = program;
	shown = least;
}

const char *log_clean(char *to, size_t size, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	size_t at = 0;

	for (size_t i = 0; i < n && at + 1 < size; i++) {
		if (p[i] >= 0x20 && p[i] != 0x7f) {
			to[at++] = (char)p[i];
			continue;
		}
		if (at + 5 > size)
			break;
		to[at++] = '\\';
		to[at++] = 'x';
		to[at++] = digits[p[i] >> 4];
		to[at++] = digits[p[i] & 15];
	}
	to[at] = '\0';
	return to;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const mark[] = {"debug: ", "", "warning: ", "error: "};
	char text[LOG_LINE], line[LOG_LINE + 128];
	va_list args;
	int head, n;

	if (level < shown)
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text)) {
		n = (int)sizeof(text) - 1;
		memcpy(text + n - 3, "...", 3);
	}
	head = snprintf(line, sizeof(line), "%s: %s", name, mark[level]);
	log_clean(line + head, sizeof(line) - (size_t)head - 1, text, (size_t)n);
	n = (int)strlen(line);
	line[n++] = '\n';
	(void)fd_write_all(STDERR_FILENO, line, (size_t)n);
}

bool log_allowed(struct log_rate *rate, uint64_t now_ns, uint64_t *skipped)
{
	uint64_t second = now_ns / 1000000000u;

	if (second != rate->second) {
		rate->second = second;
		rate->used = 0;
	}
	if (rate->used >= rate->burst) {
		rate->skipped++;
		return false;
	}
	rate->used++;
	*skipped = rate->skipped;
	rate->skipped = 0;
	return true;
}
