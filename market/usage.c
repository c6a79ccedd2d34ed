/* market/usage.c - see usage.h */
#include "market/usage.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "market/invoice.h"
#include "market/written.h"
#include "store/digest.h"

struct reading {
	struct usage *usage;
	unsigned most;
	char *error;
	int e;
};

static json_t *time_json(int64_t at)
{
	const time_t seconds = (time_t)(at / 1000000000);
	char text[40];
	struct tm tm;

	if (at < 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return json_sprintf("%s.%09dZ", text, (int)(at % 1000000000));
}

/* As image/sign.h shows it: the last byte first. */
static json_t *source_json(const uint8_t id[static 8])
{
	return json_sprintf("mayfly:%02X%02X%02X%02X%02X%02X%02X%02X", id[7], id[6], id[5], id[4],
		id[3], id[2], id[1], id[0]);
}

static json_t *data_json(const struct ledger_move *move, const struct receipt *r)
{
	const bool back = move->kind == CHAIN_VOID;
	char amount[WRITTEN_AMOUNT], quantity[INVOICE_QUANTITY];
	json_t *o = json_pack("{sI ss ss ss ss so so ss ss%}", "entry", (json_int_t)move->number,
		"event", r->event, "service", r->service, "version", r->version, "unit", r->unit,
		"quantity",
		json_sprintf("%s%s", back && r->quantity > 0 ? "-" : "",
			invoice_quantity(r->quantity, quantity)),
		"amount", json_string(written_amount(-move->amount, amount)), "currency",
		r->currency, "receipt", (const char *)move->receipt.p, move->receipt.n);

	if (back)
		json_object_set_new(o, "refers", json_integer((json_int_t)move->refers));
	return o;
}

static json_t *event_json(const struct ledger_move *move, const struct receipt *r)
{
	const bool back = move->kind == CHAIN_VOID;
	uint8_t id[INVOICE_ID];
	char hex[2 * INVOICE_ID + 1];

	invoice_id(move->receipt, id);
	sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
	return json_pack("{ss so so ss ss so ss so}", "specversion", "1.0", "id",
		json_sprintf("%s%s", hex, back ? ".void" : ""), "source", source_json(r->key_id),
		"type", back ? "mayfly.charge.voided" : "mayfly.charge", "subject", move->name,
		"time", time_json(move->at), "datacontenttype", "application/json", "data",
		data_json(move, r));
}

static bool stop(struct reading *r, const struct ledger_move *move, int e, const char *why)
{
	r->e = e;
	(void)snprintf(r->error, USAGE_ERROR_MAX, "entry %llu: its receipt: %s",
		(unsigned long long)move->number, why);
	return false;
}

static bool next_move(const struct ledger_move *move, void *context)
{
	struct reading *r = context;
	char why[RECEIPT_ERROR_MAX];
	struct receipt receipt;
	json_t *event;

	if (json_array_size(r->usage->events) == r->most) {
		r->usage->more = true;
		return false;
	}
	r->usage->next = move->number + 1;
	if (move->kind != CHAIN_CHARGE && !(move->kind == CHAIN_VOID && move->was == CHAIN_CHARGE))
		return true;
	if (!move->receipt.p || move->receipt.n == 0)
		return stop(r, move, -EUCLEAN, "there is none");
	if (receipt_read(move->receipt, &receipt, why) < 0)
		return stop(r, move, -EUCLEAN, why);
	event = event_json(move, &receipt);
	return (event && json_array_append_new(r->usage->events, event) == 0) ||
		stop(r, move, -ENOMEM, "no memory");
}

int usage_read(struct ledger *ledger, uint64_t from, uint64_t span, uint64_t account, unsigned most,
	struct usage *usage, char error[static USAGE_ERROR_MAX])
{
	struct reading r = {usage, most, error, 0};
	uint8_t head[CHAIN_HASH];
	const uint64_t last = ledger_head(ledger, head);
	const uint64_t to = from <= last && span <= last - from ? from + span - 1 : last;
	int e;

	*usage = (struct usage){.events = json_array(), .next = from};
	digest_load();
	e = ledger_moves(ledger, from, to, account, next_move, &r);
	if (e < 0 && r.e == 0) {
		r.e = e;
		(void)snprintf(error, USAGE_ERROR_MAX, "%s", strerror(-e));
	}
	if (r.e < 0) {
		json_decref(usage->events);
		usage->events = NULL;
	} else if (!usage->more && from <= last) {
		usage->next = to + 1; /* behind what isn't this account's */
		usage->more = to < last;
	}
	return r.e;
}
