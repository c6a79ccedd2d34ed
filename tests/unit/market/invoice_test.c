/* Invoices: from a ledger, and once more from receipts alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "market/invoice.h"
#include "store/digest.h"
#include "tests/unit/market/books.h"

#define DAY    86400000000000ll
#define MONTH  "2023-11"             /* BOOKS_NOW lies in it, the 14th */
#define STARTS 1698796800000000000ll /* 2023-11-01T00:00:00Z */
#define ENDS   1701388800000000000ll /* 2023-12-01T00:00:00Z */

struct desk {
	struct books books;
	struct ledger *ledger;
	struct ledger_account anna;
	struct ledger_key key;
	/* what a subscriber has */
	char text[32][RECEIPT_MOST];
	unsigned count;
};

static void setup(struct desk *d)
{
	*d = (struct desk){0};
	books_make(&d->books);
	d->ledger = books_open(&d->books);
	books_account(d->ledger, "anna", 50000000, &d->anna, &d->key); /* paid on the 14th */
}

static void teardown(struct desk *d)
{
	ledger_close(d->ledger);
	books_remove(&d->books);
}

static struct receipt receipt_of(const struct desk *d, const char *service, const char *version,
	uint64_t quantity, int64_t price, int64_t at)
{
	struct receipt r = {.quantity = quantity, .price = price, .at = at, .currency = "EUR"};

	snprintf(r.account, sizeof(r.account), "%s", d->anna.name);
	snprintf(r.event, sizeof(r.event), "e%u", d->count);
	snprintf(r.service, sizeof(r.service), "%s", service);
	snprintf(r.version, sizeof(r.version), "%s", version);
	snprintf(r.unit, sizeof(r.unit), "flop");
	return r;
}

static uint64_t put_charge(struct desk *d, const struct receipt *r)
{
	struct ledger_charge c = books_charge(&d->key, r->event, 1, r->price);
	struct ledger_first first;
	int n = receipt_text(r, d->text[d->count]);

	assert_true(n > 0);
	d->text[d->count][n] = '\0';
	c.at = r->at;
	c.receipt = mf_str_of(d->text[d->count++], (size_t)n);
	assert_int_equal(ledger_begin(d->ledger, true), 0);
	assert_int_equal(ledger_charge(d->ledger, &c, &first), LEDGER_DONE);
	assert_int_equal(ledger_commit(d->ledger), 0);
	return first.entry;
}

static uint64_t charge(struct desk *d, const char *service, const char *version, uint64_t quantity,
	int64_t price, int64_t at)
{
	const struct receipt r = receipt_of(d, service, version, quantity, price, at);

	return put_charge(d, &r);
}

static void take_back(struct desk *d, uint64_t entry, int64_t at)
{
	uint64_t number;

	assert_int_equal(ledger_begin(d->ledger, true), 0);
	assert_int_equal(ledger_void(d->ledger, entry, at, MF_STR("a mistake"), &number), 0);
	assert_int_equal(ledger_commit(d->ledger), 0);
}

static void make(struct desk *d, const char *month, struct invoice *v)
{
	char error[INVOICE_ERROR_MAX] = "";
	int e = invoice_make(v, d->ledger, "anna", month, error);

	assert_string_equal(error, "");
	assert_int_equal(e, 0);
	/* closing = opening - charged + taken back + paid + credited */
	assert_int_equal(v->closing,
		v->opening - v->charged.amount + v->taken_back.amount + v->paid + v->credited);
}

static void months(void **state)
{
	static const char *const none[] = {"", "2023", "2023-1", "2023-00", "2023-13", "1969-12",
		"2262-01", "20x3-01", "2023-1a", "2023/01", "2023-011", "+023-01"};
	int64_t from, to;

	(void)state;
	assert_true(invoice_month(MONTH, &from, &to));
	assert_int_equal(from, STARTS);
	assert_int_equal(to, ENDS);
	assert_true(invoice_month("2024-02", &from, &to));
	assert_int_equal(to - from, 29 * DAY);
	assert_true(invoice_month("2023-12", &from, &to));
	assert_int_equal(to - from, 31 * DAY);
	assert_true(invoice_month("2261-12", &from, &to));
	assert_true(to > from);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_false(invoice_month(none[i], &from, &to));
}

