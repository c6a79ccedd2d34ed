/* hub/jobs/pay.c - see pay.h */
#include "hub/jobs/pay.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/jobs/job.h"
#include "hub/pages_json.h"
#include "image/money.h"
#include "market/offer.h"
#include "store/digest.h"
#include "sys/log.h"
#include "wire/base64.h"

/* Longer than the holds that a center's start takes to be a request's; each is made longer before half of it is over. */
#define PATIENCE_NS (2 * PAYING_SHORT_NS)
#define EXTEND_NS   (PATIENCE_NS / 4)
#define AGAIN_NS    CLOCK_S

static struct paying *paying_of(const struct job_pay *pay)
{
	return &pay->paid->paying;
}

static struct job_pay *pay_of(struct paying *p)
{
	return p->context;
}

struct job_pay *job_pay_make(struct paid *paid, const char *service)
{
	struct job_pay *pay = calloc(1, sizeof(*pay));

	if (pay)
		pay->service = strdup(service);
	if (!pay || !pay->service) {
		paid_free(paid);
		free(pay);
		return NULL;
	}
	pay->paid = paid;
	paying_of(pay)->service = pay->service;
	paying_of(pay)->patience_ns = PATIENCE_NS;
	paying_of(pay)->context = pay;
	return pay;
}

void job_pay_free(struct job_pay *pay)
{
	if (!pay)
		return;
	pay->job = NULL;
	if (paying_of(pay)->out) {
		pay->orphan = true;
		return;
	}
	if (!paying_of(pay)->hub->till) { /* the hub ends, and has no center any more */
		paying_of(pay)->held = false;
		paying_of(pay)->running = NULL;
	}
	paid_free(pay->paid);
	free(pay->service);
	free(pay);
}

void job_pay_end(struct job *job)
{
	struct paying *p = job->pay ? paying_of(job->pay) : NULL;

	if (p && !p->out)
		paying_drop(p);
}

void job_pay_leave(struct job_pay *pay)
{
	if (!pay)
		return;
	paying_of(pay)->held = false;
	if (!paying_of(pay)->out)
		paying_drop(paying_of(pay));
}

/* The till has it no more. False: nobody wants to know, or its job has ended meanwhile. */
static bool is_wanted(struct job_pay *pay)
{
	struct job *job = pay->job;

	if (!pay->orphan && job && job_has_ended(job)) {
		paying_drop(paying_of(pay));
		return false;
	}
	if (!pay->orphan)
		return true;
	job_pay_free(pay);
	return false;
}

/* ------------------------------------------------------------------------- hold */

static void was_held(struct paying *p)
{
	struct job_pay *pay = pay_of(p);

	if (!is_wanted(pay))
		return;
	/* charged before, and what came of it isn't here any more: once more, for nothing */
	pay->charged = p->error == 0 && p->verdict == LEDGER_AGAIN;
	pay->known = p->held || pay->charged;
	pay->extend_ns = clock_mono_ns() + EXTEND_NS;
	pay->held(pay);
}

void job_pay_hold(
	struct job_pay *pay, const uint8_t body[static 32], const struct market_quote *quote)
{
	struct paying *p = paying_of(pay);

	memcpy(p->body, body, sizeof(p->body));
	p->most = quote->amount;
	pay->units = quote->units;
	if (p->idempotency_n == 0) {
		char id[TASK_ID + 1];

		task_make_id(id);
		p->idempotency_n = TASK_ID;
		memcpy(p->idempotency, id, TASK_ID);
	}
	p->done = was_held;
	paying_hold(p);
}

/* A hub before this one held it. Whatever became of the key meanwhile: what was begun is paid for. */
static void was_found(struct paying *p)
{
	struct job_pay *pay = pay_of(p);
	struct job *job = pay->job;

	if (!is_wanted(pay))
		return;
	pay->extend_ns = clock_mono_ns() + EXTEND_NS;
	pay->again_ns = clock_mono_ns() + AGAIN_NS;
	if (p->error < 0) {
		job_go(job);
		return;
	}
	if (p->verdict == LEDGER_AGAIN) {
		pay->charged = pay->known = true;
	} else if (p->verdict == LEDGER_DONE || p->verdict == LEDGER_UNDER_WAY ||
		(p->verdict >= LEDGER_REVOKED && p->verdict <= LEDGER_SCOPE)) {
		p->held = pay->known = true;
	} else {
		job_fail(job, ledger_meanings[p->verdict].status, "it can't be paid any more: %s",
			ledger_meanings[p->verdict].text);
	}
	job_go(job);
}

