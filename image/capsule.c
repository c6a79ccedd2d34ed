/* image/capsule.c - see capsule.h. Layout: a head with the length of each part, then the parts, each
 * from a multiple of 8 on, behind zeros. */
#include "image/capsule.h"

#include <sodium/crypto_generichash.h>
#include <string.h>

#include "base/num.h"
#include "wire/effects.h"

#define ALIGN 8u
/* bits of head.flags */
#define DENIED 1u

enum part { SERVICE, RELEASE, WHY, EVENT, ANSWERS, EFFECTS, OLD_PARTS, INPUT = OLD_PARTS, PARTS };

struct head {
	uint64_t magic;
	uint32_t version;
	uint32_t bytes; /* of all of it */
	uint8_t image[32], snapshot[32];
	uint32_t result, flags;
	uint64_t queue_ns, birth_ns, run_ns, commit_ns;
	uint32_t part[OLD_PARTS];
	uint64_t input; /* the part that came later; 0: there is none */
	uint64_t reserved[3];
};
_Static_assert(sizeof(struct head) == 176, "capsule head");
_Static_assert(sizeof(struct head) % ALIGN == 0, "parts are aligned");
_Static_assert(sizeof(struct capsule_answer) == 64, "capsule answer");

static void parts_of(const struct capsule *c, const struct mf_str *part[PARTS])
{
	part[SERVICE] = &c->service;
	part[RELEASE] = &c->release;
	part[WHY] = &c->why;
	part[EVENT] = &c->event;
	part[ANSWERS] = &c->answers;
	part[EFFECTS] = &c->effects;
	part[INPUT] = &c->input;
}

size_t capsule_size(const struct capsule *capsule)
{
	const struct mf_str *part[PARTS];
	size_t n = sizeof(struct head);

	parts_of(capsule, part);
	for (unsigned i = 0; i < PARTS; i++)
		n += num_align(part[i]->n, ALIGN);
	return n;
}

size_t capsule_event_at(const struct capsule *capsule)
{
	return sizeof(struct head) + num_align(capsule->service.n, ALIGN) +
		num_align(capsule->release.n, ALIGN) + num_align(capsule->why.n, ALIGN);
}

void capsule_write(const struct capsule *capsule, uint8_t *to)
{
	struct head head = {
		.magic = CAPSULE_MAGIC,
		.version = CAPSULE_VERSION,
		.bytes = (uint32_t)capsule_size(capsule),
		.result = capsule->result,
		.flags = capsule->denied ? DENIED : 0,
		.queue_ns = capsule->times.queue_ns,
		.birth_ns = capsule->times.birth_ns,
		.run_ns = capsule->times.run_ns,
		.commit_ns = capsule->times.commit_ns,
	};
	const struct mf_str *part[PARTS];
	size_t at = sizeof(head), padded;

	memcpy(head.image, capsule->image, sizeof(head.image));
	memcpy(head.snapshot, capsule->snapshot, sizeof(head.snapshot));
	parts_of(capsule, part);
	for (unsigned i = 0; i < PARTS; i++) {
		padded = num_align(part[i]->n, ALIGN);
		if (i < OLD_PARTS)
			head.part[i] = (uint32_t)part[i]->n;
		else
			head.input = part[i]->n;
		if (part[i]->n > 0)
			memcpy(to + at, part[i]->p, part[i]->n);
		memset(to + at + part[i]->n, 0, padded - part[i]->n);
		at += padded;
	}
	memcpy(to, &head, sizeof(head));
}

/* ------------------------------------------------------------------ reading */

static const char *take_parts(struct capsule *c, const struct head *head, const uint8_t *bytes)
{
	struct mf_str *part[PARTS] = {
		&c->service, &c->release, &c->why, &c->event, &c->answers, &c->effects, &c->input};
	uint64_t at = sizeof(*head);

	for (unsigned i = 0; i < PARTS; i++) {
		const uint64_t n = i < OLD_PARTS ? head->part[i] : head->input;

		if (!num_fits(at, n, head->bytes))
			return "a part of it reaches behind its end";
		*part[i] = mf_str_of(bytes + at, (size_t)n);
		at += num_align(n, ALIGN);
	}
	return at == head->bytes ? NULL : "its parts don't fill it";
}

static bool span_inside(struct mf_span span, uint32_t bytes)
{
	return span.len == 0 ||
		(span.off >= sizeof(struct mf_event) && num_fits(span.off, span.len, bytes));
}

/* `count` records that fill the span. */
static bool records_whole(struct mf_str event, struct mf_span span, uint32_t count)
{
	uint64_t at = span.off, end = (uint64_t)span.off + span.len;
	struct mf_record r;

	for (; count > 0; count--) {
		if (!num_fits(at, sizeof(r), end))
			return false;
		memcpy(&r, event.p + at, sizeof(r));
		if (r.size % ALIGN != 0 || r.size < sizeof(r) || !num_fits(at, r.size, end) ||
			!num_fits(sizeof(r) + (uint64_t)r.name_len, r.value_len, r.size))
			return false;
		at += r.size;
	}
	return at == end || span.len == 0;
}

#define SPANS                                                                                      \
	((offsetof(struct mf_event, answer_status) - offsetof(struct mf_event, id)) /              \
		sizeof(struct mf_span))

