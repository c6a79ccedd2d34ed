/* cli/audit/may.c - what an image may do and see, and what it may not. */
#include <stdio.h>
#include <string.h>

#include "cli/audit/audit.h"
#include "image/grants.h"
#include "image/units.h"

/* ---------------------------------------------------------------- triggers */

/* What comes, by type; %s is what the type is told apart by. */
static const struct source {
	const char *what, *text, *entry_words;
} sources[] = {
	[TRIGGER_UDP] = {"udp", "answer UDP datagrams", ""},
	[TRIGGER_TCP] = {"tcp", "answer messages over TCP", ""},
	[TRIGGER_HTTP] = {"http", "answer HTTP requests", " that match "},
	[TRIGGER_MQTT] = {"mqtt", "be born by MQTT messages", " on "},
	[TRIGGER_COAP] = {"coap", "answer CoAP requests", " that match "},
	[TRIGGER_TIMER] = {"timer", "be born by the timer ", ""},
	[TRIGGER_PACKETS] = {"packets", "see and change packets of the network", ""},
	[TRIGGER_CALL] = {"call", "answer calls of other services", ""},
	[TRIGGER_JOB] = {"job", "do jobs", ""},
};

static const char *part_note(const char *pattern)
{
	if (strchr(pattern, '{'))
		return ", {n} being a part of the event's topic or path";
	return strchr(pattern, '+') ? ", + being any one part" : "";
}

static void say_trigger(const struct manifest_trigger *t, struct fact *f)
{
	const struct source *s = &sources[t->type];
	const char *pattern = t->path ? t->path : t->topic ? t->topic : "";

	snprintf(f->entry, sizeof(f->entry), "%s", t->type == TRIGGER_TIMER ? t->name : pattern);
	snprintf(f->text, sizeof(f->text), "%s%s%s%s%s", s->text, s->entry_words,
		t->method ? t->method : "", t->method ? " " : "", f->entry);
	if (t->type == TRIGGER_TIMER)
		snprintf(f->text + strlen(f->text), sizeof(f->text) - strlen(f->text), ", %s%s",
			t->every ? "every " : "cron ", t->every ? t->every : t->cron);
	if (t->host)
		snprintf(f->text + strlen(f->text), sizeof(f->text) - strlen(f->text),
			" of the host %s", t->host);
	if (t->framing || t->protocol)
		snprintf(f->text + strlen(f->text), sizeof(f->text) - strlen(f->text), " (%s%s%s)",
			t->protocol ? t->protocol : "", t->protocol && t->framing ? ", " : "",
			t->framing ? t->framing : "");
	snprintf(f->text + strlen(f->text), sizeof(f->text) - strlen(f->text), "%s",
		part_note(pattern));
	if (t->method || t->host)
		snprintf(f->scope, sizeof(f->scope), "%.100s %.150s", t->method ? t->method : "",
			t->host ? t->host : "");
}

static bool add_headers(struct audit *a, const struct manifest_trigger *t)
{
	for (unsigned h = 0; h < t->headers_count; h++) {
		struct fact *f = audit_add(a, AUDIT_MAY, "header", MORE_IF_ADDED);

		if (!f)
			return false;
		snprintf(f->entry, sizeof(f->entry), "%s", t->headers[h]);
		snprintf(f->scope, sizeof(f->scope), "%.100s %.150s", t->method ? t->method : "",
			t->path);
		snprintf(f->text, sizeof(f->text), "see the header %s of requests for %s%s%s",
			t->headers[h], t->method ? t->method : "", t->method ? " " : "", t->path);
	}
	return true;
}

