/*
 * cli/hub/state.c - mayfly state: look at and change what a hub's services put.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/table.h"
#include "cli/out.h"
#include "sys/fd.h"

#define KEY_MOST   255u
#define VALUE_MOST 65536u
#define WRITTEN_S  5

static const char help[] =
	"usage: mayfly state ls SERVICE [PREFIX]\n"
	"       mayfly state get SERVICE KEY\n"
	"       mayfly state put SERVICE KEY VALUE|- [--if-version N]\n"
	"       mayfly state rm SERVICE KEY [--if-version N]\n"
	"What the services of a hub have put: their keys; a value, as it is, on stdout; another "
	"value\n"
	"(-: from stdin), or none. With --if-version only if it has that version, 0 being none;\n"
	"versions are shown by ls and by -o json.\n" CLIENT_HELP
	"Exit status: 0 ok, 1 it has another version, or can't be written, 2 usage, 3 no such "
	"service\n"
	"or key, 4 denied, 6 no hub.\n";

enum { OPT_IF_VERSION = 0x200 };
static const struct option options[] = {{"if-version", required_argument, NULL, OPT_IF_VERSION},
	CLIENT_LONG_OPTIONS, {NULL, 0, NULL, 0}};
static const struct client_usage usage = {"state", help, "o:h", options};

struct state {
	struct client client;
	const char *service, *key, *if_version;
	bool json;
};

/* ------------------------------------------------------------------ questions */

/* NAME=VALUE, whatever bytes the value has (RFC 3986, 2.1). */
static void add_parameter(char page[static CLIENT_PAGE], const char *name, const char *value)
{
	char text[3 * KEY_MOST + 1];
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)value; *p && n + 3 < sizeof(text); p++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%%%02x", *p);
	text[n] = '\0';
	client_parameter(page, CLIENT_PAGE, name, text);
}

static void address(const struct state *s, const char *what, char page[static CLIENT_PAGE])
{
	snprintf(page, CLIENT_PAGE, "/v1/state%s", what);
	client_parameter(page, CLIENT_PAGE, "service", s->service);
	if (s->key)
		add_parameter(page, "key", s->key);
}

/* The bytes of a member, which is text or, as NAME_hex, digits. False: there is none. */
static bool bytes_of(const json_t *o, const char *name, char **bytes, size_t *n)
{
	const json_t *text = json_object_get(o, name);
	char other[32];
	const char *digits;

	if (text) {
		*n = json_string_length(text);
		*bytes = malloc(*n + 1);
		if (*bytes)
			memcpy(*bytes, json_string_value(text), *n + 1);
		return *bytes != NULL;
	}
	snprintf(other, sizeof(other), "%s_hex", name);
	digits = client_text(o, other);
	if (!digits)
		return false;
	*n = strlen(digits) / 2;
	*bytes = malloc(*n + 1);
	for (size_t i = 0; *bytes && i < *n; i++)
		(*bytes)[i] = (char)num_hex_byte((const uint8_t *)digits + 2 * i, 2);
	return *bytes != NULL;
}

/* ------------------------------------------------------------------------- ls */

/* Only what a terminal can show. */
static void clean(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	text[n] = '\0';
}

static void show_keys(struct table *table, const json_t *keys)
{
	const json_t *one;
	size_t i;

	json_array_foreach(keys, i, one)
	{
		char bytes[TABLE_CELL], version[TABLE_CELL], *key = NULL;
		size_t n = 0;

		if (bytes_of(one, "key", &key, &n))
			clean(key, n);
		snprintf(bytes, sizeof(bytes), "%lld", (long long)client_integer(one, "bytes"));
		snprintf(version, sizeof(version), "%lld",
			(long long)client_integer(one, "version"));
		table_row(table, (const char *const[]){key ? key : "-", version, bytes});
		free(key);
	}
}

/* The last key of a page, for the next one. */
static bool last_key(const json_t *keys, char to[static KEY_MOST + 1])
{
	char *key = NULL;
	size_t n = 0;
	bool found = bytes_of(json_array_get(keys, json_array_size(keys) - 1), "key", &key, &n);

	if (found && n <= KEY_MOST)
		memcpy(to, key, n + 1);
	free(key);
	return found && n <= KEY_MOST && strlen(to) == n;
}

static int list(struct state *s, const char *prefix)
{
	static const char *const heads[] = {"KEY", ">VERSION", ">BYTES"};
	char page[CLIENT_PAGE], last[KEY_MOST + 1] = "";
	json_t *all = json_array(), *answer;
	struct table table;
	int status;
	bool more;

	do {
		address(s, "", page);
		add_parameter(page, "prefix", prefix);
		add_parameter(page, "after", last);
		status = client_ask(&s->client, "GET", page, &answer, NULL);
		if (status != STATUS_OK) {
			json_decref(all);
			return status;
		}
		json_array_extend(all, json_object_get(answer, "keys"));
		more = json_is_true(json_object_get(answer, "more")) &&
			last_key(json_object_get(answer, "keys"), last);
		json_decref(answer);
	} while (more);
	if (s->json)
		return out_json("state", STATUS_OK,
			json_pack("{ss so}", "service", s->service, "keys", all));
	table_open(&table, heads, 3);
	show_keys(&table, all);
	table_close(&table, stdout);
	json_decref(all);
	return out_end("state", STATUS_OK);
}

/* ------------------------------------------------------------------------ get */

