/* options.c - see options.h */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http_text.h"

#define VALUE_MOST 96u /* bytes of a value */

static const struct {
	const char *name;
	const char *words[6]; /* none: a number. The first is the default */
} kinds[OPTIONS] = {
	[OPTION_ALPHA] = {"alpha", {0}},
	[OPTION_BETA] = {"beta", {0}},
	[OPTION_RCOND] = {"rcond", {0}},
	[OPTION_TOLERANCE] = {"tolerance", {0}},
	[OPTION_TRANS] = {"trans", {"n", "t", "c"}},
	[OPTION_TRANSA] = {"transa", {"n", "t", "c"}},
	[OPTION_TRANSB] = {"transb", {"n", "t", "c"}},
	[OPTION_UPLO] = {"uplo", {"lower", "upper"}},
	[OPTION_SIDE] = {"side", {"left", "right"}},
	[OPTION_DIAG] = {"diag", {"non-unit", "unit"}},
	[OPTION_ORDER] = {"order", {"f", "c"}},
	[OPTION_ASSUME] = {"assume", {"general", "symmetric", "positive", "upper", "lower"}},
	[OPTION_MODE] = {"mode", {"reduced", "complete", "r", "raw"}},
	[OPTION_FULL] = {"full", {"0", "1"}},
	[OPTION_VECTORS] = {"vectors", {"1", "0"}},
	[OPTION_ALGORITHM] = {"algorithm", {"classic", "strassen", "auto"}},
	[OPTION_PLAN] = {"plan", {"0", "1"}},
};

/* -------------------------------------------------------------------- numbers */

/* One real number at *p; *p is then behind it. What strtod takes and Python doesn't is refused: hexadecimal. */
static bool take_real(const char **p, double *value)
{
	const char *from = *p + (**p == '-' || **p == '+');
	char *end;

	if (*from == '-' || *from == '+' || *from == ' ' ||
		(from[0] == '0' && (from[1] | 32) == 'x'))
		return false;
	*value = strtod(*p, &end);
	if (end == *p)
		return false;
	*p = end;
	return end[-1] != ')'; /* "nan(...)" */
}

/* "j" alone, or with a sign, is one. */
static bool take_lone_j(const char **p, double *value)
{
	const char *from = *p + (**p == '-' || **p == '+');

	if (*from != 'j')
		return false;
	*value = **p == '-' ? -1 : 1;
	*p = from;
	return true;
}

static bool read_number(const char *p, struct number *to)
{
	double first, second;

	*to = (struct number){0};
	if (!take_lone_j(&p, &first) && !take_real(&p, &first))
		return false;
	if (*p == 'j') {
		to->im = first;
		return p[1] == '\0';
	}
	to->re = first;
	if (*p == '\0')
		return true;
	if ((*p != '+' && *p != '-') || (!take_lone_j(&p, &second) && !take_real(&p, &second)))
		return false;
	to->im = second;
	return p[0] == 'j' && p[1] == '\0';
}

bool number_read(struct mf_str text, struct number *to)
{
	char copy[VALUE_MOST];

	if (text.n >= 2 && text.p[0] == '(' && text.p[text.n - 1] == ')')
		text = mf_str_of(text.p + 1, text.n - 2);
	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return read_number(copy, to);
}

/* -------------------------------------------------------------------- options */

static void list_words(char *to, size_t size, const char *const *words)
{
	size_t n = 0;

	for (unsigned i = 0; i < 6 && words[i] && n < size; i++)
		n += (size_t)snprintf(to + n, size - n, "%s%s", i ? ", " : "", words[i]);
}

/* Which word; one letter is enough where no other word begins so, in either case as BLAS has it. */
static int word_of(struct mf_str value, const char *const *words)
{
	int found = -1;

	for (int i = 0; i < 6 && words[i]; i++)
		if (mf_str_is(value, words[i]))
			return i;
	for (int i = 0; i < 6 && words[i] && value.n == 1; i++)
		if (mf_lower(value.p[0]) == (uint8_t)words[i][0])
			found = found < 0 ? i : 6;
	return found < 6 ? found : -1;
}

static bool read_value(
	unsigned option, struct mf_str value, struct options *to, char *text, size_t size)
{
	char words[96] = "a number, as 1.5 or 1.5-2j";
	int word;

	if (kinds[option].words[0] == NULL) {
		if (number_read(value, &to->number[option]))
			return true;
	} else {
		word = word_of(value, kinds[option].words);
		to->word[option] = (unsigned)word;
		if (word >= 0)
			return true;
		list_words(words, sizeof(words), kinds[option].words);
	}
	snprintf(text, size, "%s=%.*s: %s is %s", kinds[option].name, (int)value.n,
		(const char *)value.p, kinds[option].name, words);
	return false;
}

static void list_taken(uint32_t taken, char *text, size_t size)
{
	size_t n = strlen(text);

	if (taken == 0)
		snprintf(text + n, size - n, "; it takes none");
	for (unsigned i = 0, some = 0; i < OPTIONS && n < size; i++)
		if (taken & 1u << i)
			n += (size_t)snprintf(text + n, size - n, "%s%s",
				some++ ? ", " : "; it takes ", kinds[i].name);
}

/* "name=value" of the query. */
static bool read_pair(
	struct mf_str pair, uint32_t taken, struct options *to, char *text, size_t size)
{
	uint8_t decoded[VALUE_MOST];
	struct mf_str name = pair, value = {decoded, 0};
	unsigned i = 0;

	for (name.n = 0; name.n < pair.n && pair.p[name.n] != '=';)
		name.n++;
	while (i < OPTIONS && !((taken & 1u << i) && mf_str_is(name, kinds[i].name)))
		i++;
	if (i == OPTIONS) {
		snprintf(text, size, "this operation has no option '%.*s'",
			(int)(name.n < 40 ? name.n : 40), (const char *)name.p);
		list_taken(taken, text, size);
		return false;
	}
	pair = name.n < pair.n ? mf_str_of(pair.p + name.n + 1, pair.n - name.n - 1) : MF_STR("");
	if (pair.n >= sizeof(decoded) || !http_decode(pair, false, decoded, &value.n)) {
		snprintf(text, size, "%s: its value is too long, or not well escaped",
			kinds[i].name);
		return false;
	}
	if (to->given & 1u << i) {
		snprintf(text, size, "%s stands there twice", kinds[i].name);
		return false;
	}
	to->given |= 1u << i;
	return read_value(i, value, to, text, size);
}

bool options_read(struct mf_str query, uint32_t taken, struct options *to, char *text, size_t size)
{
	*to = (struct options){0};
	taken |= OPTION(PLAN); /* the hub's, which asks for a plan, not ours */
	to->number[OPTION_ALPHA].re = to->number[OPTION_BETA].re = 1;
	while (query.n > 0) {
		struct mf_str pair = mf_str_of(query.p, 0);

		while (pair.n < query.n && query.p[pair.n] != '&')
			pair.n++;
		query = pair.n < query.n ? mf_str_of(query.p + pair.n + 1, query.n - pair.n - 1)
					 : mf_str_of(query.p, 0);
		if (pair.n > 0 && !read_pair(pair, taken, to, text, size))
			return false;
	}
	return true;
}

char option_letter(const struct options *options, enum option option)
{
	return (char)(kinds[option].words[options->word[option]][0] - 32);
}
