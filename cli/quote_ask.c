/* cli/quote_ask.c - `mayfly quote` of a service that a hub has: see quote.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/hub/curl.h"
#include "cli/out.h"
#include "cli/quote.h"
#include "sys/secret.h"
#include "sys/token.h"

#define ANSWER_MOST 65536u

/* A request under way. */
struct asking {
	const struct curl_functions *f;
	CURL *curl;
	char *token;
	size_t token_n;
	char answer[ANSWER_MOST];
	size_t n;
};

static size_t take(char *p, size_t size, size_t n, void *context)
{
	struct asking *a = context;

	if (size * n > sizeof(a->answer) - a->n)
		return 0;
	memcpy(a->answer + a->n, p, size * n);
	a->n += size * n;
	return size * n;
}

/* The address with what is asked: a '#' and what is behind it never goes out. */
static char *address_of(const struct quote *q)
{
	size_t n = strcspn(q->what, "#");
	char *to = malloc(n + strlen(q->shapes) + sizeof("?quote="));

	if (to)
		sprintf(to, "%.*s%squote%s%s", (int)n, q->what, memchr(q->what, '?', n) ? "&" : "?",
			q->shapes[0] ? "=" : "", q->shapes);
	return to;
}

static int take_token(struct asking *a, const char *path)
{
	char error[SECRET_ERROR_MAX];
	size_t n;

	if (secret_read("token", path, TOKEN_MOST + 2, &a->token, &a->token_n, error) < 0)
		return out_say("quote", access(path, F_OK) < 0 ? STATUS_NOT_FOUND : STATUS_DENIED,
			"%s", error);
	for (n = a->token_n; n > 0 && (a->token[n - 1] == '\n' || a->token[n - 1] == '\r');)
		a->token[--n] = '\0';
	if (token_is_one(mf_str_of(a->token, n)))
		return STATUS_OK;
	return out_say("quote", STATUS_USAGE, "token \"%s\": what is in it is no token", path);
}

static void set(struct asking *a, const struct quote *q, const char *address, char *error)
{
	a->f->setopt(a->curl, CURLOPT_URL, address);
	a->f->setopt(a->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	a->f->setopt(a->curl, CURLOPT_ERRORBUFFER, error);
	a->f->setopt(a->curl, CURLOPT_POST, 1L);
	a->f->setopt(a->curl, CURLOPT_POSTFIELDS, "");
	a->f->setopt(a->curl, CURLOPT_POSTFIELDSIZE, 0L);
	a->f->setopt(a->curl, CURLOPT_WRITEFUNCTION, take);
	a->f->setopt(a->curl, CURLOPT_WRITEDATA, a);
	if (q->authority)
		a->f->setopt(a->curl, CURLOPT_CAINFO, q->authority);
	if (a->token) {
		a->f->setopt(a->curl, CURLOPT_HTTPAUTH, (unsigned long)CURLAUTH_BEARER);
		a->f->setopt(a->curl, CURLOPT_XOAUTH2_BEARER, a->token);
	}
}

static int status_of(long http)
{
	return http == 404                   ? STATUS_NOT_FOUND
		: http == 401 || http == 403 ? STATUS_DENIED
					     : STATUS_FAILED;
}

/* A service without prices does what it always does: that is no quote either. */
static int read_answer(const struct quote *q, struct asking *a, json_t **answer)
{
	long http = 0;
	const char *detail;

	a->f->getinfo(a->curl, CURLINFO_RESPONSE_CODE, &http);
	*answer = json_loadb(a->answer, a->n, 0, NULL);
	if (http == 200 && json_is_integer(json_object_get(*answer, "units")) &&
		json_is_string(json_object_get(*answer, "unit")))
		return STATUS_OK;
	detail = json_string_value(json_object_get(*answer, "detail"));
	if (http == 200)
		out_say("quote", STATUS_FAILED, "%s: what is there has no price", q->what);
	else
		out_say("quote", STATUS_FAILED, "%s: %ld%s%s", q->what, http, detail ? ": " : "",
			detail ? detail : "");
	json_decref(*answer);
	*answer = NULL;
	return status_of(http);
}

static int ask(struct asking *a, const struct quote *q, json_t **answer)
{
	char error[CURL_ERROR_SIZE] = "", *address = address_of(q);
	CURLcode rc;

	if (!address)
		return out_say("quote", STATUS_MEMORY, "no memory");
	set(a, q, address, error);
	rc = a->f->perform(a->curl);
	free(address);
	if (rc == CURLE_OK)
		return read_answer(q, a, answer);
	return out_say("quote",
		rc == CURLE_PEER_FAILED_VERIFICATION ? STATUS_DENIED : STATUS_UNREACHABLE, "%s: %s",
		q->what, error[0] ? error : a->f->strerror(rc));
}

int quote_ask(const struct quote *q, json_t **answer)
{
	struct asking *a = calloc(1, sizeof(*a));
	const char *why = "no memory";
	int status;

	*answer = NULL;
	if (!a)
		return out_say("quote", STATUS_MEMORY, "%s", why);
	a->f = curl_load(&why);
	a->curl = a->f ? a->f->init() : NULL;
	if (a->curl) {
		status = q->token ? take_token(a, q->token) : STATUS_OK;
		if (status == STATUS_OK)
			status = ask(a, q, answer);
		a->f->cleanup(a->curl);
	} else {
		status = out_say("quote", STATUS_FAILED, "%s", why);
	}
	if (a->token)
		secret_free(a->token, a->token_n);
	free(a);
	return status;
}
