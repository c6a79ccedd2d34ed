/*
 * effect: the reply.
 */
#include "libos/effect/effect.h"

#include "libos/mayfly.h"
#include "libos/place.h"

/* What mf_reply_room keeps free for a content type that mf_reply_sent may name. */
#define TYPE_ROOM 64u
/* What mf_reply_most leaves: twice the bytes that mayfly.h speaks of, for headers wait at the end
 * of the area until they are copied into the reply. */
#define HEADERS_ROOM 1024u

static struct mf_str waiting_headers(void)
{
	return mf_str_of(place_effects_end() - effect_headers, effect_headers);
}

static void reply(uint32_t status, struct mf_str type, struct mf_str body)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_REPLY,
		.status = status,
		.field = {{NULL, 0}, type, waiting_headers(), body},
	});
	effect_headers = 0;
}

void mf_reply(uint32_t status, const char *content_type, const void *body, size_t n)
{
	reply(status, effect_text(content_type), mf_str_of(body, n));
}

void mf_reply_text(const char *text)
{
	reply(200, MF_STR("text/plain"), effect_text(text));
}

void mf_reply_bytes(const void *body, size_t n)
{
	reply(200, mf_str_of(NULL, 0), mf_str_of(body, n));
}

void mf_reply_header(const char *name, const char *value)
{
	const struct mf_str part[] = {
		effect_text(name), MF_STR(": "), effect_text(value), MF_STR("\r\n")};
	struct mf_str before = waiting_headers();
	uint8_t *end = place_effects_end(), *to;
	size_t room, n = 0;

	effect_room(MF_EFFECT_REPLY, &room);
	for (size_t i = 0; i < 4; i++) {
		if (part[i].n > room - n)
			life_end(MF_OUTCOME_FULL);
		n += part[i].n;
	}
	__builtin_memmove(end - n - before.n, before.p, before.n);
	to = end - n;
	for (size_t i = 0; i < 4; i++)
		to = effect_put(to, part[i]);
	effect_headers += (uint32_t)n;
}

uint8_t *mf_output(size_t *capacity)
{
	*capacity = place_in_init() ? 0 : place_info()->output_bytes;
	return *capacity > 0 ? (uint8_t *)MF_ADDR_OUTPUT : NULL;
}

void mf_reply_output(uint32_t status, const char *content_type, size_t n)
{
	if (n > place_info()->output_bytes)
		life_end(MF_OUTCOME_FULL);
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_REPLY,
		.flags = MF_EFFECT_BLOB,
		.status = status,
		.value = n,
		.field = {{NULL, 0}, effect_text(content_type), waiting_headers(), {NULL, 0}},
	});
	effect_headers = 0;
}

size_t mf_reply_most(void)
{
	return place_info()->effects_bytes - sizeof(struct mf_effects) - sizeof(struct mf_effect) -
		HEADERS_ROOM;
}

uint8_t *mf_reply_room(size_t *n)
{
	size_t room, kept = TYPE_ROOM + effect_headers;
	uint8_t *body = effect_room(MF_EFFECT_REPLY, &room);

	room = room > kept ? room - kept : 0;
	if (*n > room)
		*n = room;
	return body;
}

/* The body stands where the fields begin; type and headers come before it. */
void mf_reply_sent(uint32_t status, const char *content_type, size_t n)
{
	struct mf_str type = effect_text(content_type), headers = waiting_headers();
	size_t room, before = type.n + headers.n;
	uint8_t *to = effect_room(MF_EFFECT_REPLY, &room);

	if (before > room || n > room - before)
		life_end(MF_OUTCOME_FULL);
	if (before > 0) {
		__builtin_memmove(to + before, to, n);
		effect_put(effect_put(to, type), headers);
	}
	effect_headers = 0;
	effect_seal(&(struct effect_order){
		.kind = MF_EFFECT_REPLY,
		.status = status,
		.field = {{NULL, 0}, type, headers, {NULL, n}},
	});
}
