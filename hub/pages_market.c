/* hub/pages_market.c - see pages_market.h */
#include "hub/pages_market.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "hub/http/router.h"
#include "hub/hub.h"
#include "hub/pages_json.h"
#include "hub/proof.h"
#include "hub/till.h"
#include "market/desk.h"
#include "market/invoice.h"
#include "market/usage.h"
#include "market/written.h"
#include "sys/clock.h"
#include "wire/http_text.h"

#define VERSION    "/v1/"
#define PATH_MOST  64u
#define ENTRIES    200u  /* of a page: the ledger's thread has other things to do */
#define STEP       1000u /* entries that are looked at at a time */
#define QUERY_MOST 1024u /* a name or a value */

/* One question, from when it was asked until it is answered. */
struct asking {
	struct till_work work;
	struct hub *hub;
	struct page_reply *later;
	json_t *answer; /* made by run, each time anew */
	char error[DESK_ERROR_MAX];
	/* of the kind that it is: */
	struct desk_ask desk;
	uint64_t from;
	struct invoice_making making;
	bool html;
	char *text; /* of an invoice */
	size_t n;
};

/* -------------------------------------------------------------------- answers */

static unsigned status_of(int error)
{
	switch (error) {
	case -EINVAL: return 400;
	case -ENOENT: return 404;
	case -EEXIST:
	case -EPERM:
	case -EALREADY:
	case -ECANCELED: return 409;
	case -EUCLEAN:
	case -E2BIG:
	case -EOVERFLOW: return 422;
	default: return 503;
	}
}

static const char *title_of(unsigned status)
{
	return status == 400    ? "Bad Request"
		: status == 404 ? "Not Found"
		: status == 409 ? "Conflict"
		: status == 422 ? "Unprocessable Content"
				: "Service Unavailable";
}

static void refuse(struct page_reply *reply, int error, const char *why)
{
	const unsigned status = status_of(error);

	pages_refuse(reply, status, title_of(status), json_string(why));
}

static void asking_free(struct asking *a)
{
	desk_forget(&a->desk);
	invoice_close(&a->making.v);
	json_decref(a->answer);
	free(a->text);
	free(a);
}

/* False, with the reply written. */
static bool is_center(const struct hub *hub, struct page_reply *reply)
{
	if (!hub->till)
		pages_refuse(reply, 404, "Not Found",
			json_string("this hub is no center: 'market' in its hub.yaml makes it "
				    "one"));
	return hub->till != NULL;
}

/* NULL, with the reply written: it can't be asked now. */
static struct asking *ask(struct hub *hub, struct page_reply *reply)
{
	struct asking *a;

	if (!is_center(hub, reply))
		return NULL;
	a = till_takes(hub->till) ? calloc(1, sizeof(*a)) : NULL;
	if (a) {
		a->hub = hub;
		return a;
	}
	refuse(reply, -EAGAIN, "the ledger can't be asked at the moment");
	return NULL;
}

static void begin(struct asking *a, struct page_reply *reply)
{
	a->later = page_wait(reply);
	if (a->later) {
		till_do(a->hub->till, &a->work);
		return;
	}
	refuse(reply, -ENOMEM, "no memory");
	asking_free(a);
}

static void was_done(struct till_work *work, int error)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);

	if (error < 0) {
		refuse(a->later, error, a->error[0] ? a->error : strerror(-error));
	} else {
		pages_answer(a->later, a->answer);
		a->answer = NULL;
	}
	page_end(a->later);
	asking_free(a);
}

/* --------------------------------------------------------- accounts, plans, keys */

static int run_desk(struct till_work *work, struct ledger *ledger)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);
	int e;

	json_decref(a->answer);
	e = desk_run(&a->desk, ledger, clock_wall_ns(), &a->answer, a->error);
	return e == -EBUSY ? -ECANCELED : e; /* the other one is the database's */
}

static json_t *decode(struct mf_str text)
{
	uint8_t plain[QUERY_MOST];
	size_t n;

	return text.n <= sizeof(plain) && http_decode(text, true, plain, &n)
		? json_stringn((const char *)plain, n)
		: NULL;
}

