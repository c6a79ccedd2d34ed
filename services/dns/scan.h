/*
 * scan.h - a zone file as tokens (RFC 1035 5.1): comments, parentheses, quotes.
 * Only mf_init uses it. The text is the caller's; tokens point into it, with
 * their escapes as written. Errors end mf_init with one line:
 *
 *	FILE:LINE:COLUMN: what is wrong: "the token": expected what should be there
 */
#ifndef SERVICES_DNS_SCAN_H
#define SERVICES_DNS_SCAN_H

#include <mayfly.h>

#include "init_only.h"

enum token_kind {
	TOKEN_WORD,
	TOKEN_QUOTED, /* without its quotes */
	TOKEN_END,    /* of the line, outside parentheses, or of the file */
};

struct token {
	enum token_kind kind;
	struct mf_str text;
	uint32_t line, column; /* from 1; a column is a byte */
};

struct scan {
	struct mf_str file; /* its name, for messages */
	const uint8_t *at, *end, *line_start;
	uint32_t line;
	uint32_t depth;    /* of parentheses */
	struct token open; /* the outermost of them */
};

INIT_ONLY void scan_begin(struct scan *s, struct mf_str file, struct mf_str text);

/* Goes to the next line that holds anything; *blank: it starts with white space. False: the
 * end of the file. */
INIT_ONLY bool scan_entry(struct scan *s, bool *blank);

INIT_ONLY struct token scan_next(struct scan *s);

INIT_ONLY _Noreturn void scan_fail(
	const struct scan *s, const struct token *t, const char *what, const char *expected);
/* The same, to the log, and on. */
INIT_ONLY void scan_warn(const struct scan *s, const struct token *t, const char *what);

/* One character of a token's text, escapes resolved; *escaped says if it was one. False: a
 * bad escape. Only while *at < end. */
INIT_ONLY bool scan_char(const uint8_t **at, const uint8_t *end, uint8_t *c, bool *escaped);

/* Is the token this word, case ignored? */
INIT_ONLY bool scan_is(const struct token *t, const char *word);

#endif
