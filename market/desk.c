/* market/desk.c - see desk.h: which questions there are, and reading one. What is done is in desk_run.c. */
#include "market/desk.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "market/desk_inner.h"
#include "market/written.h"

static const struct desk_word words[] = {
	{"plan", "put", "plans/put", "name", "credit day rate at_once", DESK_CHANGES | DESK_MAKES,
		desk_plan_put},
	{"plan", "ls", "plans", "", "", 0, desk_plan_ls},
	{"plan", "show", "plans/show", "name", "", 0, desk_plan_show},
	{"plan", "rm", "plans/rm", "name", "", DESK_CHANGES, desk_plan_rm},
	{"account", "add", "accounts/add", "name", "plan credit day", DESK_CHANGES | DESK_MAKES,
		desk_account_add},
	{"account", "set", "accounts/set", "name", "plan credit day", DESK_CHANGES,
		desk_account_set},
	{"account", "ls", "accounts", "", "", 0, desk_account_ls},
	{"account", "show", "accounts/show", "name", "", 0, desk_account_show},
	{"account", "pay", "accounts/pay", "name amount", "note", DESK_CHANGES, desk_account_pay},
	{"account", "credit", "accounts/credit", "name amount", "note", DESK_CHANGES,
		desk_account_credit},
	{"account", "close", "accounts/close", "name", "", DESK_CHANGES, desk_account_close},
	{"account", "rm", "accounts/rm", "name", "", DESK_CHANGES, desk_account_close},
	{"account", "open", "accounts/open", "name", "", DESK_CHANGES, desk_account_open},
	{"key", "add", "keys/add", "account", "services expires most day test", DESK_CHANGES,
		desk_key_add},
	{"key", "ls", "keys", "account?", "", 0, desk_key_ls},
	{"key", "show", "keys/show", "number", "", 0, desk_key_show},
	{"key", "rotate", "keys/rotate", "number", "overlap", DESK_CHANGES, desk_key_rotate},
	{"key", "revoke", "keys/revoke", "number", "", DESK_CHANGES, desk_key_revoke},
	{"key", "rm", "keys/rm", "number", "", DESK_CHANGES, desk_key_revoke},
	{"ledger", "void", "ledger/void", "number", "note", DESK_CHANGES, desk_ledger_void},
};

const struct desk_word *desk_at(size_t i)
{
	return i < sizeof(words) / sizeof(*words) ? &words[i] : NULL;
}

const struct desk_word *desk_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i].noun, noun) == 0 && strcmp(words[i].verb, verb) == 0)
			return &words[i];
	return NULL;
}

/* --------------------------------------------------------------------- members */

enum form { NAME, NOTE, SERVICES, AMOUNT, ANY_AMOUNT, LIMIT, TIME, COUNT, NUMBER, FLAG };

static const struct member {
	const char *name;
	enum form form;
	size_t at;
} members[] = {
	{"name", NAME, offsetof(struct desk_ask, name)},
	{"account", NAME, offsetof(struct desk_ask, name)},
	{"plan", NAME, offsetof(struct desk_ask, plan)},
	{"note", NOTE, offsetof(struct desk_ask, note)},
	{"services", SERVICES, offsetof(struct desk_ask, services)},
	{"amount", ANY_AMOUNT, offsetof(struct desk_ask, amount)},
	{"credit", AMOUNT, offsetof(struct desk_ask, credit)},
	{"day", LIMIT, offsetof(struct desk_ask, day)},
	{"most", LIMIT, offsetof(struct desk_ask, most)},
	{"expires", TIME, offsetof(struct desk_ask, expires)},
	{"overlap", TIME, offsetof(struct desk_ask, overlap)},
	{"rate", COUNT, offsetof(struct desk_ask, rate)},
	{"at_once", COUNT, offsetof(struct desk_ask, at_once)},
	{"number", NUMBER, offsetof(struct desk_ask, number)},
	{"test", FLAG, offsetof(struct desk_ask, test)},
};
#define MEMBERS (sizeof(members) / sizeof(*members))

const char *desk_member(size_t i, bool *flag)
{
	if (i >= MEMBERS)
		return NULL;
	*flag = members[i].form == FLAG;
	return members[i].name;
}

bool desk_given(const struct desk_ask *ask, const char *name)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (strcmp(members[i].name, name) == 0)
			return ask->given >> i & 1;
	return false;
}

static const struct member *member_of(const char *name)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

/* Is it one of the words in a list? A '?' behind one isn't looked at. */
static bool is_in(const char *list, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ?") == n && memcmp(p, name, n) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------------ read */

struct reading {
	const struct desk_word *word;
	const char *mark;
	char *error;
};

int desk_say(char *error, int as, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, DESK_ERROR_MAX, format, args);
	va_end(args);
	return as;
}

static int wrong(const struct reading *r, const char *name, const char *text, const char *is)
{
	const char *mark = is_in(r->word->options, name) ? r->mark : "";
	char word[40];

	(void)snprintf(word, sizeof(word), "%s", name);
	for (char *p = word; *mark && *p; p++)
		*p = *p == '_' ? '-' : *p;
	return desk_say(r->error, -EINVAL, "%s%s \"%.300s\": %s", mark, word, text, is);
}

