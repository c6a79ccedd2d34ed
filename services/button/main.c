/*
 * main.c - a button that is pressed over HTTP. GET shows it, POST presses it; the last part of
 * the path is its name.
 */
#include <mayfly.h>

#include "wire/http_text.h"

#pragma GCC optimize("Os") /* all of it runs once a life */

#define NAME_MAX 32u

/* ------------------------------------------------------------- the request */

/* Letters, digits, '-' and '_': nothing that a page or a JSON string would have to escape. */
static bool is_name(struct mf_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = mf_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n > 0 && s.n <= NAME_MAX;
}

static struct mf_str last_part(struct mf_str path)
{
	size_t at = path.n;

	while (at > 0 && path.p[at - 1] != '/')
		at--;
	return mf_str_of(path.p + at, path.n - at);
}

/* "application/x-www-form-urlencoded", with or without parameters. */
static bool is_form(struct mf_str type)
{
	struct mf_str form = MF_STR("application/x-www-form-urlencoded");

	if (type.n < form.n || (type.n > form.n && type.p[form.n] != ';' && type.p[form.n] != ' '))
		return false;
	for (size_t i = 0; i < form.n; i++)
		if (mf_lower(type.p[i]) != form.p[i])
			return false;
	return true;
}

/* The kind of press that the form or the query names: "short" if neither does; NULL if it is an
 * unknown one. */
static const char *kind_of(const struct mf_event *ev)
{
	static const char *const kinds[] = {"short", "long", "double"};
	struct mf_str kind = http_parameter(mf_payload(ev), "kind");

	if (!kind.p)
		kind = http_parameter(mf_query(ev), "kind");
	if (!kind.p)
		return kinds[0];
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (mf_str_is(kind, kinds[i]))
			return kinds[i];
	return NULL;
}

/* -------------------------------------------------------------- the answer */

/* What is put into a template: %n the button's name, %k the kind of press, %t the time. */
struct words {
	struct mf_str name;
	const char *kind;
	uint64_t time_ms;
};

static const char text[] = "%n: %k\n";
static const char json[] = "{\"button\":\"%n\",\"kind\":\"%k\",\"time_ms\":%t}\n";
/* It works without scripts: pressing sends the form to where the page came from. */
static const char page[] = "<!doctype html><html lang=en><meta charset=utf-8>"
			   "<meta name=viewport content=\"width=device-width\"><title>%n</title>"
			   "<style>body{font:1.5em sans-serif;text-align:center}"
			   "button{font:inherit;padding:1em;margin:.5em}</style><h1>%n</h1><p>%k"
			   "<form method=post><button name=kind value=short>press</button>"
			   "<button name=kind value=long>long</button></form>\n";

/* In the order in which we choose for who has no preference. */
static const struct {
	const char *accept, *type, *template;
} answers[] = {
	{"text/plain", "text/plain; charset=utf-8", text},
	{"application/json", "application/json", json},
	{"text/html", "text/html; charset=utf-8", page},
};
enum { ANSWERS = sizeof(answers) / sizeof(answers[0]), ANSWER_PAGE = 2 };

static struct mf_str decimal(uint64_t value, uint8_t to[static 20])
{
	size_t at = 20;

	do
		to[--at] = (uint8_t)('0' + value % 10);
	while ((value /= 10) > 0);
	return mf_str_of(to + at, 20 - at);
}

static struct mf_str word(const struct words *w, char which, uint8_t digits[static 20])
{
	switch (which) {
	case 'n': return w->name;
	case 'k': return mf_str_of(w->kind, strlen(w->kind));
	default: return decimal(w->time_ms, digits);
	}
}

static void reply(unsigned i, const struct words *w)
{
	/* the longest template with the longest words has far less than 1 KiB */
	size_t room = 1024, n = 0;
	uint8_t *to, digits[20];

	if (i == ANSWER_PAGE)
		mf_reply_header("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'");
	to = mf_reply_room(&room);
	for (const char *t = answers[i].template; *t; t++) {
		struct mf_str piece = mf_str_of(t, 1);

		if (*t == '%')
			piece = word(w, *++t, digits);
		for (size_t k = 0; k < piece.n && n < room; k++)
			to[n++] = piece.p[k];
	}
	mf_reply_sent(200, answers[i].type, n);
}

static void answer(struct mf_str accept, const struct words *w)
{
	unsigned chosen = ANSWERS;
	int best = 0;

	for (unsigned i = 0; i < ANSWERS; i++) {
		int weight = accept.n > 0 ? http_weight(accept, answers[i].accept) : 1000;

		if (weight > best) {
			best = weight;
			chosen = i;
		}
	}
	if (chosen == ANSWERS) {
		mf_reply_problem(406, "Not Acceptable",
			"expected Accept to allow text/plain, application/json or text/html");
		return;
	}
	mf_reply_header("Vary", "Accept");
	reply(chosen, w);
}

/* --------------------------------------------------------------- the press */

static void press(const struct mf_event *ev, struct mf_str name)
{
	const char *kind = kind_of(ev);

	if (mf_str_is(mf_attribute(ev, "Sec-Fetch-Site"), "cross-site"))
		mf_reply_problem(403, "Forbidden", "another site's page pressed this button");
	else if (mf_payload(ev).n > 0 && !is_form(mf_content_type(ev)))
		mf_reply_problem(415, "Unsupported Media Type",
			"expected an empty body or application/x-www-form-urlencoded");
	else if (!kind)
		mf_reply_problem(400, "Bad Request", "kind: expected short, long or double");
	else
		answer(mf_attribute(ev, "Accept"),
			&(struct words){name, kind, (uint64_t)mf_time_ns() / 1000000});
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str name = last_part(mf_subject(ev)), method = mf_method(ev);

	if (!is_name(name)) {
		mf_reply_problem(404, "Not Found",
			"a button's name is 1 to 32 letters, digits, '-' and '_'");
	} else if (mf_str_is(method, "POST")) {
		press(ev, name);
	} else if (mf_str_is(method, "GET") || mf_str_is(method, "HEAD")) {
		reply(ANSWER_PAGE, &(struct words){name, "not pressed", 0});
	} else {
		mf_reply_header("Allow", "GET, HEAD, POST");
		mf_reply_problem(
			405, "Method Not Allowed", "GET shows the button, POST presses it");
	}
}
