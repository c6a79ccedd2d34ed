/* wire/effects.h: what is let through, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/image.h"
#include "wire/effects.h"

static _Alignas(8) uint8_t area[4096];
static struct mf_effects *const head = (struct mf_effects *)area;

static void begin(void)
{
	memset(area, 0, sizeof(area));
	head->bytes = sizeof(*head);
	head->outcome = MF_OUTCOME_OK;
}

/* Appends a well-formed record; NULL fields are absent. Returns it, to be spoiled. */
static struct mf_effect *add(struct mf_effect e, const char *const field[MF_FIELDS])
{
	struct mf_effect *at = (struct mf_effect *)(void *)(area + head->bytes);
	uint8_t *to = (uint8_t *)(at + 1);

	for (unsigned f = 0; f < MF_FIELDS; f++)
		if (field[f] != NULL) {
			e.len[f] = (uint32_t)strlen(field[f]);
			memcpy(to, field[f], e.len[f]);
			to += e.len[f];
		}
	e.size = (uint32_t)((to - (uint8_t *)at + 7) / 8 * 8);
	*at = e;
	head->bytes += e.size;
	head->count++;
	return at;
}

#define ADD(kind_, name, type, meta, body, ...)                                                    \
	add((struct mf_effect){.kind = (kind_), ##__VA_ARGS__},                                    \
		(const char *const[]){name, type, meta, body})

static struct mf_effect *add_reply(void)
{
	return ADD(MF_EFFECT_REPLY, NULL, "text/plain", "X-A: b\r\n", "body", .status = 200);
}

static void add_all(void)
{
	add_reply();
	ADD(MF_EFFECT_EMIT, "home/light", "text/plain", NULL, "ON", .status = 2,
		.flags = MF_EFFECT_RETAIN);
	ADD(MF_EFFECT_PUT, "key", NULL, NULL, "value");
	ADD(MF_EFFECT_PUT, "key", NULL, NULL, "value", .flags = MF_EFFECT_IF_VERSION, .value = 9);
	ADD(MF_EFFECT_DELETE, "key", NULL, NULL, NULL, .flags = MF_EFFECT_IF_VERSION, .value = 9);
	ADD(MF_EFFECT_SCHEDULE, "later", "a/b", NULL, "x", .value = 5);
	ADD(MF_EFFECT_METER, "flop", NULL, NULL, NULL, .value = UINT64_MAX);
	ADD(MF_EFFECT_UPSTREAM, "report", NULL, NULL, "y", .status = 1);
	ADD(MF_EFFECT_LOG, NULL, NULL, NULL, "a line", .status = MF_LEVEL_ERROR);
	ADD(MF_EFFECT_CALL, "sums", NULL, "/add?a=1", "1+1", .value = 1000);
}

static struct effects_reader reader;
static uint32_t record;

/* Reads a copy that ends where the bytes do, so that a sanitizer sees a step too far. */
static const char *check(size_t size, uint32_t grants)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(size > 0 ? size : 1);
	memcpy(copy, area, size);
	return effects_open(&reader, copy, size, grants, &record);
}

static void accepts(void)
{
	const char *wrong = check(head->bytes, ~0u);

	if (wrong != NULL)
		fail_msg("refused: %s, record %u", wrong, record);
}

static void refuses(const char *why, uint32_t at)
{
	const char *wrong = check(head->bytes <= sizeof(area) ? head->bytes : sizeof(area), ~0u);

	assert_non_null(wrong);
	assert_string_equal(wrong, why);
	assert_int_equal(record, at);
}

