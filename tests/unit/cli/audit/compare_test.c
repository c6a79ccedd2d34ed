/* cli/audit: facts of a manifest, and what of a change is more than before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/audit/audit.h"
#include "image/note.h"

#define HEAD "mayfly: 1\nname: x\ncounter: 3\n"

/* An image of this manifest that holds all grants that the manifest allows, without code. */
static struct audit audit_of(const char *text)
{
	char error[MANIFEST_ERROR_MAX];
	struct audit a = {.path = "x.mfy"};

	if (manifest_parse(&a.manifest, mf_str_of(text, strlen(text)), "x", error))
		fail_msg("%s", error);
	note_from_manifest(&a.image.note, &a.manifest);
	assert_int_equal(audit_gather(&a), 0);
	return a;
}

static void forget(struct audit *a)
{
	free(a->fact);
	manifest_free(&a->manifest);
}

static bool says(const struct audit *a, enum audit_part part, const char *text)
{
	for (unsigned i = 0; i < a->facts; i++)
		if (a->fact[i].part == part && strcmp(a->fact[i].text, text) == 0)
			return true;
	return false;
}

static void words(void **state)
{
	static const char *const may[] = {"answer UDP datagrams",
		"answer messages over TCP (dns, length16)",
		"answer HTTP requests that match POST /a/+ of the host example.org, + being any "
		"one part",
		"answer HTTP requests that match /b/#", "see the header X-Y of requests for /b/#",
		"be born by MQTT messages on home/#", "be born by the timer tick, every 10s",
		"be born by the timer tock, cron 0 * * * *",
		"see and change packets of the network", "answer calls of other services",
		"do jobs", "answer CoAP requests that match /c", "read its own state: on",
		"put its own state below room/", "delete its own state below room/",
		"publish on home/+/set, + being any one part", "publish below home/hall/",
		"publish on any topic but the broker's own", "send upstream: alarm",
		"call the service other", "be born again later, by its own wish", "log",
		"reply to who asked", "count units of what it did, of any name",
		"keep its memory from one event to the next, until none came for 5 s"};
	struct audit a = audit_of(HEAD
		"triggers:\n  - type: udp\n  - {type: tcp, protocol: dns}\n"
		"  - {type: http, method: POST, path: /a/+, host: example.org}\n"
		"  - {type: http, path: \"/b/#\", headers: [X-Y]}\n  - {type: mqtt, topic: "
		"\"home/#\"}\n"
		"  - {type: timer, name: tick, every: 10s}\n"
		"  - {type: timer, name: tock, cron: \"0 * * * *\"}\n"
		"  - type: packets\n  - type: call\n  - type: job\n  - {type: coap, path: /c}\n"
		"reads: [on]\nwrites: [\"room/#\"]\nemits: [home/+/set, \"home/hall/#\", \"#\"]\n"
		"upstream: [alarm]\ncalls: [other]\nlife: idle 5s\n"
		"price: {unit: press, per_unit: 0.5 EUR, minimum: 1 EUR, quantity: 2*body.bytes,\n"
		"  quantities: [{path: /c, quantity: 7}]}\n"
		"data: [zone, \"*.x\"]\nconfig: [{name: a, value: b}, {name: c}]\n");

	(void)state;
	for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++)
		if (!says(&a, AUDIT_MAY, may[i]))
			fail_msg("it doesn't say: %s", may[i]);
	assert_true(says(&a, AUDIT_PRICE, "0.5 EUR for each press, at least 1 EUR"));
	assert_true(says(&a, AUDIT_PRICE, "/c: 7"));
	assert_true(says(&a, AUDIT_PRICE, "any but those 1: 2*body.bytes"));
	assert_true(says(&a, AUDIT_NEEDS, "the attached file zone, to read"));
	assert_true(says(&a, AUDIT_NEEDS, "files attached that fit *.x, to read"));
	assert_true(says(&a, AUDIT_NEEDS, "the setting a, or has b"));
	assert_true(says(&a, AUDIT_NEEDS, "the setting c"));
	assert_true(says(&a, AUDIT_WHO, "signed by nobody"));
	assert_true(says(&a, AUDIT_LIMIT, "100 ms of processor time"));
	assert_false(says(&a, AUDIT_NOT, "call anything"));
	assert_true(says(&a, AUDIT_NOT, "start a process or a thread"));
	forget(&a);
}

/* What isn't said that it may is said that it may not. */
static void nothing(void **state)
{
	static const char *const not [] = {"read any state", "put any state", "delete any state",
		"publish anything", "send anything upstream", "call anything",
		"keep memory from one event to the next"};
	struct audit a = audit_of(HEAD);

	(void)state;
	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++)
		assert_true(says(&a, AUDIT_NOT, not [i]));
	a.image.note.grants = 0; /* whatever the manifest says: both must */
	a.facts = 0;
	assert_int_equal(audit_gather(&a), 0);
	assert_true(says(&a, AUDIT_NOT, "log"));
	assert_true(says(&a, AUDIT_NOT, "be born again later, by its own wish"));
	forget(&a);
}

