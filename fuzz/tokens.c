/*
 * fuzz/tokens.c - who may ask: a file of bearer tokens as an operator has it, an Authorization header as
 * anybody sends it, and names of clients against patterns. Only the token whose hash stands there is
 * let in.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/lib/fuzz.h"
#include "hub/http/access.h"
#include "hub/http/bearers.h"
#include "sys/token.h"

static const char good[] = "mft_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
static struct bearers *ours;
static struct access *access_to_it;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct access_rules rules = {0};
	char line[TOKEN_LINE], error[BEARERS_ERROR_MAX];
	uint8_t hash[TOKEN_HASH];

	(void)argc, (void)argv;
	token_hash(mf_str_of(good, strlen(good)), hash);
	token_line("lamp", hash, line);
	MUST(bearers_parse(&ours, "tokens", mf_str_of(line, strlen(line)), error) == 0);
	rules.tokens = ours;
	MUST(access_make(&access_to_it, &rules) == 0);
	return 0;
}

/* A file: refused with a line's number, or none of its hashes lets an empty or odd token in. */
static void try_file(struct mf_str text)
{
	char error[BEARERS_ERROR_MAX] = "";
	struct bearers *b = NULL;
	const char *name;

	if (bearers_parse(&b, "some/tokens", text, error) < 0) {
		MUST(b == NULL && strncmp(error, "tokens \"some/tokens\":", 21) == 0);
		return;
	}
	MUST(bearers_find(b, MF_STR("")) == NULL);
	name = bearers_find(b, mf_str_of(good, strlen(good)));
	if (name)
		MUST(token_is_name(mf_str_of(name, strlen(name))));
	bearers_drop(b);
}

/* A line that is read is written the same. */
static void try_line(struct mf_str text)
{
	uint8_t hash[TOKEN_HASH];
	char line[TOKEN_LINE], name_text[TOKEN_NAME + 1];
	struct mf_str name, again;
	uint8_t hash_again[TOKEN_HASH];

	if (token_read_line(text, &name, hash) != NULL)
		return;
	MUST(token_is_name(name) && name.n <= TOKEN_NAME);
	memcpy(name_text, name.p, name.n);
	name_text[name.n] = '\0';
	token_line(name_text, hash, line);
	MUST(token_read_line(mf_str_of(line, strlen(line)), &again, hash_again) == NULL);
	MUST(mf_str_eq(again, name) && memcmp(hash, hash_again, sizeof(hash)) == 0);
}

static void try_header(struct mf_str text)
{
	struct access_client client = {.credentials = text};
	struct mf_str who;
	bool right = text.n > strlen(good) &&
		memcmp(text.p + text.n - strlen(good), good, strlen(good)) == 0;

	if (access_check(access_to_it, &client, &who) == ACCESS_GRANTED)
		MUST(right && mf_str_is(who, "token:lamp"));
	client.several = true;
	MUST(access_check(access_to_it, &client, &who) != ACCESS_GRANTED);
}

static char *text_of(struct mf_str s)
{
	char *text = calloc(1, s.n + 1);

	MUST(text != NULL);
	for (size_t i = 0; i < s.n; i++)
		text[i] = s.p[i] ? (char)s.p[i] : 'x';
	return text;
}

static void try_pattern(struct feed *feed)
{
	char *pattern = text_of(feed_some(feed, 80)), *name = text_of(feed_some(feed, 300));
	const char *star = strchr(pattern, '*'), *colon = strchr(name, ':');

	if (access_pattern_wrong(pattern) == NULL) {
		bool fits = access_pattern_fits(pattern, name);

		if (!star && strchr(pattern, ':') && fits)
			MUST(strcmp(pattern, name) == 0 ||
				(colon && strcmp(pattern, colon + 1) == 0));
	}
	free(pattern);
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	unsigned what = feed_below(&feed, 4);
	uint8_t *bytes = fuzz_copy(feed.p, feed.n);
	struct mf_str text = mf_str_of(bytes, feed.n);

	switch (what) {
	case 0: try_file(text); break;
	case 1: try_line(text); break;
	case 2: try_header(text); break;
	default: try_pattern(&feed); break;
	}
	free(bytes);
	return 0;
}
