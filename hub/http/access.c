/* hub/http/access.c - see access.h */
#include "hub/http/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/http/bearers.h"
#include "hub/http/token.h"
#include "sys/log.h"
#include "sys/token.h"

const char *const access_result_names[ACCESS_RESULTS] = {
	[ACCESS_GRANTED] = "granted",
	[ACCESS_NO_TOKEN] = "no_token",
	[ACCESS_BAD_TOKEN] = "bad_token",
	[ACCESS_MALFORMED] = "malformed",
	[ACCESS_NO_CERTIFICATE] = "no_certificate",
	[ACCESS_OLD_CERTIFICATE] = "old_certificate",
	[ACCESS_NOT_NAMED] = "not_named",
	[ACCESS_BAD_CERTIFICATE] = "bad_certificate",
	[ACCESS_NOT_OURS] = "not_ours",
};

struct access {
	unsigned holds;
	struct bearers *tokens; /* NULL: none is needed */
	bool certificate;
	unsigned clients_count;
	char *clients[];
};

/* ------------------------------------------------------------------ patterns */

const char *access_pattern_wrong(const char *pattern)
{
	const char *star = strchr(pattern, '*');

	if (strlen(pattern) >= ACCESS_NAME)
		return "is longer than any name";
	if (star && strchr(star + 1, '*'))
		return "has more than one '*'";
	return NULL;
}

static const char *behind_kind(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon ? colon + 1 : name;
}

static bool has_kind(const char *pattern)
{
	static const char *const kinds[] = {"token:", "dns:", "email:", "uri:", "cn:"};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(pattern, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

bool access_pattern_fits(const char *pattern, const char *name)
{
	const char *star = strchr(pattern, '*'), *end;
	size_t before, behind, n;

	if (!has_kind(pattern))
		name = behind_kind(name);
	if (!star)
		return strcmp(pattern, name) == 0;
	if (strcmp(pattern, "*") == 0)
		return true;
	before = (size_t)(star - pattern);
	behind = strlen(star + 1);
	n = strlen(name);
	if (n < before + behind + 1 || strncmp(name, pattern, before) != 0 ||
		strcmp(name + n - behind, star + 1) != 0)
		return false;
	end = name + n - behind;
	return name + before + strcspn(name + before, "./@") >= end;
}

/* -------------------------------------------------------------------- rules */

int access_make(struct access **access, const struct access_rules *rules)
{
	struct access *a = calloc(1, sizeof(*a) + rules->clients_count * sizeof(char *));

	if (!a)
		return -ENOMEM;
	a->holds = 1;
	a->certificate = rules->certificate;
	for (unsigned i = 0; i < rules->clients_count; i++) {
		a->clients[i] = strdup(rules->clients[i]);
		a->clients_count++;
		if (!a->clients[i]) {
			access_drop(a);
			return -ENOMEM;
		}
	}
	if (rules->tokens)
		a->tokens = bearers_hold(rules->tokens);
	*access = a;
	return 0;
}

struct access *access_hold(struct access *access)
{
	if (access)
		access->holds++;
	return access;
}

void access_drop(struct access *access)
{
	if (!access || --access->holds > 0)
		return;
	for (unsigned i = 0; i < access->clients_count; i++)
		free(access->clients[i]);
	bearers_drop(access->tokens);
	free(access);
}

bool access_has_tokens(const struct access *access)
{
	return access && access->tokens;
}

/* -------------------------------------------------------------------- check */

/* "Bearer TOKEN" (RFC 6750, 2.1); other schemes are none of ours. */
static enum access_result take_token(const struct access_client *client, struct mf_str *token)
{
	static const size_t n = sizeof("bearer") - 1;
	struct mf_str text = client->credentials;
	size_t from = n;

	if (!text.p)
		return ACCESS_NO_TOKEN;
	if (client->several)
		return ACCESS_MALFORMED;
	if (text.n < n || !token_is(mf_str_of(text.p, n), "bearer") ||
		(text.n > n && text.p[n] != ' '))
		return ACCESS_NO_TOKEN;
	while (from < text.n && text.p[from] == ' ')
		from++;
	*token = mf_str_of(text.p + from, text.n - from);
	return token_is_one(*token) ? ACCESS_GRANTED : ACCESS_MALFORMED;
}

static enum access_result check_token(
	const struct access *a, const struct access_client *client, struct mf_str *who)
{
	/* the name with its kind; gone with the next request */
	static char name[sizeof("token:") + TOKEN_NAME];
	struct mf_str token;
	enum access_result result = take_token(client, &token);
	const char *found;

	if (result != ACCESS_GRANTED)
		return result;
	found = bearers_find(a->tokens, token);
	if (!found)
		return ACCESS_BAD_TOKEN;
	*who = mf_str_of(name, (size_t)snprintf(name, sizeof(name), "token:%s", found));
	return ACCESS_GRANTED;
}

/* The first name of these that one of the patterns fits; NULL: none. */
static const char *named(const struct access *a, char *const *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < a->clients_count; k++)
			if (access_pattern_fits(a->clients[k], names[i]))
				return names[i];
	return NULL;
}

static enum access_result check_names(
	const struct access *a, const struct access_certificate *certificate, struct mf_str *who)
{
	char *token = access_has_tokens(a) ? (char *)(uintptr_t)who->p : NULL;
	const char *fits = NULL;

	if (token && named(a, &token, 1))
		return ACCESS_GRANTED;
	if (certificate)
		fits = named(a, certificate->names, certificate->count);
	if (!fits)
		return certificate || token ? ACCESS_NOT_NAMED : ACCESS_NO_CERTIFICATE;
	if (!token)
		*who = mf_str_of(fits, strlen(fits));
	return ACCESS_GRANTED;
}

enum access_result access_check(
	const struct access *access, const struct access_client *client, struct mf_str *who)
{
	const struct access_certificate *certificate = client->certificate;
	bool old = certificate && !client->believed;
	enum access_result result = ACCESS_GRANTED;

	*who = (struct mf_str){NULL, 0};
	if (old)
		certificate = NULL;
	if (certificate && certificate->count > 0)
		*who = mf_str_of(certificate->names[0], strlen(certificate->names[0]));
	if (!access)
		return ACCESS_GRANTED;
	if (access->certificate && !certificate)
		return old ? ACCESS_OLD_CERTIFICATE : ACCESS_NO_CERTIFICATE;
	if (access->tokens)
		result = check_token(access, client, who);
	if (result == ACCESS_GRANTED && access->clients_count > 0)
		result = check_names(access, certificate, who);
	return result == ACCESS_NO_CERTIFICATE && old ? ACCESS_OLD_CERTIFICATE : result;
}

/* -------------------------------------------------------------- certificates */

void access_certificate_add(
	struct access_certificate *certificate, const char *kind, const void *name, size_t n)
{
	char text[ACCESS_NAME], clean[2 * ACCESS_NAME];
	int used = snprintf(text, sizeof(text), "%s:%.*s", kind, (int)n, (const char *)name);

	if (n == 0 || certificate->count == ACCESS_NAMES || memchr(name, '\0', n) ||
		(size_t)used >= sizeof(text))
		return;
	log_clean(clean, sizeof(clean), text, (size_t)used);
	if (strcmp(clean, text) == 0)
		certificate->names[certificate->count] = strdup(text);
	if (certificate->names[certificate->count])
		certificate->count++;
}

void access_certificate_free(struct access_certificate *certificate)
{
	for (unsigned i = 0; certificate && i < certificate->count; i++)
		free(certificate->names[i]);
	free(certificate);
}
