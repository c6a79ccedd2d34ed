/* hub/paid.c - see paid.h */
#include "hub/paid.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/life.h"
#include "hub/recent.h"
#include "hub/service.h"
#include "market/offer.h"
#include "store/digest.h"
#include "sys/clock.h"

/* What goes on behind a life's deadline: the store, the ledger, a hub that is slow. */
#define MARGIN_NS (10 * CLOCK_S)

/* An input that is hashed in some ten microseconds. */
#define QUICK_BYTES 16384u

/* An answer's record: lines of its header, an empty line, the body; nothing at all: it isn't kept. */
#define LINE_END "\r\n"

static struct mf_str text_of(const struct task *task, struct mf_span span)
{
	return mf_str_of(task->writer.base + span.off, span.len);
}

bool paid_wanted(const struct service *s, struct mf_str path)
{
	return s->hub->till && pricing_has(s) &&
		market_price_of(&s->manifest).rate.currency[0] != '\0' &&
		manifest_formula(&s->manifest, path);
}

struct paid *paid_make(struct hub *hub, const struct service *service, struct mf_str key)
{
	struct paid *paid = calloc(1, sizeof(*paid));

	if (!paid)
		return NULL;
	paid->budget = INT64_MAX;
	paid->paying.hub = hub;
	paid->paying.service = service->name;
	paid->paying.counts = true;
	market_key_hash(key, paid->paying.hash);
	return paid;
}

void paid_free(struct paid *paid)
{
	if (!paid)
		return;
	paying_drop(&paid->paying);
	free(paid->bytes);
	free(paid);
}

enum unpaid paid_why(const struct paid *paid)
{
	const struct paying *p = &paid->paying;

	if (paid->over_budget)
		return UNPAID_BUDGET;
	if (paid->unkept)
		return UNPAID_LOST;
	if (p->quota != QUOTA_OK)
		return p->quota == QUOTA_RATE ? UNPAID_RATE : UNPAID_AT_ONCE;
	return (enum unpaid)p->verdict;
}

/* ------------------------------------------------------------------------ calls */

static int64_t left_of(const struct paid *paid)
{
	return paid->budget == INT64_MAX ? INT64_MAX
					 : paid->budget - paid->paying.most - paid->caused;
}

bool paid_inherit(
	const struct task *caller, struct task *task, bool (*waits)(const struct task *task))
{
	const struct paid *from = caller->paid;
	struct paid *paid;

	if (!from || !paid_wanted(task->service, text_of(task, task->head.subject)))
		return true;
	paid = calloc(1, sizeof(*paid));
	if (!paid)
		return false;
	memcpy(paid->paying.hash, from->paying.hash, sizeof(paid->paying.hash));
	paid->paying.hub = from->paying.hub;
	paid->budget = left_of(from);
	paid->waits = waits;
	task->paid = paid;
	return true;
}

void paid_caused(const struct task *caller, const struct task *task)
{
	const struct paid *paid = task->paid;

	if (!caller->paid || !paid)
		return;
	if (paid->charged)
		caller->paid->caused += paid->paying.first.amount;
	caller->paid->caused += paid->caused;
}

/* ------------------------------------------------------------------------- hold */

static struct mf_str input_of(const struct task *task)
{
	if (task->head.input_bytes > 0)
		return mf_str_of(areas_input(task->service->areas, task->area),
			(size_t)task->head.input_bytes);
	return text_of(task, task->head.payload);
}

static void add_piece(struct digest *d, struct mf_str piece)
{
	uint64_t n = piece.n;

	digest_add(d, &n, sizeof(n));
	if (n > 0)
		digest_add(d, piece.p, n);
}

/* On the till's thread; nobody else has the event meanwhile. */
static int hash_request(struct paying *p)
{
	struct paid *paid = LOOP_OWNER(p, struct paid, paying);
	const struct task *task = paid->task;
	const struct mf_str input = input_of(task);
	struct digest d;

	digest_begin(&d);
	if (input.n > 0)
		digest_add(&d, input.p, input.n);
	digest_end(&d, paid->input);
	digest_begin(&d);
	add_piece(&d, mf_str_of(p->service, strlen(p->service)));
	add_piece(&d, text_of(task, task->head.method));
	add_piece(&d, text_of(task, task->head.subject));
	add_piece(&d, text_of(task, task->head.query));
	add_piece(&d, mf_str_of(paid->input, sizeof(paid->input)));
	digest_end(&d, p->body);
	return 0;
}