static void all_kinds(void **state)
{
	struct effect e;
	unsigned n = 0;

	(void)state;
	begin();
	add_all();
	accepts();
	assert_int_equal(reader.outcome, MF_OUTCOME_OK);
	assert_int_equal(effects_next(&reader, &e), 1);
	assert_int_equal(e.kind, MF_EFFECT_REPLY);
	assert_int_equal(e.status, 200);
	assert_memory_equal(e.field[MF_FIELD_META].p, "X-A: b\r\n", 8);
	assert_memory_equal(e.field[MF_FIELD_BODY].p, "body", 4);
	while (effects_next(&reader, &e))
		n++;
	assert_int_equal(n, 9);
	assert_int_equal(e.kind, MF_EFFECT_CALL);
	assert_int_equal(e.value, 1000);
	assert_memory_equal(e.field[MF_FIELD_META].p, "/add?a=1", 8);
	assert_int_equal(effects_next(&reader, &e), 0);
	for (unsigned kind = 0; kind < MF_EFFECT_KINDS; kind++)
		assert_non_null(effect_names[kind]);
}

static void empty(void **state)
{
	(void)state;
	begin();
	accepts();
	/* the caller may know only the capacity */
	assert_null(check(sizeof(area), ~0u));
}

static void heads(void **state)
{
	(void)state;
	begin();
	add_reply();
	for (size_t n = 0; n < sizeof(*head); n++)
		assert_string_equal(check(n, ~0u), "effects shorter than their head");
	for (size_t n = sizeof(*head); n < head->bytes; n++)
		assert_string_equal(check(n, ~0u), "effects whose head lies about their size");
	head->outcome = MF_OUTCOME_NONE;
	refuses("effects of a life that did not end", 0);
	head->outcome = MF_OUTCOME_MEMORY + 1;
	refuses("effects with an unknown outcome", 0);
	head->outcome = MF_OUTCOME_FULL;
	accepts();
	head->reserved = 1;
	refuses("effects with an unknown outcome", 0);
	head->reserved = 0;
	head->count = 2;
	refuses("an effect that reaches beyond the bytes used", 1);
	head->count = UINT32_MAX;
	refuses("an effect that reaches beyond the bytes used", 1);
	head->count = 0;
	refuses("effects whose head lies about their number", 0);
	head->count = 1;
	head->bytes += 1;
	refuses("effects whose head lies about their size", 0);
}

/* One member of the reply set to something else, and the reason for which it is refused. */
#define SPOIL(assignment, why)                                                                     \
	do {                                                                                       \
		struct mf_effect *e_;                                                              \
		begin();                                                                           \
		ADD(MF_EFFECT_LOG, NULL, NULL, NULL, "first");                                     \
		e_ = add_reply();                                                                  \
		accepts();                                                                         \
		e_->assignment;                                                                    \
		refuses(why, 1);                                                                   \
	} while (0)

static void records(void **state)
{
	const char *fields = "an effect whose size is not that of its fields";
	const char *beyond = "an effect that reaches beyond the bytes used";

	(void)state;
	SPOIL(size = 0, fields);
	SPOIL(size += 8, beyond);
	SPOIL(size -= 8, fields);
	SPOIL(size -= 1, fields);
	SPOIL(size = UINT32_MAX, beyond);
	SPOIL(len[MF_FIELD_BODY] = UINT32_MAX, fields);
	SPOIL(len[MF_FIELD_BODY] += 8, fields);
	SPOIL(len[MF_FIELD_NAME] = 0x80000000, fields);
	SPOIL(kind = 0, "an effect of unknown kind");
	SPOIL(kind = MF_EFFECT_KINDS, "an effect of unknown kind");
	SPOIL(flags = MF_EFFECT_RETAIN, "an effect with a flag that its kind doesn't have");
	SPOIL(flags = MF_EFFECT_BLOB, "a reply with both a blob and a body");
	SPOIL(status = 600, "an effect with a status, level or quality that its kind doesn't have");
	SPOIL(status = 0, "an effect with a status, level or quality that its kind doesn't have");
	SPOIL(reserved = 1, "an effect with stray bytes");
	SPOIL(value = 1, "an effect with a value that its kind doesn't have");
	SPOIL(extra = 1, "an effect with a value that its kind doesn't have");
	SPOIL(kind = MF_EFFECT_METER,
		"an effect with a status, level or quality that its kind doesn't have");
	SPOIL(len[MF_FIELD_BODY] -= 1, "an effect with stray bytes");
}