static bool take_text(const char *text, char *to, size_t most)
{
	if (strlen(text) > most)
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

/* With spaces between them, as the ledger has them. */
static bool take_services(const char *text, char *to)
{
	const size_t n = strlen(text);

	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-,") != n || text[0] == ',' ||
		(n > 0 && text[n - 1] == ',') || strstr(text, ",,") ||
		!take_text(text, to, LEDGER_SERVICES))
		return false;
	for (; *to; to++)
		*to = *to == ',' ? ' ' : *to;
	return true;
}

static bool take_count(const char *text, uint64_t least, uint64_t most, uint64_t *to)
{
	return num_parse(mf_str_of(text, strlen(text)), to) && *to >= least && *to <= most;
}

static bool take_flag(const char *text, bool *to)
{
	*to = strcmp(text, "false") != 0;
	return !*to || strcmp(text, "true") == 0;
}

/* NULL, or what it would have to be. */
static const char *take_value(const char *text, const struct member *m, void *to)
{
	switch (m->form) {
	case NAME:
		return ledger_is_name(text) && take_text(text, to, LEDGER_NAME)
			? NULL
			: "names have up to 63 letters, digits and '-_.@'";
	case NOTE: return take_text(text, to, CHAIN_NOTE) ? NULL : "more than 512 letters";
	case SERVICES:
		return take_services(text, to)
			? NULL
			: "names of services, with commas between, 255 letters at most";
	case AMOUNT:
		return written_read_amount(text, false, to) ? NULL
							    : WRITTEN_AMOUNT_IS
			", and not below zero";
	case ANY_AMOUNT: return written_read_amount(text, true, to) ? NULL : WRITTEN_AMOUNT_IS;
	case LIMIT:
		return written_read_limit(text, to) ? NULL
						    : WRITTEN_AMOUNT_IS
			", and not below zero; or none";
	case TIME: return written_read_time(text, to) ? NULL : WRITTEN_TIME_IS;
	case COUNT: return take_count(text, 0, 1000000000, to) ? NULL : "a number";
	case NUMBER: return take_count(text, 1, INT64_MAX, to) ? NULL : "a number, as ls shows it";
	case FLAG: return take_flag(text, to) ? NULL : "true or false";
	}
	return "unknown";
}

/* As a text; NULL: it can't be one. `nothing`: what null is. */
static const char *text_of(const json_t *value, const char *nothing, char number[static 24])
{
	if (json_is_string(value))
		return strlen(json_string_value(value)) == json_string_length(value)
			? json_string_value(value)
			: NULL;
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (json_is_null(value))
		return nothing;
	if (!json_is_integer(value))
		return NULL;
	(void)snprintf(number, 24, "%lld", (long long)json_integer_value(value));
	return number;
}

static int take_member(
	const struct reading *r, const char *name, const json_t *value, struct desk_ask *ask)
{
	const struct member *m = member_of(name);
	const char *text, *is;
	char number[24];

	if (!m || !(is_in(r->word->operands, name) || is_in(r->word->options, name)))
		return desk_say(r->error, -EINVAL, "%s%.60s: %s %s doesn't take it",
			m && r->mark[0] ? r->mark : "", name, r->word->noun, r->word->verb);
	text = text_of(value, m->form == LIMIT ? "none" : NULL, number);
	if (!text)
		return wrong(r, name, "...", "a text is wanted");
	is = take_value(text, m, (char *)ask + m->at);
	if (is)
		return wrong(r, name, text, is);
	ask->given |= 1u << (m - members);
	return 0;
}

static int look_for_operands(const struct reading *r, const struct desk_ask *ask)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		const char *name = members[i].name, *at = strstr(r->word->operands, name);

		if (is_in(r->word->operands, name) && at && at[strlen(name)] != '?' &&
			!(ask->given >> i & 1))
			return desk_say(r->error, -EINVAL, "%s: say it", name);
	}
	return 0;
}

int desk_read(const struct desk_word *word, const json_t *given, const char *mark,
	struct desk_ask *ask, char error[static DESK_ERROR_MAX])
{
	const struct reading r = {word, mark, error};
	const char *name;
	json_t *value;
	int e = 0;

	*ask = (struct desk_ask){.word = word,
		.day = LEDGER_UNLIMITED,
		.most = LEDGER_UNLIMITED,
		.overlap = 86400000000000};
	(void)strcpy(ask->plan, "prepaid");
	json_object_foreach((json_t *)(uintptr_t)given, name, value)
	{
		e = take_member(&r, name, value, ask);
		if (e < 0)
			return e;
	}
	return look_for_operands(&r, ask);
}

int desk_run(struct desk_ask *ask, struct ledger *ledger, int64_t now, json_t **answer,
	char error[static DESK_ERROR_MAX])
{
	int e;

	ask->now = now;
	*answer = NULL;
	error[0] = '\0';
	e = ask->word->run(ask, ledger, answer, error);
	if (e >= 0 && *answer)
		return 0;
	json_decref(*answer);
	*answer = NULL;
	if (e >= 0)
		e = -ENOMEM;
	return error[0] ? e : desk_say(error, e, "%s", strerror(-e));
}

void desk_forget(struct desk_ask *ask)
{
	explicit_bzero(ask->key, sizeof(ask->key));
}
