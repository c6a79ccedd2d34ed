/* plan_ask.c - what the hub asks of a life that plans: see plan.h */
#include <string.h>

#include "ops.h"
#include "plan.h"

#define HEAD_MOST (NPY_HEADER_MOST + 12u) /* bytes of a header with what stands before it */

bool ask_read(struct mf_str bytes, struct ask *ask)
{
	if (bytes.n < sizeof(ask->head))
		return false;
	memcpy(&ask->head, bytes.p, sizeof(ask->head));
	ask->sizes = bytes.p + sizeof(ask->head);
	ask->end = bytes.p + bytes.n;
	if (ask->head.magic != MF_JOB_MAGIC ||
		ask->head.operands > (bytes.n - sizeof(ask->head)) / sizeof(uint64_t))
		return false;
	ask->extracts = ask->sizes + ask->head.operands * sizeof(uint64_t);
	return true;
}

uint64_t ask_size(const struct ask *ask, uint32_t operand)
{
	uint64_t size;

	memcpy(&size, ask->sizes + operand * sizeof(size), sizeof(size));
	return size;
}

uint64_t ask_bytes(const struct ask *ask)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < ask->head.operands; i++)
		sum += ask_size(ask, i);
	return sum;
}

/* What is to be seen of an operand from an offset on. */
static struct mf_str seen(const struct ask *ask, uint32_t operand, uint64_t offset)
{
	const uint8_t *p = ask->extracts;
	struct mf_str most = {p, 0};

	for (uint32_t i = 0; i < ask->head.extracts; i++) {
		struct mf_job_extract e;

		if ((size_t)(ask->end - p) < sizeof(e))
			break;
		memcpy(&e, p, sizeof(e));
		p += sizeof(e);
		if (e.bytes > (uint64_t)(ask->end - p))
			break;
		if (e.operand == operand && e.offset <= offset && offset - e.offset <= e.bytes &&
			e.bytes - (offset - e.offset) > most.n)
			most = mf_str_of(
				p + (offset - e.offset), (size_t)(e.bytes - (offset - e.offset)));
		if ((e.bytes + 7) / 8 * 8 > (uint64_t)(ask->end - p))
			break;
		p += (e.bytes + 7) / 8 * 8;
	}
	return most;
}

/* The array that begins there. */
static bool read_head(const struct ask *ask, struct call *c, const struct place *at,
	struct npy *npy, struct look *look)
{
	struct mf_str head = seen(ask, at->operand, at->offset);
	uint64_t left = ask_size(ask, at->operand) - at->offset;
	const char *text = npy_read(head, npy);

	if (text != NULL && head.n < left && head.n < HEAD_MOST) {
		*look = (struct look){at->operand, at->offset, left < HEAD_MOST ? left : HEAD_MOST};
		return false;
	}
	if (text == NULL && !operand_check(c, npy))
		return false;
	if (text == NULL && npy->bytes > left - npy->header)
		text = "it ends before its elements do, or lies in two operands";
	if (text == NULL)
		return true;
	return wrong_array(c, text, head);
}

bool ask_operands(const struct ask *ask, struct call *c, struct place place[static OPERANDS_MOST],
	struct look *look)
{
	struct place at = {0, 0};
	struct npy npy;

	for (;;) {
		while (at.operand < ask->head.operands && at.offset == ask_size(ask, at.operand))
			at = (struct place){at.operand + 1, 0};
		if (at.operand == ask->head.operands)
			break;
		if (c->operands == c->op->most)
			return wrong(c, 400, "something stands behind the last array");
		if (!read_head(ask, c, &at, &npy, look))
			return false;
		at.offset += npy.header;
		place[c->operands] = at;
		operand_add(c, &npy, NULL);
		at.offset += npy.bytes;
	}
	return operands_enough(c);
}