static void was_extended(struct paying *p)
{
	struct job_pay *pay = pay_of(p);

	if (!is_wanted(pay))
		return;
	p->held &=
		p->error != -ENOENT; /* its time had passed: then what is left at the end counts */
	pay->extend_ns = clock_mono_ns() + (p->error < 0 ? AGAIN_NS : EXTEND_NS);
	job_go(pay->job);
}

/* ----------------------------------------------------------------------- charge */

void job_meter(struct job *job, uint64_t metered, uint64_t run_ns)
{
	struct job_pay *pay = job->pay;

	if (!pay)
		return;
	if (__builtin_add_overflow(pay->metered, metered, &pay->metered))
		pay->metered = UINT64_MAX;
	pay->run_ns += run_ns;
}

/* One operand's hash is its name; of several it is the hash of these. */
static void hash_operands(const struct job *job, uint8_t hash[static 32])
{
	struct digest d;

	if (job->operands == 1 && job->operand[0]) {
		memcpy(hash, blob_hash(job->operand[0]), 32);
		return;
	}
	digest_begin(&d);
	for (unsigned i = 0; i < job->operands; i++)
		if (job->operand[i])
			digest_add(&d, blob_hash(job->operand[i]), BLOB_HASH);
	digest_end(&d, hash);
}

static void hash_answer(const struct job *job, uint8_t hash[static 32])
{
	const struct job_answer *a = &job->answer;
	struct digest d;

	if (a->blob) {
		memcpy(hash, blob_hash(a->blob), 32);
		return;
	}
	digest_begin(&d);
	if (a->text.n > 0)
		digest_add(&d, a->text.p, a->text.n);
	digest_end(&d, hash);
}

static struct receipt receipt_of(const struct job *job, const struct service *s, uint64_t units)
{
	struct receipt r = paid_receipt(s, job->id, units, job->pay->run_ns);

	hash_operands(job, r.input);
	hash_answer(job, r.output);
	return r;
}

static void was_charged(struct paying *p)
{
	struct job_pay *pay = pay_of(p);
	struct job *job = pay->job; /* it is held */

	pay->again_ns = clock_mono_ns() + AGAIN_NS;
	if (p->error == 0) {
		pay->charging = false;
		pay->charged = p->verdict == LEDGER_DONE || p->verdict == LEDGER_AGAIN;
		p->held &= !pay->charged;
		job_paid(job, p->verdict);
	}
	job_go(job);
	job_release(job);
}

/* Without its service nothing says what it costs: it waits for it. */
static void charge(struct job *job)
{
	struct job_pay *pay = job->pay;
	struct paying *p = paying_of(pay);
	struct service *s = job_service(job);
	struct market_charge cost;
	struct paying_end end = {.status = job->answer.status};
	struct market_price price;

	pay->again_ns = clock_mono_ns() + AGAIN_NS;
	if (!s || !p->hub->till)
		return;
	price = market_price_of(&s->manifest);
	cost = market_charge(&price, &(struct market_quote){pay->units, p->most}, pay->metered);
	end.amount = cost.amount;
	end.receipt = receipt_of(job, s, cost.units);
	p->done = was_charged;
	job_hold(job);
	paying_charge(p, &end);
}

bool job_pay_charge(struct job *job)
{
	struct job_pay *pay = job->pay;

	if (!pay || pay->charged || pay->units == 0 || pay->metered == 0 ||
		job->answer.status >= 400)
		return false;
	if (pay->metered > pay->units)
		log_about(LOG_WARN, job->service, job->id,
			"job: it metered %" PRIu64 ", and was quoted %" PRIu64
			": what is above isn't charged",
			pay->metered, pay->units);
	pay->charging = true;
	if (!paying_of(pay)->out)
		charge(job);
	return true;
}

/* ---------------------------------------------------------------------- its turn */

static void sooner(uint64_t *wake, uint64_t at)
{
	if (*wake == 0 || at < *wake)
		*wake = at;
}

static void find(struct job_pay *pay)
{
	pay->again_ns = clock_mono_ns() + AGAIN_NS;
	paying_of(pay)->done = was_found;
	paying_hold(paying_of(pay));
}

bool job_pay_go(struct job *job, uint64_t now, uint64_t *wake)
{
	struct job_pay *pay = job->pay;
	struct paying *p;

	if (!pay)
		return true;
	p = paying_of(pay);
	if (!p->hub->till) {
		job_fail(job, 503, "this hub is no center any more");
		return false;
	}
	if (!pay->known || pay->charging) {
		if (!p->out && pay->again_ns <= now)
			pay->charging ? charge(job) : find(pay);
		sooner(wake, pay->again_ns > now ? pay->again_ns : now + AGAIN_NS);
		return false;
	}
	if (p->held && !p->out && pay->extend_ns <= now) {
		p->done = was_extended;
		paying_extend(p, PATIENCE_NS);
	} else if (p->held) {
		sooner(wake, pay->extend_ns > now ? pay->extend_ns : now + AGAIN_NS);
	}
	return true;
}

