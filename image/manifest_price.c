/*
 * image/manifest_price.c - what a service's lives cost: `price` in mayfly.yaml.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/manifest_raw.h"
#include "image/pattern.h"
#include "image/topic.h"

/* --------------------------------------------------------------------- paths */

/* Does a request come by such a path? */
static bool is_reached(const struct manifest *m, const char *path)
{
	for (unsigned i = 0; i < m->triggers_count; i++)
		if (m->triggers[i].path && topics_overlap(m->triggers[i].path, path))
			return true;
	return false;
}

static int check_path(
	const struct reading *r, const char *where, const struct manifest *m, const char *path)
{
	const char *wrong = pattern_wrong(path);

	if (wrong)
		return reading_bad(r, where, "path: '%.60s' %s", path, wrong);
	if (!is_reached(m, path))
		return reading_bad(r, where,
			"path: no trigger of type 'http' or 'coap' has requests for '%.60s'", path);
	for (unsigned i = 0; i < m->price.quantities_count; i++)
		if (m->price.quantities[i].path && strcmp(m->price.quantities[i].path, path) == 0)
			return reading_bad(r, where, "path: '%.60s' stands there twice", path);
	return 0;
}

/* ------------------------------------------------------------------ formulas */

/* The next one of m->price.quantities, which has room. */
static int add(const struct reading *r, const char *where, const char *path, const char *text,
	struct manifest *m)
{
	char error[PRICE_ERROR_MAX];
	struct manifest_quantity *q = &m->price.quantities[m->price.quantities_count];
	int rc = price_compile(&q->formula, text, error);

	if (rc == -ENOMEM)
		snprintf(error, sizeof(error), "no memory");
	if (rc < 0) {
		reading_bad(r, where, "quantity: %s", error);
		return rc;
	}
	q->path = path;
	m->price.quantities_count++;
	return 0;
}

static int add_all(const struct reading *r, const struct raw_price *raw, struct manifest *m)
{
	char where[64];
	int rc = 0;

	m->price.quantities = calloc(raw->quantities_count + 1, sizeof(*m->price.quantities));
	if (!m->price.quantities) {
		reading_bad(r, "price", "no memory");
		return -ENOMEM;
	}
	for (unsigned i = 0; i < raw->quantities_count && rc == 0; i++) {
		const struct raw_quantity *q = &raw->quantities[i];

		snprintf(where, sizeof(where), "price.quantities.%u.path", i);
		rc = check_path(r, where, m, q->path);
		snprintf(where, sizeof(where), "price.quantities.%u.quantity", i);
		if (rc == 0)
			rc = add(r, where, q->path, q->quantity, m);
	}
	if (rc == 0 && raw->quantity)
		rc = add(r, "price.quantity", NULL, raw->quantity, m);
	return rc;
}

/* --------------------------------------------------------------------- money */

static int read_money(const struct reading *r, const struct raw_price *raw, struct manifest *m)
{
	char currency[MONEY_CURRENCY + 1] = "";
	const char *wrong;

	if (raw->minimum && !raw->per_unit)
		return reading_bad(r, "price.minimum", "minimum: 'per_unit' is missing");
	if (!raw->per_unit)
		return 0;
	wrong = money_rate_read(raw->per_unit, &m->price.rate);
	if (wrong)
		return reading_bad(
			r, "price.per_unit", "per_unit: '%.60s' %s", raw->per_unit, wrong);
	if (m->price.quantities_count == 0)
		return reading_bad(r, "price",
			"price: 'quantity' is missing, or 'quantities': what is charged must be "
			"known "
			"before");
	wrong = raw->minimum ? money_read(raw->minimum, &m->price.least, currency) : NULL;
	if (wrong)
		return reading_bad(r, "price.minimum", "minimum: '%.60s' %s", raw->minimum, wrong);
	if (raw->minimum && strcmp(currency, m->price.rate.currency) != 0)
		return reading_bad(r, "price.minimum",
			"minimum: '%.60s' is not in %s, as 'per_unit' is", raw->minimum,
			m->price.rate.currency);
	m->price.per_unit = raw->per_unit;
	m->price.minimum = raw->minimum;
	return 0;
}

/* -------------------------------------------------------------------- public */

int manifest_price(const struct reading *r, const struct raw_price *raw, struct manifest *m)
{
	int rc;

	if (!raw->unit && (raw->quantity || raw->quantities_count || raw->per_unit || raw->minimum))
		return reading_bad(r, "price", "price: 'unit' is missing");
	m->price.unit = raw->unit;
	rc = add_all(r, raw, m);
	return rc == 0 ? read_money(r, raw, m) : rc;
}

void manifest_price_free(struct manifest *m)
{
	for (unsigned i = 0; i < m->price.quantities_count; i++)
		price_free(m->price.quantities[i].formula);
	free(m->price.quantities);
}

const struct price_formula *manifest_formula(const struct manifest *m, struct mf_str path)
{
	for (unsigned i = 0; i < m->price.quantities_count; i++)
		if (!m->price.quantities[i].path ||
			topic_matches(m->price.quantities[i].path, path))
			return m->price.quantities[i].formula;
	return NULL;
}