static void lines_and_balances(void **state)
{
	struct invoice v;
	struct desk d;
	uint64_t entry;

	(void)state;
	setup(&d);
	charge(&d, "linalg", "1.0", 1000000, 4, BOOKS_NOW);
	charge(&d, "linalg", "1.1", 2000000, 9, BOOKS_NOW);
	charge(&d, "linalg", "1.0", 2000000, 8, BOOKS_NOW);
	charge(&d, "dns", "1.0", 0, 0, BOOKS_NOW);
	assert_int_equal(ledger_begin(d.ledger, true), 0);
	assert_int_equal(
		ledger_credit(d.ledger, d.anna.number, 5, BOOKS_NOW, MF_STR("hello"), &entry), 0);
	assert_int_equal(ledger_commit(d.ledger), 0);
	take_back(&d, entry, BOOKS_NOW);
	make(&d, MONTH, &v);
	assert_int_equal(v.opening, 0);
	assert_int_equal(v.paid, 50000000);
	assert_int_equal(v.credited, 0);
	assert_int_equal(v.rows, 3);
	assert_string_equal(v.row[1].note, "hello");
	assert_int_equal(v.row[2].refers, entry);
	assert_int_equal(v.row[2].amount, -5);
	assert_int_equal(v.charged.count, 3);
	assert_string_equal(v.charged.line[0].service, "dns");
	assert_string_equal(v.charged.line[1].version, "1.0");
	assert_int_equal(v.charged.line[1].amount, 12);
	assert_int_equal((int64_t)v.charged.line[1].quantity, 3000000);
	assert_int_equal(v.charged.line[1].receipts, 2);
	assert_int_equal(v.charged.amount, 21);
	assert_int_equal(v.closing, 50000000 - 21);
	assert_int_equal(v.receipts, 4);
	assert_int_equal(v.entries, 7);
	invoice_close(&v);
	teardown(&d);
}

static void a_month_has_borders(void **state)
{
	struct invoice v;
	struct desk d;

	(void)state;
	setup(&d);
	charge(&d, "a", "1", 1, 1, STARTS - 1);
	charge(&d, "a", "1", 1, 10, STARTS);
	charge(&d, "a", "1", 1, 100, ENDS - 1);
	charge(&d, "a", "1", 1, 1000, ENDS);
	charge(&d, "a", "1", 1, 10000, BOOKS_NOW); /* comes last, and belongs there */
	make(&d, MONTH, &v);
	assert_int_equal(v.opening, -1);
	assert_int_equal(v.charged.amount, 10110);
	assert_int_equal(v.receipts, 3);
	invoice_close(&v);
	make(&d, "2023-12", &v);
	assert_int_equal(v.opening, 50000000 - 10111);
	assert_int_equal(v.charged.amount, 1000);
	invoice_close(&v);
	make(&d, "2024-01", &v);
	assert_int_equal(v.opening, v.closing);
	assert_int_equal(v.charged.count + v.rows, 0);
	invoice_close(&v);
	teardown(&d);
}

static void what_was_taken_back(void **state)
{
	struct invoice v;
	struct desk d;
	uint64_t before, now;

	(void)state;
	setup(&d);
	before = charge(&d, "a", "1", 7, 70, STARTS - DAY);
	now = charge(&d, "a", "2", 5, 50, STARTS + DAY);
	take_back(&d, before, STARTS + 2 * DAY);
	take_back(&d, now, STARTS + 3 * DAY);
	make(&d, MONTH, &v);
	assert_int_equal(v.opening, -70);
	assert_int_equal(v.charged.amount, 50);
	assert_int_equal(v.taken_back.amount, 120);
	assert_int_equal(v.taken_back.count, 2);
	assert_string_equal(v.taken_back.line[0].version, "1");
	assert_int_equal((int64_t)v.taken_back.line[0].quantity, 7);
	assert_int_equal(v.receipts, 1); /* last month's isn't this one's */
	assert_int_equal(v.closing, 50000000);
	invoice_close(&v);
	make(&d, "2023-10", &v);
	assert_int_equal(v.charged.amount, 70);
	assert_int_equal(v.taken_back.count, 0);
	invoice_close(&v);
	teardown(&d);
}

