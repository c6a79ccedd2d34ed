/*
 * fuzz/sign.c - signatures, public and secret keys, as files that somebody sends and as trailers of
 * images. No change of a signed image, of its signature or of its comment is ever right.
 */
/* libfuzzer: -max_len=4096 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "image/secret.h"
#include "image/sign.h"
#include "image/signature.h"

static struct secret_key secret;
static struct sign_key key;
static struct signature right;
static const char content[] = "what is signed";

/* The same keys each time, so that seeds can hold signatures that are right. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = "a fuzzer's seed, known to all";

	(void)argc, (void)argv;
	MUST(sodium_init() >= 0);
	MUST(crypto_sign_seed_keypair(key.bytes, secret.bytes, seed) == 0);
	memcpy(key.id, "fuzzing!", 8);
	memcpy(secret.id, "fuzzing!", 8);
	signature_claim(&right, "service", 7);
	MUST(secret_sign(&secret, content, sizeof(content), &right) == 0);
	MUST(sign_check(&key, &right, content, sizeof(content)) == SIGN_GOOD);
	return 0;
}

/* Any text: what is read of it is written the one way, and read again is the same. */
static void try_text(const uint8_t *p, size_t n)
{
	char error[SIGNATURE_ERROR_MAX] = "", text[MFI_SIGNATURE_MAX];
	struct signature s, again;
	size_t size;

	if (signature_parse(p, n, &s, error) < 0) {
		MUST(error[0] != '\0');
		return;
	}
	MUST(strlen(s.comment) <= SIGNATURE_COMMENT_MAX && s.counter <= INT64_MAX);
	size = signature_write(&s, text);
	MUST(size < MFI_SIGNATURE_MAX && size == strlen(text));
	MUST(signature_parse((uint8_t *)text, size, &again, error) == 0);
	MUST(memcmp(&again, &s, sizeof(s)) == 0);
	if (sign_check(&key, &s, content, sizeof(content)) == SIGN_GOOD) {
		MUST(memcmp(s.bytes, right.bytes, 64) == 0);
		MUST(strcmp(s.comment, right.comment) == 0);
	}
}

static void try_key(const uint8_t *p, size_t n)
{
	char error[SIGNATURE_ERROR_MAX] = "", text[SIGN_KEY_TEXT];
	struct secret_key s;
	struct sign_key k, again;

	if (sign_key_parse((const char *)p, n, &k, error) == 0) {
		sign_key_text(&k, text);
		MUST(sign_key_is_text(text));
		MUST(sign_key_parse(text, strlen(text), &again, error) == 0);
		MUST(memcmp(&again, &k, sizeof(k)) == 0);
		(void)sign_check(&k, &right, content, sizeof(content));
	} else {
		MUST(error[0] != '\0');
	}
	/* without a password: what that costs is libsodium's */
	if (secret_parse((const char *)p, n, NULL, &s, error) == 0)
		secret_wipe(&s);
}

/* One thing changed: nothing of it may pass. */
static void try_change(struct feed *feed)
{
	struct signature s = right;
	uint8_t changed[sizeof(content)], bit = (uint8_t)(1u << feed_below(feed, 8));
	size_t at = feed_16(feed);
	struct mf_str comment;

	memcpy(changed, content, sizeof(content));
	switch (feed_below(feed, 4)) {
	case 0: s.bytes[at % 64] ^= bit; break;
	case 1: s.global[at % 64] ^= bit; break;
	case 2: changed[at % sizeof(changed)] ^= bit; break;
	default:
		comment = feed_some(feed, SIGNATURE_COMMENT_MAX);
		memcpy(s.comment, comment.n > 0 ? comment.p : (const uint8_t *)"", comment.n);
		s.comment[comment.n] = '\0';
		if (strcmp(s.comment, right.comment) == 0)
			return;
	}
	MUST(sign_check(&key, &s, changed, sizeof(changed)) != SIGN_GOOD);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	unsigned what = feed_below(&feed, 8);
	uint8_t *bytes = fuzz_copy(feed.p, feed.n);

	if (what == 0)
		try_change(&feed);
	else if (what < 3)
		try_key(bytes, feed.n);
	else
		try_text(bytes, feed.n);
	free(bytes);
	return 0;
}
