/* tests/unit/image/manifest_test.c - mayfly.yaml: what it means, and where it is wrong */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "image/manifest.h"
#include "image/manifest_raw.h"
#include "image/note.h"

#define HEAD "mayfly: 1\nname: x\n"

static struct manifest read_right(const char *text)
{
	char error[MANIFEST_ERROR_MAX] = "";
	struct manifest m;

	if (manifest_parse(&m, mf_str_of(text, strlen(text)), "x.yaml", error))
		fail_msg("%s", error);
	return m;
}

static void test_defaults(void **state)
{
	struct manifest m = read_right(HEAD);

	(void)state;
	assert_string_equal(m.name, "x");
	assert_string_equal(m.version, "0");
	assert_int_equal(m.schema, 1);
	assert_int_equal(m.counter, 0);
	assert_int_equal(m.memory.window, MF_WINDOW_DEFAULT);
	assert_int_equal(m.memory.event, MF_EVENT_DEFAULT);
	assert_int_equal(m.memory.effects, MF_EFFECTS_DEFAULT);
	assert_int_equal(m.memory.stack, MF_STACK_DEFAULT);
	assert_int_equal(m.memory.init, 0);
	assert_int_equal(m.limits.cpu_ns, 100000000);
	assert_int_equal(m.limits.deadline_ns, 1000000000);
	assert_int_equal(m.limits.init_ns, 10000000000);
	assert_int_equal(m.limits.queue, 1024);
	assert_int_equal(m.limits.parallel, 0);
	assert_int_equal(m.budget, 65536);
	assert_int_equal(m.durability, DURABILITY_BATCH);
	assert_int_equal(m.birth, BIRTH_POOLED);
	assert_int_equal(m.idle_ns, 0);
	assert_int_equal(m.triggers_count, 0);
	assert_null(m.price.unit);
	assert_null(m.key);
	manifest_free(&m);
	assert_null(m.owned);
}

static const char everything[] =
	"mayfly: 1\nname: hall-light\nversion: \"1.2\"\ncounter: 7\nmodules: [posix]\n"
	"memory:\n  window: 1MiB\n  event: 8KiB\n  effects: 12KiB\n  stack: 64KiB\n"
	"  init: 2MiB\n  input: 1GiB\n  output: 4096\n"
	"limits: {cpu: 5ms, deadline: 20ms, init: 1m, queue: 5, parallel: 2}\n"
	"budget: 8KiB\nkey: topic\ndurability: sync\nreads: [a, b]\nwrites: [c]\n"
	"emits: [home/+/light, all/#]\ncalls: [other]\nupstream: [alarm]\n"
	"life: idle 5s\nbirth: fresh\n"
	"price:\n  unit: query\n  per_unit: 0.0005 EUR\n  minimum: 0.01 EUR\n  quantity: "
	"body.bytes/2\n"
	"  quantities: [{path: /x, quantity: \"2*n where n = a.rows\"}]\n"
	"data: [zone, '*.zone']\n"
	"config:\n  - name: ttl\n    value: \"300\"\n  - name: origin\n"
	"triggers:\n"
	"  - type: udp\n"
	"  - type: tcp\n"
	"  - {type: tcp, framing: length32}\n"
	"  - {type: http, method: GET, path: /x, host: example.org, headers: [Accept, X-Id]}\n"
	"  - {type: mqtt, topic: a/+/b}\n"
	"  - {type: mqtt, topic: '#', qos: 0}\n"
	"  - {type: coap, path: /c}\n"
	"  - {type: timer, name: tick, every: 10s}\n"
	"  - {type: timer, name: night, cron: '0 3 * * *', missed: once}\n"
	"  - {type: packets}\n  - {type: call}\n  - {type: job}\n";

