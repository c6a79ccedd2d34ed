/* cli/market/recompute.c - see recompute.h */
#include "cli/market/recompute.h"

#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/again.h"
#include "cli/commands.h"
#include "cli/hub/fetch.h"
#include "cli/out.h"

const char *const recomputed_names[RECOMPUTED_KINDS] = {
	[RECOMPUTED_NOT] = "unknown", [RECOMPUTED_SAME] = "same", [RECOMPUTED_OTHER] = "other"};

struct recomputing {
	struct recall_row *rows;
	size_t count;
	const char *service;
	struct life_options *life;
	struct life_setup setup;
};

int recompute_order(const void *a, const void *b)
{
	return strcmp(((const struct recall_row *)a)->event, ((const struct recall_row *)b)->event);
}

/* What the good version answers, whose bytes are what a receipt's output is of. */
static enum recomputed judge(const struct again *again, const struct recall_row *row)
{
	const struct outcome *o = &again->record.outcome;
	struct mf_str body = o->reply.field[MF_FIELD_BODY];
	uint8_t digest[32];

	if (o->result != MFW_OK || o->denied)
		return RECOMPUTED_OTHER;
	if (!o->replied)
		body = mf_str_of("", 0);
	(void)crypto_hash_sha256(digest, body.p, body.n);
	return memcmp(digest, row->output, sizeof(digest)) == 0 ? RECOMPUTED_SAME
								: RECOMPUTED_OTHER;
}

static int run(struct recomputing *r, const json_t *life)
{
	const struct recall_row wanted = {.event = (char *)(uintptr_t)client_text(life, "id")};
	struct recall_row *row = wanted.event
		? bsearch(&wanted, r->rows, r->count, sizeof(*row), recompute_order)
		: NULL;
	struct again again = {0};
	struct capsule capsule;
	uint8_t *bytes;

	if (!row || row->recomputed != RECOMPUTED_NOT || fetch_capsule(life, &bytes, &capsule) < 0)
		return STATUS_OK;
	if (again_run(&again, r->life, &r->setup, &capsule, row->event) == 0)
		row->recomputed = judge(&again, row);
	again_free(&again);
	free(bytes);
	return STATUS_OK;
}

/* The next page of lives; *before is where to go on, 0: there are no more. */
static int run_page(struct recomputing *r, struct client *client, unsigned long long *before)
{
	json_t *answer, *life;
	int status = fetch_lives(client, r->service, before, &answer);
	size_t i;

	json_array_foreach(json_object_get(answer, "lives"), i, life)
	{
		if (status == STATUS_OK)
			status = run(r, life);
	}
	json_decref(answer);
	return status;
}

int recompute(struct recall_row *rows, size_t count, const char *service,
	const struct client_options *options, struct life_options *life)
{
	struct recomputing r = {.rows = rows, .count = count, .service = service, .life = life};
	unsigned long long before = 0;
	struct client client;
	int status;

	r.setup.kvm_fd = -1;
	status = life_load(&r.setup, life);
	if (status == STATUS_OK) {
		status = client_open(&client, life->command, options);
		if (status == STATUS_OK)
			do
				status = run_page(&r, &client, &before);
			while (status == STATUS_OK && before != 0);
		client_close(&client);
	}
	life_unload(&r.setup);
	return status;
}
