/*
 * cli/inspect_show.c - an inspection as text and as JSON (mayfly(1) specifies the keys).
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/inspect.h"
#include "cli/out.h"
#include "image/cpu.h"
#include "image/units.h"
#include "sys/log.h"
#include "wire/effects.h"

/* ---------------------------------------------------------------- phrases */

static void list(char *to, size_t n, const char *verb, char *const *items, unsigned count)
{
	snprintf(to, n, "%s", verb);
	for (unsigned i = 0; i < count; i++)
		snprintf(to + strlen(to), n - strlen(to), "%s %s", i ? "," : "", items[i]);
}

const char *inspect_grant(const struct inspection *i, enum mf_effect_kind kind, char *to, size_t n)
{
	const struct manifest *m = &i->manifest;

	switch (kind) {
	case MF_EFFECT_REPLY: snprintf(to, n, "answer its event"); break;
	case MF_EFFECT_LOG: snprintf(to, n, "write to the log"); break;
	case MF_EFFECT_METER: snprintf(to, n, "count what it did"); break;
	case MF_EFFECT_SCHEDULE: snprintf(to, n, "be born again later"); break;
	case MF_EFFECT_EMIT: list(to, n, "publish on", m->emits, m->emits_count); break;
	case MF_EFFECT_PUT: list(to, n, "put state", m->writes, m->writes_count); break;
	case MF_EFFECT_DELETE: list(to, n, "delete state", m->writes, m->writes_count); break;
	case MF_EFFECT_UPSTREAM:
		list(to, n, "send upstream", m->upstream, m->upstream_count);
		break;
	case MF_EFFECT_CALL: list(to, n, "call", m->calls, m->calls_count); break;
	default: snprintf(to, n, "?"); break;
	}
	return to;
}

static void word(char *to, size_t n, const char *before, const char *text)
{
	if (text)
		snprintf(to + strlen(to), n - strlen(to), " %s%s", before, text);
}

static const char *type_name(enum manifest_trigger_type type)
{
	static const char *const names[] = {[TRIGGER_UDP] = "udp",
		[TRIGGER_TCP] = "tcp",
		[TRIGGER_HTTP] = "http",
		[TRIGGER_MQTT] = "mqtt",
		[TRIGGER_COAP] = "coap",
		[TRIGGER_TIMER] = "timer",
		[TRIGGER_PACKETS] = "packets",
		[TRIGGER_CALL] = "call",
		[TRIGGER_JOB] = "job"};

	return names[type];
}

const char *inspect_trigger(const struct manifest_trigger *t, char *to, size_t n)
{
	snprintf(to, n, "%s", type_name(t->type));
	word(to, n, "", t->name);
	word(to, n, "", t->framing);
	word(to, n, "", t->method);
	word(to, n, "", t->path);
	word(to, n, "on ", t->host);
	word(to, n, "", t->topic);
	word(to, n, "every ", t->every);
	word(to, n, "cron ", t->cron);
	return to;
}

static struct mfi_module module(const struct inspection *i, unsigned m)
{
	struct mfi_module copy;

	memcpy(&copy, (const uint8_t *)i->image.modules + m * sizeof(copy), sizeof(copy));
	return copy;
}

/* Who says to have signed it. Whether that is so only a key can tell: mayfly verify. */
static void print_signature(const struct inspection *i)
{
	char id[SIGNATURE_ID_TEXT], clean[SIGNATURE_COMMENT_MAX];
	const char *comment = i->signature.comment;

	if (i->signature_error[0] != '\0') {
		printf("  signature  %s\n",
			i->image.signature.n == 0 ? "none" : i->signature_error);
		return;
	}
	printf("  signature  by key %s, counter %llu; mayfly verify checks it\n",
		signature_id(i->signature.key_id, id), (unsigned long long)i->counter);
	printf("  comment    %s\n", log_clean(clean, sizeof(clean), comment, strlen(comment)));
}

/* ------------------------------------------------------------------- text */

static void print_processor(const struct inspection *i)
{
	const struct mfi_image *n = &i->image.note;
	char names[CPU_NAMES_MAX], why[CPU_WHY_MAX];

	if (n->variant[0])
		printf("  variant    %s\n", n->variant);
	if (n->processor)
		printf("  needs      %s\n", cpu_names(n->processor, names, sizeof(names)));
	if (!cpu_runs(n->processor, cpu_here(), why))
		printf("             doesn't run here: %s\n", why);
	if (i->beside[0])
		printf("  beside it  %s; here %s%s runs\n", i->beside, i->chosen[0] ? "+" : "",
			i->chosen[0] ? i->chosen : "none of them");
}