/* ------------------------------------------------------------------------- as JSON */

const struct paying *job_paying(const struct job *job)
{
	const struct job_pay *pay = job->pay;

	return pay && pay->charged ? paying_of(pay) : NULL;
}

static json_t *money_json(int64_t amount)
{
	char text[MONEY_TEXT];

	return json_string(money_write(amount, text));
}

void job_pay_json(const struct job *job, json_t *o)
{
	const struct job_pay *pay = job->pay;
	const struct ledger_first *first;

	if (!pay)
		return;
	first = &paying_of(pay)->first;
	pages_set(o, "quoted", money_json(paying_of(pay)->most));
	pages_set(o, "charged", money_json(pay->charged ? first->amount : 0));
	pages_set(o, "receipt",
		pay->charged ? json_stringn((const char *)first->receipt.p, first->receipt.n)
			     : json_null());
}

static json_t *hex(const uint8_t *p, size_t n)
{
	char text[65];

	return json_string(sodium_bin2hex(text, sizeof(text), p, n));
}

json_t *job_pay_row(const struct job *job)
{
	const struct job_pay *pay = job->pay;
	const struct paying *p;
	json_t *o;

	if (!pay)
		return json_null();
	p = paying_of(pay);
	o = json_object();
	pages_set(o, "key", hex(p->hash, sizeof(p->hash)));
	pages_set(o, "body", hex(p->body, sizeof(p->body)));
	pages_set(
		o, "idempotency", pages_base64((const uint8_t *)p->idempotency, p->idempotency_n));
	pages_set(o, "most", json_integer(p->most));
	pages_set(o, "units", pages_count(pay->units));
	if (pay->charged) {
		pages_set(o, "amount", json_integer(p->first.amount));
		pages_set(o, "receipt",
			json_stringn((const char *)p->first.receipt.p, p->first.receipt.n));
	}
	return o;
}

static bool unhex(const json_t *o, const char *key, uint8_t *to, size_t n)
{
	const char *text = json_string_value(json_object_get(o, key));
	size_t got = 0;

	return text && sodium_hex2bin(to, n, text, strlen(text), NULL, &got, NULL) == 0 && got == n;
}

static bool load_idempotency(struct paying *p, const json_t *o)
{
	const json_t *text = json_object_get(o, "idempotency");
	uint8_t bytes[BASE64_ROOM(BASE64_TEXT(LEDGER_ID))];
	size_t n = 0;

	if (json_string_length(text) > BASE64_TEXT(LEDGER_ID) ||
		!base64_read(
			mf_str_of(json_string_value(text), json_string_length(text)), bytes, &n) ||
		n == 0 || n > LEDGER_ID)
		return false;
	memcpy(p->idempotency, bytes, n);
	p->idempotency_n = n;
	return true;
}

static void load_receipt(struct job_pay *pay, const json_t *o)
{
	struct paying *p = paying_of(pay);
	const json_t *receipt = json_object_get(o, "receipt");
	const size_t n = json_string_length(receipt);

	if (n == 0 || n > sizeof(p->receipt_text))
		return;
	memcpy(p->receipt_text, json_string_value(receipt), n);
	p->first.receipt = mf_str_of(p->receipt_text, n);
	p->first.amount = json_integer_value(json_object_get(o, "amount"));
	pay->charged = pay->known = true;
}

bool job_pay_load(struct job *job, const json_t *row)
{
	const json_t *o = json_object_get(row, "pay");
	struct paid *paid;
	struct paying *p;

	if (!json_is_object(o))
		return true;
	paid = calloc(1, sizeof(*paid));
	job->pay = paid ? job_pay_make(paid, job->service) : NULL;
	if (!job->pay)
		return false;
	job->pay->job = job;
	job->pay->units = (uint64_t)json_integer_value(json_object_get(o, "units"));
	paid->budget = INT64_MAX;
	p = paying_of(job->pay);
	p->hub = job->jobs->hub;
	p->most = json_integer_value(json_object_get(o, "most"));
	load_receipt(job->pay, o);
	return unhex(o, "key", p->hash, sizeof(p->hash)) &&
		unhex(o, "body", p->body, sizeof(p->body)) && load_idempotency(p, o);
}