static void test_every_key(void **state)
{
	struct manifest m = read_right(everything);

	(void)state;
	assert_int_equal(m.counter, 7);
	assert_string_equal(m.modules[0], "posix");
	assert_int_equal(m.memory.window, 1 << 20);
	assert_int_equal(m.memory.effects, 12288);
	assert_int_equal(m.memory.input, 1 << 30);
	assert_int_equal(m.memory.output, 4096);
	assert_int_equal(m.limits.cpu_ns, 5000000);
	assert_int_equal(m.limits.init_ns, 60000000000);
	assert_int_equal(m.limits.queue, 5);
	assert_int_equal(m.limits.parallel, 2);
	assert_int_equal(m.budget, 8192);
	assert_int_equal(m.durability, DURABILITY_SYNC);
	assert_int_equal(m.birth, BIRTH_FRESH);
	assert_int_equal(m.idle_ns, 5000000000);
	assert_int_equal(m.reads_count, 2);
	assert_string_equal(m.writes[0], "c");
	assert_string_equal(m.emits[1], "all/#");
	assert_string_equal(m.calls[0], "other");
	assert_string_equal(m.upstream[0], "alarm");
	assert_string_equal(m.price.unit, "query");
	assert_string_equal(m.price.per_unit, "0.0005 EUR");
	assert_string_equal(m.price.rate.currency, "EUR");
	assert_int_equal(m.price.rate.digits, 5);
	assert_int_equal(m.price.rate.places, 4);
	assert_int_equal(m.price.least, 10000);
	assert_string_equal(price_text(manifest_formula(&m, MF_STR("/x"))), "2*n where n = a.rows");
	assert_string_equal(price_text(manifest_formula(&m, MF_STR("/y"))), "body.bytes/2");
	assert_string_equal(m.config[0].value, "300");
	assert_null(m.config[1].value);
	manifest_free(&m);
}

static void test_triggers(void **state)
{
	struct manifest m = read_right(everything);
	const struct manifest_trigger *t = m.triggers;

	(void)state;
	assert_int_equal(m.triggers_count, 12);
	assert_int_equal(t[0].type, TRIGGER_UDP);
	assert_null(t[0].framing);
	assert_string_equal(t[1].framing, "length16");
	assert_string_equal(t[2].framing, "length32");
	assert_string_equal(t[3].host, "example.org");
	assert_int_equal(t[4].qos, 1);
	assert_int_equal(t[5].qos, 0);
	assert_string_equal(t[7].missed, "skip");
	assert_string_equal(t[7].every, "10s");
	assert_string_equal(t[8].missed, "once");
	assert_int_equal(t[11].type, TRIGGER_JOB);
	manifest_free(&m);
}

static void test_what_follows_from_other_keys(void **state)
{
	struct manifest m = read_right(HEAD "reads: [a]\nlimits: {deadline: 50ms}\n");

	(void)state;
	assert_int_equal(m.writes_count, 1);
	assert_string_equal(m.writes[0], "a");
	assert_int_equal(m.limits.cpu_ns, 50000000);
	manifest_free(&m);
	m = read_right(HEAD "reads: [a]\nwrites: []\n");
	assert_int_equal(m.writes_count, 0);
	manifest_free(&m);
}

static void test_data_patterns(void **state)
{
	(void)state;
	assert_true(manifest_data_fits("zone", "zone"));
	assert_false(manifest_data_fits("zone", "zones"));
	assert_true(manifest_data_fits("*.zone", "example.test.zone"));
	assert_false(manifest_data_fits("*.zone", "example.test"));
	assert_false(manifest_data_fits("*", ".hidden"));
	assert_true(manifest_data_fits("*", "a/b"));
	assert_true(manifest_data_fits("*.zone", "more/example.zone"));
	assert_true(manifest_data_fits("css/*", "css/a b.css"));
	assert_true(manifest_data_fits("*", "caf\xc3\xa9"));
	assert_false(manifest_data_fits("css/*", "css"));
	assert_false(manifest_data_fits("*", "a/.hidden"));
	assert_false(manifest_data_fits("*", "../a"));
	assert_false(manifest_data_fits("*", "/a"));
	assert_false(manifest_data_fits("*", "a//b"));
	assert_false(manifest_data_fits("*", "a/"));
	assert_false(manifest_data_fits("*", ""));
	assert_false(manifest_data_fits("*", "a=b"));
	assert_false(manifest_data_fits("*", "a\\b"));
	assert_false(manifest_data_fits("*", "a\nb"));
}

/* ----------------------------------------------------------------- errors */