static void print_head(const struct inspection *i)
{
	const struct mfi_image *n = &i->image.note;
	char hex[65], a[40], b[40], c[40];

	printf("%s %s (counter %llu), x86-64, guest ABI %u\n", n->name, n->release,
		(unsigned long long)n->counter, n->abi);
	printf("  sha256     %s\n", out_hex(i->image.digest, 32, hex));
	print_signature(i);
	printf("  size       %zu bytes, %llu left of its budget of %llu\n", i->image.content,
		(unsigned long long)(n->budget - i->image.content), (unsigned long long)n->budget);
	print_processor(i);
	printf("  limits     cpu %s, deadline %s, init %s\n",
		units_show_time(n->cpu_ns, a, sizeof(a)),
		units_show_time(n->deadline_ns, b, sizeof(b)),
		units_show_time(n->init_ns, c, sizeof(c)));
	printf("  writable   %s, all of it put back at birth\n",
		units_show_size(n->window_bytes, a, sizeof(a)));
}

static void print_regions(const struct inspection *i)
{
	printf("\nmemory map       address        bytes  guest  filled by\n");
	for (unsigned r = 0; r < i->regions; r++) {
		const struct region *g = &i->region[r];
		char bytes[24] = "any"; /* attached data: as much as there is */

		if (g->bytes)
			snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)g->bytes);
		printf("  %-10s 0x%09llx %12s   %s   %s\n", g->name, (unsigned long long)g->address,
			bytes, g->rights, g->content);
	}
}

static void print_modules(const struct inspection *i)
{
	printf("\nmodule             code     data  why\n");
	for (unsigned k = 0; k < i->image.module_count; k++) {
		struct mfi_module m = module(i, k);

		printf("  %-14s %6u %8u  %s\n", m.name, m.text, m.data, m.why);
	}
}

static void print_manifest(const struct inspection *i)
{
	char phrase[512];

	printf("\nit may\n");
	for (enum mf_effect_kind k = MF_EFFECT_REPLY; k < MF_EFFECT_KINDS; k++)
		if (i->image.note.grants & MFI_GRANT(k))
			printf("  %-9s %s\n", effect_names[k],
				inspect_grant(i, k, phrase, sizeof(phrase)));
	printf("\nit is born by\n");
	if (i->manifest.triggers_count == 0)
		printf("  nothing but the command line: it has no triggers\n");
	for (unsigned t = 0; t < i->manifest.triggers_count; t++)
		printf("  %s\n", inspect_trigger(&i->manifest.triggers[t], phrase, sizeof(phrase)));
	for (unsigned d = 0; d < i->manifest.data_count; d++)
		printf("%s%s", d ? ", " : "\nit needs attached\n  ", i->manifest.data[d]);
	if (i->manifest.data_count)
		putchar('\n');
}

static void print_price(const struct inspection *i)
{
	const struct manifest *m = &i->manifest;

	if (!m->price.unit)
		return;
	printf("\nit costs\n");
	if (m->price.per_unit)
		printf("  %s for each %s%s%s\n", m->price.per_unit, m->price.unit,
			m->price.minimum ? ", at least " : "",
			m->price.minimum ? m->price.minimum : "");
	else
		printf("  nothing; it counts each %s\n", m->price.unit);
	for (unsigned k = 0; k < m->price.quantities_count; k++) {
		const struct manifest_quantity *q = &m->price.quantities[k];

		printf("  %-18s %s\n", q->path ? q->path : "any request", price_text(q->formula));
	}
}

int inspect_text(const struct inspection *i)
{
	print_head(i);
	print_regions(i);
	print_modules(i);
	print_manifest(i);
	print_price(i);
	return out_end("inspect", STATUS_OK);
}

/* ------------------------------------------------------------------- JSON */

static json_t *json_regions(const struct inspection *i)
{
	json_t *all = json_array();

	for (unsigned r = 0; r < i->regions; r++) {
		const struct region *g = &i->region[r];

		json_array_append_new(all,
			json_pack("{s:s, s:I, s:o, s:s, s:s}", "name", g->name, "address",
				(json_int_t)g->address, "bytes",
				g->bytes ? json_integer((json_int_t)g->bytes) : json_null(),
				"rights", g->rights, "filled_by", g->content));
	}
	return all;
}

static json_t *json_modules(const struct inspection *i)
{
	json_t *all = json_array();

	for (unsigned k = 0; k < i->image.module_count; k++) {
		struct mfi_module m = module(i, k);

		json_array_append_new(all,
			json_pack("{s:s, s:I, s:I, s:s}", "name", m.name, "text_bytes",
				(json_int_t)m.text, "data_bytes", (json_int_t)m.data, "why",
				m.why));
	}
	return all;
}

static json_t *json_grants(const struct inspection *i)
{
	json_t *all = json_array();
	char phrase[512];

	for (enum mf_effect_kind k = MF_EFFECT_REPLY; k < MF_EFFECT_KINDS; k++)
		if (i->image.note.grants & MFI_GRANT(k))
			json_array_append_new(all,
				json_pack("{s:s, s:s}", "kind", effect_names[k], "may",
					inspect_grant(i, k, phrase, sizeof(phrase))));
	return all;
}

