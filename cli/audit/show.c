/* cli/audit/show.c - an audit, or what changed, as text and as JSON (mayfly-audit(1) has the keys). */
#include <stdio.h>
#include <string.h>

#include "cli/audit/audit.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "image/signature.h"

/* ------------------------------------------------------------------- text */

static const char *const titles[AUDIT_PARTS] = {
	[AUDIT_MAY] = "it may",
	[AUDIT_NOT] = "it may not",
	[AUDIT_LIMIT] = "it has at most",
	[AUDIT_NEEDS] = "it needs",
	[AUDIT_CODE] = "it is made of",
	[AUDIT_PRICE] = "a life costs",
};

static void print_who(const struct audit *a)
{
	char hex[65];

	printf("%s %s, release %llu, ", a->manifest.name, a->manifest.version,
		(unsigned long long)a->image.note.counter);
	for (unsigned i = 0; i < a->facts; i++)
		if (strcmp(a->fact[i].what, "signature") == 0)
			printf("%s\n", a->fact[i].text);
	printf("  sha256 %s\n", out_hex(a->image.digest, 32, hex));
}

static int show_text(const struct audit *a)
{
	enum audit_part part = AUDIT_WHO;

	print_who(a);
	for (unsigned i = 0; i < a->facts; i++) {
		if (a->fact[i].part == AUDIT_WHO)
			continue;
		if (a->fact[i].part != part)
			printf("\n%s\n", titles[a->fact[i].part]);
		part = a->fact[i].part;
		printf("  %s\n", a->fact[i].text);
	}
	return out_end("audit", STATUS_OK);
}

/* In front of a fact in a list of changes. */
static const char *const leads[AUDIT_PARTS] = {
	[AUDIT_WHO] = "",
	[AUDIT_MAY] = "may ",
	[AUDIT_LIMIT] = "has at most ",
	[AUDIT_NEEDS] = "needs ",
	[AUDIT_CODE] = "has ",
	[AUDIT_PRICE] = "costs ",
};

static unsigned print_changes(const struct change *c, unsigned n, bool more)
{
	unsigned printed = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct fact *f = c[i].is ? c[i].is : c[i].was;

		if (c[i].more != more)
			continue;
		if (printed++ == 0)
			printf("\n%s\n", more ? "more than before" : "the rest");
		if (c[i].is && c[i].was)
			printf("  * %s%s, was: %s\n", leads[f->part], f->text, c[i].was->text);
		else
			printf("  %c %s%s\n", c[i].is ? '+' : '-', leads[f->part], f->text);
	}
	return printed;
}

static int show_changes_text(
	const struct audit *old, const struct audit *new, const struct change *c, unsigned n)
{
	const bool same = memcmp(old->image.digest, new->image.digest, 32) == 0;
	char a[65], b[65];
	unsigned more;

	printf("%s %s, release %llu -> %s %s, release %llu\n", old->manifest.name,
		old->manifest.version, (unsigned long long)old->image.note.counter,
		new->manifest.name, new->manifest.version,
		(unsigned long long)new->image.note.counter);
	printf("  sha256 %.16s... -> %.16s...%s\n", out_hex(old->image.digest, 32, a),
		out_hex(new->image.digest, 32, b), same ? " (the same)" : "");
	more = print_changes(c, n, true);
	print_changes(c, n, false);
	printf("\n%s\n",
		more ? "the new one may more than the old one"
		     : "the new one may nothing that the old one may not");
	return out_end("audit", more ? STATUS_FAILED : STATUS_OK);
}

/* ------------------------------------------------------------------- JSON */

static json_t *json_image(const struct audit *a)
{
	char hex[65], id[SIGNATURE_ID_TEXT], error[SIGNATURE_ERROR_MAX];
	struct signature signature;
	uint64_t counter;
	int rc = signature_of_image(&a->image, &signature, &counter, error);

	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:o}", "image", a->path, "name",
		a->manifest.name, "version", a->manifest.version, "counter", (json_int_t)counter,
		"digest", out_hex(a->image.digest, 32, hex), "key_id",
		rc == 0 ? json_string(signature_id(signature.key_id, id)) : json_null());
}

static json_t *json_fact(const struct fact *f)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:s}", "part", audit_parts[f->part], "what", f->what,
		"entry", f->entry[0] ? json_string(f->entry) : json_null(), "amount",
		f->measured ? json_integer((json_int_t)f->amount) : json_null(), "text", f->text);
}

static int show_json(const struct audit *a)
{
	json_t *o = json_image(a), *all = json_array();

	for (unsigned i = 0; i < a->facts; i++)
		json_array_append_new(all, json_fact(&a->fact[i]));
	json_object_set_new(o, "facts", all);
	return out_json("audit", STATUS_OK, o);
}

static int show_changes_json(
	const struct audit *old, const struct audit *new, const struct change *c, unsigned n)
{
	static const char *const names[] = {"added", "removed", "raised", "lowered", "changed"};
	json_t *all = json_array();
	bool more = false;

	for (unsigned i = 0; i < n; i++) {
		more |= c[i].more;
		json_array_append_new(all,
			json_pack("{s:s, s:b, s:o, s:o}", "change", names[c[i].how], "more",
				c[i].more, "old", c[i].was ? json_fact(c[i].was) : json_null(),
				"new", c[i].is ? json_fact(c[i].is) : json_null()));
	}
	return out_json("audit", more ? STATUS_FAILED : STATUS_OK,
		json_pack("{s:o, s:o, s:b, s:o}", "old", json_image(old), "new", json_image(new),
			"more", more, "changes", all));
}

int audit_show(const struct audit *audit, bool json)
{
	return json ? show_json(audit) : show_text(audit);
}

int audit_show_changes(const struct audit *old, const struct audit *new, const struct change *c,
	unsigned n, bool json)
{
	return json ? show_changes_json(old, new, c, n) : show_changes_text(old, new, c, n);
}
