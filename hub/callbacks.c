/* hub/callbacks.c - see callbacks.h */
#include "hub/callbacks.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/lines.h"
#include "hub/web/url.h"
#include "sys/secret.h"

#define FILE_MOST    (CALLBACKS_MOST * 1024u)
#define PREFIX       "whsec_"
#define SECRET_LEAST 24u
#define SECRET_MOST  64u

_Static_assert(CALLBACKS_ERROR_MAX >= SECRET_ERROR_MAX, "room for what is wrong with the file");

/* scheme://AUTHORITY PATH; a query is a part of the path */
struct parts {
	bool tls, domain; /* domain: it is what comes behind a "*." */
	struct mf_str authority, path;
};

struct entry {
	struct entry *next;
	struct parts parts; /* of bytes */
	uint8_t secret[SECRET_MOST + 4];
	size_t secret_n, size;
	char bytes[];
};

struct callbacks {
	struct entry *first;
	unsigned count;
};

static const char *split(struct mf_str url, struct parts *parts)
{
	struct url u;
	const char *wrong = url_parse(url, &u);
	size_t scheme;

	if (wrong)
		return wrong;
	scheme = u.tls ? 8 : 7;
	*parts = (struct parts){.tls = u.tls,
		.authority = mf_str_of(url.p + scheme, u.origin.n - scheme),
		.path = mf_str_of(url.p + u.origin.n, url.n - u.origin.n)};
	if (parts->path.n == 0)
		parts->path = MF_STR("/");
	return NULL;
}

/* ---------------------------------------------------------------------- a line */

/* Without the "*." of its host, if there is one. */
static struct mf_str plain(struct mf_str url, char *to, bool *domain)
{
	const char *at = memmem(url.p, url.n, "://*.", 5);
	size_t before;

	*domain = at != NULL;
	if (!at)
		return url;
	before = (size_t)(at - (const char *)url.p) + 3;
	memcpy(to, url.p, before);
	memcpy(to + before, url.p + before + 2, url.n - before - 2);
	return mf_str_of(to, url.n - 2);
}

static const char *take_secret(struct entry *e, struct mf_str word)
{
	static const char wrong[] = "the secret isn't whsec_ and base64 of 24 to 64 bytes: "
				    "echo whsec_$(openssl rand -base64 32)";
	const size_t n = sizeof(PREFIX) - 1;

	if (word.n <= n || memcmp(word.p, PREFIX, n) != 0)
		return wrong;
	word = mf_str_of(word.p + n, word.n - n);
	if (BASE64_ROOM(word.n) > sizeof(e->secret) || !base64_read(word, e->secret, &e->secret_n))
		return wrong;
	return e->secret_n >= SECRET_LEAST && e->secret_n <= SECRET_MOST ? NULL : wrong;
}

static const char *take(struct entry *e, struct mf_str line)
{
	struct mf_str url = lines_word(&line), secret = lines_word(&line);
	const char *wrong;
	bool domain;

	if (url.n == 0 || secret.n == 0 || lines_word(&line).n > 0)
		return "write it as https://HOST/PATH SECRET";
	url = plain(url, e->bytes, &domain);
	if ((char *)(uintptr_t)url.p != e->bytes)
		memcpy(e->bytes, url.p, url.n);
	url.p = (const uint8_t *)e->bytes;
	wrong = split(url, &e->parts);
	if (wrong)
		return wrong;
	e->parts.domain = domain;
	if (domain && !e->parts.tls)
		return "hosts of a domain are called by https:// only";
	if (domain && !memchr(e->parts.authority.p, '.', e->parts.authority.n))
		return "that is a whole top-level domain: name one below it, as in "
		       "https://*.example.org/";
	return take_secret(e, secret);
}

static void drop(struct entry *e)
{
	sodium_memzero(e, sizeof(*e) + e->size);
	free(e);
}

static const char *add(void *context, struct mf_str line)
{
	struct callbacks *c = context;
	struct entry *e = c->count < CALLBACKS_MOST ? calloc(1, sizeof(*e) + line.n) : NULL;
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
	e->next = c->first;
	c->first = e;
	c->count++;
	return NULL;
}

