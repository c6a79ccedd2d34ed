/* cli/audit/facts.c - an image as facts: who made it, limits, needs, code, price. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit/audit.h"
#include "cli/out.h"
#include "image/banned.h"
#include "image/signature.h"
#include "image/units.h"
#include "sys/log.h"

const char *const audit_parts[AUDIT_PARTS] = {
	[AUDIT_WHO] = "who",
	[AUDIT_MAY] = "may",
	[AUDIT_NOT] = "may_not",
	[AUDIT_LIMIT] = "limit",
	[AUDIT_NEEDS] = "needs",
	[AUDIT_CODE] = "code",
	[AUDIT_PRICE] = "price",
};

struct fact *audit_add(struct audit *audit, enum audit_part part, const char *what, unsigned more)
{
	struct fact *all = reallocarray(audit->fact, audit->facts + 1, sizeof(*all));

	if (!all)
		return NULL;
	audit->fact = all;
	all += audit->facts++;
	memset(all, 0, sizeof(*all));
	all->part = part;
	all->what = what;
	all->more = more;
	return all;
}

static bool add_text(struct audit *a, enum audit_part part, const char *what, unsigned more,
	const char *entry, const char *text)
{
	struct fact *f = audit_add(a, part, what, more);

	if (!f)
		return false;
	snprintf(f->entry, sizeof(f->entry), "%s", entry);
	snprintf(f->text, sizeof(f->text), "%s", text);
	return true;
}

static bool add_amount(struct audit *a, enum audit_part part, const char *what, unsigned more,
	uint64_t amount, const char *before, const char *shown, const char *after)
{
	struct fact *f = audit_add(a, part, what, more);

	if (!f)
		return false;
	f->measured = true;
	f->amount = amount;
	snprintf(f->text, sizeof(f->text), "%s%s%s", before, shown, after);
	return true;
}

/* --------------------------------------------------------------------- who */

static bool add_who(struct audit *a)
{
	char number[24], id[SIGNATURE_ID_TEXT], text[64], error[SIGNATURE_ERROR_MAX];
	struct signature signature;
	uint64_t counter;
	int rc = signature_of_image(&a->image, &signature, &counter, error);

	snprintf(text, sizeof(text),
		rc == 0                 ? "signed by key %s"
			: rc == -ENOENT ? "signed by nobody"
					: "a signature that is damaged",
		rc == 0 ? signature_id(signature.key_id, id) : "");
	snprintf(number, sizeof(number), "%llu", (unsigned long long)counter);
	return add_text(a, AUDIT_WHO, "name", MORE_IF_CHANGED, "", a->manifest.name) &&
		add_text(a, AUDIT_WHO, "version", 0, "", a->manifest.version) &&
		add_amount(a, AUDIT_WHO, "counter", MORE_IF_LOWERED, counter, "release ", number,
			"") &&
		add_text(a, AUDIT_WHO, "signature", MORE_IF_CHANGED, "", text);
}

/* ------------------------------------------------------------------ limits */

enum unit { TIME, SIZE, NUMBER };