static json_t *json_triggers(const struct inspection *i)
{
	json_t *all = json_array();
	char phrase[512];

	for (unsigned t = 0; t < i->manifest.triggers_count; t++) {
		const struct manifest_trigger *g = &i->manifest.triggers[t];

		json_array_append_new(all,
			json_pack("{s:s, s:s}", "type", type_name(g->type), "text",
				inspect_trigger(g, phrase, sizeof(phrase))));
	}
	return all;
}

/* null: it is free */
static json_t *json_price(const struct manifest *m)
{
	json_t *all;

	if (!m->price.unit)
		return json_null();
	all = json_array();
	for (unsigned k = 0; k < m->price.quantities_count; k++)
		json_array_append_new(all,
			json_pack("{s:s?, s:s}", "path", m->price.quantities[k].path, "quantity",
				price_text(m->price.quantities[k].formula)));
	return json_pack("{s:s, s:s?, s:s?, s:o}", "unit", m->price.unit, "per_unit",
		m->price.per_unit, "minimum", m->price.minimum, "quantities", all);
}

static json_t *json_sizes(const struct inspection *i)
{
	const struct mfi_image *n = &i->image.note;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "window_bytes",
		(json_int_t)n->window_bytes, "event_bytes", (json_int_t)n->event_bytes,
		"effects_bytes", (json_int_t)n->effects_bytes, "stack_bytes",
		(json_int_t)n->stack_bytes, "init_bytes", (json_int_t)n->init_bytes, "input_bytes",
		(json_int_t)n->input_bytes, "output_bytes", (json_int_t)n->output_bytes);
}

static json_t *needs_json(uint64_t processor)
{
	json_t *list = json_array();
	char name[CPU_NAMES_MAX];

	for (uint64_t rest = processor; rest; rest &= rest - 1)
		json_array_append_new(
			list, json_string(cpu_names(rest & -rest, name, sizeof(name))));
	return list;
}

int inspect_json(const struct inspection *i)
{
	const struct mfi_image *n = &i->image.note;
	char hex[65], id[SIGNATURE_ID_TEXT];
	bool readable = i->signature_error[0] == '\0';
	json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:s, s:i, s:i}", "name", n->name, "version",
		n->release, "counter", (json_int_t)n->counter, "digest",
		out_hex(i->image.digest, 32, hex), "machine", "x86-64", "guest_abi", (int)n->abi,
		"image_format", (int)n->version);

	if (!o)
		return out_json("inspect", STATUS_FAILED, NULL);
	json_object_set_new(o, "variant", n->variant[0] ? json_string(n->variant) : json_null());
	json_object_set_new(o, "needs", needs_json(n->processor));
	json_object_set_new(o, "runs_here", json_boolean(!(n->processor & ~cpu_here())));
	json_object_set_new(o, "variant_here", i->chosen[0] ? json_string(i->chosen) : json_null());
	json_object_set_new(o, "signed", json_boolean(i->image.signature.n > 0));
	json_object_set_new(o, "key_id",
		readable ? json_string(signature_id(i->signature.key_id, id)) : json_null());
	json_object_set_new(
		o, "signed_counter", readable ? json_integer((json_int_t)i->counter) : json_null());
	json_object_set_new(
		o, "trusted_comment", readable ? out_text(i->signature.comment) : json_null());
	json_object_set_new(o, "signature_error",
		readable || i->image.signature.n == 0 ? json_null()
						      : json_string(i->signature_error));
	json_object_set_new(o, "image_bytes", json_integer((json_int_t)i->image.content));
	json_object_set_new(o, "budget_bytes", json_integer((json_int_t)n->budget));
	json_object_set_new(
		o, "budget_left_bytes", json_integer((json_int_t)(n->budget - i->image.content)));
	json_object_set_new(o, "has_init", json_boolean(n->flags & MFI_HAS_INIT));
	json_object_set_new(o, "entry", json_integer((json_int_t)i->image.entry));
	json_object_set_new(o, "memory", json_sizes(i));
	json_object_set_new(o, "limits",
		json_pack("{s:I, s:I, s:I}", "cpu_ns", (json_int_t)n->cpu_ns, "deadline_ns",
			(json_int_t)n->deadline_ns, "init_ns", (json_int_t)n->init_ns));
	json_object_set_new(o, "memory_map", json_regions(i));
	json_object_set_new(o, "modules", json_modules(i));
	json_object_set_new(o, "grants", json_grants(i));
	json_object_set_new(o, "triggers", json_triggers(i));
	json_object_set_new(o, "price", json_price(&i->manifest));
	json_object_set_new(o, "manifest_error",
		i->has_manifest ? json_null() : json_string(i->manifest_error));
	return out_json("inspect", STATUS_OK, o);
}
