/* market/invoice_check.c - see invoice.h: an invoice that somebody shows, against what its receipts make. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "market/invoice.h"
#include "wire/decimal.h"

__attribute__((format(printf, 2, 3))) static int wrong(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, INVOICE_ERROR_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

/* Sums may be more than an amount at a time. */
static bool amount_of(const json_t *invoice, const char *member, int64_t *amount)
{
	const char *text = text_of(invoice, member);

	return decimal_read(mf_str_of(text, strlen(text)), 6, amount);
}

/* Lines in order: the first that isn't the same. */
static int compare_lines(const json_t *lines, const json_t *computed, char *error)
{
	const size_t n = json_array_size(lines), m = json_array_size(computed);
	const json_t *line, *right;
	char *is, *should;

	for (size_t i = 0; i < (n > m ? n : m); i++) {
		line = json_array_get(lines, i);
		right = json_array_get(computed, i);
		if (line && right && json_equal(line, right))
			continue;
		if (!line || !right)
			return wrong(error, "line %zu: %s", i + 1,
				line ? "no receipt makes it" : "it is missing, or not a line");
		is = json_dumps(line, JSON_COMPACT);
		should = json_dumps(right, JSON_COMPACT);
		(void)wrong(error, "line %zu: it is %.180s, the receipts make %.180s", i + 1,
			is ? is : "", should ? should : "");
		free(is);
		free(should);
		return -EINVAL;
	}
	return 0;
}

static int add_up(const json_t *lines, const char *what, int64_t said, char *error)
{
	const json_t *line;
	int64_t sum = 0, amount;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		if (!amount_of(line, "amount", &amount) ||
			__builtin_add_overflow(sum, amount, &sum))
			return wrong(error, "%s: line %zu has no amount", what, i + 1);
	}
	return sum == said ? 0 : wrong(error, "%s: its lines don't add up to it", what);
}

/* What doesn't come from receipts must add up at least. */
static int look_at_sums(const json_t *v, char *error)
{
	static const struct {
		const char *name;
		int sign;
	} parts[] = {{"opening", 1}, {"charged", -1}, {"taken_back", 1}, {"paid", 1},
		{"credited", 1}, {"closing", -1}};
	int64_t amount[6], sum = 0, other = 0;
	int e = 0;

	for (unsigned i = 0; i < 6; i++) {
		if (!amount_of(v, parts[i].name, &amount[i]) ||
			(parts[i].sign > 0 ? __builtin_add_overflow(sum, amount[i], &sum)
					   : __builtin_sub_overflow(sum, amount[i], &sum)))
			return wrong(error, "%s: there is none, or it is no amount", parts[i].name);
	}
	if (sum != 0)
		return wrong(error,
			"closing: it isn't opening - charged + taken_back + paid + "
			"credited");
	if (__builtin_add_overflow(amount[3], amount[4], &other))
		return wrong(error, "paid: too much");
	e = add_up(json_object_get(v, "lines"), "charged", amount[1], error);
	if (e == 0)
		e = add_up(json_object_get(v, "taken_back_lines"), "taken_back", amount[2], error);
	return e == 0 ? add_up(json_object_get(v, "entries"), "paid and credited", other, error)
		      : e;
}

int invoice_check(
	const json_t *v, const struct invoice *computed, char error[static INVOICE_ERROR_MAX])
{
	static const char *const same[] = {
		"mayfly", "invoice", "account", "month", "from", "to", "currency", "charged"};
	json_t *right = invoice_json(computed);
	int e = right ? 0 : -ENOMEM;

	for (size_t i = 0; e == 0 && i < sizeof(same) / sizeof(*same); i++)
		if (strcmp(text_of(v, same[i]), text_of(right, same[i])) != 0)
			e = wrong(error, "%s: it is \"%.100s\", the receipts make \"%.100s\"",
				same[i], text_of(v, same[i]), text_of(right, same[i]));
	if (e == 0)
		e = compare_lines(
			json_object_get(v, "lines"), json_object_get(right, "lines"), error);
	if (e == 0 &&
		!json_equal(json_object_get(v, "receipts"), json_object_get(right, "receipts")))
		e = wrong(error, "receipts: it was made from others than these %zu",
			computed->receipts);
	json_decref(right);
	return e == 0 ? look_at_sums(v, error) : e;
}
