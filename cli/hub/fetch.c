/* cli/hub/fetch.c - see fetch.h */
#include "cli/hub/fetch.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"

#define ID_MAX 95u

bool fetch_is_id(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef/");

	return n > 0 && n <= ID_MAX && text[n] == '\0' && text[0] != '/';
}

int fetch_lives(
	struct client *client, const char *service, unsigned long long *before, json_t **answer)
{
	char page[256] = "/v1/lives", number[32];
	int status;

	*answer = NULL;
	client_parameter(page, sizeof(page), "service", service);
	snprintf(number, sizeof(number), "%llu", *before);
	if (*before != 0)
		client_parameter(page, sizeof(page), "before", number);
	status = client_ask(client, "GET", page, answer, NULL);
	if (status == STATUS_OK)
		*before = (unsigned long long)client_integer(*answer, "before");
	return status;
}

int fetch_capsule(const json_t *life, uint8_t **bytes, struct capsule *capsule)
{
	const char *text = client_text(life, "capsule");
	size_t n = text ? strlen(text) : 0, size;

	*bytes = malloc(n + 1);
	if (!*bytes)
		return -ENOMEM;
	if (!text ||
		sodium_base642bin(*bytes, n + 1, text, n, NULL, &size, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		capsule_read(capsule, *bytes, size) != NULL) {
		free(*bytes);
		*bytes = NULL;
		return -EINVAL;
	}
	return 0;
}

/* The hub looks at so many rows at once, and says where to go on. */
static int ask(struct fetched *f, struct client *client, const char *id)
{
	char page[256], before[24] = "";
	const json_t *next;
	int status;

	do {
		json_decref(f->answer);
		f->answer = NULL;
		snprintf(page, sizeof(page), "/v1/events/%s", id);
		if (before[0])
			client_parameter(page, sizeof(page), "before", before);
		status = client_ask(client, "GET", page, &f->answer, NULL);
		if (status != STATUS_OK) {
			f->answer = NULL;
			return status;
		}
		next = json_object_get(f->answer, "before");
		snprintf(before, sizeof(before), "%lld", (long long)json_integer_value(next));
	} while (json_is_integer(next));
	return STATUS_OK;
}

/* What was logged about an event whose life isn't kept: the hub remembers its newest lines. They become "lines" of the
 * answer; that there are none is no error. */
static void ask_lines(struct fetched *f, struct client *client, const char *id)
{
	const char *service = client_text(json_object_get(f->answer, "event"), "service");
	char page[256] = "/v1/logs";
	json_t *answer, *line, *lines;
	size_t i;

	if (!service || json_is_object(json_object_get(f->answer, "life")))
		return;
	client_parameter(page, sizeof(page), "service", service);
	if (client_ask(client, "GET", page, &answer, NULL) != STATUS_OK)
		return;
	lines = json_array();
	json_array_foreach(json_object_get(answer, "lines"), i, line)
	{
		const char *event = client_text(line, "event");

		if (event && strcmp(event, id) == 0)
			json_array_append(lines, line);
	}
	json_object_set_new(f->answer, "lines", lines);
	json_decref(answer);
}

static int take(struct fetched *f, const char *command, const char *id)
{
	const json_t *life = json_object_get(f->answer, "life");

	f->event = json_object_get(f->answer, "event");
	if (!json_is_object(f->event))
		f->event = NULL;
	if (!json_is_object(life))
		life = NULL;
	if (!life && !f->event)
		return out_say(command, STATUS_NOT_FOUND,
			"\"%s\": the hub knows of no such event: it was refused before it was "
			"accepted, or is forgotten: mayfly events lists the newest",
			id);
	if (!life)
		return STATUS_OK;
	f->image_path = client_text(life, "image_path");
	if (fetch_capsule(life, &f->bytes, &f->capsule) < 0)
		return out_say(command, STATUS_FAILED, "\"%s\": its capsule is damaged", id);
	return STATUS_OK;
}

int fetch_event(struct fetched *fetched, const char *command, const struct client_options *options,
	const char *id)
{
	struct client client;
	int status;

	*fetched = (struct fetched){0};
	if (!fetch_is_id(id))
		return out_say(command, STATUS_USAGE,
			"\"%s\": it is no id of an event: mayfly events lists the newest", id);
	status = client_open(&client, command, options);
	if (status == STATUS_OK)
		status = ask(fetched, &client, id);
	if (status == STATUS_OK)
		ask_lines(fetched, &client, id);
	client_close(&client);
	return status == STATUS_OK ? take(fetched, command, id) : status;
}

int fetch_life(struct fetched *fetched, const char *command, const struct client_options *options,
	const char *id)
{
	int status = fetch_event(fetched, command, options, id);

	if (status != STATUS_OK || fetched->bytes)
		return status;
	return out_say(command, STATUS_NOT_FOUND,
		"\"%s\": nothing was kept of its life: of lives that only reply nothing is, and "
		"the "
		"oldest are forgotten first",
		id);
}

void fetch_free(struct fetched *fetched)
{
	json_decref(fetched->answer);
	free(fetched->bytes);
	*fetched = (struct fetched){0};
}
