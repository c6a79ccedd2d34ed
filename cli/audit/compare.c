/* cli/audit/compare.c - in what two images differ, and what of that is more than before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit/audit.h"
#include "image/grants.h"

static bool same_kind(const struct fact *a, const struct fact *b)
{
	return a->part == b->part && strcmp(a->what, b->what) == 0;
}

static const struct fact *find(const struct audit *in, const struct fact *f)
{
	for (unsigned i = 0; i < in->facts; i++)
		if (same_kind(&in->fact[i], f) && strcmp(in->fact[i].scope, f->scope) == 0 &&
			strcmp(in->fact[i].entry, f->entry) == 0)
			return &in->fact[i];
	return NULL;
}

/* Could the old one do that already, by a wider entry? Headers and files have no patterns that are
 * like those of topics. */
static bool covered(const struct audit *old, const struct fact *f)
{
	if (f->part != AUDIT_MAY || f->entry[0] == '\0' || strcmp(f->what, "header") == 0)
		return false;
	for (unsigned i = 0; i < old->facts; i++) {
		const struct fact *o = &old->fact[i];

		if (same_kind(o, f) && (o->scope[0] == '\0' || strcmp(o->scope, f->scope) == 0) &&
			grants_covers(o->entry, f->entry))
			return true;
	}
	return false;
}

/* Of a fact that both have. False: they are the same. */
static bool differ(struct change *c)
{
	const struct fact *is = c->is, *was = c->was;

	if (is->measured && is->amount != was->amount)
		c->how = is->amount > was->amount ? AUDIT_RAISED : AUDIT_LOWERED;
	else if (strcmp(is->text, was->text) != 0)
		c->how = AUDIT_CHANGED;
	else
		return false;
	c->more = (c->how == AUDIT_RAISED && (is->more & MORE_IF_RAISED)) ||
		(c->how == AUDIT_LOWERED && (is->more & MORE_IF_LOWERED)) ||
		(c->how == AUDIT_CHANGED && (is->more & MORE_IF_CHANGED));
	return true;
}

int audit_compare(const struct audit *old, const struct audit *new, struct change **changes)
{
	struct change *c = calloc(old->facts + new->facts + 1, sizeof(*c));
	int n = 0;

	if (!c)
		return -ENOMEM;
	*changes = c;
	for (unsigned i = 0; i < new->facts; i++) {
		const struct fact *f = &new->fact[i];

		if (f->part == AUDIT_NOT)
			continue;
		c[n] = (struct change){.is = f, .was = find(old, f), .how = AUDIT_ADDED};
		if (!c[n].was)
			c[n].more = (f->more & MORE_IF_ADDED) && !covered(old, f);
		else if (!differ(&c[n]))
			continue;
		n++;
	}
	for (unsigned i = 0; i < old->facts; i++)
		if (old->fact[i].part != AUDIT_NOT && !find(new, &old->fact[i]))
			c[n++] = (struct change){.was = &old->fact[i], .how = AUDIT_REMOVED};
	return n;
}
