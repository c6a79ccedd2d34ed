/* client/c/client.c - whom to ask and who asks: settings, checked once, and the token's file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "client/c/inner.h"
#include "sys/secret.h"

#define DEADLINE_MS UINT64_C(60000)
#define CONNECT_MS  UINT64_C(10000)
#define ANSWER_MOST (UINT64_C(1) << 30)
#define CONNECTIONS 32u

const char *mayfly_version(void)
{
	return MAYFLY_VERSION;
}

/* ------------------------------------------------------------------------- address */

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
		strcmp(host, "[::1]") == 0;
}

/* What is wrong with it; NULL: nothing. */
static const char *judge(CURLU *url, bool has_token)
{
	static const CURLUPart not_these[] = {
		CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
	char *scheme = NULL, *host = NULL, *other = NULL;
	const char *wrong = NULL;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		wrong = "it has no scheme or no host";
	else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		wrong = "it is neither http nor https";
	else if (has_token && strcmp(scheme, "https") != 0 && !is_loopback(host))
		wrong = "a token is sent over https, or within this machine, only";
	for (unsigned i = 0; i < 4 && !wrong; i++)
		if (curl_url_get(url, not_these[i], &other, 0) == CURLUE_OK) {
			wrong = "it has more than host, port and path";
			curl_free(other);
		}
	curl_free(scheme);
	curl_free(host);
	return wrong;
}

static enum mayfly_error take_url(
	struct mayfly_client *client, const struct mayfly_settings *settings, char *text)
{
	CURLU *url = curl_url();
	const char *wrong = NULL;
	size_t n;

	if (!url)
		return MAYFLY_NO_MEMORY;
	if (!settings->url)
		wrong = "there is none";
	else if (curl_url_set(url, CURLUPART_URL, settings->url, 0) != CURLUE_OK)
		wrong = "write it as https://HOST:PORT";
	else
		wrong = judge(url, settings->token_file || settings->token);
	curl_url_cleanup(url);
	if (wrong) {
		text_add(text, "url \"");
		text_add_quoted(text, settings->url ? settings->url : "",
			settings->url ? strnlen(settings->url, 200) : 0);
		text_add(text, "\": %s", wrong);
		return MAYFLY_WRONG;
	}
	client->url = strdup(settings->url);
	if (!client->url)
		return MAYFLY_NO_MEMORY;
	for (n = strlen(client->url); n > 0 && client->url[n - 1] == '/';)
		client->url[--n] = '\0';
	return MAYFLY_OK;
}

/* --------------------------------------------------------------------------- files */

static bool copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

static enum mayfly_error check_file(const char *what, const char *path, char *text)
{
	if (!path || access(path, R_OK) == 0)
		return MAYFLY_OK;
	text_add(text, "%s \"%.200s\": %s", what, path, strerror(errno));
	return MAYFLY_FILE;
}

static enum mayfly_error check_files(const struct mayfly_settings *s, char *text)
{
	enum mayfly_error error = check_file("authorities", s->authorities_file, text);
	char why[SECRET_ERROR_MAX];
	int fd;

	if (error == MAYFLY_OK)
		error = check_file("certificate", s->certificate_file, text);
	if (error != MAYFLY_OK || !s->key_file)
		return error;
	if (!s->certificate_file) {
		text_add(text, "key \"%.200s\": there is no certificate for it", s->key_file);
		return MAYFLY_WRONG;
	}
	fd = secret_open("key", s->key_file, why);
	if (fd < 0) {
		text_add(text, "%s", why);
		return MAYFLY_FILE;
	}
	close(fd);
	return MAYFLY_OK;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Under the mutex. The first line, of letters that a header can have. */
static enum mayfly_error read_token(struct mayfly_client *client, char *text)
{
	char why[SECRET_ERROR_MAX], *bytes;
	enum mayfly_error error = MAYFLY_OK;
	size_t n, i = 0;

	if (secret_read("token", client->token_file, TOKEN_MOST, &bytes, &n, why) < 0) {
		text_add(text, "%s", why);
		return MAYFLY_FILE;
	}
	for (; i < n && bytes[i] > ' ' && bytes[i] < 0x7f; i++)
		client->token[i] = bytes[i];
	client->token[i] = '\0';
	if (i == 0 || (i < n && bytes[i] != '\n' && bytes[i] != '\r')) {
		text_add(text, "token \"%.200s\": what is in it is no token", client->token_file);
		error = MAYFLY_FILE;
	}
	secret_free(bytes, n);
	return error;
}

enum mayfly_error client_authorization(
	struct mayfly_client *client, char to[AUTHORIZATION_MOST], char text[MAYFLY_TEXT])
{
	enum mayfly_error error = MAYFLY_OK;
	struct stat now = {0};

	pthread_mutex_lock(&client->mutex);
	if (client->token_file &&
		(stat(client->token_file, &now) < 0 || !same_file(&now, &client->token_was))) {
		error = read_token(client, text);
		client->token_was = error == MAYFLY_OK ? now : (struct stat){0};
	}
	if (error == MAYFLY_OK)
		snprintf(to, AUTHORIZATION_MOST, "Authorization: Bearer %s", client->token);
	pthread_mutex_unlock(&client->mutex);
	return error;
}

/* ------------------------------------------------------------------- open and close */

/* One that isn't in a file. */
static enum mayfly_error take_token(struct mayfly_client *client, const char *token, char *text)
{
	size_t n = 0;

	while (n <= TOKEN_MOST && token[n] > ' ' && token[n] < 0x7f)
		n++;
	if (n == 0 || n > TOKEN_MOST || token[n] != '\0' || client->token_file) {
		text_add(text, "token: %s",
			client->token_file ? "there is a token_file too" : "it is none");
		return MAYFLY_WRONG;
	}
	memcpy(client->token, token, n + 1);
	return MAYFLY_OK;
}

static enum mayfly_error take_settings(
	struct mayfly_client *client, const struct mayfly_settings *s, char *text)
{
	char authorization[AUTHORIZATION_MOST];
	enum mayfly_error error = take_url(client, s, text);

	if (error == MAYFLY_OK)
		error = check_files(s, text);
	if (error != MAYFLY_OK)
		return error;
	if (!copy(&client->token_file, s->token_file) ||
		!copy(&client->authorities, s->authorities_file) ||
		!copy(&client->certificate, s->certificate_file) ||
		!copy(&client->key, s->key_file))
		return MAYFLY_NO_MEMORY;
	client->deadline_ms = s->deadline_ms ? s->deadline_ms : DEADLINE_MS;
	client->connect_ms = s->connect_ms ? s->connect_ms : CONNECT_MS;
	client->answer_most = s->answer_most ? s->answer_most : ANSWER_MOST;
	client->connections_most = s->connections_most ? s->connections_most : CONNECTIONS;
	if (s->token)
		error = take_token(client, s->token, text);
	else if (client->token_file)
		error = client_authorization(client, authorization, text);
	explicit_bzero(authorization, sizeof(authorization));
	return error;
}

enum mayfly_error mayfly_open(
	struct mayfly_client **out, const struct mayfly_settings *settings, char text[MAYFLY_TEXT])
{
	struct mayfly_client *client = calloc(1, sizeof(*client));
	enum mayfly_error error = MAYFLY_NO_MEMORY;

	*out = NULL;
	text[0] = '\0';
	/* counted by libcurl, and safe among threads since 7.84 */
	if (client && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(client);
		client = NULL;
	}
	if (client) {
		pthread_mutex_init(&client->mutex, NULL);
		error = take_settings(client, settings, text);
	}
	if (error == MAYFLY_OK) {
		*out = client;
		return error;
	}
	if (!text[0])
		text_add(text, "%s", mayfly_error_text(error));
	mayfly_close(client);
	return error;
}

void mayfly_close(struct mayfly_client *client)
{
	if (!client)
		return;
	engine_close(client->own);
	for (struct engine *each = client->idle, *next; each; each = next) {
		next = each->next;
		engine_close(each);
	}
	explicit_bzero(client->token, sizeof(client->token));
	free(client->url);
	free(client->token_file);
	free(client->authorities);
	free(client->certificate);
	free(client->key);
	pthread_mutex_destroy(&client->mutex);
	free(client);
	curl_global_cleanup();
}
