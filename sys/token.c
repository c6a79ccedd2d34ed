/* sys/token.c - see token.h */
#include "sys/token.h"

#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>

#include "sys/random.h"

#define RANDOM 32u

static const char start[] = "mft_";
static const char kind[] = "sha256:";

_Static_assert(TOKEN_TEXT >= sizeof(start) + (RANDOM * 4 + 2) / 3 + 1, "room for a token");
_Static_assert(TOKEN_LINE >= TOKEN_NAME + 1 + sizeof(kind) + 2 * TOKEN_HASH + 1, "room for a line");

void token_new(char to[static TOKEN_TEXT])
{
	uint8_t random[RANDOM];

	random_bytes(random, sizeof(random));
	memcpy(to, start, sizeof(start) - 1);
	sodium_bin2base64(to + sizeof(start) - 1, TOKEN_TEXT - sizeof(start) + 1, random,
		sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	explicit_bzero(random, sizeof(random));
}

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool token_is_one(struct mf_str text)
{
	size_t n = text.n;

	if (n > TOKEN_MOST)
		return false;
	while (n > 0 && text.p[n - 1] == '=')
		n--;
	if (n < TOKEN_LEAST)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_letter(text.p[i]) && !(text.p[i] && strchr("-._~+/", text.p[i])))
			return false;
	return true;
}

void token_hash(struct mf_str text, uint8_t hash[static TOKEN_HASH])
{
	crypto_hash_sha256(hash, text.p, text.n);
}

bool token_is_name(struct mf_str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_letter(name.p[i]) && !(name.p[i] && strchr("-_.@", name.p[i])))
			return false;
	return name.n > 0 && name.n <= TOKEN_NAME;
}

void token_line(const char *name, const uint8_t hash[static TOKEN_HASH], char to[static TOKEN_LINE])
{
	char hex[2 * TOKEN_HASH + 1];

	sodium_bin2hex(hex, sizeof(hex), hash, TOKEN_HASH);
	snprintf(to, TOKEN_LINE, "%s %s%s", name, kind, hex);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word; *line is what follows it. */
static struct mf_str word(struct mf_str *line)
{
	size_t from = 0, to;
	struct mf_str found;

	while (from < line->n && is_blank(line->p[from]))
		from++;
	for (to = from; to < line->n && !is_blank(line->p[to]);)
		to++;
	found = mf_str_of(line->p + from, to - from);
	*line = mf_str_of(line->p + to, line->n - to);
	return found;
}

const char *token_read_line(
	struct mf_str line, struct mf_str *name, uint8_t hash[static TOKEN_HASH])
{
	static const size_t n = sizeof(kind) - 1;
	struct mf_str text;
	size_t used;

	*name = word(&line);
	text = word(&line);
	if (!token_is_name(*name))
		return "its name has something else than letters, digits and '-_.@', or more than "
		       "63 of them";
	if (text.n < n || memcmp(text.p, kind, n) != 0)
		return "behind the name there is no 'sha256:': only hashes stand here, which "
		       "mayfly "
		       "token makes";
	if (text.n != n + 2 * TOKEN_HASH ||
		sodium_hex2bin(hash, TOKEN_HASH, (const char *)text.p + n, text.n - n, NULL, &used,
			NULL) != 0 ||
		used != TOKEN_HASH)
		return "behind 'sha256:' there are no 64 hexadecimal digits";
	if (word(&line).n > 0)
		return "something stands behind the hash";
	return NULL;
}
