/* cli/run_json.c - see run_json.h */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fault.h"
#include "cli/out.h"
#include "cli/run_json.h"
#include "sys/log.h"
#include "wire/effects.h"

static const char *const levels[] = {"debug", "info", "warn", "error"};

static const char *level_name(uint32_t level)
{
	return level < sizeof levels / sizeof levels[0] ? levels[level] : "?";
}

/* What the members of a kind are called; NULL: it doesn't use them. As in abi/guest.h. */
struct shape {
	const char *name, *status, *value;
};
static const struct shape shapes[MF_EFFECT_KINDS] = {
	[MF_EFFECT_REPLY] = {NULL, "status", NULL},
	[MF_EFFECT_EMIT] = {"topic", "qos", NULL},
	[MF_EFFECT_PUT] = {"key", NULL, "version"},
	[MF_EFFECT_DELETE] = {"key", NULL, "version"},
	[MF_EFFECT_SCHEDULE] = {"name", NULL, "delay_ns"},
	[MF_EFFECT_METER] = {"unit", NULL, "quantity"},
	[MF_EFFECT_UPSTREAM] = {"subject", "priority", NULL},
	[MF_EFFECT_LOG] = {NULL, "level", NULL},
	[MF_EFFECT_CALL] = {"service", NULL, "limit_ns"},
};

static json_t *base64(struct mf_str s)
{
	size_t room = sodium_base64_ENCODED_LEN(s.n, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(room);
	json_t *j;

	if (text == NULL)
		return json_null();
	sodium_bin2base64(text, room, s.p, s.n, sodium_base64_VARIANT_ORIGINAL);
	j = json_string(text);
	free(text);
	return j;
}

static json_t *hex(const uint8_t bytes[static 32])
{
	char text[65];

	return json_string(out_hex(bytes, 32, text));
}

void run_set_text(json_t *to, const char *key, struct mf_str s)
{
	json_t *j = json_stringn((const char *)s.p, s.n);
	char other[64];

	if (j != NULL) {
		json_object_set_new(to, key, j);
		return;
	}
	snprintf(other, sizeof other, "%s_base64", key);
	json_object_set_new(to, other, base64(s));
}

static json_t *json_text(struct mf_str s)
{
	json_t *j = json_stringn((const char *)s.p, s.n);

	return j != NULL ? j : json_null();
}

/* "Name: value\r\n" lines, as an object; a name that comes again keeps its last value. */
static json_t *headers(struct mf_str meta)
{
	json_t *to = json_object();
	size_t at = 0;

	while (at < meta.n) {
		const char *line = (const char *)meta.p + at;
		const char *end = memchr(line, '\r', meta.n - at);
		size_t n = end == NULL ? meta.n - at : (size_t)(end - line);
		const char *colon = memchr(line, ':', n);

		if (colon != NULL) {
			const char *value = colon + 1;
			char name[128];

			while (value < line + n && *value == ' ')
				value++;
			snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
			json_object_set_new(
				to, name, json_text(mf_str_of(value, (size_t)(line + n - value))));
		}
		at += n + 2;
	}
	return to;
}

json_t *run_effect_json(const struct effect *e)
{
	const struct shape *shape = &shapes[e->kind];
	json_t *j = json_object();

	json_object_set_new(j, "kind", json_string(effect_names[e->kind]));
	if (shape->name != NULL)
		run_set_text(j, shape->name, e->field[MF_FIELD_NAME]);
	if (e->field[MF_FIELD_TYPE].n > 0)
		run_set_text(j, "content_type", e->field[MF_FIELD_TYPE]);
	if (e->field[MF_FIELD_META].n > 0)
		run_set_text(j, "path", e->field[MF_FIELD_META]);
	if (e->kind != MF_EFFECT_DELETE && e->kind != MF_EFFECT_METER)
		run_set_text(j, "body", e->field[MF_FIELD_BODY]);
	if (shape->status != NULL)
		json_object_set_new(j, shape->status, json_integer(e->status));
	if (shape->value != NULL &&
		(strcmp(shape->value, "version") != 0 || (e->flags & MF_EFFECT_IF_VERSION) != 0))
		json_object_set_new(j, shape->value, json_integer((json_int_t)e->value));
	if ((e->flags & MF_EFFECT_RETAIN) != 0)
		json_object_set_new(j, "retain", json_true());
	return j;
}

static void add_effects(json_t *logs, json_t *others, const uint8_t *bytes, uint32_t n)
{
	struct effects_reader r;
	struct effect e;
	uint32_t record;

	if (bytes == NULL || effects_open(&r, bytes, n, ~0u, &record) != NULL)
		return;
	while (effects_next(&r, &e)) {
		if (e.kind == MF_EFFECT_LOG) {
			json_t *j = json_object();

			json_object_set_new(j, "level", json_string(level_name(e.status)));
			run_set_text(j, "text", e.field[MF_FIELD_BODY]);
			json_array_append_new(logs, j);
		} else if (e.kind != MF_EFFECT_REPLY) {
			json_array_append_new(others, run_effect_json(&e));
		}
	}
}

static json_t *address_json(uint64_t address)
{
	char number[32];

	snprintf(number, sizeof number, "0x%llx", (unsigned long long)address);
	return json_string(number);
}

static json_t *trace_json(const struct backtrace *trace)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < trace->count; i++) {
		const struct backtrace_frame *f = &trace->frame[i];
		json_t *j = json_object();

		json_object_set_new(j, "address", address_json(f->at));
		json_object_set_new(j, "function", json_string(f->place));
		json_object_set_new(j, "line", f->line[0] ? json_string(f->line) : json_null());
		json_array_append_new(all, j);
	}
	return all;
}