static bool add_limits(struct audit *a)
{
	const struct manifest *m = &a->manifest;
	const struct {
		const char *what;
		uint64_t amount;
		enum unit unit;
		const char *before, *after;
	} limits[] = {
		{"limits.cpu", m->limits.cpu_ns, TIME, "", " of processor time"},
		{"limits.deadline", m->limits.deadline_ns, TIME, "",
			" from its event to its answer"},
		{"limits.init", m->limits.init_ns, TIME, "", " for mf_init, once"},
		{"memory.window", m->memory.window, SIZE, "", " of memory that it can write"},
		{"memory.event", m->memory.event, SIZE, "", " of that for its event"},
		{"memory.effects", m->memory.effects, SIZE, "",
			" for what it asks for, its reply "
			"included"},
		{"memory.stack", m->memory.stack, SIZE, "", " for its stack"},
		{"memory.init", m->memory.init, SIZE, "", " of memory that mf_init fills"},
		{"memory.input", m->memory.input, SIZE, "", " of a big event"},
		{"memory.output", m->memory.output, SIZE, "", " of a big reply"},
		{"limits.queue", m->limits.queue, NUMBER, "", " events waiting"},
		{"limits.parallel", m->limits.parallel, NUMBER, "", " lives at once"},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char shown[40];

		if (limits[i].amount == 0)
			continue;
		if (limits[i].unit == TIME)
			units_show_time(limits[i].amount, shown, sizeof(shown));
		else if (limits[i].unit == SIZE)
			units_show_size(limits[i].amount, shown, sizeof(shown));
		else
			snprintf(
				shown, sizeof(shown), "%llu", (unsigned long long)limits[i].amount);
		if (!add_amount(a, AUDIT_LIMIT, limits[i].what, MORE_IF_RAISED | MORE_IF_ADDED,
			    limits[i].amount, limits[i].before, shown, limits[i].after))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------- needs */

static bool add_needs(struct audit *a)
{
	const struct manifest *m = &a->manifest;
	char text[AUDIT_TEXT];

	for (unsigned i = 0; i < m->data_count; i++) {
		snprintf(text, sizeof(text), "%s %s, to read",
			strchr(m->data[i], '*') ? "files attached that fit" : "the attached file",
			m->data[i]);
		if (!add_text(a, AUDIT_NEEDS, "data", MORE_IF_ADDED, m->data[i], text))
			return false;
	}
	for (unsigned i = 0; i < m->config_count; i++) {
		const struct manifest_pair *c = &m->config[i];

		if (c->value)
			snprintf(text, sizeof(text), "the setting %s, or has %s", c->name,
				c->value[0] ? c->value : "\"\"");
		else
			snprintf(text, sizeof(text), "the setting %s", c->name);
		if (!add_text(a, AUDIT_NEEDS, "config", 0, c->name, text))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------------- code */

static bool add_modules(struct audit *a)
{
	char name[sizeof(((struct mfi_module *)0)->name) * 4 + 1];

	for (unsigned i = 0; i < a->image.module_count; i++) {
		struct mfi_module m;
		struct fact *f = audit_add(a, AUDIT_CODE, "module", 0);

		if (!f)
			return false;
		memcpy(&m, (const uint8_t *)a->image.modules + i * sizeof(m), sizeof(m));
		log_clean(name, sizeof(name), m.name, strnlen(m.name, sizeof(m.name)));
		snprintf(f->entry, sizeof(f->entry), "%s", name);
		f->measured = true;
		f->amount = (uint64_t)m.text + m.data;
		snprintf(f->text, sizeof(f->text), "the module %s, %llu bytes", name,
			(unsigned long long)f->amount);
	}
	return true;
}

static bool add_instructions(struct audit *a)
{
	for (unsigned i = 0; i < BANNED; i++) {
		uint64_t at = banned_find(&a->image, &banned[i]);
		struct fact *f = audit_add(a, AUDIT_CODE, "instruction", MORE_IF_RAISED);

		if (!f)
			return false;
		snprintf(f->entry, sizeof(f->entry), "%s", banned[i].name);
		f->measured = true;
		f->amount = at != 0;
		if (at)
			snprintf(f->text, sizeof(f->text), "bytes at 0x%llx that would be %s",
				(unsigned long long)at, banned[i].name);
		else
			snprintf(f->text, sizeof(f->text), "no %s, wherever it jumps",
				banned[i].name);
	}
	return true;
}

static bool add_code(struct audit *a)
{
	size_t size = a->image.content;
	char number[24];

	snprintf(number, sizeof(number), "%zu", size);
	if (!add_amount(a, AUDIT_CODE, "image", 0, size, "", number, " bytes, and no others"))
		return false;
	if ((a->image.note.flags & MFI_HAS_INIT) &&
		!add_text(a, AUDIT_CODE, "mf_init", 0, "", "mf_init, which runs before any event"))
		return false;
	return add_modules(a) && add_instructions(a);
}

/* ------------------------------------------------------------------- price */

/* One line for each formula, so that a comparison shows which of them changed. */
static bool add_quantity(struct audit *a, unsigned i)
{
	const struct manifest_quantity *q = &a->manifest.price.quantities[i];
	char text[AUDIT_TEXT], whose[AUDIT_ENTRY] = "any request";

	if (q->path)
		snprintf(whose, sizeof(whose), "%s", q->path);
	else if (i > 0) /* so many have their own: one less makes it count for more */
		snprintf(whose, sizeof(whose), "any but those %u", i);
	snprintf(text, sizeof(text), "%s: %s", whose, price_text(q->formula));
	return add_text(a, AUDIT_PRICE, "quantity", MORE_IF_CHANGED | MORE_IF_ADDED,
		q->path ? q->path : "", text);
}

static bool add_price(struct audit *a)
{
	const struct manifest *m = &a->manifest;
	char text[AUDIT_TEXT] = "nothing";
	bool added;

	if (m->price.per_unit)
		snprintf(text, sizeof(text), "%s for each %s%s%s", m->price.per_unit, m->price.unit,
			m->price.minimum ? ", at least " : "",
			m->price.minimum ? m->price.minimum : "");
	else if (m->price.unit)
		snprintf(text, sizeof(text), "nothing; it counts each %s", m->price.unit);
	added = add_text(a, AUDIT_PRICE, "price", MORE_IF_CHANGED, "", text);
	for (unsigned i = 0; i < m->price.quantities_count && added; i++)
		added = add_quantity(a, i);
	return added;
}

int audit_gather(struct audit *audit)
{
	return add_who(audit) && audit_may(audit) && audit_may_not(audit) && add_limits(audit) &&
			add_needs(audit) && add_code(audit) && add_price(audit)
		? 0
		: -ENOMEM;
}