/* "name=anna&credit=5": each a text. NULL: it can't be. */
static json_t *members_of_query(struct mf_str query)
{
	json_t *o = json_object();

	while (o && query.n > 0) {
		const uint8_t *end = memchr(query.p, '&', query.n);
		const size_t n = end ? (size_t)(end - query.p) : query.n;
		const uint8_t *equals = memchr(query.p, '=', n);
		const size_t name = equals ? (size_t)(equals - query.p) : n;
		json_t *key = decode(mf_str_of(query.p, name));
		json_t *value = decode(
			equals ? mf_str_of(equals + 1, n - name - 1) : mf_str_of(query.p, 0));

		if (!key || !value || json_object_set(o, json_string_value(key), value) < 0) {
			json_decref(o);
			o = NULL;
		}
		json_decref(key);
		json_decref(value);
		query = mf_str_of(query.p + n + (end != NULL), query.n - n - (end != NULL));
	}
	return o;
}

static json_t *members_of(const struct desk_word *word, const struct page_request *request)
{
	json_t *o;

	if (!(word->flags & DESK_CHANGES))
		return members_of_query(request->query);
	if (request->body.n == 0)
		return json_object();
	o = json_loadb(
		(const char *)request->body.p, request->body.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

static const struct desk_word *word_of(struct mf_str path)
{
	const struct desk_word *word;

	for (size_t i = 0; (word = desk_at(i)); i++)
		if (path.n > sizeof(VERSION) - 1 &&
			mf_str_is(mf_str_of(path.p + sizeof(VERSION) - 1,
					  path.n - (sizeof(VERSION) - 1)),
				word->page))
			return word;
	return NULL;
}

static void page_desk(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	const struct desk_word *word = word_of(request->path);
	struct asking *a = ask(hub, reply);
	json_t *members;
	int e;

	if (!a)
		return;
	members = word ? members_of(word, request) : NULL;
	e = members ? desk_read(word, members, "", &a->desk, a->error) : -EINVAL;
	json_decref(members);
	if (e < 0) {
		refuse(reply, e, members ? a->error : "what is asked is no object of JSON");
		asking_free(a);
		return;
	}
	a->work = (struct till_work){
		.durable = word->flags & DESK_CHANGES, .run = run_desk, .done = was_done};
	begin(a, reply);
}

/* ---------------------------------------------------------------------- ledger */

struct exporting {
	json_t *rows;
	uint64_t next;
};

static bool add_entry(
	const struct chain_entry *e, const uint8_t hash[static CHAIN_HASH], void *context)
{
	struct exporting *x = context;

	if (json_array_size(x->rows) == ENTRIES)
		return false;
	json_array_append_new(x->rows, written_entry_json(e, hash));
	x->next = e->number + 1;
	return true;
}

static int run_export(struct till_work *work, struct ledger *ledger)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);
	struct exporting x = {json_array(), a->from};
	uint8_t head[CHAIN_HASH];
	const uint64_t last = ledger_head(ledger, head);
	int e = ledger_entries(ledger, a->from, add_entry, &x);

	json_decref(a->answer);
	a->answer = json_pack("{so sI sb}", "entries", x.rows, "next", (json_int_t)x.next, "more",
		x.next <= last);
	return e;
}

static int run_usage(struct till_work *work, struct ledger *ledger)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);
	struct ledger_account account = {0};
	struct usage usage;
	int e = a->desk.name[0] ? ledger_account_get(ledger, a->desk.name, &account) : 0;

	if (e == -ENOENT)
		(void)snprintf(a->error, sizeof(a->error), "\"%s\": there is none", a->desk.name);
	if (e == 0)
		e = usage_read(ledger, a->from, STEP, account.number, ENTRIES, &usage, a->error);
	if (e < 0)
		return e;
	json_decref(a->answer);
	a->answer = json_pack("{so sI sb}", "events", usage.events, "next", (json_int_t)usage.next,
		"more", usage.more);
	return 0;
}

static bool take_name(struct mf_str text, char *to)
{
	if (text.n > LEDGER_NAME)
		return false;
	if (text.n > 0)
		memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return true;
}

/* ?from=N&account=NAME */
static void page_entries(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	const struct mf_str from = page_parameter(request->query, "from");
	const bool exports = mf_str_is(request->path, VERSION "ledger/export");
	struct asking *a = ask(hub, reply);

	if (!a)
		return;
	a->from = 1;
	if ((from.p && (!num_parse(from, &a->from) || a->from == 0 || a->from > INT64_MAX)) ||
		!take_name(page_parameter(request->query, "account"), a->desk.name)) {
		refuse(reply, -EINVAL, "from: the number of an entry; account: a name");
		asking_free(a);
		return;
	}
	a->work = (struct till_work){.run = exports ? run_export : run_usage, .done = was_done};
	begin(a, reply);
}

/* ---------------------------------------------------------------------- verify */

