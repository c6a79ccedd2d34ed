/*
 * bench/access.c - what it takes the hub to look at one request's token, with files of so many
 * tokens: the first of the file, the last, and nobody's.
 *
 * usage: access      a line for each size, in ns
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/bearers.h"
#include "sys/clock.h"
#include "sys/token.h"

#define TIMES 20000u

static char token[BEARERS_MOST][TOKEN_TEXT];

static struct access *make(unsigned count)
{
	size_t room = count * TOKEN_LINE + 1, n = 0;
	char *text = malloc(room), line[TOKEN_LINE], error[BEARERS_ERROR_MAX];
	struct access_rules rules = {0};
	struct access *access = NULL;
	uint8_t hash[TOKEN_HASH];

	for (unsigned i = 0; text && i < count; i++) {
		token_new(token[i]);
		token_hash(mf_str_of(token[i], strlen(token[i])), hash);
		token_line("somebody", hash, line);
		n += (size_t)snprintf(text + n, room - n, "%s\n", line);
	}
	if (!text || bearers_parse(&rules.tokens, "file", mf_str_of(text, n), error) < 0 ||
		access_make(&access, &rules) < 0)
		exit(1);
	bearers_drop(rules.tokens);
	free(text);
	return access;
}

static double measure(const struct access *access, const char *shown, enum access_result expected)
{
	char field[TOKEN_TEXT + 8];
	struct access_client client = {0};
	struct mf_str who;
	uint64_t begin = clock_mono_ns();

	snprintf(field, sizeof(field), "Bearer %s", shown);
	client.credentials = mf_str_of(field, strlen(field));
	for (unsigned i = 0; i < TIMES; i++)
		if (access_check(access, &client, &who) != expected)
			exit(1);
	return (double)(clock_mono_ns() - begin) / TIMES;
}

int main(void)
{
	static const unsigned sizes[] = {1, 16, 256, BEARERS_MOST};
	char nobodys[TOKEN_TEXT];

	token_new(nobodys);
	printf("%8s %10s %10s %10s\n", "tokens", "first", "last", "nobody's");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct access *access = make(sizes[i]);

		printf("%8u %7.0f ns %7.0f ns %7.0f ns\n", sizes[i],
			measure(access, token[0], ACCESS_GRANTED),
			measure(access, token[sizes[i] - 1], ACCESS_GRANTED),
			measure(access, nobodys, ACCESS_BAD_TOKEN));
		access_drop(access);
	}
	return 0;
}
