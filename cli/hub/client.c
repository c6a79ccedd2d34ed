/* cli/hub/client.c - see client.h. */
#include "cli/hub/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/image.h"
#include "cli/commands.h"
#include "cli/hub/client_curl.h"
#include "cli/hub/curl.h"
#include "cli/hub/find.h"
#include "cli/hub/remote.h"
#include "cli/out.h"
#include "sys/rundir.h"

#define CONNECT_MS 3000L
#define ANSWER_MS  20000L

/* ------------------------------------------------------------------- options */

int client_option(struct client_options *options, const struct client_usage *usage, int argc,
	char **argv, int *status)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, usage->shorts, usage->list, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(usage->text, stdout);
			*status = out_end(usage->command, STATUS_OK);
			return -2;
		case CLIENT_HUB: options->hub = optarg; break;
		case CLIENT_TOKEN: options->token = optarg; break;
		case CLIENT_CERTIFICATE: options->certificate = optarg; break;
		case CLIENT_KEY: options->key = optarg; break;
		case CLIENT_AUTHORITIES: options->authorities = optarg; break;
		case 'o':
			if (out_format(usage->command, optarg, &options->json))
				break;
			*status = STATUS_USAGE;
			return -2;
		case '?':
			*status = out_say(usage->command, STATUS_USAGE,
				"\"%s\": unknown, or its value is missing: see mayfly %s --help",
				argv[optind - 1], usage->command);
			return -2;
		default: return c;
		}
	}
	return -1;
}

int client_operands(const char *command, int argc, char **argv, const char **operand)
{
	if (operand && optind < argc)
		*operand = argv[optind++];
	if (optind < argc)
		return out_say(command, STATUS_USAGE, "\"%s\": one too many: see mayfly %s --help",
			argv[optind], command);
	return STATUS_OK;
}

/* --------------------------------------------------------------------- which */

int client_denied(const struct client *client, const char *path)
{
	return out_say(client->command, STATUS_DENIED,
		"the hub at \"%s\" is another user's: ask as that user or as root", path);
}

static int check(const struct client *c)
{
	switch (rundir_probe(c->path)) {
	case RUNDIR_ALIVE: return STATUS_OK;
	case RUNDIR_DENIED: return client_denied(c, c->path);
	case RUNDIR_DEAD:
		return out_say(c->command, STATUS_UNREACHABLE,
			"\"%s\": its hub has ended without removing it", c->path);
	default:
		return out_say(
			c->command, STATUS_UNREACHABLE, "\"%s\": there is no such socket", c->path);
	}
}

/* NULL: nobody said which. */
static const char *named(const struct client_options *options)
{
	const char *hub = options->hub;

	if (!hub || !*hub)
		hub = getenv("MAYFLY_HUB");
	return hub && *hub ? hub : NULL;
}

bool client_is_remote(const struct client_options *options)
{
	return named(options) && remote_is(named(options));
}

static const char *only_remote(const struct client_options *o)
{
	return o->token          ? "--token-file"
		: o->certificate ? "--cert"
		: o->key         ? "--key"
		: o->authorities ? "--cacert"
				 : NULL;
}

int client_open(struct client *client, const char *command, const struct client_options *options)
{
	const char *why = NULL, *hub = named(options);

	memset(client, 0, sizeof(*client));
	client->command = command;
	client->options = options;
	if (!curl_load(&why))
		return out_say(command, STATUS_FAILED, "%s", why);
	if (hub && remote_is(hub))
		return remote_open(client, hub);
	if (only_remote(options))
		return out_say(command, STATUS_USAGE,
			"%s is for a hub that is asked over the network: --hub https://HOST:PORT",
			only_remote(options));
	if (!hub)
		return find_only(client);
	if (strlen(hub) >= CLIENT_PATH)
		return out_say(command, STATUS_USAGE,
			"\"%s\": a socket's path has at most %d bytes", hub, CLIENT_PATH - 1);
	strcpy(client->path, hub);
	return check(client);
}

void client_forget(struct client *client)
{
	const char *why = NULL;

	if (client->curl)
		curl_load(&why)->cleanup(client->curl);
	client->curl = NULL;
}

void client_close(struct client *client)
{
	client_forget(client);
	remote_close(client);
}

/* ----------------------------------------------------------------- questions */

int client_ask_once(const char *command, const struct client_options *options, const char *method,
	const char *page, json_t **answer)
{
	struct client client;
	int status = client_open(&client, command, options);

	if (status == STATUS_OK)
		status = client_ask(&client, method, page, answer, NULL);
	client_close(&client);
	return status;
}