static json_t *fault_json(
	const struct life_setup *s, const struct life *life, const struct fault *fault)
{
	bool page = life->vector == FAULT_PAGE;
	json_t *j = json_object();

	json_object_set_new(j, "vector", json_integer(life->vector));
	json_object_set_new(j, "name", json_string(fault_short(life->vector)));
	json_object_set_new(j, "text", json_string(fault_long(life->vector)));
	json_object_set_new(j, "address", address_json(life->address));
	json_object_set_new(j, "function", json_string(fault->trace.frame[0].place));
	json_object_set_new(j, "touched", page ? address_json(life->touched) : json_null());
	json_object_set_new(j, "place",
		page ? json_string(fault_place(&s->image, life->touched)) : json_null());
	json_object_set_new(j, "backtrace", trace_json(&fault->trace));
	return j;
}

static void set_reply(json_t *to, const struct outcome *out)
{
	const struct effect *e = &out->reply;
	bool there = out->replied && out->exit == STATUS_OK;

	json_object_set_new(to, "replied", json_boolean(there));
	json_object_set_new(
		to, "reply_base64", there ? base64(e->field[MF_FIELD_BODY]) : json_null());
	json_object_set_new(to, "content_type",
		there && e->field[MF_FIELD_TYPE].n > 0 ? json_text(e->field[MF_FIELD_TYPE])
						       : json_null());
	json_object_set_new(
		to, "headers", there ? headers(e->field[MF_FIELD_META]) : json_object());
}

static json_t *micros(uint64_t ns)
{
	return json_real((double)ns / 1000.0);
}

