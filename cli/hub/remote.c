/* cli/hub/remote.c - see remote.h */
#include "cli/hub/remote.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "sys/secret.h"
#include "sys/token.h"

static const char https[] = "https://";

bool remote_is(const char *hub)
{
	return strstr(hub, "://") != NULL;
}

/* ---------------------------------------------------------------------- open */

/* "https://HOST:PORT"; what may be in a host's name or address. */
static int take_url(struct client *c, const char *hub)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._:[]";
	const char *host = hub + sizeof(https) - 1;
	size_t n;

	if (strncmp(hub, "http://", 7) == 0)
		return out_say(c->command, STATUS_USAGE,
			"\"%s\": over the network a hub is asked with https", hub);
	n = strncmp(hub, https, sizeof(https) - 1) == 0 ? strspn(host, letters) : 0;
	if (n == 0 || (host[n] && strcmp(host + n, "/") != 0) ||
		n + sizeof(https) > sizeof(c->url) || !strchr(host, ':'))
		return out_say(
			c->command, STATUS_USAGE, "\"%s\": write it as https://HOST:PORT", hub);
	snprintf(c->url, sizeof(c->url), "%s%.*s", https, (int)n, host);
	return STATUS_OK;
}

static int take_token(struct client *c, const char *path)
{
	char error[SECRET_ERROR_MAX];
	size_t n;

	if (secret_read("token", path, TOKEN_MOST + 2, &c->token, &c->token_n, error) < 0)
		return out_say(c->command,
			access(path, F_OK) < 0 ? STATUS_NOT_FOUND : STATUS_DENIED, "%s", error);
	for (n = c->token_n; n > 0 && (c->token[n - 1] == '\n' || c->token[n - 1] == '\r');)
		c->token[--n] = '\0';
	if (token_is_one(mf_str_of(c->token, n)))
		return STATUS_OK;
	return out_say(c->command, STATUS_USAGE,
		"token \"%s\": what is in it is no token: mayfly token new makes one", path);
}

static int check_file(const struct client *c, const char *option, const char *path)
{
	if (!path || access(path, R_OK) == 0)
		return STATUS_OK;
	return out_say(c->command, STATUS_NOT_FOUND, "%s \"%s\": can't read it", option, path);
}

static int check_key(const struct client *c, const char *path)
{
	char error[SECRET_ERROR_MAX];
	int fd = path ? secret_open("key", path, error) : -1;

	if (path && fd < 0)
		return out_say(c->command, STATUS_DENIED, "%s", error);
	if (fd >= 0)
		close(fd);
	return STATUS_OK;
}

int remote_open(struct client *c, const char *hub)
{
	const struct client_options *o = c->options;
	int status = take_url(c, hub);

	if (status == STATUS_OK && !o->certificate != !o->key)
		status = out_say(c->command, STATUS_USAGE, "--cert and --key belong together");
	if (status == STATUS_OK)
		status = check_file(c, "--cert", o->certificate);
	if (status == STATUS_OK)
		status = check_file(c, "--key", o->key);
	if (status == STATUS_OK)
		status = check_key(c, o->key);
	if (status == STATUS_OK)
		status = check_file(c, "--cacert", o->authorities);
	if (status == STATUS_OK && o->token)
		status = take_token(c, o->token);
	return status;
}

void remote_close(struct client *c)
{
	secret_free(c->token, c->token_n);
	c->token = NULL;
}

/* ----------------------------------------------------------------------- ask */

void remote_set(const struct client *c, const struct curl_functions *f, char *error)
{
	const struct client_options *o = c->options;

	f->setopt(c->curl, CURLOPT_PROTOCOLS_STR, "https");
	f->setopt(c->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	f->setopt(c->curl, CURLOPT_ERRORBUFFER, error);
	if (o->authorities)
		f->setopt(c->curl, CURLOPT_CAINFO, o->authorities);
	if (o->certificate) {
		f->setopt(c->curl, CURLOPT_SSLCERT, o->certificate);
		f->setopt(c->curl, CURLOPT_SSLKEY, o->key);
	}
	if (c->token) {
		f->setopt(c->curl, CURLOPT_HTTPAUTH, (unsigned long)CURLAUTH_BEARER);
		f->setopt(c->curl, CURLOPT_XOAUTH2_BEARER, c->token);
	}
}

int remote_unreachable(const struct client *c, CURLcode rc, const char *error)
{
	const char *why;

	if (rc == CURLE_PEER_FAILED_VERIFICATION)
		return out_say(c->command, STATUS_DENIED,
			"%s: who answers there isn't believed: %s%s", c->url, error,
			c->options->authorities ? "" : ": name its authority with --cacert FILE");
	if (rc == CURLE_SSL_CERTPROBLEM)
		return out_say(c->command, STATUS_USAGE, "--cert, --key: %s", error);
	return out_say(c->command, STATUS_UNREACHABLE, "%s does not answer: %s", c->url,
		error[0] ? error : curl_load(&why)->strerror(rc));
}