static const char *check_event(struct mf_str event)
{
	struct mf_span span[SPANS];
	struct mf_event e;

	if (event.n < sizeof(e))
		return "its event is cut off";
	memcpy(&e, event.p, sizeof(e));
	if (e.abi != MF_ABI_VERSION)
		return "its event is of another release";
	if (e.bytes != event.n || e.source >= MF_SOURCE_COUNT)
		return "its event is malformed";
	memcpy(span, event.p + offsetof(struct mf_event, id), sizeof(span));
	for (unsigned i = 0; i < SPANS; i++)
		if (!span_inside(span[i], e.bytes))
			return "its event reaches behind its end";
	if (!records_whole(event, e.attributes, e.attributes_count) ||
		!records_whole(event, e.state, e.state_count))
		return "its event's records are malformed";
	return NULL;
}

static const char *check_answers(struct mf_str answers)
{
	struct capsule_answer a;
	uint64_t filled;

	while (answers.n > 0) {
		if (answers.n < sizeof(a))
			return "an answer in it is cut off";
		memcpy(&a, answers.p, sizeof(a));
		filled = sizeof(a) + (uint64_t)a.service_bytes + a.path_bytes + a.body_bytes;
		if (num_align(filled, ALIGN) != a.size || a.size > answers.n || a.reserved != 0)
			return "an answer in it is malformed";
		answers = mf_str_of(answers.p + a.size, answers.n - a.size);
	}
	return NULL;
}

const char *capsule_read(struct capsule *capsule, const void *bytes, size_t size)
{
	const char *wrong;
	struct head head;

	if (size < sizeof(head))
		return "it isn't a capsule";
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != CAPSULE_MAGIC)
		return "it isn't a capsule";
	if (head.version != CAPSULE_VERSION)
		return "it is a capsule of another release";
	if (head.bytes != size || head.result >= MFW_RESULTS)
		return "it is cut off, or damaged";
	*capsule = (struct capsule){
		.result = head.result,
		.denied = (head.flags & DENIED) != 0,
		.times = {head.queue_ns, head.birth_ns, head.run_ns, head.commit_ns},
	};
	memcpy(capsule->image, head.image, sizeof(head.image));
	memcpy(capsule->snapshot, head.snapshot, sizeof(head.snapshot));
	wrong = take_parts(capsule, &head, bytes);
	if (wrong == NULL)
		wrong = check_event(capsule->event);
	if (wrong == NULL && capsule->input.n > 0 &&
		capsule->input.n != capsule_event(capsule).input_bytes)
		wrong = "its input isn't as large as its event says";
	return wrong != NULL ? wrong : check_answers(capsule->answers);
}

struct mf_event capsule_event(const struct capsule *capsule)
{
	struct mf_event e;

	memcpy(&e, capsule->event.p, sizeof(e));
	return e;
}

struct mf_str capsule_text(const struct capsule *capsule, struct mf_span span)
{
	return mf_str_of(capsule->event.p + span.off, span.len);
}

/* ------------------------------------------------------------------- calls */

bool capsule_next_call(const struct capsule *capsule, size_t *at, struct capsule_call *call)
{
	struct capsule_answer a;
	const uint8_t *p;

	if (*at >= capsule->answers.n)
		return false;
	p = capsule->answers.p + *at;
	memcpy(&a, p, sizeof(a));
	p += sizeof(a);
	*call = (struct capsule_call){
		.service = mf_str_of(p, a.service_bytes),
		.path = mf_str_of(p + a.service_bytes, a.path_bytes),
		.body = mf_str_of(p + a.service_bytes + a.path_bytes, a.body_bytes),
		.status = a.status,
		.took_ns = a.took_ns,
	};
	memcpy(call->asked, a.asked, sizeof(call->asked));
	*at += a.size;
	return true;
}

size_t capsule_call_size(const struct capsule_call *call)
{
	return num_align(
		sizeof(struct capsule_answer) + call->service.n + call->path.n + call->body.n,
		ALIGN);
}

static uint8_t *append(uint8_t *to, struct mf_str s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

void capsule_call_write(const struct capsule_call *call, uint8_t *to)
{
	size_t size = capsule_call_size(call);
	struct capsule_answer a = {
		.size = (uint32_t)size,
		.status = call->status,
		.took_ns = call->took_ns,
		.service_bytes = (uint32_t)call->service.n,
		.path_bytes = (uint32_t)call->path.n,
		.body_bytes = (uint32_t)call->body.n,
	};
	uint8_t *end = to + sizeof(a);

	memcpy(a.asked, call->asked, sizeof(a.asked));
	memcpy(to, &a, sizeof(a));
	end = append(end, call->service);
	end = append(end, call->path);
	end = append(end, call->body);
	memset(end, 0, size - (size_t)(end - to));
}

static void add_piece(crypto_generichash_state *h, struct mf_str piece)
{
	uint64_t n = piece.n;

	(void)crypto_generichash_update(h, (const uint8_t *)&n, sizeof(n));
	(void)crypto_generichash_update(h, piece.p, piece.n);
}

void capsule_asked(const struct effect *call, uint8_t to[static 32])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, NULL, 0, 32);
	for (unsigned f = 0; f < MF_FIELDS; f++)
		add_piece(&h, call->field[f]);
	(void)crypto_generichash_final(&h, to, 32);
}