static bool add_triggers(struct audit *a)
{
	const struct manifest *m = &a->manifest;

	for (unsigned i = 0; i < m->triggers_count; i++) {
		const struct manifest_trigger *t = &m->triggers[i];
		struct fact *f = audit_add(
			a, AUDIT_MAY, sources[t->type].what, MORE_IF_ADDED | MORE_IF_CHANGED);

		if (!f)
			return false;
		say_trigger(t, f);
		if (!add_headers(a, t))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ grants */

/* A name alone; all names below one; any. */
struct words {
	const char *what, *one, *below, *any;
};

/* Of what is emitted, by how the entry begins. */
static const struct {
	const char *scheme;
	struct words words;
} addresses[] = {
	{"http:/", {"emit", "post to ", "post to addresses below ", ""}},
	{"https:/", {"emit", "post to ", "post to addresses below ", ""}},
	{"coap", {"emit", "ask the device ", "ask devices below ", ""}},
};

static const struct words *words_of(const struct words *w, const char *entry)
{
	bool is_address = strstr(entry, ":/") != NULL;

	for (size_t i = 0; is_address && i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (strcmp(w->what, "emit") == 0 &&
			strncmp(entry, addresses[i].scheme, strlen(addresses[i].scheme)) == 0)
			return &addresses[i].words;
	return w;
}

static bool add_entries(struct audit *a, const struct words *w, char *const *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct fact *f = audit_add(a, AUDIT_MAY, w->what, MORE_IF_ADDED);
		const char *entry = list[i];
		size_t n = strlen(entry);
		const struct words *say = words_of(w, entry);
		bool below = n > 2 && strcmp(entry + n - 2, "/#") == 0;
		bool any = strcmp(entry, "#") == 0;

		if (!f)
			return false;
		snprintf(f->entry, sizeof(f->entry), "%s", entry);
		snprintf(f->text, sizeof(f->text), "%s%.*s%s",
			any             ? say->any
				: below ? say->below
					: say->one,
			(int)(any               ? 0
					: below ? n - 1
						: n),
			entry, part_note(entry));
	}
	return true;
}

/* By enum mf_effect_kind: those whose names the manifest lists. */
static const struct words named[MF_EFFECT_KINDS] = {
	[MF_EFFECT_EMIT] = {"emit", "publish on ", "publish below ",
		"publish on any topic but the broker's own"},
	[MF_EFFECT_PUT] = {"put", "put its own state: ", "put its own state below ",
		"put any state of its own"},
	[MF_EFFECT_DELETE] = {"delete", "delete its own state: ", "delete its own state below ",
		"delete any state of its own"},
	[MF_EFFECT_UPSTREAM] = {"upstream", "send upstream: ", "send upstream below ",
		"send anything upstream"},
	[MF_EFFECT_CALL] = {"call", "call the service ", "call the service ", "call any service"},
};
static const struct words reading = {
	"read", "read its own state: ", "read its own state below ", "read all of its own state"};

/* Those that have no names, or whose names nobody lists. */
static const struct {
	enum mf_effect_kind kind;
	const char *what, *text;
} nameless[] = {
	{MF_EFFECT_REPLY, "reply", "reply to who asked"},
	{MF_EFFECT_LOG, "log", "log"},
	{MF_EFFECT_METER, "meter", "count units of what it did, of any name"},
	{MF_EFFECT_SCHEDULE, "schedule", "be born again later, by its own wish"},
};

static bool grants(const struct audit *a, enum mf_effect_kind kind)
{
	return (a->image.note.grants & MFI_GRANT(kind)) != 0;
}

static bool add_grants(struct audit *a)
{
	for (enum mf_effect_kind k = 0; k < MF_EFFECT_KINDS; k++) {
		char *const *list = NULL;
		unsigned count = 0;

		if (named[k].what && grants(a, k) && grants_list(&a->manifest, k, &list, &count) &&
			!add_entries(a, &named[k], list, count))
			return false;
	}
	for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		struct fact *f = grants(a, nameless[i].kind)
			? audit_add(a, AUDIT_MAY, nameless[i].what, MORE_IF_ADDED)
			: NULL;

		if (!f && grants(a, nameless[i].kind))
			return false;
		if (f)
			snprintf(f->text, sizeof(f->text), "%s", nameless[i].text);
	}
	return true;
}

static bool add_memory(struct audit *a)
{
	struct fact *f;
	char time[40];

	if (a->manifest.idle_ns == 0)
		return true;
	f = audit_add(a, AUDIT_MAY, "life", MORE_IF_ADDED | MORE_IF_RAISED);
	if (!f)
		return false;
	f->measured = true;
	f->amount = a->manifest.idle_ns;
	snprintf(f->text, sizeof(f->text),
		"keep its memory from one event to the next, until none came for %s",
		units_show_time(f->amount, time, sizeof(time)));
	return true;
}

bool audit_may(struct audit *audit)
{
	return add_triggers(audit) &&
		add_entries(audit, &reading, audit->manifest.reads, audit->manifest.reads_count) &&
		add_grants(audit) && add_memory(audit);
}

/* ----------------------------------------------------------------- may not */

static bool has(const struct audit *a, const char *what)
{
	for (unsigned i = 0; i < a->facts; i++)
		if (a->fact[i].part == AUDIT_MAY && strcmp(a->fact[i].what, what) == 0)
			return true;
	return false;
}

bool audit_may_not(struct audit *audit)
{
	static const struct {
		const char *what, *text;
	} rest[] = {
		{"read", "read any state"},
		{"put", "put any state"},
		{"delete", "delete any state"},
		{"emit", "publish anything"},
		{"upstream", "send anything upstream"},
		{"call", "call anything"},
		{"schedule", "be born again later, by its own wish"},
		{"meter", "count anything for its bill"},
		{"log", "log"},
		{"life", "keep memory from one event to the next"},
		/* of no life, whatever its image says */
		{"files", "open a file: a life has those that are attached, to read"},
		{"network", "open a socket, or send anything by itself"},
		{"processes", "start a process or a thread"},
		{"clock", "see a clock but its event's"},
	};

	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		struct fact *f;

		if (has(audit, rest[i].what))
			continue;
		f = audit_add(audit, AUDIT_NOT, rest[i].what, 0);
		if (!f)
			return false;
		snprintf(f->text, sizeof(f->text), "%s", rest[i].text);
	}
	return true;
}