/* What each kind must not have, one refusal a line. */
static void kinds(void **state)
{
	const char *field = "an effect with a field that its kind doesn't have";
	const char *value = "an effect with a value that its kind doesn't have";
	const char *status = "an effect with a status, level or quality that its kind doesn't have";

	(void)state;
#define REFUSED(why, ...) (begin(), ADD(__VA_ARGS__), refuses(why, 0))
	REFUSED(field, MF_EFFECT_REPLY, "n", NULL, NULL, NULL, .status = 200);
	REFUSED(field, MF_EFFECT_EMIT, "n", NULL, "m", NULL);
	REFUSED(field, MF_EFFECT_PUT, "n", "t", NULL, NULL);
	REFUSED(field, MF_EFFECT_DELETE, "n", NULL, NULL, "b");
	REFUSED(field, MF_EFFECT_METER, "n", NULL, NULL, "b");
	REFUSED(field, MF_EFFECT_LOG, "n", NULL, NULL, "b");
	REFUSED(value, MF_EFFECT_PUT, "n", NULL, NULL, "b", .value = 1);
	REFUSED(value, MF_EFFECT_EMIT, "n", NULL, NULL, "b", .value = 1);
	REFUSED(value, MF_EFFECT_CALL, "n", NULL, NULL, "b", .extra = 1);
	REFUSED(status, MF_EFFECT_EMIT, "n", NULL, NULL, "b", .status = 3);
	REFUSED(status, MF_EFFECT_LOG, NULL, NULL, NULL, "b", .status = 4);
	REFUSED(status, MF_EFFECT_PUT, "n", NULL, NULL, "b", .status = 1);
	REFUSED("an effect without a name", MF_EFFECT_EMIT, NULL, NULL, NULL, "b");
	REFUSED("an effect without a name", MF_EFFECT_METER, NULL, NULL, NULL, NULL);
	REFUSED("an effect without a name", MF_EFFECT_CALL, NULL, NULL, "/", NULL);
	REFUSED("an effect with control characters in its name or content type", MF_EFFECT_EMIT,
		"a\nb", NULL, NULL, NULL);
	REFUSED("an effect with control characters in its name or content type", MF_EFFECT_REPLY,
		NULL, "text/plain\r\nX: y", NULL, NULL, .status = 200);
	REFUSED("a call with control characters in its path", MF_EFFECT_CALL, "n", NULL,
		"/ HTTP/1.1\r\n", NULL);
}

static void replies(void **state)
{
	(void)state;
	begin();
	add_reply();
	ADD(MF_EFFECT_LOG, NULL, NULL, NULL, "between");
	add_reply();
	refuses("a second reply", 2);
	begin();
	ADD(MF_EFFECT_REPLY, NULL, NULL, NULL, NULL, .status = 200, .flags = MF_EFFECT_BLOB,
		.value = 1u << 30);
	accepts();
	begin();
	ADD(MF_EFFECT_REPLY, NULL, NULL, NULL, NULL, .status = 204, .flags = MF_EFFECT_BLOB,
		.value = 1);
	refuses("a reply with a body and status 204, 205 or 304, which have none", 0);
}

static void headers(void **state)
{
	static const char *const good[] = {"A: \r\n", "A: b\r\nC: d e\t\xc3\xa9\r\n", "x-1: :\r\n"};
	static const char *const bad[] = {"A: b", "A: b\n", "A: b\r", "A b\r\n", "A:b\r\n",
		": b\r\n", "A : b\r\n", "A: b\r\n\r\n", "A: b\nC: d\r\n", "A: \x01\r\n",
		"A: b\rC\r\n", "A\xc3: b\r\n", "\r\n", "A: \x7f\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		begin();
		ADD(MF_EFFECT_REPLY, NULL, NULL, good[i], NULL, .status = 200);
		accepts();
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin();
		ADD(MF_EFFECT_REPLY, NULL, NULL, bad[i], NULL, .status = 200);
		refuses("a reply with a malformed header", 0);
	}
}