static const struct {
	const char *text, *error;
} wrong[] = {
	{"", "x.yaml:1:1: there is nothing in it"},
	{"- a\n", "x.yaml:1:1: 'the file' is a list"},
	{"name: x\n", "x.yaml:1:1: 'mayfly' is missing"},
	{"mayfly: 1\n", "x.yaml:1:1: 'name' is missing"},
	{"mayfly: 2\nname: x\n", "x.yaml:1:9: mayfly: schema '2' is not known"},
	{HEAD "limit:\n  cpu: 1ms\n", "x.yaml:3:1: unknown key 'limit'; did you mean 'limits'?"},
	{HEAD "memory:\n  windwo: 64KiB\n",
		"x.yaml:4:3: unknown key 'windwo'; did you mean 'window'?"},
	{HEAD "xyzzy: 1\n", "x.yaml:3:1: unknown key 'xyzzy'; mayfly.yaml(5)"},
	{HEAD "name: y\n", "x.yaml:3:1: 'name' stands here for the second time"},
	{HEAD "? [a]\n: b\n", "x.yaml:3:3: a key must be a word, this is a list"},
	{"mayfly: 1\nname: [x]\n", "x.yaml:2:7: 'name' is a list, it should be a text"},
	{"mayfly: 1\nname:\n", "x.yaml:2:6: 'name' is empty"},
	{"mayfly: 1\nname: Hall\n", "x.yaml:2:7: name: 'Hall' is not a service's name"},
	{"mayfly: 1\nname: 9x\n", "x.yaml:2:7: name: '9x' is not a service's name"},
	{"mayfly: 1\nname: "
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		"x.yaml:2:7: name: "},
	{HEAD "version: \"a b\"\n", "x.yaml:3:10: version: 'a b'"},
	{HEAD "memory: 5\n", "x.yaml:3:9: 'memory' is a text, it should be a set of keys"},
	{HEAD "memory: {window: 100KB}\n", "x.yaml:3:18: memory.window: '100KB' is not a size"},
	{HEAD "memory: {window: -1}\n", "x.yaml:3:18: memory.window: '-1' is not a size"},
	{HEAD "memory: {window: 16KiB}\n", "x.yaml:3:18: memory.window: '16KiB' is out of bounds"},
	{HEAD "memory: {window: 65000}\n", "x.yaml:3:18: memory.window: '65000' is not a multiple"},
	{HEAD "memory: {window: 99999999999999999999GiB}\n", "is not a size"},
	{HEAD "memory: {window: 9223372036854775807GiB}\n", "is not a size"},
	{HEAD "memory: {window: 32KiB}\n", "x.yaml:3:18: memory: event 16 KiB, effects 16 KiB"},
	{HEAD "memory: {init: 1GiB}\n", "x.yaml:3:16: memory.init: '1GiB' is out of bounds"},
	{HEAD "limits: {cpu: 1 second}\n", "x.yaml:3:15: limits.cpu: '1 second' is not a time"},
	{HEAD "limits: {cpu: 2s}\n", "x.yaml:3:15: limits: 'cpu' is more than 'deadline'"},
	{HEAD "limits: {queue: 0}\n", "x.yaml:3:17: limits.queue: '0' is out of bounds"},
	{HEAD "limits: {queue: many}\n", "limits.queue: 'many' is not a whole number"},
	{HEAD "budget: 1GiB\n", "x.yaml:3:9: budget: '1GiB' is out of bounds"},
	{HEAD "counter: -1\n", "x.yaml:3:10: counter: '-1' is not a whole number"},
	{HEAD "life: forever\n", "x.yaml:3:7: life: 'forever' is neither"},
	{HEAD "life: idle 0\n", "life: 'idle 0' is neither"},
	{HEAD "birth: frehs\n", "x.yaml:3:8: birth: 'frehs' is not known; did you mean 'fresh'?"},
	{HEAD "durability: always\n", "'always' is not known; there are none, batch, sync"},
	{HEAD "reads: a\n", "x.yaml:3:8: 'reads' is a text, it should be a list"},
	{HEAD "reads: [a, a]\n", "x.yaml:3:12: reads: 'a' stands there twice"},
	{HEAD "reads: [\"a\\x01\"]\n", "x.yaml:3:9: 'reads' holds a control character"},
	{HEAD "reads: [\"a\\x9b\"]\n", "x.yaml:3:9: 'reads' holds a control character"},
	{HEAD "emits: [\"a/\\u202eb\"]\n", "x.yaml:3:9: 'emits' holds a control character"},
	{HEAD "upstream: [\"\\ufeffb\"]\n", "'upstream' holds a control character"},
	{HEAD "config: [{name: a, value: \"\\u2066\"}]\n", "holds a control character"},
	{HEAD "writes: [c++]\n",
		"x.yaml:3:10: writes: 'c++' is not a state key; '+' and '#' stand"},
	{HEAD "reads: [a#]\n", "x.yaml:3:9: reads: 'a#' is not a state key"},
	{HEAD "reads: [lamp/+]\n", "x.yaml:3:9: reads: 'lamp/+' is not a state key, as in lamp"},
	{HEAD "reads: [\"{0}\"]\n", "reads: '{0}' is not a state key"},
	{HEAD "reads: [\"{10}\"]\n", "reads: '{10}' is not a state key"},
	{HEAD "reads: [\"x{1}\"]\n", "{1} to {9} stand alone between slashes"},
	{HEAD "reads: [\"{1}x\"]\n", "{1} to {9} stand alone between slashes"},
	{HEAD "reads: [\"{topic}\"]\n", "reads: '{topic}' is not a state key"},
	{HEAD "writes: [\"{topic}\"]\n", "writes: '{topic}' is not a state key"},
	{HEAD "upstream: [a/#/b]\n", "x.yaml:3:12: upstream: 'a/#/b' is not a subject"},
	{HEAD "emits: [a/#/b]\n", "x.yaml:3:9: emits: 'a/#/b' is not a topic"},
	{HEAD "calls: [Other]\n", "x.yaml:3:9: calls: 'Other' is not a service's name"},
	{HEAD "data: [../etc/passwd]\n", "x.yaml:3:8: data: '../etc/passwd' is not a name"},
	{HEAD "config: {a: b}\n", "x.yaml:3:9: 'config' is a set of keys, it should be a list"},
	{HEAD "config: [{name: a}, {name: a}]\n", "config: 'a' stands there twice"},
	{HEAD "config: [{value: a}]\n", "x.yaml:3:10: 'name' is missing"},
	{HEAD "price: {quantity: q}\n", "x.yaml:3:8: price: 'unit' is missing"},
	{HEAD "price: {minimum: 1 EUR}\n", "x.yaml:3:8: price: 'unit' is missing"},
	{HEAD "price: {unit: q, minimum: 1 EUR}\n", "x.yaml:3:27: minimum: 'per_unit' is missing"},
	{HEAD "price: {unit: q, per_unit: 1 EUR}\n",
		"x.yaml:3:8: price: 'quantity' is missing, or 'quantities'"},
	{HEAD "price: {unit: q, quantity: 1, per_unit: 3}\n",
		"x.yaml:3:41: per_unit: '3' has no currency: three capitals behind it"},
	{HEAD "price: {unit: q, quantity: 1, per_unit: 3 euros}\n",
		"per_unit: '3 euros' has no currency of three capitals"},
	{HEAD "price: {unit: q, quantity: 1, per_unit: 1 EUR, minimum: 0.0000001 EUR}\n",
		"minimum: '0.0000001 EUR' has parts smaller than a millionth"},
	{HEAD "price: {unit: q, quantity: 1, per_unit: 1 EUR, minimum: 1 USD}\n",
		"minimum: '1 USD' is not in EUR, as 'per_unit' is"},
	{HEAD "price: {unit: q, quantity: 2*a.row}\n",
		"x.yaml:3:28: quantity: '2*a.row', character 3: there is no 'a.row'; did you mean "
		"'a.rows'?"},
	{HEAD "price: {unit: q, quantities: [{path: /x, quantity: 1}]}\n",
		"x.yaml:3:38: path: no trigger of type 'http' or 'coap' has requests for '/x'"},
	{HEAD "triggers: [{type: http, path: \"/#\"}]\n"
	      "price: {unit: q, quantities: [{path: x, quantity: 1}]}\n",
		"path: 'x' doesn't begin with '/'"},
	{HEAD "triggers: [{type: http, path: \"/#\"}]\nprice: {unit: q, quantities: [{path: /x, "
	      "quantity: 1}, {path: /x, quantity: 2}]}\n",
		"path: '/x' stands there twice"},
	{HEAD "triggers:\n  - udp\n", "x.yaml:4:5: an entry of 'triggers' is a text"},
	{HEAD "triggers:\n  - path: /\n", "x.yaml:4:5: 'type' is missing"},
	{HEAD "triggers:\n  - type: upd\n", "x.yaml:4:11: type: 'upd' is not known; did you"},
	{HEAD "triggers:\n  - {type: udp, path: /}\n",
		"x.yaml:4:23: a trigger of type 'udp' has no"},
	{HEAD "triggers:\n  - type: http\n", "x.yaml:4:5: a trigger of type 'http' needs 'path'"},
	{HEAD "triggers:\n  - {type: http, path: x}\n", "path: 'x' doesn't begin with '/'"},
	{HEAD "triggers:\n  - {type: http, path: /a/#/b}\n",
		"path: '/a/#/b' has '#' before its end"},
	{HEAD "triggers:\n  - {type: http, path: /a+}\n",
		"x.yaml:4:24: path: '/a+' has '+' or '#' be"},
	{HEAD "triggers:\n  - {type: http, path: /a b}\n", "holds a character that no path"},
	{HEAD "triggers:\n  - {type: http, path: /, host: a/b}\n", "host: 'a/b' is not a host"},
	{HEAD "triggers:\n  - {type: http, path: /, headers: [A, a]}\n",
		"x.yaml:4:40: headers: 'a' stands there twice"},
	{HEAD "triggers:\n  - {type: http, path: /, headers: ['A B']}\n", "'A B' is not a header"},
	{HEAD "triggers:\n  - {type: udp, headers: [A]}\n", "type 'udp' has no 'headers'"},
	{HEAD "key: pear\n", "x.yaml:3:6: key: 'pear' is neither 'none' nor words of path"},
	{HEAD "triggers:\n  - {type: http, path: /, method: get}\n",
		"method: 'get' is not written"},
	{HEAD "triggers:\n  - {type: mqtt, topic: a+/b}\n", "topic: 'a+/b' has '+' or '#'"},
	{HEAD "triggers:\n  - {type: mqtt, topic: a, qos: 2}\n", "qos: '2' is not known"},
	{HEAD "triggers:\n  - {type: tcp, framing: lines}\n", "framing: 'lines' is not known"},
	{HEAD "triggers:\n  - {type: timer, name: a}\n", "needs either 'every' or 'cron'"},
	{HEAD "triggers:\n  - {type: timer, name: a, every: 1us}\n", "every: '1us' is not a time"},
	{HEAD "triggers:\n  - {type: timer, name: a, cron: hourly}\n", "has a minute that isn't"},
	{HEAD "triggers:\n  - {type: timer, name: a, cron: '0 0 30 2 *'}\n",
		"cron: '0 0 30 2 *' names a day that none of its months has"},
	{HEAD "triggers:\n  - {type: timer, name: a b, every: 1s}\n", "name: 'a b' is not a name"},
	{HEAD "triggers:\n  - {type: timer, name: a, every: 1s}\n"
	      "  - {type: timer, name: a, every: 2s}\n",
		"another timer is 'a' too"},
	{"mayfly: 1\nname: &a x\nreads: [*a]\n", "anchors and aliases"},
	{HEAD "---\nname: y\n", "x.yaml:4:1: a second document begins here"},
	{HEAD "key: \"a\n", "found unexpected end of stream"},
	{"\tmayfly: 1\n", "x.yaml:1:1: found character that cannot start any token"},
	{"mayfly: 1\nname: \xff\xfe\n", "x.yaml:"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char error[MANIFEST_ERROR_MAX] = "";
		size_t n = strlen(wrong[i].text);
		char *copy = malloc(n + 1);
		struct manifest m;

		memcpy(copy, wrong[i].text, n);
		if (manifest_parse(&m, mf_str_of(copy, n), "x.yaml", error) != -EINVAL)
			fail_msg("passed:\n%s", wrong[i].text);
		if (!strstr(error, wrong[i].error))
			fail_msg("said\n%s\nand not\n%s", error, wrong[i].error);
		assert_null(strchr(error, '\n'));
		free(copy);
	}
}