static void was_verified(void *context, int e, const struct ledger_verified *v, const char *error)
{
	struct page_reply *later = context;
	char hex[2 * CHAIN_HASH + 1];

	if (e < 0)
		refuse(later, e, error);
	else
		pages_answer(later,
			json_pack("{sI sI sI so ss ss?}", "entries", (json_int_t)v->entries,
				"charges", (json_int_t)v->charges, "accounts",
				(json_int_t)v->accounts, "sales", written_amount_json(v->sales),
				"head", sodium_bin2hex(hex, sizeof(hex), v->head, CHAIN_HASH),
				"wrong", v->wrong[0] ? v->wrong : NULL));
	page_end(later);
}

/* ?receipts=true */
static void page_verify(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct proof_asked asked = {
		.receipts = mf_str_is(page_parameter(request->query, "receipts"), "true"),
		.done = was_verified};
	struct page_reply *later;
	int e;

	if (!is_center(hub, reply))
		return;
	asked.context = later = page_wait(reply);
	e = !later                                       ? -ENOMEM
		: asked.receipts && !till_key(hub->till) ? -EINVAL
							 : proof_begin(hub, &asked);
	if (e == 0)
		return;
	refuse(later ? later : reply, e == -EBUSY ? -EALREADY : e,
		e == -EBUSY            ? "somebody has it verified just now"
			: e == -EINVAL ? "no receipts are signed here"
				       : strerror(-e));
	if (later)
		page_end(later);
}

/* -------------------------------------------------------------------- invoices */

static void made_step(struct till_work *work, int error);

static int run_invoice(struct till_work *work, struct ledger *ledger)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);

	return invoice_step(&a->making, ledger, STEP, a->error);
}

/* Which account, and the entry up to which it goes: both are in the ledger for good when this is done. */
static int run_invoice_begin(struct till_work *work, struct ledger *ledger)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);

	return invoice_begin(&a->making, ledger, a->error);
}

static void give_page(struct asking *a)
{
	if (a->html) {
		a->later->content_type = "text/html; charset=utf-8";
		invoice_html(&a->making.v, a->later->body);
	} else {
		pages_answer(a->later, invoice_json(&a->making.v));
	}
}

static void made_step(struct till_work *work, int error)
{
	struct asking *a = LOOP_OWNER(work, struct asking, work);

	if (error == 0 && !a->making.whole) {
		a->work.run = run_invoice;
		till_do(a->hub->till, &a->work);
		return;
	}
	if (error < 0)
		refuse(a->later, error, a->error[0] ? a->error : strerror(-error));
	else
		give_page(a);
	page_end(a->later);
	asking_free(a);
}

/* ?account=NAME&month=2026-11&format=html */
static void page_invoice(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	const struct mf_str month = page_parameter(request->query, "month");
	struct asking *a = ask(hub, reply);
	char text[INVOICE_MONTH] = "";

	if (!a)
		return;
	if (month.n == sizeof(text) - 1)
		memcpy(text, month.p, month.n);
	if (!take_name(page_parameter(request->query, "account"), a->desk.name) ||
		!a->desk.name[0] ||
		invoice_open(&a->making.v, a->desk.name, text, till_currency(hub->till)) < 0) {
		refuse(reply, -EINVAL, "account: a name; month: one like 2026-11");
		asking_free(a);
		return;
	}
	a->html = mf_str_is(page_parameter(request->query, "format"), "html");
	a->work = (struct till_work){.run = run_invoice_begin, .done = made_step};
	begin(a, reply);
}

/* ---------------------------------------------------------------------- routes */

static int add(
	struct router *router, struct route *route, struct access *look, struct access *change)
{
	const struct route *other;

	route->access = route->changes ? change : look;
	return router_add(router, route, &other);
}

int pages_market_add(struct router *router, struct access *look, struct access *change)
{
	struct route own[] = {
		{.method = "GET", .path = VERSION "ledger/export", .page = page_entries},
		{.method = "GET", .path = VERSION "ledger/usage", .page = page_entries},
		{.method = "GET", .path = VERSION "ledger/verify", .page = page_verify},
		{.method = "GET", .path = VERSION "invoices", .page = page_invoice},
	};
	const struct desk_word *word;
	char path[PATH_MOST];
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(own) / sizeof(own[0]); i++)
		err = add(router, &own[i], look, change);
	for (size_t i = 0; err == 0 && (word = desk_at(i)); i++) {
		struct route route = {.path = path, .page = page_desk};

		(void)snprintf(path, sizeof(path), VERSION "%s", word->page);
		route.changes = word->flags & DESK_CHANGES;
		route.method = route.changes ? "POST" : "GET";
		err = add(router, &route, look, change);
	}
	return err;
}
