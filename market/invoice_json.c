/* market/invoice_json.c - see invoice.h: an invoice as JSON, and figures of a line as text. */
#include <sodium/utils.h>
#include <string.h>

#include "market/invoice.h"
#include "market/written.h"

#define DIGITS 18u /* behind the point of a price's quotient */

const char *invoice_quantity(unsigned __int128 quantity, char to[static INVOICE_QUANTITY])
{
	char *p = &to[INVOICE_QUANTITY - 1];

	*p = '\0';
	do {
		*--p = (char)('0' + (int)(quantity % 10));
		quantity /= 10;
	} while (quantity > 0);
	return memmove(to, p, strlen(p) + 1);
}

/* Zeros at the end say nothing, nor does a point with nothing behind it. */
static void trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && end[-1] == '0')
		*--end = '\0';
	if (end > text && end[-1] == '.')
		end[-1] = '\0';
}

/* price / quantity millionths, as a decimal number of whole ones. */
const char *invoice_rate(const struct invoice_line *line, char to[static INVOICE_RATE])
{
	const uint64_t quantity = line->first_quantity, price = (uint64_t)line->first_price;
	char digits[INVOICE_QUANTITY + DIGITS];
	unsigned __int128 rest;
	size_t n;

	if (!line->one_price || quantity == 0)
		return NULL;
	/* seven digits at least stand before the quotient's point, which moves by six places */
	n = (size_t)snprintf(
		digits, sizeof(digits), "%07llu", (unsigned long long)(price / quantity));
	rest = price % quantity;
	for (unsigned i = 0; i < DIGITS; i++, rest %= quantity) {
		rest *= 10;
		digits[n++] = (char)('0' + (int)(rest / quantity));
	}
	if (rest != 0)
		return NULL;
	digits[n] = '\0';
	(void)snprintf(to, INVOICE_RATE, "%.*s.%s", (int)(n - DIGITS - 6), digits,
		digits + n - DIGITS - 6);
	trim(to);
	return to;
}

static json_t *hash_json(const uint8_t hash[static 32])
{
	char hex[65];

	return json_string(sodium_bin2hex(hex, sizeof(hex), hash, 32));
}

static json_t *line_json(const struct invoice_line *line)
{
	char quantity[INVOICE_QUANTITY], rate[INVOICE_RATE];

	return json_pack("{ss ss ss ss ss? so sI}", "service", line->service, "version",
		line->version, "unit", line->unit, "quantity",
		invoice_quantity(line->quantity, quantity), "per_unit", invoice_rate(line, rate),
		"amount", written_amount_json(line->amount), "receipts",
		(json_int_t)line->receipts);
}

static json_t *lines_json(const struct invoice_lines *lines)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < lines->count; i++)
		json_array_append_new(list, line_json(&lines->line[i]));
	return list;
}

static json_t *rows_json(const struct invoice *v)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < v->rows; i++) {
		const struct invoice_row *row = &v->row[i];
		json_t *note = json_string(row->note);
		char at[WRITTEN_TIME];

		json_array_append_new(list,
			json_pack("{sI ss ss sI so so}", "entry", (json_int_t)row->entry, "kind",
				row->kind < CHAIN_KINDS ? chain_kind_names[row->kind] : "", "at",
				written_date(row->at, at), "refers", (json_int_t)row->refers,
				"note", note ? note : json_null(), "amount",
				written_amount_json(row->amount)));
	}
	return list;
}

json_t *invoice_json(const struct invoice *v)
{
	char from[WRITTEN_TIME], to[WRITTEN_TIME];
	json_t *o = json_pack("{ss so ss ss ss ss ss}", "mayfly", "invoice 1", "invoice",
		json_sprintf("%s-%s", v->account, v->month), "account", v->account, "month",
		v->month, "from", written_date(v->from, from), "to", written_date(v->to, to),
		"currency", v->currency);

	if (!o)
		return NULL;
	json_object_set_new(o, "opening", written_amount_json(v->opening));
	json_object_set_new(o, "lines", lines_json(&v->charged));
	json_object_set_new(o, "charged", written_amount_json(v->charged.amount));
	json_object_set_new(o, "taken_back_lines", lines_json(&v->taken_back));
	json_object_set_new(o, "taken_back", written_amount_json(v->taken_back.amount));
	json_object_set_new(o, "entries", rows_json(v));
	json_object_set_new(o, "paid", written_amount_json(v->paid));
	json_object_set_new(o, "credited", written_amount_json(v->credited));
	json_object_set_new(o, "closing", written_amount_json(v->closing));
	json_object_set_new(o, "receipts",
		json_pack("{sI so}", "count", (json_int_t)v->receipts, "digest",
			hash_json(v->digest)));
	json_object_set_new(o, "ledger",
		json_pack("{sI so}", "entry", (json_int_t)v->entries, "head", hash_json(v->head)));
	return o;
}
