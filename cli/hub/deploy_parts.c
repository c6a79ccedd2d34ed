/* cli/hub/deploy_parts.c - see deploy.h: the image's way to the hub, what it may more, and what becomes of it. */
#include <errno.h>
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cli/audit/audit.h"
#include "cli/commands.h"
#include "cli/hub/deploy.h"
#include "cli/out.h"
#include "image/variant.h"

#define PIECE 61440u /* a page's body may have 64 KiB */

/* ---------------------------------------------------------------------- compare */

/* The image that runs, as a file of its own. */
static int fetch(struct client *client, const char *service, FILE **file, char path[static 64])
{
	char page[CLIENT_PAGE] = "/v1/deploys/image";
	struct client_transfer transfer = {.page = page};
	int fd = memfd_create("image", MFD_CLOEXEC), status;

	*file = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!*file) {
		if (fd >= 0)
			close(fd);
		return out_say(client->command, STATUS_MEMORY, "no memory");
	}
	client_parameter(page, sizeof(page), "service", service);
	transfer.to = *file;
	status = client_transfer(client, &transfer);
	if (status == STATUS_OK && fflush(*file) != 0)
		status = out_say(client->command, STATUS_MEMORY, "no memory");
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return status;
}

/* Who signed it, and its counter, are the hub's to judge. */
static bool any_more(const struct change *changes, int n)
{
	for (int i = 0; i < n; i++) {
		const struct fact *f = changes[i].is ? changes[i].is : changes[i].was;

		if (changes[i].more && f->part != AUDIT_WHO)
			return true;
	}
	return false;
}

static int compare(
	const struct client *client, const struct audit *old, const struct audit *new, bool granted)
{
	struct change *changes = NULL;
	int n = audit_compare(old, new, &changes), status = STATUS_OK;

	if (n < 0)
		return out_say(client->command, STATUS_MEMORY, "no memory");
	if (any_more(changes, n) && !granted) {
		(void)audit_show_changes(old, new, changes, (unsigned)n, client->options->json);
		status = out_say(client->command, STATUS_DENIED,
			"it may more than the version that runs: say --grant-more if it should");
	}
	free(changes);
	return status;
}

int deploy_compare(struct client *client, const char *service, const char *path, bool granted)
{
	struct audit old = {0}, new = {0};
	FILE *file = NULL;
	char there[64];
	int status = fetch(client, service, &file, there);

	if (status == STATUS_OK)
		status = audit_open(&old, client->command, there);
	old.path = "the one that runs";
	if (status == STATUS_OK)
		status = audit_open(&new, client->command, path);
	if (status == STATUS_OK)
		status = compare(client, &old, &new, granted);
	audit_close(&new);
	audit_close(&old);
	if (file)
		fclose(file);
	return status;
}

/* ------------------------------------------------------------------------- send */

static int send_bytes(struct client *client, const char *name, const uint8_t *bytes, size_t size)
{
	int status = STATUS_OK;
	json_t *answer;

	for (size_t at = 0; at < size && status == STATUS_OK; at += client->body_n) {
		char page[CLIENT_PAGE];

		snprintf(page, sizeof(page), "/v1/deploys/piece?image=%s&at=%zu&size=%zu", name, at,
			size);
		client->body = (const char *)bytes + at;
		client->body_n = size - at < PIECE ? size - at : PIECE;
		status = client_ask(client, "POST", page, &answer, NULL);
		if (status == STATUS_OK)
			json_decref(answer);
	}
	client->body = NULL;
	client->body_n = 0;
	return status;
}

static int read_file(const struct client *client, const char *path, uint8_t **bytes, size_t *size)
{
	int rc = out_read_file(path, MFI_FILE_MAX, bytes, size);

	return rc < 0 ? out_say(client->command, rc == -ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
				"\"%s\": %s", path, strerror(-rc))
		      : STATUS_OK;
}

struct variants {
	struct client *client;
	const char *name;
	int status;
};