/* ------------------------------------------------------------------------ file */

int callbacks_parse(struct callbacks **out, const char *path, struct mf_str text,
	char error[static CALLBACKS_ERROR_MAX])
{
	struct callbacks *c = calloc(1, sizeof(*c));
	int err;

	if (!c) {
		snprintf(error, CALLBACKS_ERROR_MAX, "callbacks \"%.200s\": no memory", path);
		return -ENOMEM;
	}
	err = secret_lines("callbacks", path, text, add, c,
		"there is no line in it: https://HOST/PATH SECRET", error);
	if (err < 0)
		callbacks_close(c);
	else
		*out = c;
	return err;
}

int callbacks_read(
	struct callbacks **callbacks, const char *path, char error[static CALLBACKS_ERROR_MAX])
{
	char *text;
	size_t n;
	int err = secret_read("callbacks", path, FILE_MOST, &text, &n, error);

	if (err < 0)
		return err;
	err = callbacks_parse(callbacks, path, mf_str_of(text, n), error);
	secret_free(text, n);
	return err;
}

void callbacks_close(struct callbacks *c)
{
	if (!c)
		return;
	for (struct entry *e = c->first, *next; e; e = next) {
		next = e->next;
		drop(e);
	}
	free(c);
}

/* ------------------------------------------------------------------------ find */

/* "a.example.org:1" is a host of "example.org:1", and so is "b.a.example.org:1". */
static bool is_host_of(struct mf_str host, struct mf_str domain)
{
	size_t before;

	if (host.n < domain.n + 2)
		return false;
	before = host.n - domain.n;
	return host.p[before - 1] == '.' &&
		mf_str_alike(mf_str_of(host.p + before, domain.n), domain);
}

/* "/b" and "/b/c" and "/b?c" are below "/b", "/bc" isn't. */
static bool is_below(struct mf_str path, struct mf_str top)
{
	if (path.n < top.n || memcmp(path.p, top.p, top.n) != 0)
		return false;
	return path.n == top.n || top.p[top.n - 1] == '/' || path.p[top.n] == '/' ||
		path.p[top.n] == '?';
}

static bool fits(const struct parts *line, const struct parts *url)
{
	return line->tls == url->tls &&
		(line->domain ? is_host_of(url->authority, line->authority)
			      : mf_str_alike(url->authority, line->authority)) &&
		is_below(url->path, line->path);
}

/* Does it say more: a host before a domain, then the longer one. */
static bool says_more(const struct parts *a, const struct parts *b)
{
	if (a->domain != b->domain)
		return b->domain;
	return a->authority.n != b->authority.n ? a->authority.n > b->authority.n
						: a->path.n > b->path.n;
}

bool callbacks_find(const struct callbacks *c, struct mf_str url, struct callback *callback)
{
	const struct entry *best = NULL;
	struct parts parts;

	if (!c || split(url, &parts))
		return false;
	for (const struct entry *e = c->first; e; e = e->next)
		if (fits(&e->parts, &parts) && (!best || says_more(&e->parts, &best->parts)))
			best = e;
	if (best)
		*callback = (struct callback){
			mf_str_of(best->secret, best->secret_n), !best->parts.domain};
	return best != NULL;
}

/* ------------------------------------------------------------------------ sign */

void callback_sign(const struct callback *callback, struct mf_str id, int64_t seconds,
	struct mf_str body, char signature[static CALLBACK_SIGNATURE])
{
	crypto_auth_hmacsha256_state state;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char time[32];
	int n = snprintf(time, sizeof(time), ".%" PRId64 ".", seconds);

	crypto_auth_hmacsha256_init(&state, callback->secret.p, callback->secret.n);
	crypto_auth_hmacsha256_update(&state, id.p, id.n);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)time, (unsigned long long)n);
	crypto_auth_hmacsha256_update(&state, body.p, body.n);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
	memcpy(signature, "v1,", 3);
	signature[3 + base64_write(mf_str_of(mac, sizeof(mac)), signature + 3)] = '\0';
}
