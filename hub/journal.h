/*
 * hub/journal.h - every line that the hub says: on standard error, as text for people or as
 * a JSON object a line, and kept in memory for `mayfly logs`, the newest of them.
 *
 * A reader of standard error that doesn't keep up is not waited for: lines are left out
 * there, and counted. One journal a process: it is what sys/log.h writes to.
 */
#ifndef HUB_JOURNAL_H
#define HUB_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "sys/log.h"

/* What is kept at most. */
#define JOURNAL_LINES 2048u
#define JOURNAL_BYTES (256u << 10)

struct journal_line {
	struct journal_line *next;
	uint64_t number; /* from 1, one more each */
	int64_t wall_ns;
	enum log_level level;
	const char *service, *event; /* NULL: none */
	const char *text;
	size_t bytes;   /* of memory, all of it */
	char strings[]; /* what those point to */
};

struct journal {
	bool json;
	bool systemd;      /* standard error goes to its journal, which reads "<4>" as a level */
	uint64_t left_out; /* lines that standard error didn't take since the last that it took */
	struct journal_line *first, *last;
	unsigned count;
	size_t bytes;
	uint64_t number; /* of the newest line; 0: there was none */
	uint64_t lines[LOG_LEVELS];
};

/* Lines come here from now on. Nothing is allocated before the first. */
void journal_open(struct journal *journal, bool json);
void journal_set_json(struct journal *journal, bool json);
/* Lines go to standard error as text again; what was kept is gone. */
void journal_close(struct journal *journal);

struct journal_filter {
	uint64_t after;        /* lines with a higher number */
	enum log_level least;  /* of this level or a higher one */
	struct mf_str service; /* about it; p NULL: about anything */
};
/* The first line that passes, behind `line` (NULL: from the oldest on); NULL: none. Gone when
 * the next line is logged. */
const struct journal_line *journal_next(const struct journal *journal,
	const struct journal_line *line, const struct journal_filter *filter);

/* A line as a JSON object without a newline, into `to`; what was written. */
#define JOURNAL_JSON_MOST (2u * LOG_MOST + 128)
size_t journal_json(
	char to[static JOURNAL_JSON_MOST], const struct journal_line *line, bool with_number);

#endif
