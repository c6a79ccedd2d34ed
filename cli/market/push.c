/* cli/market/push.c - see push.h */
#include "cli/market/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/hub/curl.h"
#include "cli/out.h"
#include "market/usage.h"
#include "sys/clock.h"
#include "sys/secret.h"

#define CONNECT_MS 10000L
#define ANSWER_MS  60000L
#define FIRST_NS   (100 * (int64_t)CLOCK_MS)
#define MOST_NS    (60 * (int64_t)CLOCK_S)
#define TOKEN_MOST 4096u

/* ------------------------------------------------------------------------ open */

/* "http://127.0.0.1:80/x" is this machine's; "http://127.0.0.1.example.org" and "http://localhost@example.org" aren't. */
static bool is_safe(const char *url)
{
	const char *host = url + strlen("http://");

	if (strncmp(url, "https://", 8) == 0)
		return true;
	if (strncmp(host, "127.", 4) == 0)
		host += strspn(host, "0123456789.");
	else if (strncmp(host, "localhost", 9) == 0)
		host += 9;
	else if (strncmp(host, "[::1]", 5) == 0)
		host += 5;
	else
		return false;
	if (*host == ':')
		host += 1 + strspn(host + 1, "0123456789");
	return *host == '\0' || *host == '/' || *host == '?';
}

static int add_header(struct push *p, const struct curl_functions *f, const char *line)
{
	struct curl_slist *longer = f->append(p->headers, line);

	if (!longer)
		return out_say(p->command, STATUS_MEMORY, "no memory");
	p->headers = longer;
	return STATUS_OK;
}

static int add_token(struct push *p, const struct curl_functions *f)
{
	char error[SECRET_ERROR_MAX], line[TOKEN_MOST + 32], *token;
	size_t n, length;
	int status;

	if (secret_read("token", p->token_file, TOKEN_MOST, &token, &n, error) < 0)
		return out_say(p->command,
			access(p->token_file, F_OK) < 0 ? STATUS_NOT_FOUND : STATUS_DENIED, "%s",
			error);
	for (length = 0; length < n && token[length] > ' ' && token[length] < 0x7f;)
		length++;
	(void)snprintf(line, sizeof(line), "Authorization: Bearer %.*s", (int)length, token);
	secret_free(token, n);
	status = length > 0 ? add_header(p, f, line)
			    : out_say(p->command, STATUS_USAGE,
				      "token \"%s\": what is in it is no token", p->token_file);
	explicit_bzero(line, sizeof(line));
	return status;
}

static void set_options(const struct push *p, const struct curl_functions *f)
{
	f->setopt(p->curl, CURLOPT_URL, p->url);
	f->setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	f->setopt(p->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	f->setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
	f->setopt(p->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	f->setopt(p->curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	f->setopt(p->curl, CURLOPT_HTTPHEADER, p->headers);
	if (p->authorities)
		f->setopt(p->curl, CURLOPT_CAINFO, p->authorities);
}

int push_open(struct push *p)
{
	const char *why = NULL;
	const struct curl_functions *f = curl_load(&why);
	int status;

	if (!f)
		return out_say(p->command, STATUS_FAILED, "%s", why);
	if (strncmp(p->url, "https://", 8) != 0 && strncmp(p->url, "http://", 7) != 0)
		return out_say(
			p->command, STATUS_USAGE, "--to \"%s\": write https://HOST/PATH", p->url);
	if (p->token_file && !is_safe(p->url))
		return out_say(p->command, STATUS_USAGE,
			"--to \"%s\": a token is sent over https, or within this machine, only",
			p->url);
	p->curl = f->init();
	status = p->curl ? add_header(p, f, "Content-Type: " USAGE_BATCH)
			 : out_say(p->command, STATUS_MEMORY, "no memory");
	if (status == STATUS_OK)
		status = add_header(p, f, "Expect:");
	if (status == STATUS_OK && p->token_file)
		status = add_token(p, f);
	if (status == STATUS_OK)
		set_options(p, f);
	return status;
}

void push_close(struct push *p)
{
	const char *why = NULL;
	const struct curl_functions *f = p->curl || p->headers ? curl_load(&why) : NULL;

	for (struct curl_slist *each = p->headers; each; each = each->next)
		explicit_bzero(each->data, strlen(each->data));
	if (f && p->headers)
		f->free_all(p->headers);
	if (f && p->curl)
		f->cleanup(p->curl);
	p->curl = p->headers = NULL;
}

/* ------------------------------------------------------------------------ post */

struct attempt {
	CURLcode rc;
	long status;
	curl_off_t after_s; /* Retry-After; 0: not said */
};

static struct attempt attempt(
	const struct push *p, const struct curl_functions *f, const char *body, size_t n, FILE *to)
{
	struct attempt a = {0};

	f->setopt(p->curl, CURLOPT_POST, 1L);
	f->setopt(p->curl, CURLOPT_POSTFIELDS, body);
	f->setopt(p->curl, CURLOPT_POSTFIELDSIZE, (long)n);
	f->setopt(p->curl, CURLOPT_WRITEDATA, to);
	a.rc = f->perform(p->curl);
	f->getinfo(p->curl, CURLINFO_RESPONSE_CODE, &a.status);
	f->getinfo(p->curl, CURLINFO_RETRY_AFTER, &a.after_s);
	return a;
}

static bool may_help(const struct attempt *a)
{
	if (a->rc != CURLE_OK)
		return a->rc != CURLE_PEER_FAILED_VERIFICATION && a->rc != CURLE_URL_MALFORMAT &&
			a->rc != CURLE_UNSUPPORTED_PROTOCOL && a->rc != CURLE_SSL_CACERT_BADFILE;
	return a->status >= 500 || a->status == 408 || a->status == 429;
}

/* What went wrong last; of an answer its first letters. */
static int give_up(const struct push *p, const struct attempt *a, const char *text)
{
	const char *why = NULL;

	if (a->rc != CURLE_OK)
		return out_say(p->command, STATUS_UNREACHABLE, "\"%s\": %s", p->url,
			curl_load(&why)->strerror(a->rc));
	return out_say(p->command, may_help(a) ? STATUS_UNREACHABLE : STATUS_FAILED,
		"\"%s\": it answered %ld: %.200s", p->url, a->status, text);
}

static void rest(int64_t ns)
{
	const struct timespec t = {ns / (int64_t)CLOCK_S, ns % (int64_t)CLOCK_S};

	(void)nanosleep(&t, NULL);
}

int push_post(struct push *p, const char *body, size_t n)
{
	const char *why = NULL;
	const struct curl_functions *f = curl_load(&why);
	const int64_t end = (int64_t)clock_mono_ns() + p->patience_ns;
	int64_t pause = FIRST_NS, wait;

	for (;; pause = pause < MOST_NS / 2 ? 2 * pause : MOST_NS) {
		char *text = NULL;
		size_t length = 0;
		FILE *to = open_memstream(&text, &length);
		struct attempt a;
		int status;

		if (!to)
			return out_say(p->command, STATUS_MEMORY, "no memory");
		a = attempt(p, f, body, n, to);
		(void)fclose(to);
		wait = a.after_s > 0 && a.after_s < 86400 ? (int64_t)a.after_s * (int64_t)CLOCK_S
							  : pause;
		if (a.rc == CURLE_OK && a.status >= 200 && a.status < 300)
			status = STATUS_OK;
		else if (!may_help(&a) || (int64_t)clock_mono_ns() + wait > end)
			status = give_up(p, &a, text ? text : "");
		else
			status = -1;
		free(text);
		if (status >= 0)
			return status;
		rest(wait);
	}
}
