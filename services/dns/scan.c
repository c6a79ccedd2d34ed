/* scan.c - a zone file as tokens */
#include "scan.h"

#define QUOTE_MAX 40u /* of a token, in a message */

void scan_begin(struct scan *s, struct mf_str file, struct mf_str text)
{
	*s = (struct scan){.file = file, .at = text.p, .end = text.p + text.n, .line = 1};
	s->line_start = s->at;
}

static struct token here(const struct scan *s, enum token_kind kind)
{
	return (struct token){
		.kind = kind,
		.text = mf_str_of(s->at, 0),
		.line = s->line,
		.column = (uint32_t)(s->at - s->line_start) + 1,
	};
}

/* The token as something that can be printed. */
static const char *quote(char out[static QUOTE_MAX + 4], const struct token *t)
{
	size_t n = 0;

	for (; n < t->text.n && n < QUOTE_MAX; n++) {
		uint8_t c = t->text.p[n];
		out[n] = c < ' ' || c >= 127 ? '?' : (char)c;
	}
	memcpy(out + n, t->text.n > n ? "..." : "", t->text.n > n ? 4 : 1);
	return out;
}

void scan_fail(const struct scan *s, const struct token *t, const char *what, const char *expected)
{
	char text[QUOTE_MAX + 4];

	if (t->kind == TOKEN_END)
		mf_fail("%.*s:%u:%u: %s: end of %s: expected %s", (int)s->file.n,
			(const char *)s->file.p, t->line, t->column, what,
			t->text.p == s->end ? "file" : "line", expected);
	mf_fail("%.*s:%u:%u: %s: \"%s\": expected %s", (int)s->file.n, (const char *)s->file.p,
		t->line, t->column, what, quote(text, t), expected);
}

void scan_warn(const struct scan *s, const struct token *t, const char *what)
{
	mf_log_at(MF_LEVEL_WARN, "%.*s:%u:%u: %s", (int)s->file.n, (const char *)s->file.p, t->line,
		t->column, what);
}

static void new_line(struct scan *s)
{
	s->at++;
	s->line++;
	s->line_start = s->at;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Skips blanks and a comment, not the end of the line. */
static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
	if (s->at < s->end && *s->at == ';')
		while (s->at < s->end && *s->at != '\n')
			s->at++;
}

bool scan_entry(struct scan *s, bool *blank)
{
	for (;;) {
		*blank = s->at < s->end && is_blank(*s->at);
		skip_blanks(s);
		if (s->at == s->end)
			return false;
		if (*s->at != '\n')
			return true;
		new_line(s);
	}
}

static bool ends_word(uint8_t c)
{
	return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"';
}

static struct token word(struct scan *s)
{
	struct token t = here(s, TOKEN_WORD);

	while (s->at < s->end && !ends_word(*s->at)) {
		if (*s->at == '\0')
			scan_fail(s, &t, "a zero byte", "text");
		/* what is escaped doesn't end a word; a line's end can't be escaped */
		if (*s->at == '\\' && s->end - s->at > 1 && s->at[1] != '\n')
			s->at++;
		s->at++;
	}
	t.text.n = (size_t)(s->at - t.text.p);
	return t;
}

static struct token quoted(struct scan *s)
{
	struct token t = here(s, TOKEN_QUOTED);

	t.text.p = ++s->at;
	while (s->at < s->end && *s->at != '"' && *s->at != '\n') {
		if (*s->at == '\\' && s->end - s->at > 1 && s->at[1] != '\n')
			s->at++;
		s->at++;
	}
	t.text.n = (size_t)(s->at - t.text.p);
	if (s->at == s->end || *s->at != '"')
		scan_fail(s, &t, "a string without an end", "a closing \" on the same line");
	s->at++;
	return t;
}

static void parenthesis(struct scan *s)
{
	struct token t = here(s, TOKEN_WORD);

	t.text.n = 1;
	if (*s->at == '(') {
		if (s->depth++ == 0)
			s->open = t;
	} else if (s->depth-- == 0) {
		scan_fail(s, &t, "a parenthesis that closes nothing", "a ( before it");
	}
	s->at++;
}

struct token scan_next(struct scan *s)
{
	for (;;) {
		skip_blanks(s);
		if (s->at == s->end) {
			if (s->depth > 0)
				scan_fail(s, &s->open, "a parenthesis that is never closed",
					"a ) after it");
			return here(s, TOKEN_END);
		}
		switch (*s->at) {
		case '\n':
			if (s->depth == 0)
				return here(s, TOKEN_END);
			new_line(s);
			break;
		case '(':
		case ')': parenthesis(s); break;
		case '"': return quoted(s);
		default: return word(s);
		}
	}
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

bool scan_char(const uint8_t **at, const uint8_t *end, uint8_t *c, bool *escaped)
{
	const uint8_t *p = *at;

	*escaped = *p == '\\';
	if (!*escaped) {
		*c = *p;
		*at = p + 1;
		return true;
	}
	if (end - p < 2)
		return false;
	if (!is_digit(p[1])) {
		*c = p[1];
		*at = p + 2;
		return true;
	}
	if (end - p < 4 || !is_digit(p[2]) || !is_digit(p[3]))
		return false;

	unsigned value = (p[1] - '0') * 100u + (p[2] - '0') * 10u + (p[3] - '0');
	*c = (uint8_t)value;
	*at = p + 4;
	return value <= 255;
}

bool scan_is(const struct token *t, const char *word)
{
	size_t n = strlen(word);

	if (t->kind != TOKEN_WORD || t->text.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (mf_lower(t->text.p[i]) != mf_lower((uint8_t)word[i]))
			return false;
	return true;
}
