/* cli/hub/transfer.c - many bytes to or from a hub: client_transfer of client.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/hub/client.h"
#include "cli/hub/client_curl.h"
#include "cli/hub/curl.h"
#include "cli/out.h"

#define STALL_S 30L /* with less than a KiB a second it is given up */

/* Where what comes goes: what a refusal says is for us. */
struct coming {
	CURL *curl;
	const struct curl_functions *f;
	FILE *to, *refusal;
	bool failed; /* to write */
};

static size_t on_bytes(char *p, size_t size, size_t n, void *context)
{
	struct coming *c = context;
	long status = 0;
	FILE *to;

	c->f->getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	to = status >= 400 || !c->to ? c->refusal : c->to;
	if (fwrite(p, size, n, to) == n)
		return size * n;
	c->failed = true;
	return 0;
}

static CURLcode talk(const struct client_transfer *t, struct coming *c, long *status)
{
	struct curl_slist *headers = NULL;
	CURLcode rc;

	if (t->header)
		headers = c->f->append(NULL, t->header);
	if (t->header && !headers)
		return CURLE_OUT_OF_MEMORY;
	if (t->from) {
		c->f->setopt(c->curl, CURLOPT_UPLOAD, 1L);
		c->f->setopt(c->curl, CURLOPT_READDATA, t->from); /* read with fread */
		c->f->setopt(c->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->from_bytes);
	}
	c->f->setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	c->f->setopt(c->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	c->f->setopt(c->curl, CURLOPT_WRITEDATA, c);
	c->f->setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
	c->f->setopt(c->curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
	rc = c->f->perform(c->curl);
	c->f->getinfo(c->curl, CURLINFO_RESPONSE_CODE, status);
	c->f->free_all(headers);
	return rc;
}

int client_transfer(struct client *client, const struct client_transfer *t)
{
	const char *why = NULL;
	struct coming coming = {.f = curl_load(&why), .to = t->to};
	char *text = NULL, error[CURL_ERROR_SIZE] = "";
	size_t n = 0;
	long status = 0;
	CURLcode rc;

	client_forget(client); /* what was set for questions is not for this */
	coming.curl = client_handle(client, t->page, error);
	coming.refusal = open_memstream(&text, &n);
	if (!coming.curl || !coming.refusal) {
		if (coming.refusal)
			fclose(coming.refusal);
		free(text);
		return out_say(client->command, STATUS_MEMORY, "no memory");
	}
	rc = talk(t, &coming, &status);
	fclose(coming.refusal);
	if (status >= 400) /* it may have been said in the middle of what we sent */
		status = client_refused(client, status, json_loadb(text ? text : "", n, 0, NULL));
	else if (coming.failed)
		status = out_say(client->command, STATUS_FAILED, "what came can't be written");
	else if (rc != CURLE_OK)
		status = client_unreachable(client, rc, error, NULL);
	else
		status = STATUS_OK;
	free(text);
	client_forget(client);
	return (int)status;
}