/* It never was in the queue. */
static void let_go(struct task *task)
{
	struct service *s = task->service;

	service_cancel(task);
	hub_ended(s->hub);
}

static void refuse(struct task *task, enum refusal why)
{
	if (why == REFUSED_UNPAID)
		task->paid->paying.hub->center->unpaid[paid_why(task->paid)]++;
	service_refused(task->service, why);
	task->origin->refuse(task, why);
	let_go(task);
}

/* Where the empty line begins; NULL: it is no record. */
static const uint8_t *end_of_lines(struct mf_str record)
{
	if (record.n >= 2 && memcmp(record.p, LINE_END, 2) == 0)
		return record.p;
	record.p = memmem(record.p, record.n, LINE_END LINE_END, 4);
	return record.p ? record.p + 2 : NULL;
}

/* False: it wasn't kept. */
static bool answer_again(struct task *task)
{
	const struct ledger_first *first = &task->paid->paying.first;
	const uint8_t *end = end_of_lines(first->answer);
	struct reply reply = {.status = (uint32_t)first->status, .content_type = first->type};
	struct service *s = task->service;

	if (!end)
		return false;
	reply.headers = mf_str_of(first->answer.p, (size_t)(end - first->answer.p));
	reply.body = mf_str_of(end + 2, first->answer.n - reply.headers.n - 2);
	task->paid->replayed = true;
	task->paid->charged = first->receipt.n > 0;
	s->counts.duplicates++;
	recent_again(&s->hub->recent,
		&(struct recent_repeat){.service = s,
			.source = task->origin->source,
			.id = task->id,
			.kind = task->head.source,
			.subject = recent_subject(task)});
	task->origin->reply(task, &reply);
	let_go(task);
	return true;
}

/* What it writes is written once, whenever it is asked for again, also if this hub ends before it is charged. */
static void identify(struct task *task)
{
	const struct paying *p = &task->paid->paying;
	const struct mf_str pieces[] = {MF_STR("paid"),
		mf_str_of(&p->subscriber.account, sizeof(p->subscriber.account)),
		mf_str_of(p->idempotency, p->idempotency_n)};

	if (!task->paid->asked_twice || service_only_answers(task->service))
		return;
	task_identify(task, pieces, 3, TASK_CHECK | TASK_KEEP);
	memcpy(task->request, p->body, sizeof(task->request));
}

bool paid_is_his_alone(const struct task *task)
{
	return task->paid && !task->paid->asked_twice && service_only_answers(task->service);
}

static bool nobody_has_it(const struct task *task)
{
	const struct paid *paid = task->paid;

	return paid->waits && !paid->waits(task) && paid_is_his_alone(task);
}

static void was_held(struct paying *p)
{
	struct task *task = LOOP_OWNER(p, struct paid, paying)->task;

	task_unlink(&task->service->holding, task);
	task->phase = TASK_WAITING;
	if (p->error < 0) {
		refuse(task, REFUSED_STORE);
	} else if (p->quota != QUOTA_OK ||
		(p->verdict != LEDGER_DONE && p->verdict != LEDGER_AGAIN)) {
		refuse(task, REFUSED_UNPAID);
	} else if (nobody_has_it(task)) {
		refuse(task, REFUSED_STOPPING);
	} else if (p->verdict == LEDGER_DONE || !answer_again(task)) {
		task->paid->charged = p->verdict == LEDGER_AGAIN; /* it runs again for nothing */
		identify(task); /* unless it wrote something the first time */
		service_go_on(task);
	}
}