/* How many changes there are, and how many of them are more. */
static void compare(const char *old_text, const char *new_text, int *all, int *more)
{
	struct audit old = audit_of(old_text), new = audit_of(new_text);
	struct change *c;

	*all = audit_compare(&old, &new, &c);
	*more = 0;
	for (int i = 0; i < *all; i++) {
		assert_true(c[i].is || c[i].was);
		*more += c[i].more;
	}
	free(c);
	forget(&old);
	forget(&new);
}

static void changes(void **state)
{
	static const struct {
		const char *old, *new;
		int all, more;
	} table[] = {
		{HEAD, HEAD, 0, 0},
		{HEAD "emits: [a]\n", HEAD "emits: [a]\n", 0, 0},
		{HEAD "emits: [a, b]\n", HEAD "emits: [b, a]\n", 0, 0},
		{HEAD "emits: [a]\n", HEAD "emits: [a, b]\n", 1, 1},
		{HEAD "emits: [a, b]\n", HEAD "emits: [a]\n", 1, 0},
		{HEAD "emits: [\"a/#\"]\n", HEAD "emits: [a/b]\n", 2, 0},
		{HEAD "emits: [a/b]\n", HEAD "emits: [\"a/#\"]\n", 2, 1},
		{HEAD "emits: [a]\n", HEAD "upstream: [a]\n", 2, 1},
		/* writes brings put and delete */
		{HEAD "reads: [a]\nwrites: []\n", HEAD "reads: [a]\n", 2, 2},
		{HEAD "limits: {cpu: 5ms}\n", HEAD "limits: {cpu: 6ms}\n", 1, 1},
		{HEAD "limits: {cpu: 6ms}\n", HEAD "limits: {cpu: 5ms}\n", 1, 0},
		{HEAD, HEAD "memory: {init: 1MiB}\n", 1, 1},
		{HEAD, HEAD "limits: {parallel: 2}\n", 1, 1},
		{HEAD, HEAD "life: idle 1s\n", 1, 1},
		{HEAD "life: idle 1s\n", HEAD "life: idle 2s\n", 1, 1},
		{HEAD "life: idle 1s\n", HEAD, 1, 0},
		{HEAD, HEAD "data: [zone]\n", 1, 1},
		{HEAD, HEAD "config: [{name: a}]\n", 1, 0},
		{HEAD, HEAD "price: {unit: x, per_unit: 1 EUR, quantity: 1}\n", 2, 2},
		{HEAD "price: {unit: x, per_unit: 1 EUR, quantity: 1}\n",
			HEAD "price: {unit: x, per_unit: 1 EUR, quantity: 2}\n", 1, 1},
		{HEAD "triggers: [{type: coap, path: /a}]\nprice: {unit: x, per_unit: 1 EUR, "
		      "quantity: 9, quantities: [{path: /a, quantity: 2}]}\n",
			HEAD "triggers: [{type: coap, path: /a}]\n"
			     "price: {unit: x, per_unit: 1 EUR, quantity: 9}\n",
			2, 1},
		{HEAD, "mayfly: 1\nname: x\ncounter: 4\n", 1, 0},
		{HEAD, "mayfly: 1\nname: x\ncounter: 2\n", 1, 1},
		{HEAD, "mayfly: 1\nname: y\ncounter: 3\n", 1, 1},
		{HEAD, HEAD "version: \"2\"\n", 1, 0},
		{HEAD "triggers: [{type: http, path: \"/#\"}]\n",
			HEAD "triggers: [{type: http, path: /a, method: GET}]\n", 2, 0},
		{HEAD "triggers: [{type: http, path: /a, method: GET}]\n",
			HEAD "triggers: [{type: http, path: /a}]\n", 2, 1},
		{HEAD "triggers: [{type: http, path: /a, host: a.example}]\n",
			HEAD "triggers: [{type: http, path: /a, host: b.example}]\n", 2, 1},
		{HEAD "triggers: [{type: http, path: /a, headers: [A]}]\n",
			HEAD "triggers: [{type: http, path: /a, headers: [A, B]}]\n", 1, 1},
		{HEAD "triggers: [{type: timer, name: a, every: 1s}]\n",
			HEAD "triggers: [{type: timer, name: a, every: 2s}]\n", 1, 1},
	};
	int all, more;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		compare(table[i].old, table[i].new, &all, &more);
		if (all != table[i].all || more != table[i].more)
			fail_msg("%d, %d from\n%sto\n%s", all, more, table[i].old, table[i].new);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(nothing),
		cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
