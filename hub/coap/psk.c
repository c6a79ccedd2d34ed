/* hub/coap/psk.c - see psk.h */
#include "hub/coap/psk.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/lines.h"
#include "sys/secret.h"

#define FILE_MOST (PSK_MOST * 256u)
#define HEX       "hex:"

_Static_assert(PSK_ERROR_MAX >= SECRET_ERROR_MAX, "room for what is wrong with the file");

struct psk {
	struct psk_pair *pair;
	unsigned count;
};

static const char *take_key(struct mf_str text, uint8_t to[static PSK_KEY_MAX], uint8_t *key_n)
{
	const size_t n = sizeof(HEX) - 1;
	size_t bytes = 0;
	const char *end;

	if (text.n >= n && memcmp(text.p, HEX, n) == 0) {
		if (sodium_hex2bin(to, PSK_KEY_MAX, (const char *)text.p + n, text.n - n, NULL,
			    &bytes, &end) != 0 ||
			end != (const char *)text.p + text.n)
			return "what stands behind 'hex:' is no key: pairs of hexadecimal digits, "
			       "of at most 64 bytes";
	} else if (text.n <= PSK_KEY_MAX) {
		memcpy(to, text.p, text.n);
		bytes = text.n;
	} else {
		return "the key has more than 64 bytes";
	}
	*key_n = (uint8_t)bytes;
	return bytes < PSK_KEY_MIN ? "the key has less than 8 bytes" : NULL;
}

static const char *wrong_identity(struct mf_str identity)
{
	if (identity.n > PSK_IDENTITY_MAX)
		return "the identity has more than 64 bytes";
	for (size_t i = 0; i < identity.n; i++)
		if (identity.p[i] < 0x21 || identity.p[i] > 0x7e)
			return "the identity has a byte that is no visible ASCII";
	return NULL;
}

const char *psk_take(struct psk_pair *pair, struct mf_str line)
{
	struct mf_str identity = lines_word(&line), key = lines_word(&line);
	const char *wrong = wrong_identity(identity);

	if (wrong)
		return wrong;
	if (key.n == 0)
		return "a key is missing: write it as IDENTITY KEY";
	if (lines_word(&line).n > 0)
		return "more than IDENTITY KEY stands there";
	memcpy(pair->identity, identity.p, identity.n);
	pair->identity_n = (uint8_t)identity.n;
	return take_key(key, pair->key, &pair->key_n);
}

static const char *add(void *context, struct mf_str line)
{
	struct psk *psk = context;
	struct psk_pair e = {0}, *more;
	struct mf_str there;
	const char *wrong = psk_take(&e, line);

	if (!wrong && psk_find(psk, mf_str_of(e.identity, e.identity_n), &there))
		wrong = "this identity stands there already";
	if (!wrong && psk->count == PSK_MOST)
		wrong = "there are more than 4096 keys";
	more = wrong ? NULL : reallocarray(psk->pair, psk->count + 1, sizeof(*more));
	if (more) {
		psk->pair = more;
		psk->pair[psk->count++] = e;
	}
	sodium_memzero(&e, sizeof(e));
	return more || wrong ? wrong : "no memory";
}

int psk_parse(
	struct psk **psk, const char *path, struct mf_str text, char error[static PSK_ERROR_MAX])
{
	struct psk *p = calloc(1, sizeof(*p));
	int err;

	if (!p) {
		snprintf(error, PSK_ERROR_MAX, "psk \"%.200s\": no memory", path);
		return -ENOMEM;
	}
	err = secret_lines("psk", path, text, add, p,
		"there is no key in it: a line each, IDENTITY KEY", error);
	if (err < 0)
		psk_close(p);
	else
		*psk = p;
	return err;
}

int psk_read(struct psk **psk, const char *path, char error[static PSK_ERROR_MAX])
{
	char *text;
	size_t n;
	int err = secret_read("psk", path, FILE_MOST, &text, &n, error);

	if (err < 0)
		return err;
	err = psk_parse(psk, path, mf_str_of(text, n), error);
	secret_free(text, n);
	return err;
}

void psk_close(struct psk *psk)
{
	if (!psk)
		return;
	if (psk->pair)
		sodium_memzero(psk->pair, psk->count * sizeof(*psk->pair));
	free(psk->pair);
	free(psk);
}

/* An identity is no secret: it crosses the network in the clear. */
bool psk_find(const struct psk *psk, struct mf_str identity, struct mf_str *key)
{
	for (unsigned i = 0; i < psk->count; i++) {
		const struct psk_pair *e = &psk->pair[i];

		if (e->identity_n != identity.n || memcmp(e->identity, identity.p, identity.n) != 0)
			continue;
		*key = mf_str_of(e->key, e->key_n);
		return true;
	}
	return false;
}