int run_print_json(const struct life_setup *s, const struct run_record *r)
{
	const struct outcome *out = &r->outcome;
	bool born = r->unborn == MFW_OK;
	json_t *j = json_object(), *logs = json_array(), *others = json_array();

	json_object_set_new(j, "service", json_string(s->image.note.name));
	json_object_set_new(j, "image", hex(s->image.digest));
	json_object_set_new(j, "variant",
		s->image.note.variant[0] ? json_string(s->image.note.variant) : json_null());
	json_object_set_new(j, "snapshot", born ? hex(r->snapshot) : json_null());
	json_object_set_new(j, "result", json_string(out->name));
	json_object_set_new(j, "status", json_integer(out->status));
	json_object_set_new(j, "exit", json_integer(out->exit));
	json_object_set_new(
		j, "message", out->message[0] != '\0' ? json_string(out->message) : json_null());
	set_reply(j, out);
	add_effects(logs, others, r->init_effects, r->init_bytes);
	add_effects(logs, others, r->effects, out->readable ? r->life.bytes : 0);
	json_object_set_new(j, "effects", others);
	json_object_set_new(j, "logs", logs);
	json_object_set_new(
		j, "backend", born ? json_string(life_backend_name(r->backend)) : json_null());
	json_object_set_new(j, "birth", json_string(life_birth_name(r->birth)));
	json_object_set_new(j, "birth_us", micros(r->life.birth_ns));
	json_object_set_new(j, "run_us", micros(r->life.run_ns));
	json_object_set_new(j, "init_us", micros(r->init_ns));
	json_object_set_new(j, "fault",
		out->result == MFW_ERR_CRASHED ? fault_json(s, &r->life, &r->fault) : json_null());
	return out_json("run", out->exit, j);
}

#define PREVIEW 240 /* bytes of a body that are shown to a person */

/* Bytes of a guest must not steer a terminal. */
static void print_safe(FILE *to, struct mf_str s)
{
	char clean[4 * PREVIEW + 1];
	size_t n = s.n < PREVIEW ? s.n : PREVIEW;

	if (n > 0 && s.n == n && s.p[n - 1] == '\n')
		n--;
	fputs(log_clean(clean, sizeof clean, s.p, n), to);
	if (s.n > PREVIEW)
		fprintf(to, " ... (%zu bytes)", s.n);
}

/* Nanoseconds in the largest unit that there is one of. */
static void print_value(FILE *to, const char *name, uint64_t value)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	size_t n = strlen(name), unit = 0;
	double amount = (double)value;

	if (n < 3 || strcmp(name + n - 3, "_ns") != 0) {
		fprintf(to, " (%s %llu)", name, (unsigned long long)value);
		return;
	}
	for (; unit < 3 && amount >= 1000; unit++)
		amount /= 1000;
	fprintf(to, " (%.*s %.10g %s)", (int)(n - 3), name, amount, units[unit]);
}

void run_print_effect(FILE *to, const struct effect *e)
{
	const struct shape *shape = &shapes[e->kind];

	fputs(effect_names[e->kind], to);
	if (e->kind == MF_EFFECT_LOG)
		fprintf(to, " %s", level_name(e->status));
	if (e->kind == MF_EFFECT_REPLY)
		fprintf(to, " %u", e->status);
	if (e->field[MF_FIELD_NAME].n > 0)
		fputc(' ', to);
	print_safe(to, e->field[MF_FIELD_NAME]);
	if (e->field[MF_FIELD_META].n > 0)
		fputc(' ', to);
	print_safe(to, e->field[MF_FIELD_META]);
	if (e->field[MF_FIELD_BODY].n > 0) {
		fputs(" = ", to);
		print_safe(to, e->field[MF_FIELD_BODY]);
	}
	if (shape->name != NULL && shape->status != NULL && e->status != 0)
		fprintf(to, " (%s %u)", shape->status, e->status);
	if (shape->value != NULL && e->value != 0)
		print_value(to, shape->value, e->value);
	fputc('\n', to);
}

static void print_effect_of(FILE *to, const char *service, const struct effect *e)
{
	if (e->kind != MF_EFFECT_LOG) {
		fprintf(to, "%s: effect: ", service);
		run_print_effect(to, e);
		return;
	}
	fprintf(to, "%s: %s: ", service, level_name(e->status));
	print_safe(to, e->field[MF_FIELD_BODY]);
	fputc('\n', to);
}

void run_print_effects(FILE *to, const char *service, const uint8_t *effects, uint32_t bytes)
{
	struct effects_reader r;
	struct effect e;
	uint32_t record;

	if (effects == NULL || effects_open(&r, effects, bytes, ~0u, &record) != NULL)
		return;
	while (effects_next(&r, &e))
		if (e.kind != MF_EFFECT_REPLY)
			print_effect_of(to, service, &e);
}