/* Of receipts in any order, as invoice.h says it is computed. */
static void the_digest(void **state)
{
	uint8_t id[3][32], both[64], right[32];
	struct digest h;
	struct invoice v;
	struct desk d;

	(void)state;
	setup(&d);
	charge(&d, "a", "1", 1, 1, BOOKS_NOW);
	charge(&d, "a", "1", 1, 2, BOOKS_NOW);
	make(&d, MONTH, &v);
	for (unsigned i = 0; i < 2; i++)
		invoice_id(mf_str_of(d.text[i], strlen(d.text[i])), id[i]);
	const bool first = memcmp(id[0], id[1], 32) < 0;
	memcpy(both, id[!first], 32);
	memcpy(both + 32, id[first], 32);
	digest_begin(&h);
	digest_add(&h, both, 64);
	digest_end(&h, right);
	assert_memory_equal(v.digest, right, 32);
	invoice_close(&v);
	teardown(&d);
}

static void prices_of_a_unit(void **state)
{
	static const struct {
		int64_t price;
		uint64_t quantity;
		const char *rate;
	} rows[] = {{108, 54000000, "0.000000000002"}, {3, 1, "0.000003"}, {1000000, 1, "1"},
		{12345678, 1, "12.345678"}, {1, 3, NULL}, {7000000, 2, "3.5"}, {0, 5, "0"},
		{INT64_MAX, 1, "9223372036854.775807"},
		{1, 1000000000000000000, "0.000000000000000000000001"},
		{1, 10000000000000000000u, NULL}};
	char text[INVOICE_RATE], quantity[INVOICE_QUANTITY];
	struct invoice_line line = {.one_price = true};
	struct invoice v;
	struct receipt r;
	struct desk d = {.anna = {.name = "anna"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		line.first_price = rows[i].price;
		line.first_quantity = rows[i].quantity;
		if (rows[i].rate)
			assert_string_equal(invoice_rate(&line, text), rows[i].rate);
		else
			assert_null(invoice_rate(&line, text));
	}
	assert_string_equal(invoice_quantity(~(unsigned __int128)0, quantity),
		"340282366920938463463374607431768211455");
	assert_string_equal(invoice_quantity(0, quantity), "0");
	/* one price, until somebody paid a minimum */
	assert_int_equal(invoice_open(&v, "anna", MONTH, "EUR"), 0);
	r = receipt_of(&d, "a", "1", 0, 0, BOOKS_NOW);
	assert_int_equal(invoice_add(&v, &r, MF_STR("1")), 0);
	r = receipt_of(&d, "a", "1", 4, 2, BOOKS_NOW);
	assert_int_equal(invoice_add(&v, &r, MF_STR("2")), 0);
	r = receipt_of(&d, "a", "1", 10, 5, BOOKS_NOW);
	assert_int_equal(invoice_add(&v, &r, MF_STR("3")), 0);
	assert_string_equal(invoice_rate(v.charged.line, text), "0.0000005");
	r = receipt_of(&d, "a", "1", 1, 5, BOOKS_NOW);
	assert_int_equal(invoice_add(&v, &r, MF_STR("4")), 0);
	assert_null(invoice_rate(v.charged.line, text));
	/* sums beyond 64 bits are told, or are no sums */
	r = receipt_of(&d, "b", "1", UINT64_MAX, INT64_MAX - 20, BOOKS_NOW);
	assert_int_equal(invoice_add(&v, &r, MF_STR("5")), 0);
	r.price = 1;
	assert_int_equal(invoice_add(&v, &r, MF_STR("6")), 0);
	assert_string_equal(
		invoice_quantity(v.charged.line[1].quantity, quantity), "36893488147419103230");
	r.price = INT64_MAX;
	assert_int_equal(invoice_add(&v, &r, MF_STR("7")), -EOVERFLOW);
	invoice_close(&v);
}

static void one_that_comes_twice(void **state)
{
	struct desk d = {.anna = {.name = "anna"}};
	const struct receipt r = receipt_of(&d, "a", "1", 1, 1, BOOKS_NOW);
	struct invoice v;

	(void)state;
	assert_int_equal(invoice_open(&v, "anna", "november", "EUR"), -EINVAL);
	assert_int_equal(invoice_open(&v, "anna", MONTH, "EUR"), 0);
	assert_int_equal(invoice_add(&v, &r, MF_STR("x")), 0);
	assert_int_equal(invoice_add(&v, &r, MF_STR("x")), 0);
	assert_int_equal(invoice_end(&v), -EINVAL);
	invoice_close(&v);
}

/* What the ledger says and what its receipts say differ. */
static void receipts_of_something_else(void **state)
{
	static const char *const why[] = {"entry 2: its receipt is of something else",
		"entry 2: its receipt is of something else", "entry 2: it is no JSON"};
	char error[INVOICE_ERROR_MAX];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct ledger_charge c;
		struct ledger_first first;
		struct invoice v;
		struct receipt r;
		struct desk d;
		int n;

		setup(&d);
		r = receipt_of(&d, "a", "1", 1, 5, BOOKS_NOW);
		r.price += i == 0;
		r.at += i == 1;
		n = receipt_text(&r, d.text[0]);
		c = books_charge(&d.key, "e0", 1, 5);
		if (i < 2)
			c.receipt = mf_str_of(d.text[0], (size_t)n);
		assert_int_equal(ledger_begin(d.ledger, true), 0);
		assert_int_equal(ledger_charge(d.ledger, &c, &first), LEDGER_DONE);
		assert_int_equal(ledger_commit(d.ledger), 0);
		assert_int_equal(invoice_make(&v, d.ledger, "anna", MONTH, error), -EUCLEAN);
		assert_ptr_equal(strstr(error, why[i]), error);
		invoice_close(&v);
		assert_int_equal(invoice_make(&v, d.ledger, "berta", MONTH, error), -ENOENT);
		invoice_close(&v);
		assert_int_equal(invoice_make(&v, d.ledger, "anna", "2023-14", error), -EINVAL);
		invoice_close(&v);
		teardown(&d);
	}
}

