/* hub/emit_keys.c - see emit_keys.h */
#include "hub/emit_keys.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/coap/psk.h"
#include "hub/lines.h"
#include "hub/web/url.h"
#include "sys/net.h"
#include "sys/secret.h"

#define FILE_MOST (EMIT_KEYS_MOST * 1024u)
#define COAPS     "coaps://"
#define PORT      ":5684"

_Static_assert(EMIT_KEYS_ERROR_MAX >= SECRET_ERROR_MAX, "room for what is wrong with the file");

struct entry {
	struct entry *next;
	struct net_address device; /* coaps; size 0: any */
	bool psk;
	struct mf_str url, token; /* else */
	struct psk_pair pair;
	size_t size;
	uint8_t bytes[]; /* url, token */
};

struct emit_keys {
	struct entry *first;
	unsigned count;
};

/* ---------------------------------------------------------------------- a line */

static const char *take_device(struct entry *e, struct mf_str host)
{
	char text[NET_TEXT + sizeof(PORT)];

	if (mf_str_is(host, "+"))
		return NULL;
	if (host.n < NET_TEXT) {
		memcpy(text, host.p, host.n);
		text[host.n] = '\0';
		if (net_parse(&e->device, text) == 0)
			return NULL;
		memcpy(text + host.n, PORT, sizeof(PORT));
		if (net_parse(&e->device, text) == 0)
			return NULL;
	}
	return "the device is no number, as in coaps://192.0.2.7, coaps://[2001:db8::7]:5684 or "
	       "coaps://+";
}

static const char *take_psk(struct entry *e, struct mf_str host, struct mf_str line)
{
	const char *wrong = take_device(e, host);

	e->psk = true;
	return wrong ? wrong : psk_take(&e->pair, line);
}

/* RFC 6750, 2.1: what a header line may hold. */
static const char *take_token(struct entry *e, struct mf_str url, struct mf_str line)
{
	struct mf_str token = lines_word(&line);
	struct url parts;
	const char *wrong = url_parse(url, &parts);

	if (wrong)
		return wrong;
	if (!parts.tls)
		return "a token is shown to https:// only: others could read it on its way";
	if (token.n == 0 || lines_word(&line).n > 0)
		return "write it as https://HOST/PATH TOKEN";
	if (token.n > EMIT_KEYS_TOKEN)
		return "the token has more than 1024 bytes";
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] < 0x21 || token.p[i] > 0x7e)
			return "the token has a byte that is no visible ASCII";
	memcpy(e->bytes, url.p, url.n);
	memcpy(e->bytes + url.n, token.p, token.n);
	e->url = mf_str_of(e->bytes, url.n);
	e->token = mf_str_of(e->bytes + url.n, token.n);
	return NULL;
}

static const char *take(struct entry *e, struct mf_str line)
{
	const size_t n = sizeof(COAPS) - 1;
	struct mf_str address = lines_word(&line);

	if (address.n >= n && memcmp(address.p, COAPS, n) == 0)
		return take_psk(e, mf_str_of(address.p + n, address.n - n), line);
	return take_token(e, address, line);
}

static void drop(struct entry *e)
{
	sodium_memzero(e, sizeof(*e) + e->size);
	free(e);
}

static const char *add(void *context, struct mf_str line)
{
	struct emit_keys *keys = context;
	struct entry *e = keys->count < EMIT_KEYS_MOST ? calloc(1, sizeof(*e) + line.n) : NULL;
	const char *wrong = "there are more than 4096 lines, or there is no memory";

	if (e) {
		e->size = line.n;
		wrong = take(e, line);
	}
	if (wrong) {
		if (e)
			drop(e);
		return wrong;
	}
	e->next = keys->first;
	keys->first = e;
	keys->count++;
	return NULL;
}

/* ------------------------------------------------------------------------ file */

int emit_keys_parse(struct emit_keys **out, const char *path, struct mf_str text,
	char error[static EMIT_KEYS_ERROR_MAX])
{
	struct emit_keys *keys = calloc(1, sizeof(*keys));
	int err;

	if (!keys) {
		snprintf(error, EMIT_KEYS_ERROR_MAX, "keys \"%.200s\": no memory", path);
		return -ENOMEM;
	}
	err = secret_lines("keys", path, text, add, keys,
		"there is no line in it: https://HOST/PATH TOKEN, or coaps://HOST IDENTITY KEY",
		error);
	if (err < 0)
		emit_keys_close(keys);
	else
		*out = keys;
	return err;
}

int emit_keys_read(
	struct emit_keys **keys, const char *path, char error[static EMIT_KEYS_ERROR_MAX])
{
	char *text;
	size_t n;
	int err = secret_read("keys", path, FILE_MOST, &text, &n, error);

	if (err < 0)
		return err;
	err = emit_keys_parse(keys, path, mf_str_of(text, n), error);
	secret_free(text, n);
	return err;
}

void emit_keys_close(struct emit_keys *keys)
{
	if (!keys)
		return;
	for (struct entry *e = keys->first, *next; e; e = next) {
		next = e->next;
		drop(e);
	}
	free(keys);
}

/* ------------------------------------------------------------------------ find */

/* Does the URL lie at, or below, this one? "https://a/b" isn't below "https://a/bc", nor "https://a.b/" below
 * "https://a". */
static bool is_below(struct mf_str url, struct mf_str top)
{
	if (url.n < top.n || memcmp(url.p, top.p, top.n) != 0)
		return false;
	return url.n == top.n || top.p[top.n - 1] == '/' || url.p[top.n] == '/' ||
		url.p[top.n] == '?';
}

bool emit_keys_token(const struct emit_keys *keys, struct mf_str url, struct mf_str *token)
{
	const struct entry *best = NULL;

	for (const struct entry *e = keys ? keys->first : NULL; e; e = e->next)
		if (!e->psk && is_below(url, e->url) && (!best || e->url.n > best->url.n))
			best = e;
	if (best)
		*token = best->token;
	return best != NULL;
}

bool emit_keys_psk(const struct emit_keys *keys, const struct net_address *device,
	struct mf_str *identity, struct mf_str *key)
{
	const struct entry *best = NULL;

	for (const struct entry *e = keys ? keys->first : NULL; e; e = e->next) {
		if (!e->psk)
			continue;
		if (e->device.size > 0 && net_same(&e->device, device)) {
			best = e;
			break;
		}
		if (e->device.size == 0)
			best = e;
	}
	if (!best)
		return false;
	*identity = mf_str_of(best->pair.identity, best->pair.identity_n);
	*key = mf_str_of(best->pair.key, best->pair.key_n);
	return true;
}
