/*
 * styles.c - how GitHub, Stripe and Standard Webhooks sign a delivery: HMAC-SHA-256 over the
 * body, the latter two with a time (and a name) before it.
 *
 * A signature is compared in constant time, with every key, whether one fitted already or not.
 */
#include "hook.h"

#include "base/num.h"
#include "wire/base64.h"
#include "wire/http_text.h"

#define SIGNATURES_MAX 8u /* of one delivery: whoever changes keys sends two */

struct signatures {
	size_t n;
	uint8_t mac[SIGNATURES_MAX][SHA256_BYTES];
};

/* Has one of our keys made one of the signatures, over these pieces, one after another? */
static bool made_by_us(const struct hook *hook, const struct signatures *given,
	const struct mf_str *piece, size_t pieces)
{
	bool fits = false;

	for (size_t k = 0; k < hook->keys; k++) {
		struct sha256 message = hook->key[k].inner;
		uint8_t mac[SHA256_BYTES];

		for (size_t i = 0; i < pieces; i++)
			sha256_add(&message, piece[i].p, piece[i].n);
		hmac_end(&hook->key[k], &message, mac);
		for (size_t i = 0; i < given->n; i++)
			fits |= sha256_same(mac, given->mac[i]);
	}
	return fits;
}

static bool starts(struct mf_str s, struct mf_str with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static struct mf_str behind(struct mf_str s, size_t n)
{
	return mf_str_of(s.p + n, s.n - n);
}

/* Is the time of the delivery, in seconds, near the event's? */
static enum verdict in_time(const struct hook *hook, uint64_t then)
{
	uint64_t now = (uint64_t)mf_time_ns() / 1000000000;

	return (now > then ? now - then : then - now) > hook->tolerance_s ? VERDICT_STALE
									  : VERDICT_SIGNED;
}

/* X-Hub-Signature-256: sha256=HEX, over the body. */
static enum verdict check_github(const struct hook *hook, const struct mf_event *ev)
{
	struct mf_str text = mf_attribute(ev, "X-Hub-Signature-256"), prefix = MF_STR("sha256=");
	struct mf_str body = mf_payload(ev);
	struct signatures given = {.n = 1};

	if (!text.p)
		return VERDICT_MISSING;
	if (!starts(text, prefix) || !http_hex(behind(text, prefix.n), given.mac[0], SHA256_BYTES))
		return VERDICT_MALFORMED;
	return made_by_us(hook, &given, &body, 1) ? VERDICT_SIGNED : VERDICT_FORGED;
}

/* One "t=SECONDS" and at least one "v1=HEX"; other schemes are not looked at. */
static bool read_stripe(struct mf_str text, struct mf_str *time, struct signatures *given)
{
	struct mf_str item;

	while (http_list_next(&text, &item)) {
		if (starts(item, MF_STR("t="))) {
			if (time->p)
				return false;
			*time = behind(item, 2);
		} else if (starts(item, MF_STR("v1="))) {
			if (given->n == SIGNATURES_MAX ||
				!http_hex(behind(item, 3), given->mac[given->n++], SHA256_BYTES))
				return false;
		}
	}
	return time->p && given->n > 0;
}

/* Stripe-Signature: t=SECONDS,v1=HEX, over the time as it stands there, a dot and the body. */
static enum verdict check_stripe(const struct hook *hook, const struct mf_event *ev)
{
	struct mf_str text = mf_attribute(ev, "Stripe-Signature"), time = {0};
	struct signatures given = {0};
	uint64_t then;

	if (!text.p)
		return VERDICT_MISSING;
	if (!read_stripe(text, &time, &given) || !num_parse(time, &then))
		return VERDICT_MALFORMED;
	if (!made_by_us(hook, &given, (struct mf_str[]){time, MF_STR("."), mf_payload(ev)}, 3))
		return VERDICT_FORGED;
	return in_time(hook, then);
}

/* "v1,BASE64 v1,BASE64"; other schemes are not looked at. */
static bool read_standard(struct mf_str text, struct signatures *given)
{
	while (text.n > 0) {
		uint8_t bytes[BASE64_ROOM(44)];
		struct mf_str item = text;
		size_t n;

		for (item.n = 0; item.n < text.n && text.p[item.n] != ' ';)
			item.n++;
		text = behind(text, item.n + (item.n < text.n));
		if (!starts(item, MF_STR("v1,")))
			continue;
		item = behind(item, 3);
		if (item.n != 44 || !base64_read(item, bytes, &n) || n != SHA256_BYTES ||
			given->n == SIGNATURES_MAX)
			return false;
		memcpy(given->mac[given->n++], bytes, SHA256_BYTES);
	}
	return given->n > 0;
}

/* With a dot in the id one signature would do for several deliveries, of which each cuts the same
 * text into other pieces; the standard tells senders not to. */
static bool is_id(struct mf_str id)
{
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] == '.')
			return false;
	return id.n > 0;
}

/* Webhook-Signature, over Webhook-Id, Webhook-Timestamp and the body, with dots between. */
static enum verdict check_standard(const struct hook *hook, const struct mf_event *ev)
{
	struct mf_str text = mf_attribute(ev, "Webhook-Signature");
	struct mf_str id = mf_attribute(ev, "Webhook-Id");
	struct mf_str time = mf_attribute(ev, "Webhook-Timestamp");
	struct mf_str dot = MF_STR(".");
	struct signatures given = {0};
	uint64_t then;

	if (!text.p)
		return VERDICT_MISSING;
	if (!is_id(id) || !num_parse(time, &then) || !read_standard(text, &given))
		return VERDICT_MALFORMED;
	if (!made_by_us(hook, &given, (struct mf_str[]){id, dot, time, dot, mf_payload(ev)}, 5))
		return VERDICT_FORGED;
	return in_time(hook, then);
}

const struct hook_style hook_styles[] = {
	{"github", "X-GitHub-Delivery", "X-GitHub-Event", false, check_github},
	{"stripe", NULL, NULL, false, check_stripe},
	{"standard", "Webhook-Id", NULL, true, check_standard},
	{NULL, NULL, NULL, false, NULL},
};