static void test_too_much(void **state)
{
	char *text = malloc(200000), error[MANIFEST_ERROR_MAX];
	struct manifest m;

	(void)state;
	strcpy(text, HEAD "key: ");
	memset(text + strlen(text), 'a', 300);
	text[sizeof(HEAD "key: ") - 1 + 300] = '\0';
	assert_int_equal(manifest_parse(&m, mf_str_of(text, strlen(text)), "x", error), -EINVAL);
	assert_non_null(strstr(error, "'key' has 300 characters, at most 255"));
	strcpy(text, HEAD "reads:\n");
	for (int i = 0; i < 65; i++)
		sprintf(text + strlen(text), "  - k%d\n", i);
	assert_int_equal(manifest_parse(&m, mf_str_of(text, strlen(text)), "x", error), -EINVAL);
	assert_non_null(strstr(error, "'reads' has 65 entries, at most 64"));
	memset(text, '#', 200000);
	assert_int_equal(manifest_parse(&m, mf_str_of(text, 70000), "x", error), -EINVAL);
	assert_non_null(strstr(error, "has 70000 bytes"));
	memset(text, '[', 60000);
	assert_int_equal(manifest_parse(&m, mf_str_of(text, 60000), "x", error), -EINVAL);
	free(text);
}

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void test_random_damage(void **state)
{
	static const char letters[] = ":-[]{}'\"&*#!|>%@\n\t ,?\\\0\xff"
				      "a0";
	uint32_t seed = 88172645u, passed = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		char error[MANIFEST_ERROR_MAX] = "";
		size_t n = sizeof(everything) - 1;
		char *copy = malloc(n);
		struct manifest m;

		memcpy(copy, everything, n);
		for (uint32_t k = next_random(&seed) % 4; k > 0; k--)
			copy[next_random(&seed) % n] =
				letters[next_random(&seed) % (sizeof(letters) - 1)];
		if (manifest_parse(&m, mf_str_of(copy, n), "x", error) == 0) {
			passed++;
			manifest_free(&m);
		} else {
			assert_int_not_equal(error[0], 0);
			assert_null(strchr(error, '\n'));
		}
		free(copy);
	}
	assert_true(passed > 100 && passed < 4000);
}

