/* market/invoice.c - see invoice.h: receipts, summed up. */
#include "market/invoice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "market/invoice_inner.h"
#include "store/digest.h"

/* ----------------------------------------------------------------------- month */

static int64_t month_starts(int year, int month)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 1};

	return (int64_t)timegm(&tm) * 1000000000;
}

bool invoice_month(const char *text, int64_t *from, int64_t *to)
{
	int n[6];

	if (strlen(text) != 7 || text[4] != '-')
		return false;
	for (unsigned i = 0; i < 6; i++) {
		n[i] = text[i + (i > 3)] - '0';
		if (n[i] < 0 || n[i] > 9)
			return false;
	}
	const int year = n[0] * 1000 + n[1] * 100 + n[2] * 10 + n[3], month = n[4] * 10 + n[5];

	if (year < 1970 || year > 2261 || month < 1 || month > 12) /* 64 bits of ns end in 2262 */
		return false;
	*from = month_starts(year, month);
	*to = month_starts(year + month / 12, month % 12 + 1);
	return true;
}

int invoice_open(struct invoice *v, const char *account, const char *month, const char *currency)
{
	*v = (struct invoice){0};
	if (!invoice_month(month, &v->from, &v->to) || strlen(account) > LEDGER_NAME ||
		strlen(currency) > 3)
		return -EINVAL;
	(void)strcpy(v->account, account);
	(void)strcpy(v->month, month);
	(void)strcpy(v->currency, currency);
	digest_load();
	return 0;
}

void invoice_close(struct invoice *v)
{
	for (unsigned i = 0; i < v->rows; i++)
		free(v->row[i].note);
	free(v->row);
	free(v->charged.line);
	free(v->taken_back.line);
	free(v->id);
	*v = (struct invoice){0};
}

/* ----------------------------------------------------------------------- lines */

static int compare_line(const struct invoice_line *line, const struct receipt *r)
{
	int order = strcmp(line->service, r->service);

	if (order == 0)
		order = strcmp(line->version, r->version);
	return order == 0 ? strcmp(line->unit, r->unit) : order;
}

/* Where it stands, or would. */
static unsigned place_of(const struct invoice_lines *lines, const struct receipt *r, bool *there)
{
	unsigned low = 0, high = lines->count;

	*there = false;
	while (low < high && !*there) {
		const unsigned middle = low + (high - low) / 2;
		const int order = compare_line(&lines->line[middle], r);

		*there = order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return *there ? high : low;
}

/* Room for one more of `size` bytes; NULL: no memory. */
static void *more(void *list, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 16;
	void *larger;

	if (count < *room)
		return list;
	larger = reallocarray(list, wanted, size);
	if (larger)
		*room = wanted;
	return larger;
}

static int put_in(struct invoice_lines *lines, unsigned at, const struct receipt *r)
{
	struct invoice_line *line;
	size_t room = lines->room;

	if (lines->count == INVOICE_LINES)
		return -E2BIG;
	line = more(lines->line, lines->count, &room, sizeof(*line));
	if (!line)
		return -ENOMEM;
	lines->line = line;
	lines->room = (unsigned)room;
	memmove(line + at + 1, line + at, (lines->count - at) * sizeof(*line));
	lines->count++;
	line[at] = (struct invoice_line){.one_price = true};
	memcpy(line[at].service, r->service, sizeof(r->service));
	memcpy(line[at].version, r->version, sizeof(r->version));
	memcpy(line[at].unit, r->unit, sizeof(r->unit));
	return 0;
}

/* Two prices are one if they cost as much a unit. */
static void look_at_price(struct invoice_line *line, const struct receipt *r)
{
	if (line->first_quantity == 0) {
		line->first_quantity = r->quantity;
		line->first_price = r->price;
		line->one_price &= r->quantity > 0 || r->price == 0;
		return;
	}
	line->one_price &= (unsigned __int128)r->price * line->first_quantity ==
		(unsigned __int128)line->first_price * r->quantity;
}

int invoice_add_line(struct invoice_lines *lines, const struct receipt *r)
{
	struct invoice_line *line;
	bool there;
	const unsigned at = place_of(lines, r, &there);
	const int e = there ? 0 : put_in(lines, at, r);

	if (e < 0)
		return e;
	line = &lines->line[at];
	if (__builtin_add_overflow(line->quantity, r->quantity, &line->quantity) ||
		__builtin_add_overflow(line->amount, r->price, &line->amount) ||
		__builtin_add_overflow(lines->amount, r->price, &lines->amount))
		return -EOVERFLOW;
	look_at_price(line, r);
	line->receipts++;
	return 0;
}

int invoice_add_row(struct invoice *v, const struct ledger_move *m)
{
	size_t room = v->rows_room;
	struct invoice_row *row;
	char *note = strndup((const char *)m->note.p, m->note.n);

	if (v->rows == INVOICE_ROWS) {
		free(note);
		return -E2BIG;
	}
	row = note ? more(v->row, v->rows, &room, sizeof(*row)) : NULL;
	if (!row) {
		free(note);
		return -ENOMEM;
	}
	v->row = row;
	v->rows_room = (unsigned)room;
	row[v->rows++] =
		(struct invoice_row){m->number, m->kind, m->refers, m->at, m->amount, note};
	return 0;
}

/* -------------------------------------------------------------------- receipts */

void invoice_id(struct mf_str receipt, uint8_t id[static INVOICE_ID])
{
	struct digest d;

	digest_begin(&d);
	digest_add(&d, receipt.p, receipt.n);
	digest_end(&d, id);
}

int invoice_add(struct invoice *v, const struct receipt *r, struct mf_str text)
{
	uint8_t(*id)[INVOICE_ID] = more(v->id, v->receipts, &v->ids_room, INVOICE_ID);

	if (!id)
		return -ENOMEM;
	v->id = id;
	invoice_id(text, id[v->receipts]);
	v->receipts++;
	return invoice_add_line(&v->charged, r);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, INVOICE_ID);
}

int invoice_end(struct invoice *v)
{
	struct digest d;

	if (v->receipts > 1)
		qsort(v->id, v->receipts, INVOICE_ID, compare_ids);
	for (size_t i = 1; i < v->receipts; i++)
		if (memcmp(v->id[i - 1], v->id[i], INVOICE_ID) == 0)
			return -EINVAL;
	digest_begin(&d);
	if (v->receipts > 0)
		digest_add(&d, v->id, v->receipts * INVOICE_ID);
	digest_end(&d, v->digest);
	return 0;
}