void paid_hold(struct task *task)
{
	struct paid *paid = task->paid;
	struct paying *p = &paid->paying;
	struct service *s = task->service;

	paid->task = task;
	p->service = s->name;
	p->most = task->price.quote.amount;
	p->patience_ns = s->deadline_ns + MARGIN_NS;
	p->prepare = hash_request;
	p->quick = input_of(task).n <= QUICK_BYTES;
	p->done = was_held;
	if (p->idempotency_n == 0) {
		p->idempotency_n = strlen(task->id);
		memcpy(p->idempotency, task->id, p->idempotency_n);
	}
	paid->over_budget = p->most > paid->budget;
	task->holds = sizeof(*task) + sizeof(*paid) + task->head.bytes + task->origin->keeps;
	waiting_take(&s->hub->waiting, &s->waiting, task->holds);
	if (paid->over_budget) {
		refuse(task, REFUSED_UNPAID);
		return;
	}
	task->phase = TASK_HOLDING;
	task_append(&s->holding, task);
	paying_hold(p);
}

/* ----------------------------------------------------------------------- charge */

/* What is paid for, or 0. */
static int64_t price_of(const struct task *task, const struct reply *reply)
{
	const struct paying *p = &task->paid->paying;
	const int64_t amount = pricing_charge(task).amount;

	if (!p->held || (reply && reply->status >= 400) || nobody_has_it(task))
		return 0;
	return amount;
}

static size_t record_bytes(const struct reply *reply)
{
	size_t n = reply ? reply->headers.n + 2 + reply->body.n : 2;

	return n <= LEDGER_ANSWER && (!reply || reply->content_type.n <= LEDGER_TYPE) ? n : 0;
}

/* A ledger takes no other. Without its type an answer is kept all the same. */
static struct mf_str type_of(const struct reply *reply)
{
	const struct mf_str type = reply->content_type;
	json_t *text = type.n > 0 ? json_stringn((const char *)type.p, type.n) : NULL;
	const bool is_utf8 = text != NULL;

	json_decref(text);
	return is_utf8 ? type : MF_STR("");
}

static struct mf_str write_record(const struct reply *reply, uint8_t *to)
{
	const size_t n = record_bytes(reply);
	const struct mf_str none = {NULL, 0};
	const struct mf_str pieces[] = {
		reply ? reply->headers : none, MF_STR(LINE_END), reply ? reply->body : none};
	uint8_t *at = to;

	for (unsigned i = 0; n > 0 && i < 3; at += pieces[i++].n)
		if (pieces[i].n > 0)
			memcpy(at, pieces[i].p, pieces[i].n);
	return mf_str_of(to, n);
}

static void set_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

struct receipt paid_receipt(
	const struct service *s, const char *event, uint64_t units, uint64_t cpu_ns)
{
	struct receipt r = {.quantity = units,
		.cpu_ns = cpu_ns,
		.memory = s->note.window_bytes + s->note.input_bytes + s->note.output_bytes,
		.has_snapshot = true};

	set_text(r.event, sizeof(r.event), event);
	set_text(r.service, sizeof(r.service), s->name);
	set_text(r.version, sizeof(r.version), s->manifest.version);
	set_text(r.unit, sizeof(r.unit), s->manifest.price.unit);
	memcpy(r.image, s->digest, sizeof(r.image));
	memcpy(r.snapshot, s->snapshot, sizeof(r.snapshot));
	return r;
}

/* All but what the ledger and the signer know. */
static struct receipt receipt_of(const struct task *task)
{
	const struct paid *paid = task->paid;
	struct receipt r = paid_receipt(
		task->service, task->id, pricing_charge(task).units, paid->message.run_ns);

	memcpy(r.input, paid->input, sizeof(r.input));
	return r;
}

/* On the till's thread; the output is held. */
static int hash_output(struct paying *p)
{
	const struct paid *paid = LOOP_OWNER(p, struct paid, paying);
	struct digest d;

	digest_begin(&d);
	if (paid->output.n > 0)
		digest_add(&d, paid->output.p, paid->output.n);
	digest_end(&d, p->receipt.output);
	return 0;
}

static void was_charged(struct paying *p)
{
	struct paid *paid = LOOP_OWNER(p, struct paid, paying);

	if (p->error < 0) {
		life_lost(paid->task, &paid->message);
	} else if (p->verdict == LEDGER_DONE || p->verdict == LEDGER_AGAIN) {
		paid->charged = true;
		life_paid(paid->task, &paid->message, paid->effects);
	} else {
		life_unpaid(paid->task, &paid->message);
	}
}