static int get(struct state *s)
{
	char page[CLIENT_PAGE], *value = NULL;
	json_t *answer;
	size_t n = 0;
	int status;

	address(s, "/get", page);
	status = client_ask(&s->client, "GET", page, &answer, NULL);
	if (status != STATUS_OK)
		return status;
	if (client_integer(answer, "version") == 0) {
		json_decref(answer);
		return out_say("state", STATUS_NOT_FOUND, "%s has no \"%s\"", s->service, s->key);
	}
	if (s->json)
		return out_json("state", STATUS_OK, answer);
	if (bytes_of(answer, "value", &value, &n))
		fwrite(value, 1, n, stdout);
	if (isatty(STDOUT_FILENO))
		fputc('\n', stdout);
	free(value);
	json_decref(answer);
	return out_end("state", STATUS_OK);
}

/* -------------------------------------------------------------------- put, rm */

/* Is it, or something newer, in the database? */
static int is_written(struct state *s, json_int_t version, bool removed, bool *is)
{
	char page[CLIENT_PAGE];
	json_t *answer;
	int status;

	address(s, "/get", page);
	s->client.body_n = 0;
	status = client_ask(&s->client, "GET", page, &answer, NULL);
	if (status != STATUS_OK)
		return status;
	*is = client_integer(answer, "version") >= version ||
		(removed && client_integer(answer, "version") == 0);
	json_decref(answer);
	return STATUS_OK;
}

static int wait_until_written(struct state *s, json_int_t version, bool removed)
{
	const struct timespec pause = {0, 2000000};
	time_t end = time(NULL) + WRITTEN_S;
	bool is = false;
	int status = is_written(s, version, removed, &is);

	while (status == STATUS_OK && !is && time(NULL) <= end) {
		nanosleep(&pause, NULL);
		status = is_written(s, version, removed, &is);
	}
	if (status != STATUS_OK || is)
		return status;
	return out_say("state", STATUS_FAILED,
		"\"%s\" wasn't written within %d s: mayfly logs may say why", s->key, WRITTEN_S);
}

static int change(struct state *s, const char *value, size_t n)
{
	char page[CLIENT_PAGE];
	json_int_t version;
	json_t *answer;
	int status;

	address(s, value ? "/put" : "/rm", page);
	if (s->if_version)
		client_parameter(page, CLIENT_PAGE, "if_version", s->if_version);
	s->client.body = value;
	s->client.body_n = n;
	status = client_ask(&s->client, "POST", page, &answer, NULL);
	if (status != STATUS_OK)
		return status;
	version = client_integer(answer, "version");
	json_decref(answer);
	status = wait_until_written(s, version, !value);
	if (status != STATUS_OK)
		return status;
	if (s->json)
		return out_json("state", STATUS_OK,
			json_pack("{ss ss sI}", "service", s->service, "key", s->key, "version",
				value ? version : (json_int_t)0));
	return out_end("state", STATUS_OK);
}

static int put(struct state *s, const char *value)
{
	void *text = NULL;
	size_t n = strlen(value);
	int rc, status;

	if (strcmp(value, "-") != 0)
		return n <= VALUE_MOST ? change(s, value, n)
				       : out_say("state", STATUS_USAGE,
						 "the value has more than %u bytes", VALUE_MOST);
	rc = fd_read_all(STDIN_FILENO, VALUE_MOST, &text, &n);
	if (rc < 0)
		return out_say("state", STATUS_USAGE, "stdin: %s",
			rc == -EFBIG ? "more than 65536 bytes" : strerror(-rc));
	status = change(s, text ? text : "", n);
	free(text);
	return status;
}

/* ----------------------------------------------------------------------- main */

static int run(struct state *s, const char *verb, char **operand, int count)
{
	static const struct {
		const char *verb;
		int least, most;
	} verbs[] = {{"ls", 1, 2}, {"get", 2, 2}, {"put", 3, 3}, {"rm", 2, 2}};
	size_t i = 0;
	int status;

	while (i < 4 && strcmp(verbs[i].verb, verb) != 0)
		i++;
	if (i == 4)
		return out_say(
			"state", STATUS_USAGE, "\"%s\": it is one of ls, get, put, rm", verb);
	if (count < verbs[i].least || count > verbs[i].most)
		return out_say("state", STATUS_USAGE,
			"%s: too %s operands: see mayfly state --help", verb,
			count < verbs[i].least ? "few" : "many");
	s->service = operand[0];
	status = client_service("state", s->service);
	if (status != STATUS_OK)
		return status;
	if (i == 0)
		return list(s, count > 1 ? operand[1] : "");
	s->key = operand[1];
	if (strlen(s->key) == 0 || strlen(s->key) > KEY_MOST)
		return out_say("state", STATUS_USAGE, "a key has 1 to %u bytes", KEY_MOST);
	return i == 1 ? get(s) : i == 2 ? put(s, operand[2]) : change(s, NULL, 0);
}

int cmd_state(int argc, char **argv)
{
	struct client_options o = {0};
	struct state s = {0};
	int status, c;

	while ((c = client_option(&o, &usage, argc, argv, &status)) != -1) {
		if (c == -2)
			return status;
		s.if_version = optarg;
	}
	if (s.if_version && (!*s.if_version || s.if_version[strspn(s.if_version, "0123456789")]))
		return out_say("state", STATUS_USAGE,
			"--if-version: \"%s\": it is no version: mayfly state ls shows them",
			s.if_version);
	if (optind >= argc)
		return out_say("state", STATUS_USAGE,
			"say what: mayfly state ls|get|put|rm SERVICE: see mayfly state --help");
	status = client_open(&s.client, "state", &o);
	s.json = o.json;
	if (status == STATUS_OK)
		status = run(&s, argv[optind], argv + optind + 1, argc - optind - 1);
	client_close(&s.client);
	return status;
}