/* ----------------------------------------------- note, schema, man page */

static void test_note_says_the_same(void **state)
{
	struct manifest m = read_right(everything);
	struct image image = {.segments = 0};

	(void)state;
	note_from_manifest(&image.note, &m);
	assert_null(note_differs(&image, &m));
	assert_string_equal(image.note.name, "hall-light");
	assert_int_equal(image.note.output_bytes, 4096);
	assert_int_equal(image.note.grants, (1u << MF_EFFECT_KINDS) - 2);
	image.note.window_bytes += MF_PAGE;
	assert_string_equal(note_differs(&image, &m), "window_bytes");
	image.note.window_bytes -= MF_PAGE;
	manifest_free(&m);
	m = read_right(HEAD);
	note_from_manifest(&image.note, &m);
	image.note.grants = MFI_GRANT(MF_EFFECT_REPLY);
	assert_null(note_differs(&image, &m));
	image.note.grants |= MFI_GRANT(MF_EFFECT_EMIT);
	assert_string_equal(note_differs(&image, &m), "grants");
	manifest_free(&m);
}

/* Each key stands in bold at the beginning of a line of mayfly.yaml(5). */
static void in_page(const char *page, const char *prefix, const cyaml_schema_field_t *fields)
{
	for (; fields->key; fields++) {
		const cyaml_schema_value_t *v = &fields->value;
		char name[128], line[160];

		snprintf(name, sizeof(name), "%s%s", prefix, fields->key);
		if (v->type == CYAML_MAPPING ||
			(v->type == CYAML_SEQUENCE && v->sequence.entry->type == CYAML_MAPPING)) {
			strcat(name, ".");
			in_page(page, name,
				v->type == CYAML_MAPPING ? v->mapping.fields
							 : v->sequence.entry->mapping.fields);
			continue;
		}
		snprintf(line, sizeof(line), "\n.B %s\n", name);
		if (strstr(page, line))
			continue;
		snprintf(line, sizeof(line), "\n.BR %s ", name);
		if (!strstr(page, line))
			fail_msg("'%s' is missing in man/mayfly.yaml.5", name);
	}
}

static void test_page_has_every_key(void **state)
{
	FILE *f = fopen("man/mayfly.yaml.5", "r");
	char *page = calloc(1, 65536);

	(void)state;
	if (!f)
		fail_msg("man/mayfly.yaml.5: run this at the root of the sources");
	assert_true(fread(page, 1, 65535, f) > 0);
	fclose(f);
	in_page(page, "", manifest_schema.mapping.fields);
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_triggers),
		cmocka_unit_test(test_what_follows_from_other_keys),
		cmocka_unit_test(test_data_patterns),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_note_says_the_same),
		cmocka_unit_test(test_page_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
