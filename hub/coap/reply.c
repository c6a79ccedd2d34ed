/* hub/coap/reply.c - what a service replied, as a message; and what of it fits into one. */
#include <string.h>

#include "hub/coap/listener.h"
#include "hub/coap/speech.h"
#include "hub/hub.h"

/* ---------------------------------------------------------------------- replies */

/* "max-age=N" of a Cache-Control line among a reply's header lines; they were checked. */
static void put_max_age(struct coap_message *answer, struct mf_str headers)
{
	static const char name[] = "cache-control:", directive[] = "max-age=";
	size_t i = 0, line = 0;
	uint32_t age = 0;
	bool digits = false;

	for (i = 0; i + sizeof(name) - 1 <= headers.n; i++) {
		size_t n = 0;

		if (i > 0 && headers.p[i - 1] != '\n')
			continue;
		while (n < sizeof(name) - 1 && mf_lower(headers.p[i + n]) == (uint8_t)name[n])
			n++;
		if (n == sizeof(name) - 1)
			line = i + n;
	}
	for (i = line; line > 0 && i + sizeof(directive) - 1 < headers.n; i++) {
		if (headers.p[i] == '\n')
			return;
		if (memcmp(headers.p + i, directive, sizeof(directive) - 1) == 0)
			break;
	}
	if (line == 0)
		return;
	for (i += sizeof(directive) - 1;
		i < headers.n && headers.p[i] >= '0' && headers.p[i] <= '9' && age < 100000000;
		i++) {
		age = age * 10 + (headers.p[i] - '0');
		digits = true;
	}
	if (digits) {
		answer->given |= HAS_MAX_AGE;
		answer->max_age = age;
	}
}

void coap_reply(struct coap_message *answer, uint8_t method, const struct reply *reply)
{
	const unsigned status = reply ? reply->status : 204;
	int format;

	*answer = (struct coap_message){.code = speech_code(status, method)};
	if (!reply)
		return;
	answer->payload = reply->body;
	format = reply->content_type.n > 0 ? speech_format(reply->content_type) : -1;
	if (format >= 0 && reply->body.n > 0) {
		answer->given |= HAS_FORMAT;
		answer->format = (uint32_t)format;
	}
	put_max_age(answer, reply->headers);
}

/* ---------------------------------------------------------------------- blocks */

uint64_t coap_body_key(const struct in_coap *in, const struct engine_peer *peer, uint8_t method,
	struct mf_str path, struct mf_str query)
{
	struct {
		uint64_t path, query;
		uint32_t session, method;
		struct net_address from;
	} plain;
	uint64_t key;

	memset(&plain, 0, sizeof(plain));
	engine_address(in->engine, peer, &plain.from);
	plain.session = engine_session(in->engine, peer);
	plain.method = method;
	crypto_shorthash((uint8_t *)&plain.path, path.p, path.n, in->seed);
	crypto_shorthash((uint8_t *)&plain.query, query.p, query.n, in->seed);
	crypto_shorthash((uint8_t *)&key, (const uint8_t *)&plain, sizeof(plain), in->seed);
	return key;
}

void coap_cut(struct in_coap *in, struct engine_peer *peer, uint64_t key,
	struct coap_message *answer, uint8_t szx)
{
	size_t room = engine_room(in->engine, peer);

	while (szx > 0 && BLOCK_SIZE(szx) > room)
		szx--;
	if (answer->payload.n <= BLOCK_SIZE(szx))
		return;
	bodies_keep(in->bodies, key, answer, loop_now(in->input.hub->loop));
	(void)bodies_cut(answer, 0, szx);
}