/* ---------------------------------------------------------------------- check */

static void from_receipts(const struct desk *d, struct invoice *v)
{
	char error[RECEIPT_ERROR_MAX];
	struct receipt r;

	assert_int_equal(invoice_open(v, "anna", MONTH, "EUR"), 0);
	for (unsigned i = d->count; i-- > 0;) {
		const struct mf_str text = mf_str_of(d->text[i], strlen(d->text[i]));

		assert_int_equal(receipt_read(text, &r, error), 0);
		assert_int_equal(invoice_add(v, &r, text), 0);
	}
	assert_int_equal(invoice_end(v), 0);
}

static void it_is_what_its_receipts_make(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} rows[] = {
		{"", "", NULL},
		{"\"opening\":\"0.000000\"", "\"opening\":\"1.000000\"", "closing: it isn't"},
		{"\"closing\":\"49.99", "\"closing\":\"39.99", "closing: it isn't"},
		{"\"charged\":\"0.000012\"", "\"charged\":\"0.000013\"", "charged: it is"},
		{"\"quantity\":\"3000000\"", "\"quantity\":\"3000001\"", "line 2: it is {"},
		{"\"receipts\":2", "\"receipts\":3", "line 2: it is {"},
		{"\"account\":\"anna\"", "\"account\":\"berta\"", "account: it is"},
		{"\"version\":\"1.0\",\"unit\":\"flop\",\"quantity\":\"0\"",
			"\"version\":\"1.2\",\"unit\":\"flop\",\"quantity\":\"0\"",
			"line 1: it is {"},
		{"\"count\":3", "\"count\":2", "receipts: it was made from others"},
		{"\"digest\":\"", "\"digest\":\"00", "receipts: it was made from others"},
		{"\"paid\":\"50.000000\"", "\"paid\":\"fifty\"", "paid: there is none"},
		{"\"refers\":0,\"note\":\"paid\",\"amount\":\"50.000000\"",
			"\"refers\":0,\"note\":\"paid\",\"amount\":\"50.000001\"",
			"paid and credited: its lines"},
		{"\"taken_back\":\"0.000000\"", "\"taken_back\":\"-9223372036854.775808\"",
			"taken_back: there is none"},
	};
	char error[INVOICE_ERROR_MAX], *text, changed[4096];
	struct invoice v, again;
	struct desk d;
	json_t *json;

	(void)state;
	setup(&d);
	charge(&d, "linalg", "1.0", 1000000, 4, BOOKS_NOW);
	charge(&d, "linalg", "1.0", 2000000, 8, BOOKS_NOW);
	charge(&d, "dns", "1.0", 0, 0, BOOKS_NOW);
	make(&d, MONTH, &v);
	json = invoice_json(&v);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	from_receipts(&d, &again);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *at = strstr(text, rows[i].from);

		assert_non_null(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, rows[i].to,
			at + strlen(rows[i].from));
		json = json_loads(changed, 0, NULL);
		assert_non_null(json);
		error[0] = '\0';
		assert_int_equal(invoice_check(json, &again, error), rows[i].why ? -EINVAL : 0);
		if (rows[i].why && strstr(error, rows[i].why) != error)
			fail_msg("%s, not %s", error, rows[i].why);
		json_decref(json);
	}
	free(text);
	invoice_close(&again);
	/* one receipt too few */
	d.count--;
	from_receipts(&d, &again);
	json = invoice_json(&v);
	assert_int_equal(invoice_check(json, &again, error), -EINVAL);
	json_decref(json);
	invoice_close(&again);
	invoice_close(&v);
	teardown(&d);
}