/* The line that is wrong is named. */
static void header_lines(void **state)
{
	static const struct {
		const char *lines, *wrong, *line;
	} cases[] = {
		{"A: b\r\nContent-Length: 3\r\n", "that the hub writes", "Content-Length: 3"},
		{"transfer-encoding: chunked\r\n", "that the hub writes",
			"transfer-encoding: chunked"},
		{"Mayfly-Event: 1\r\nA: b\r\n", "that the hub writes", "Mayfly-Event: 1"},
		{"A: b\r\n folded\r\n", "malformed", " folded"},
		{"A: b\r\n\r\nC: d\r\n", "malformed", ""},
		{"A: b\nC: d\r\n", "malformed", "A: b"},
		{"A: b\r\nC: d", "malformed", "C: d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *wrong;

		begin();
		ADD(MF_EFFECT_REPLY, NULL, NULL, cases[i].lines, NULL, .status = 200);
		wrong = check(head->bytes, ~0u);
		assert_non_null(wrong);
		assert_non_null(strstr(wrong, cases[i].wrong));
		assert_non_null(reader.line.p);
		assert_true(mf_str_is(reader.line, cases[i].line));
	}
}

static void replies_without_body(void **state)
{
	static const uint32_t statuses[] = {204, 205, 304};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		begin();
		ADD(MF_EFFECT_REPLY, NULL, NULL, NULL, NULL, .status = statuses[i]);
		accepts();
		begin();
		ADD(MF_EFFECT_REPLY, NULL, NULL, NULL, "body", .status = statuses[i]);
		refuses("a reply with a body and status 204, 205 or 304, which have none", 0);
		assert_null(reader.line.p);
	}
}

static void grants(void **state)
{
	(void)state;
	begin();
	ADD(MF_EFFECT_LOG, NULL, NULL, NULL, "always");
	add_reply();
	assert_null(check(head->bytes, MFI_GRANT(MF_EFFECT_REPLY)));
	assert_string_equal(
		check(head->bytes, 0), "an effect that the image's manifest does not grant");
	assert_int_equal(record, 1);
}

/* Every effect that a reader hands out must lie inside the bytes it was given. */
static void walk(size_t size)
{
	struct effect e;
	unsigned sum = 0;

	while (effects_next(&reader, &e))
		for (unsigned f = 0; f < MF_FIELDS; f++) {
			assert_true(e.field[f].p >= reader.bytes);
			assert_true(e.field[f].p + e.field[f].n <= reader.bytes + size);
			for (size_t i = 0; i < e.field[f].n; i++)
				sum += e.field[f].p[i];
		}
	assert_true(sum < UINT32_MAX);
}

static void random_damage(void **state)
{
	static uint8_t good[sizeof(area)];
	unsigned seed = 20, accepted = 0;
	size_t size;

	(void)state;
	begin();
	add_all();
	size = head->bytes;
	memcpy(good, area, size);
	for (int round = 0; round < 200000; round++) {
		memcpy(area, good, size);
		for (int flips = rand_r(&seed) % 3; flips >= 0; flips--)
			area[(size_t)rand_r(&seed) % size] ^= (uint8_t)(1u << rand_r(&seed) % 8);
		if (check(size, ~0u) == NULL) {
			accepted++;
			walk(size);
		}
	}
	/* flips in bodies change nothing that can be checked */
	assert_in_range(accepted, 100, 100000);
}

static void random_bytes(void **state)
{
	unsigned seed = 21;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		size_t size = (size_t)rand_r(&seed) % 256;

		for (size_t i = 0; i < size; i++)
			area[i] = (uint8_t)(rand_r(&seed) % 4 ? 0 : rand_r(&seed) % 64);
		if (check(size, ~0u) == NULL)
			walk(size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(empty),
		cmocka_unit_test(heads),
		cmocka_unit_test(records),
		cmocka_unit_test(kinds),
		cmocka_unit_test(replies),
		cmocka_unit_test(headers),
		cmocka_unit_test(header_lines),
		cmocka_unit_test(replies_without_body),
		cmocka_unit_test(grants),
		cmocka_unit_test(random_damage),
		cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
