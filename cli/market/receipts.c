/* cli/market/receipts.c - see receipts.h */
#include "cli/market/receipts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "store/digest.h"

/* Of what a receipt is: account and event. */
struct receipts_seen {
	uint8_t hash[DIGEST_BYTES];
	unsigned line;
};

int receipts_bad(const struct receipts *r, unsigned line, const char *why)
{
	return out_say(r->command, STATUS_DENIED, "\"%s\" line %u: %s", r->file, line, why);
}

static int note(struct receipts *r, const struct receipt *receipt)
{
	struct receipts_seen *seen;
	struct digest d;

	if (r->count == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		seen = reallocarray(r->seen, r->room, sizeof(*seen));
		if (!seen)
			return out_say(r->command, STATUS_MEMORY, "no memory");
		r->seen = seen;
	}
	seen = &r->seen[r->count++];
	seen->line = r->line;
	digest_begin(&d);
	digest_add(&d, receipt->account, strlen(receipt->account) + 1);
	digest_add(&d, receipt->event, strlen(receipt->event));
	digest_end(&d, seen->hash);
	return STATUS_OK;
}

static int look(struct receipts *r, struct mf_str text)
{
	char error[RECEIPT_ERROR_MAX];
	struct receipt receipt;
	int status;

	if (receipt_read(text, &receipt, error) < 0)
		return receipts_bad(r, r->line, error);
	if (memcmp(receipt.key_id, r->key->id, sizeof(receipt.key_id)) != 0)
		return receipts_bad(r, r->line, "another key signed it");
	if (!receipt_is_signed(&receipt, r->key->bytes))
		return receipts_bad(
			r, r->line, "it was altered: its signature is of something else");
	status = note(r, &receipt);
	return status == STATUS_OK ? r->each(r, &receipt, text) : status;
}

static int look_at_all(struct receipts *r, FILE *from)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int status = STATUS_OK;

	while (status == STATUS_OK && (n = getline(&line, &room, from)) > 0) {
		r->line++;
		if (line[n - 1] == '\n')
			n--;
		if (n > 0)
			status = look(r, mf_str_of(line, (size_t)n));
	}
	free(line);
	if (status == STATUS_OK && ferror(from))
		status = out_say(r->command, STATUS_FAILED, "\"%s\": %s", r->file, strerror(errno));
	return status;
}

static int compare(const void *a, const void *b)
{
	const struct receipts_seen *x = a, *y = b;
	int order = memcmp(x->hash, y->hash, sizeof(x->hash));

	return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

static int look_for_twins(struct receipts *r)
{
	if (r->count > 1)
		qsort(r->seen, r->count, sizeof(*r->seen), compare);
	for (unsigned i = 1; i < r->count; i++)
		if (memcmp(r->seen[i - 1].hash, r->seen[i].hash, DIGEST_BYTES) == 0)
			return receipts_bad(r, r->seen[i].line, "it stands there twice");
	return STATUS_OK;
}

int receipts_read(struct receipts *r)
{
	FILE *from = fopen(r->file, "re");
	int status;

	if (!from)
		return out_say(r->command, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"\"%s\": %s", r->file, strerror(errno));
	digest_load();
	status = look_at_all(r, from);
	(void)fclose(from);
	if (status == STATUS_OK)
		status = look_for_twins(r);
	free(r->seen);
	r->seen = NULL;
	return status;
}