/* ----------------------------------------------------------------------- shown */

static void names_come_from_outside(void **state)
{
	struct invoice v;
	struct receipt r;
	struct desk d;
	char *text = NULL;
	uint64_t entry;
	size_t n;
	FILE *to;

	(void)state;
	setup(&d);
	r = receipt_of(&d, "<script>alert(1)</script>", "1\"&'", 3, 3, BOOKS_NOW);
	put_charge(&d, &r);
	assert_int_equal(ledger_begin(d.ledger, true), 0);
	assert_int_equal(ledger_pay(d.ledger, d.anna.number, 5, BOOKS_NOW,
				 MF_STR("<b>\x1b[31m & \n"), &entry),
		0);
	assert_int_equal(ledger_commit(d.ledger), 0);
	make(&d, MONTH, &v);
	to = open_memstream(&text, &n);
	invoice_html(&v, to);
	fclose(to);
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "<b>"));
	assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;"));
	assert_non_null(strstr(text, "1&quot;&amp;&#39;"));
	assert_non_null(strstr(text, "&lt;b&gt;?[31m &amp; ?"));
	assert_null(strstr(text, "http")); /* needs nothing from elsewhere */
	free(text);
	to = open_memstream(&text, &n);
	invoice_text(&v, to);
	fclose(to);
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "balance after"));
	free(text);
	invoice_close(&v);
	teardown(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months),
		cmocka_unit_test(lines_and_balances),
		cmocka_unit_test(a_month_has_borders),
		cmocka_unit_test(what_was_taken_back),
		cmocka_unit_test(the_digest),
		cmocka_unit_test(prices_of_a_unit),
		cmocka_unit_test(one_that_comes_twice),
		cmocka_unit_test(receipts_of_something_else),
		cmocka_unit_test(it_is_what_its_receipts_make),
		cmocka_unit_test(names_come_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
