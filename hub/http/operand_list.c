/* hub/http/operand_list.c - see operand_list.h. */
#include "hub/http/operand_list.h"

#include <stdio.h>
#include <string.h>

#include "hub/http/problem.h"
#include "hub/http/request.h"
#include "wire/http_text.h"

static unsigned wrong(unsigned status, const char *why, char detail[static OPERANDS_DETAIL])
{
	snprintf(detail, OPERANDS_DETAIL, "%s", why);
	return status;
}

static unsigned wrong_word(struct mf_str word, char detail[static OPERANDS_DETAIL])
{
	char quoted[PROBLEM_WORD];

	snprintf(detail, OPERANDS_DETAIL,
		"Mayfly-Operands: '%s' is no blob's name, 64 digits in small letters, nor '-', the "
		"body",
		problem_word(word, quoted));
	return 400;
}

static unsigned add(struct operand_list *list, struct blobs *blobs, struct mf_str word,
	char detail[static OPERANDS_DETAIL])
{
	uint8_t hash[BLOB_HASH];
	struct blob *blob;

	if (list->count == OPERANDS_MOST)
		return wrong(400, "Mayfly-Operands names more than 64", detail);
	if (mf_str_is(word, "-")) {
		if (list->body < OPERANDS_MOST)
			return wrong(400, "Mayfly-Operands names the body twice", detail);
		list->body = list->count;
		list->blob[list->count++] = NULL;
		return 0;
	}
	if (word.n != BLOB_NAME || !blob_name_read(word.p, hash))
		return wrong_word(word, detail);
	blob = blobs_find(blobs, hash);
	if (!blob) {
		snprintf(detail, OPERANDS_DETAIL, "blob %.*s isn't here", (int)BLOB_NAME,
			(const char *)word.p);
		return 404;
	}
	blob_pin(blob);
	list->blob[list->count++] = blob;
	return 0;
}

static unsigned read_words(struct operand_list *list, struct blobs *blobs,
	const struct request *request, struct mf_str words, char detail[static OPERANDS_DETAIL])
{
	struct mf_str word;
	unsigned status;

	while (http_list_next(&words, &word)) {
		status = add(list, blobs, word, detail);
		if (status != 0)
			return status;
	}
	if (list->count == 0)
		return wrong(400, "Mayfly-Operands names nothing", detail);
	if (list->body < OPERANDS_MOST)
		return 0;
	list->body = list->count;
	if (request->chunked || request->length > 0)
		return wrong(400, "Mayfly-Operands has no '-', but the request has a body", detail);
	return 0;
}

unsigned operand_list_read(struct operand_list *list, struct blobs *blobs,
	const struct request *request, char detail[static OPERANDS_DETAIL])
{
	unsigned next = 0, status;
	struct mf_str words = request_header(request, "mayfly-operands", &next);

	memset(list, 0, sizeof(*list));
	if (!words.p)
		return 0;
	if (request_header(request, "mayfly-operands", &next).p)
		return wrong(400, "Mayfly-Operands stands there twice", detail);
	if (!blobs)
		return wrong(501, "this hub keeps no blobs: its hub.yaml has no state", detail);
	list->body = OPERANDS_MOST;
	status = read_words(list, blobs, request, words, detail);
	if (status != 0)
		operand_list_free(list);
	return status;
}

void operand_list_free(struct operand_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->blob[i])
			blob_unpin(list->blob[i]);
	list->count = 0;
}

uint64_t operand_list_bytes(const struct operand_list *list)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < list->count; i++)
		if (list->blob[i] && __builtin_add_overflow(sum, blob_size(list->blob[i]), &sum))
			return UINT64_MAX;
	return sum;
}