/* "x/linalg@1.2.4+haswell.mfy" goes as NAME+haswell. */
static void send_variant(void *arg, const char *file)
{
	struct variants *v = arg;
	const char *plus = strrchr(file, '+');
	char name[65 + MFI_VARIANT_MAX + 8];
	uint8_t *bytes;
	size_t size;

	if (v->status != STATUS_OK || !plus)
		return;
	snprintf(name, sizeof(name), "%s%.*s", v->name, (int)(strlen(plus) - strlen(".mfy")), plus);
	v->status = read_file(v->client, file, &bytes, &size);
	if (v->status != STATUS_OK)
		return;
	v->status = send_bytes(v->client, name, bytes, size);
	free(bytes);
}

int deploy_send(struct client *client, const char *path, char name[static 65])
{
	struct variants variants = {.client = client, .name = name};
	uint8_t digest[32], *bytes;
	size_t size;
	int status = read_file(client, path, &bytes, &size);

	if (status != STATUS_OK)
		return status;
	(void)crypto_hash_sha256(digest, bytes, size);
	out_hex(digest, sizeof(digest), name);
	variants.status = send_bytes(client, name, bytes, size);
	free(bytes);
	variant_each(path, send_variant, &variants);
	return variants.status;
}

/* ----------------------------------------------------------------------- follow */

/* Each once. */
static void say_progress(const char *command, const json_t *answer, char last[static 64])
{
	const char *phase = client_text(answer, "phase");
	const char *to = client_text(json_object_get(answer, "new"), "version");
	const char *why = client_text(answer, "at_once");
	char now[64];

	snprintf(now, sizeof(now), "%.20s %g", phase ? phase : "",
		json_number_value(json_object_get(answer, "share")));
	if (!phase || strcmp(now, last) == 0)
		return;
	memcpy(last, now, sizeof(now));
	if (strcmp(phase, "birth") == 0)
		out_say(command, 0, "version %s: its worker starts", to);
	else if (strcmp(phase, "share") == 0)
		out_say(command, 0, "version %s gets %g %% of the events", to,
			json_number_value(json_object_get(answer, "share")));
	else if (strcmp(phase, "watch") == 0)
		out_say(command, 0, "version %s runs, and is watched; it took over at once, for %s",
			to, why ? why : "that was asked for");
}

/* `asked`: that the new version goes back is what was asked for. */
static int conclude(const struct client *client, json_t *answer, bool asked)
{
	const char *phase = client_text(answer, "phase"), *why = client_text(answer, "why");
	const json_t *new = json_object_get(answer, "new"), *old = json_object_get(answer, "old");
	const bool done = phase && strcmp(phase, "done") == 0;
	int status = done != asked ? STATUS_OK : STATUS_FAILED;

	if (client->options->json)
		return out_json(client->command, status, answer);
	if (asked && !done)
		printf("%s %s runs, %s went back\n", client_text(answer, "service"),
			client_text(old, "version"), client_text(new, "version"));
	else if (done)
		printf("%s %s runs, it was %s%s%s\n", client_text(answer, "service"),
			client_text(new, "version"), client_text(old, "version"), why ? ": " : "",
			why ? why : "");
	else
		out_say(client->command, 0, "version %s went back, %s %s runs: %s",
			client_text(new, "version"), client_text(answer, "service"),
			client_text(old, "version"), why ? why : "");
	json_decref(answer);
	return out_end(client->command, status);
}

int deploy_follow(struct client *client, const char *service, json_t *answer)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	char page[CLIENT_PAGE] = "/v1/deploys", last[64] = "";
	/* a rollback of a deploy that is under way ends it, or has the old version return */
	const bool asked = strcmp(client->command, "rollback") == 0 &&
		(json_is_true(json_object_get(answer, "returning")) ||
			!json_is_true(json_object_get(answer, "under_way")));
	json_t *all = NULL;
	int status;

	client_parameter(page, sizeof(page), "service", service);
	for (;;) {
		say_progress(client->command, answer, last);
		if (!json_is_true(json_object_get(answer, "under_way")))
			return conclude(client, answer, asked);
		json_decref(answer);
		(void)nanosleep(&pause, NULL);
		status = client_ask(client, "GET", page, &all, NULL);
		if (status != STATUS_OK)
			return status;
		answer = json_incref(json_array_get(json_object_get(all, "deploys"), 0));
		json_decref(all);
		if (!answer)
			return out_say(client->command, STATUS_FAILED,
				"the hub was started anew meanwhile: mayfly ps says what runs");
	}
}