/* Effects and answer as they are: what they lie in is somebody else's in a moment. */
static bool keep_effects(struct paid *paid, const struct mfw_message *message,
	struct effects_reader effects, size_t record)
{
	paid->bytes = malloc(effects.size + record);
	if (!paid->bytes)
		return false;
	memcpy(paid->bytes, effects.bytes, effects.size);
	paid->message = *message;
	paid->effects = effects;
	paid->effects.bytes = paid->bytes;
	return true;
}

static void was_made_good(struct paying *p)
{
	struct task *task = LOOP_OWNER(p, struct paid, paying)->task;

	task_unlink(&task->service->holding, task);
	task->phase = TASK_WAITING;
	if (p->error < 0)
		refuse(task, REFUSED_STORE);
	else if ((p->verdict != LEDGER_DONE && p->verdict != LEDGER_AGAIN) || !answer_again(task))
		refuse(task, REFUSED_UNPAID);
}

/* Its type and its record, where they stay. False: no memory. */
static bool keep_answer(struct paid *paid, const struct reply *reply, struct paying_end *end)
{
	const struct mf_str type = type_of(reply);

	paid->bytes = malloc(type.n + record_bytes(reply) + 1);
	if (!paid->bytes)
		return false;
	if (type.n > 0)
		memcpy(paid->bytes, type.p, type.n);
	end->type = mf_str_of(paid->bytes, type.n);
	end->answer = write_record(reply, paid->bytes + type.n);
	paid->output = mf_str_of(end->answer.p + end->answer.n - reply->body.n, reply->body.n);
	return true;
}

void paid_was_done(struct task *task, struct mf_str answer)
{
	struct paid *paid = task->paid;
	struct paying *p = &paid->paying;
	struct paying_end end = {.prepare = hash_output};
	struct ids_answer kept;

	/* the ledger, which takes larger ones, hasn't got it either */
	paid->unkept = p->verdict == LEDGER_AGAIN || !ids_answer_read(answer, &kept);
	if (!paid->unkept && memcmp(kept.request, task->request, sizeof(task->request)) != 0)
		p->verdict = LEDGER_CONFLICT;
	if (paid->unkept || p->verdict != LEDGER_DONE) {
		refuse(task, REFUSED_UNPAID);
		return;
	}
	if (kept.empty)
		kept.reply = (struct reply){.status = 204};
	task->price.metered = kept.metered;
	end.amount = price_of(task, &kept.reply);
	end.status = kept.reply.status;
	if (!keep_answer(paid, &kept.reply, &end)) {
		refuse(task, REFUSED_FULL);
		return;
	}
	if (end.amount == 0) {
		p->first = (struct ledger_first){
			.status = end.status, .type = end.type, .answer = end.answer};
		(void)answer_again(task);
		return;
	}
	end.receipt = receipt_of(task);
	p->done = was_made_good;
	task->phase = TASK_HOLDING;
	task_append(&task->service->holding, task);
	paying_charge(p, &end);
}

bool paid_charge(
	struct task *task, const struct mfw_message *message, struct effects_reader effects)
{
	static const struct ending well = {.result = "ok"};
	struct paid *paid = task->paid;
	struct paying_end end = {.status = 204, .prepare = hash_output};
	struct reply reply, *given = life_reply(task, effects, &reply) ? &reply : NULL;

	end.amount = price_of(task, given);
	if (end.amount == 0 || !keep_effects(paid, message, effects, record_bytes(given)))
		return false;
	task->subject = mf_str_of(NULL, 0); /* of the store's transaction, which is gone soon */
	if (task->phase != TASK_COMMITTING && !service_commits(task, &well))
		return false;
	if (given) {
		(void)life_reply(task, paid->effects, given);
		end.status = given->status;
		end.type = type_of(given);
		paid->output = given->body;
	}
	end.answer = write_record(given, paid->bytes + effects.size);
	end.receipt = receipt_of(task);
	paid->paying.service = task->service->name; /* another version may have done it */
	paid->paying.done = was_charged;
	paying_charge(&paid->paying, &end);
	return true;
}
