/* cli/outcome.c: how a life that left these effects is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "cli/outcome.h"

static _Alignas(8) uint8_t area[4096];
static uint32_t used;

static void begin(enum mf_outcome how)
{
	struct mf_effects head = {.bytes = sizeof head, .count = 0, .outcome = how};

	memset(area, 0, sizeof area);
	memcpy(area, &head, sizeof head);
	used = sizeof head;
}

/* A record with a name and a body. */
static void add(enum mf_effect_kind kind, uint32_t status, const char *name, const char *body)
{
	struct mf_effect e = {.kind = (uint16_t)kind,
		.status = status,
		.len = {[MF_FIELD_NAME] = (uint32_t)strlen(name),
			[MF_FIELD_BODY] = (uint32_t)strlen(body)}};
	struct mf_effects head;
	uint32_t n = (uint32_t)(sizeof e + strlen(name) + strlen(body));

	e.size = (n + 7) / 8 * 8;
	memcpy(area + used, &e, sizeof e);
	memcpy(area + used + sizeof e, name, strlen(name));
	memcpy(area + used + sizeof e + strlen(name), body, strlen(body));
	used += e.size;
	memcpy(&head, area, sizeof head);
	head.bytes = used;
	head.count++;
	memcpy(area, &head, sizeof head);
}

static struct outcome judge(enum mfw_result result, uint32_t grants)
{
	static char home[] = "home/+/set", on[] = "on";
	static char *emits[] = {home}, *writes[] = {on};
	const struct manifest m = {
		.emits = emits, .emits_count = 1, .writes = writes, .writes_count = 1};
	const struct image image = {.note = {.grants = grants}};
	const struct life life = {.result = result, .effects = area, .bytes = used, .vector = 13};
	struct outcome o;

	outcome_judge(&o, &image, &m, &life);
	return o;
}

static void a_reply(void **state)
{
	struct outcome o;

	(void)state;
	begin(MF_OUTCOME_OK);
	add(MF_EFFECT_REPLY, 418, "", "teapot");
	o = judge(MFW_OK, ~0u);
	assert_int_equal(o.exit, STATUS_OK);
	assert_int_equal(o.status, 418);
	assert_true(o.replied);
	assert_true(mf_str_is(o.reply.field[MF_FIELD_BODY], "teapot"));
	assert_string_equal(o.message, "");
}

static void nothing_at_all(void **state)
{
	struct outcome o;

	(void)state;
	begin(MF_OUTCOME_OK);
	o = judge(MFW_OK, ~0u);
	assert_int_equal(o.exit, STATUS_OK);
	assert_int_equal(o.status, 204);
	assert_false(o.replied);
}

static void granted(void **state)
{
	(void)state;
	begin(MF_OUTCOME_OK);
	add(MF_EFFECT_EMIT, 0, "home/hall/set", "ON");
	add(MF_EFFECT_PUT, 0, "on", "1");
	assert_int_equal(judge(MFW_OK, ~0u).exit, STATUS_OK);
}

static void denied_whole(void **state)
{
	struct outcome o;

	(void)state;
	begin(MF_OUTCOME_OK);
	add(MF_EFFECT_REPLY, 200, "", "done");
	add(MF_EFFECT_EMIT, 0, "home/door/open", "");
	o = judge(MFW_OK, ~0u);
	assert_true(o.denied);
	assert_false(o.replied);
	assert_int_equal(o.exit, STATUS_DENIED);
	assert_int_equal(o.status, 403);
	assert_non_null(strstr(o.message, "emits: [\"home/door/open\"]"));
	/* the image's own word counts too */
	begin(MF_OUTCOME_OK);
	add(MF_EFFECT_EMIT, 0, "home/hall/set", "");
	assert_true(judge(MFW_OK, MFI_GRANT(MF_EFFECT_REPLY)).denied);
}

static void malformed(void **state)
{
	struct mf_effects head;
	struct outcome o;

	(void)state;
	begin(MF_OUTCOME_OK);
	add(MF_EFFECT_REPLY, 200, "", "done");
	memcpy(&head, area, sizeof head);
	head.count = 2;
	memcpy(area, &head, sizeof head);
	o = judge(MFW_OK, ~0u);
	assert_int_equal(o.result, MFW_ERR_EFFECTS);
	assert_int_equal(o.exit, STATUS_FAILED);
	assert_false(o.readable);
	assert_non_null(strstr(o.message, "malformed"));
}

static void other_ends(void **state)
{
	static const struct {
		enum mfw_result result;
		int exit;
	} ends[] = {{MFW_ERR_FAILED, STATUS_FAILED}, {MFW_ERR_CRASHED, STATUS_FAILED},
		{MFW_ERR_CPU, STATUS_DEADLINE}, {MFW_ERR_MEMORY, STATUS_MEMORY},
		{MFW_ERR_EFFECTS, STATUS_FAILED}, {MFW_ERR_EVENT, STATUS_USAGE},
		{MFW_ERR_CALL, STATUS_FAILED}, {MFW_ERR_BACKEND, STATUS_FAILED},
		{MFW_ERR_IMAGE, STATUS_USAGE}, {MFW_ERR_INIT, STATUS_FAILED}};

	(void)state;
	used = 0;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct outcome o = judge(ends[i].result, ~0u);

		assert_int_equal(o.exit, ends[i].exit);
		assert_true(o.status >= 400);
		assert_true(o.message[0] != '\0');
		assert_false(o.replied);
	}
}

/* What a life asked for before it failed does not happen. */
static void a_failed_life_gets_nothing(void **state)
{
	struct outcome o;

	(void)state;
	begin(MF_OUTCOME_FAILED);
	add(MF_EFFECT_REPLY, 200, "", "done");
	add(MF_EFFECT_LOG, MF_LEVEL_ERROR, "", "no");
	o = judge(MFW_ERR_FAILED, ~0u);
	assert_false(o.replied);
	assert_true(o.readable);
	assert_int_equal(o.status, 500);
}

static void full(void **state)
{
	struct outcome o;

	(void)state;
	begin(MF_OUTCOME_FULL);
	o = judge(MFW_ERR_EFFECTS, ~0u);
	assert_int_equal(o.exit, STATUS_FAILED);
	assert_non_null(strstr(o.message, "memory.effects"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(granted),
		cmocka_unit_test(denied_whole),
		cmocka_unit_test(malformed),
		cmocka_unit_test(other_ends),
		cmocka_unit_test(a_failed_life_gets_nothing),
		cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
