/* hub/journal.c - lines on standard error, and the newest of them in memory. */
#include "hub/journal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fd.h"

/* ----------------------------------------------------------------- in words */

/* Appends `text` as a JSON string. It is clean (sys/log.h): only '"' and '\' need care. */
static char *put_string(char *to, const char *text)
{
	*to++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to++ = '"';
	return to;
}

static char *put_member(char *to, const char *key, const char *text)
{
	to += sprintf(to, ",\"%s\":", key);
	return put_string(to, text);
}

size_t journal_json(
	char to[static JOURNAL_JSON_MOST], const struct journal_line *line, bool with_number)
{
	time_t seconds = (time_t)(line->wall_ns / (int64_t)CLOCK_S);
	long us = (long)(line->wall_ns % (int64_t)CLOCK_S / 1000);
	struct tm tm;
	char *p = to;

	gmtime_r(&seconds, &tm);
	p += strftime(p, 64, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &tm);
	p += sprintf(p, ".%06ldZ\"", us);
	if (with_number)
		p += sprintf(p, ",\"number\":%llu", (unsigned long long)line->number);
	p = put_member(p, "level", log_level_names[line->level]);
	if (line->service)
		p = put_member(p, "service", line->service);
	if (line->event)
		p = put_member(p, "event", line->event);
	p = put_member(p, "text", line->text);
	*p++ = '}';
	*p = '\0';
	return (size_t)(p - to);
}

/* ---------------------------------------------------------- standard error */

/* sd-daemon(3): what is in front of a line says how urgent it is. */
static size_t put_priority(const struct journal *j, char *to, enum log_level level)
{
	static const char priorities[LOG_LEVELS] = {'7', '6', '4', '3'};

	if (!j->systemd)
		return 0;
	to[0] = '<';
	to[1] = priorities[level];
	to[2] = '>';
	return 3;
}

/* Would a line be taken at once? What is a pipe takes 4096 bytes then; a line has less. */
static bool takes(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

static void write_line(const struct journal *j, const struct journal_line *line)
{
	const struct log_record record = {
		line->level, line->wall_ns, line->service, line->event, line->text};
	char text[JOURNAL_JSON_MOST + 8];
	size_t n = put_priority(j, text, line->level);

	_Static_assert(
		sizeof(text) <= 4096 && JOURNAL_JSON_MOST >= LOG_MOST, "one write to a pipe");
	if (j->json) {
		n += journal_json(text + n, line, false);
		text[n++] = '\n';
	} else {
		n += log_text(text + n, &record, !j->systemd);
	}
	(void)fd_write_all(STDERR_FILENO, text, n);
}

static void tell(struct journal *j, const struct journal_line *line)
{
	char text[96];
	const struct journal_line missing = {
		.level = LOG_WARN, .wall_ns = line->wall_ns, .text = text};

	if (!takes(STDERR_FILENO)) {
		j->left_out++;
		return;
	}
	if (j->left_out > 0) {
		snprintf(text, sizeof(text), "%llu lines were left out: nobody read standard error",
			(unsigned long long)j->left_out);
		j->left_out = 0;
		write_line(j, &missing);
		if (!takes(STDERR_FILENO)) {
			j->left_out++;
			return;
		}
	}
	write_line(j, line);
}

/* --------------------------------------------------------------------- memory */

static void drop_first(struct journal *j)
{
	struct journal_line *line = j->first;

	j->first = line->next;
	if (!j->first)
		j->last = NULL;
	j->count--;
	j->bytes -= line->bytes;
	free(line);
}

static const char *put(char **to, const char *text)
{
	const char *start = *to;

	if (!text)
		return NULL;
	*to = stpcpy(*to, text) + 1;
	return start;
}

static size_t room(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* Without memory the line is not kept, only said. */
static void keep(struct journal *j, const struct log_record *r)
{
	size_t bytes =
		sizeof(struct journal_line) + room(r->service) + room(r->event) + room(r->text);
	struct journal_line *line = malloc(bytes);
	char *strings;

	if (!line)
		return;
	strings = line->strings;
	*line = (struct journal_line){
		.number = j->number,
		.wall_ns = r->wall_ns,
		.level = r->level,
		.service = put(&strings, r->service),
		.event = put(&strings, r->event),
		.text = put(&strings, r->text),
		.bytes = bytes,
	};
	if (j->last)
		j->last->next = line;
	else
		j->first = line;
	j->last = line;
	j->count++;
	j->bytes += bytes;
	while (j->first && (j->count > JOURNAL_LINES || j->bytes > JOURNAL_BYTES))
		drop_first(j);
}

static void take(void *context, const struct log_record *record)
{
	struct journal *j = context;
	const struct journal_line line = {
		.wall_ns = record->wall_ns,
		.level = record->level,
		.service = record->service,
		.event = record->event,
		.text = record->text,
	};

	tell(j, &line);
	j->number++;
	j->lines[record->level]++;
	keep(j, record);
}

const struct journal_line *journal_next(const struct journal *journal,
	const struct journal_line *line, const struct journal_filter *filter)
{
	for (line = line ? line->next : journal->first; line; line = line->next) {
		if (line->number <= filter->after || line->level < filter->least)
			continue;
		if (filter->service.p &&
			!(line->service && mf_str_is(filter->service, line->service)))
			continue;
		return line;
	}
	return NULL;
}

/* ------------------------------------------------------------- life of its own */

/* systemd.exec(5): JOURNAL_STREAM is device and inode of what it connected us to; it may
 * have been redirected since. */
static bool is_systemd(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	/* NOLINTNEXTLINE(cert-err34-c): a number that doesn't fit is no journal's */
	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void journal_open(struct journal *journal, bool json)
{
	*journal = (struct journal){.json = json, .systemd = is_systemd()};
	log_to(take, journal);
}

void journal_set_json(struct journal *journal, bool json)
{
	journal->json = json;
}

void journal_close(struct journal *journal)
{
	log_to(NULL, NULL);
	while (journal->first)
		drop_first(journal);
}