void client_parameter(char *page, size_t size, const char *name, const char *value)
{
	size_t n = strlen(page);

	snprintf(page + n, size - n, "%c%s=%s", strchr(page, '?') ? '&' : '?', name, value);
}

int client_service(const char *command, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (*name && name[strspn(name, letters)] == '\0' && strlen(name) <= MFI_NAME_MAX)
		return STATUS_OK;
	return out_say(command, STATUS_NOT_FOUND,
		"\"%s\": no service has such a name: mayfly ps lists them", name);
}

json_int_t client_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *client_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

CURL *client_handle(struct client *c, const char *page, char error[static CURL_ERROR_SIZE])
{
	const char *why = NULL;
	const struct curl_functions *f = curl_load(&why);
	char url[CLIENT_URL + CLIENT_PAGE];

	if (!c->curl)
		c->curl = f->init();
	if (!c->curl)
		return NULL;
	snprintf(url, sizeof(url), "%s%s", c->url[0] ? c->url : "http://hub", page);
	if (c->url[0])
		remote_set(c, f, error);
	else
		f->setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->path);
	f->setopt(c->curl, CURLOPT_PROXY, "");
	f->setopt(c->curl, CURLOPT_URL, url);
	f->setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	f->setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	return c->curl;
}

static int talk(struct client *c, const char *method, const char *page, FILE *to, long *status,
	char error[static CURL_ERROR_SIZE])
{
	const char *why = NULL;
	const struct curl_functions *f = curl_load(&why);
	CURLcode rc;

	error[0] = '\0';

	if (!client_handle(c, page, error))
		return CURLE_OUT_OF_MEMORY;
	f->setopt(c->curl, CURLOPT_POST, strcmp(method, "POST") == 0 ? 1L : 0L);
	f->setopt(c->curl, CURLOPT_POSTFIELDS, c->body_n > 0 ? c->body : "");
	f->setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)c->body_n);
	f->setopt(c->curl, CURLOPT_HTTPGET, strcmp(method, "GET") == 0 ? 1L : 0L);
	f->setopt(c->curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
	f->setopt(c->curl, CURLOPT_WRITEDATA, to); /* written with fwrite */
	rc = f->perform(c->curl);
	f->getinfo(c->curl, CURLINFO_RESPONSE_CODE, status);
	return rc;
}

static bool is_others(const char *path)
{
	struct stat st;

	return geteuid() != 0 && stat(path, &st) == 0 && st.st_uid != geteuid();
}

int client_unreachable(struct client *c, CURLcode rc, const char *error, bool *gone)
{
	const char *why = NULL;

	if (gone) {
		*gone = true;
		return STATUS_UNREACHABLE;
	}
	if (c->url[0])
		return remote_unreachable(c, rc, error);
	/* it may have been turned away before libcurl looked whether it was let in */
	if (is_others(c->path) &&
		(rc == CURLE_COULDNT_CONNECT || rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR ||
			rc == CURLE_GOT_NOTHING))
		return client_denied(c, c->path);
	return out_say(c->command, STATUS_UNREACHABLE, "the hub at \"%s\" does not answer: %s",
		c->path, curl_load(&why)->strerror(rc));
}

int client_refused(const struct client *c, long status, json_t *answer)
{
	const char *detail = json_string_value(json_object_get(answer, "detail"));
	int as = status == 404  ? STATUS_NOT_FOUND
		: status == 401 ? STATUS_DENIED
		: status == 403 ? STATUS_DENIED
		: status == 400 ? STATUS_USAGE
				: STATUS_FAILED;

	if (!detail)
		detail = json_string_value(json_object_get(answer, "title"));
	out_say(c->command, 0, "%s", detail ? detail : "the hub refused");
	json_decref(answer);
	return as;
}

int client_ask(
	struct client *client, const char *method, const char *page, json_t **answer, bool *gone)
{
	char *body = NULL, error[CURL_ERROR_SIZE];
	size_t n = 0;
	FILE *to = open_memstream(&body, &n);
	long status = 0;
	CURLcode rc;

	if (!to)
		return out_say(client->command, STATUS_MEMORY, "no memory");
	rc = (CURLcode)talk(client, method, page, to, &status, error);
	fclose(to);
	*answer = rc == CURLE_OK && body ? json_loadb(body, n, 0, NULL) : NULL;
	free(body);
	if (rc != CURLE_OK)
		return client_unreachable(client, rc, error, gone);
	if (status >= 400)
		return client_refused(client, status, *answer);
	if (!json_is_object(*answer)) {
		json_decref(*answer);
		return out_say(client->command, STATUS_FAILED,
			"what answers at \"%s\" is no hub: %ld, and no JSON",
			client->url[0] ? client->url : client->path, status);
	}
	return STATUS_OK;
}
