/* sys/log.c - lines for the operator. */
#include "sys/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fd.h"

const char *const log_level_names[LOG_LEVELS] = {"debug", "info", "warning", "error"};

static const char *name = "mayfly";
static enum log_level shown = LOG_INFO;
static log_writer *take;
static void *taker;

void log_setup(const char *program, enum log_level least)
{
	name = program;
	shown = least;
}

void log_to(log_writer *writer, void *context)
{
	take = writer;
	taker = context;
}

/* ------------------------------------------------------------------- clean */

/* How many bytes of p are one character that may be shown; 0: the first is none. RFC 3629. */
static size_t shown_bytes(const unsigned char *p, size_t n)
{
	size_t more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
	uint32_t c;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n <= more)
		return 0;
	c = p[0] & (0x3fu >> more);
	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < 0xa0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) /* C1 controls; surrogates */
		return 0;
	/* ends of lines and of paragraphs; marks that turn the order of what is shown round */
	if (c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069))
		return 0;
	return (more == 2 && c < 0x800) || (more == 3 && c < 0x10000) ? 0 : more + 1;
}

const char *log_clean(char *to, size_t size, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	size_t at = 0, i = 0;

	while (i < n) {
		size_t whole = shown_bytes(p + i, n - i);

		if (at + (whole > 0 ? whole : 4) >= size)
			break;
		if (whole > 0) {
			memcpy(to + at, p + i, whole);
			at += whole;
			i += whole;
			continue;
		}
		to[at++] = '\\';
		to[at++] = 'x';
		to[at++] = digits[p[i] >> 4];
		to[at++] = digits[p[i] & 15];
		i++;
	}
	to[at] = '\0';
	return to;
}

/* -------------------------------------------------------------------- lines */

size_t log_text(char to[static LOG_MOST], const struct log_record *record, bool named)
{
	static const char *const mark[LOG_LEVELS] = {"debug: ", "", "warning: ", "error: "};
	int n = snprintf(to, LOG_MOST, "%s%s%s%s%s%s%s%s%s\n", named ? name : "", named ? ": " : "",
		named ? mark[record->level] : "", record->service ? record->service : "",
		record->service ? ": " : "", record->event ? "[" : "",
		record->event ? record->event : "", record->event ? "] " : "", record->text);

	if (n < LOG_MOST)
		return n < 0 ? 0 : (size_t)n;
	to[LOG_MOST - 2] = '\n';
	return LOG_MOST - 1;
}

static void write_text(const struct log_record *record)
{
	char line[LOG_MOST];

	(void)fd_write_all(STDERR_FILENO, line, log_text(line, record, true));
}

static void write_line(struct log_record *record, const char *format, va_list args)
{
	char text[LOG_LINE], clean[LOG_LINE];
	int n = vsnprintf(text, sizeof(text), format, args);

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text)) {
		n = (int)sizeof(text) - 1;
		memcpy(text + n - 3, "...", 3);
	}
	record->text = log_clean(clean, sizeof(clean), text, (size_t)n);
	record->wall_ns = clock_wall_ns();
	if (take)
		take(taker, record);
	else
		write_text(record);
	record->text = NULL; /* it lies here */
}

void log_line(enum log_level level, const char *format, ...)
{
	struct log_record record = {.level = level};
	va_list args;

	if (level < shown)
		return;
	va_start(args, format);
	write_line(&record, format, args);
	va_end(args);
}

void log_about(
	enum log_level level, const char *service, const char *event, const char *format, ...)
{
	struct log_record record = {.level = level, .service = service, .event = event};
	va_list args;

	if (level < shown)
		return;
	va_start(args, format);
	write_line(&record, format, args);
	va_end(args);
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
