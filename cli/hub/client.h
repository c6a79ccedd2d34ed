/*
 * cli/hub/client.h - ask a hub on its admin socket, HTTP over a Unix socket, or over the network
 * with TLS (admin_listen in hub.yaml); answers in JSON. Says itself what went wrong.
 */
#ifndef CLI_HUB_CLIENT_H
#define CLI_HUB_CLIENT_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define CLIENT_PATH 108
#define CLIENT_URL  280
#define CLIENT_PAGE 2048 /* of a page's address with its query */

/* Options that all of these commands have. */
struct client_options {
	const char *hub;
	bool json;
	/* over the network: files; NULL: not given */
	const char *token, *certificate, *key, *authorities;
};

struct client {
	const char *command;    /* "ps", for messages */
	char path[CLIENT_PATH]; /* of the socket */
	char url[CLIENT_URL];   /* "https://HOST:PORT"; empty: it is the socket that is asked */
	char *token;            /* NULL: none */
	size_t token_n;
	const struct client_options *options;
	const char *body; /* of what is asked with POST; the caller's */
	size_t body_n;
	void *curl; /* kept open between questions */
};

/* Which hub: options->hub, a socket or https://HOST:PORT, else $MAYFLY_HUB, else the only one that
 * lives in the run directories. STATUS_OK, or an exit status. client_close in both cases. */
int client_open(struct client *client, const char *command, const struct client_options *options);
void client_close(struct client *client);
/* Is the hub asked over the network? Then its process isn't one of this machine's. */
bool client_is_remote(const struct client_options *options);

/* Says that the hub at `path` is another user's: STATUS_DENIED. */
int client_denied(const struct client *client, const char *path);

/* *answer is the caller's (json_decref) if STATUS_OK is returned. `gone`, if not NULL: nothing is
 * said when the hub isn't there, and *gone is set. */
int client_ask(
	struct client *client, const char *method, const char *page, json_t **answer, bool *gone);

/* Bytes to or from the hub, as many as there are. */
struct client_transfer {
	const char *page;
	FILE *from;           /* NULL: they come */
	long long from_bytes; /* that are read there, and sent with PUT */
	const char *header;   /* NULL: none; "Content-Range: ..." */
	FILE *to;             /* what comes, but for what a refusal says; NULL: nobody wants it */
};
/* STATUS_OK, or an exit status: said already. */
int client_transfer(struct client *client, const struct client_transfer *transfer);

/* The same for a command that asks once: opens, asks, closes. */
int client_ask_once(const char *command, const struct client_options *options, const char *method,
	const char *page, json_t **answer);

/* Appends NAME=VALUE to a page's address, with '?' or '&' before it; the value must be plain. */
void client_parameter(char *page, size_t size, const char *name, const char *value);
/* Can a service have this name? Else says that there is none: STATUS_NOT_FOUND. */
int client_service(const char *command, const char *name);

/* Members of an answer: 0 and NULL where there is none. */
json_int_t client_integer(const json_t *object, const char *key);
const char *client_text(const json_t *object, const char *key);

enum { CLIENT_HUB = 0x100, CLIENT_TOKEN, CLIENT_CERTIFICATE, CLIENT_KEY, CLIENT_AUTHORITIES };
#define CLIENT_LONG_OPTIONS                                                                        \
	{"hub", required_argument, NULL, CLIENT_HUB},                                              \
		{"token-file", required_argument, NULL, CLIENT_TOKEN},                             \
		{"cert", required_argument, NULL, CLIENT_CERTIFICATE},                             \
		{"key", required_argument, NULL, CLIENT_KEY},                                      \
		{"cacert", required_argument, NULL, CLIENT_AUTHORITIES},                           \
		{"output", required_argument, NULL, 'o'},                                          \
	{                                                                                          \
		"help", no_argument, NULL, 'h'                                                     \
	}
/* Their lines in a page of help. */
#define CLIENT_HELP                                                                                \
	"  --hub PATH     its admin socket; else $MAYFLY_HUB, else the only hub that runs here\n"  \
	"  --hub https://HOST:PORT --token-file FILE --cert FILE --key FILE --cacert FILE\n"       \
	"                 over the network, see mayfly-ps(1)\n"                                    \
	"  -o text|json\n"

/* Options of a command: `list` ends with zeros, `shorts` is for getopt, "o:h" for all. */
struct client_usage {
	const char *command, *text; /* what --help prints */
	const char *shorts;
	const struct option *list;
};
/* The next option that the command has to deal with itself, -1: none is left. -2: end with
 * *status; --help has been printed, or what is wrong said. */
int client_option(struct client_options *options, const struct client_usage *usage, int argc,
	char **argv, int *status);
/* Operands are not expected; or at most one, in *operand. */
int client_operands(const char *command, int argc, char **argv, const char **operand);

#endif
