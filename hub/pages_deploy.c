/* hub/pages_deploy.c - see pages_deploy.h */
#include "hub/pages_deploy.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "hub/canary.h"
#include "hub/deploy.h"
#include "hub/pages_json.h"
#include "hub/setup.h"
#include "sys/fd.h"

/* --------------------------------------------------------------------- shown */

static json_t *side_object(const char *version, const struct weigh_side *side)
{
	json_t *o = json_object();

	pages_set(o, "version", json_string(version));
	pages_set(o, "lives", pages_count(side->lives));
	pages_set(o, "failures", pages_count(side->failures));
	pages_set(o, "run_p50_us", pages_quantile(&side->run, 500));
	pages_set(o, "run_p99_us", pages_quantile(&side->run, 990));
	return o;
}

static double share_of(const struct deploy *d)
{
	if (d->phase == DEPLOY_SHARE && d->old)
		return d->old->share / 100.0;
	return d->phase == DEPLOY_WATCH || d->phase == DEPLOY_DONE ? 100 : 0;
}

static json_t *deploy_object(const struct deploy *d)
{
	struct weigh_side new, old;
	json_t *o = json_object();
	char digest[65];

	deploy_sides(d, &new, &old);
	deployed_digest_text(d->digest, digest);
	pages_set(o, "service", json_string(d->name));
	pages_set(o, "phase", json_string(deploy_phases[d->phase]));
	pages_set(o, "under_way", json_boolean(deploy_is_under_way(d)));
	pages_set(o, "returning", json_boolean(d->returning));
	pages_set(o, "image", json_string(digest));
	pages_set(o, "share", json_real(share_of(d)));
	pages_set(o, "step", pages_count(d->phase == DEPLOY_SHARE ? d->at + 1 : 0));
	pages_set(o, "steps", pages_count(d->at_once ? 0 : d->options.steps));
	pages_set(o, "at_once", pages_text_or_null(d->why_once[0] ? d->why_once : NULL));
	pages_set(o, "old", side_object(d->from, &old));
	pages_set(o, "new", side_object(d->to, &new));
	pages_set(o, "why", pages_text_or_null(d->why[0] ? d->why : NULL));
	return o;
}

static void text_of(struct mf_str text, char *to, size_t size)
{
	size_t n = text.p && text.n < size ? text.n : 0;

	if (n > 0)
		memcpy(to, text.p, n);
	to[n] = '\0';
}

void pages_deploys(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name = page_parameter(request->query, "service");
	json_t *all = json_array();

	for (const struct deploy *d = hub->deploys; d; d = d->next)
		if (!name.p || mf_str_is(name, d->name))
			json_array_append_new(all, deploy_object(d));
	pages_answer(reply, json_pack("{so}", "deploys", all));
}

/* ------------------------------------------------------------------- options */

static bool number(
	const struct page_request *request, const char *name, uint64_t most, uint64_t *to)
{
	struct mf_str text = page_parameter(request->query, name);

	return !text.p || (num_parse(text, to) && *to <= most);
}

/* "100,1000,5000,10000": ten thousandths, each more than the one before. */
static bool read_steps(struct mf_str text, struct deploy_options *o)
{
	uint64_t before = 0;

	o->steps = 0;
	while (text.n > 0) {
		struct mf_str one = text;
		uint64_t value;

		one.n = 0;
		while (one.n < text.n && text.p[one.n] != ',')
			one.n++;
		if (!num_parse(one, &value) || value <= before || value > CANARY_ALL ||
			o->steps == DEPLOY_STEPS)
			return false;
		o->step[o->steps++] = (unsigned)value;
		before = value;
		text = one.n < text.n ? mf_str_of(text.p + one.n + 1, text.n - one.n - 1)
				      : mf_str_of(text.p, 0);
	}
	return true;
}

static bool read_options(const struct page_request *request, struct deploy_options *o)
{
	uint64_t ms = 30000, least = 50, errors = 100, slower = 200;
	struct mf_str steps = page_parameter(request->query, "steps");

	*o = (struct deploy_options){.step = {100, 1000, 5000, 10000}, .steps = 4};
	if ((steps.p && !read_steps(steps, o)) || !number(request, "ms", 86400000, &ms) ||
		!number(request, "least", 1000000, &least) ||
		!number(request, "errors", CANARY_ALL, &errors) ||
		!number(request, "slower", 100000, &slower))
		return false;
	o->step_ns = ms * CLOCK_MS;
	o->limits.least = least;
	o->limits.errors = (unsigned)errors;
	o->limits.slower = (unsigned)slower;
	o->rollback = mf_str_is(page_parameter(request->query, "rollback"), "1");
	return true;
}

/* --------------------------------------------------------------------- asked */

static void refuse(struct page_reply *reply, int status, const char *error)
{
	char clean[HUB_ERROR_MAX];

	log_clean(clean, sizeof(clean), error, strlen(error));
	if (status == SETUP_NOT_FOUND)
		pages_refuse(reply, 404, "Not Found", json_string(clean));
	else if (status == SETUP_DENIED)
		pages_refuse(reply, 403, "Forbidden", json_string(clean));
	else
		pages_refuse(reply, 422, "Unprocessable Content", json_string(clean));
}

static void answer(struct hub *hub, const char *name, struct page_reply *reply)
{
	for (const struct deploy *d = hub->deploys; d; d = d->next)
		if (strcmp(d->name, name) == 0) {
			pages_answer(reply, deploy_object(d));
			return;
		}
	pages_refuse(reply, 404, "Not Found", json_string("nothing was deployed"));
}

void pages_deploy(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	char name[MFI_NAME_MAX + 1], error[HUB_ERROR_MAX];
	uint8_t digest[DEPLOYED_DIGEST];
	struct deploy_options options;
	int status;

	text_of(page_parameter(request->query, "service"), name, sizeof(name));
	if (!deployed_digest_read(page_parameter(request->query, "image"), digest) ||
		!read_options(request, &options)) {
		pages_refuse(reply, 400, "Bad Request",
			json_string("image, steps, ms, least, errors or slower is no such value"));
		return;
	}
	status = deploy_begin(hub, name, digest, &options, error);
	if (status != 0)
		refuse(reply, status, error);
	else
		answer(hub, name, reply);
}

void pages_rollback(struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	char name[MFI_NAME_MAX + 1], error[HUB_ERROR_MAX];
	int status;

	text_of(page_parameter(request->query, "service"), name, sizeof(name));
	status = deploy_rollback(hub, name, error);
	if (status != 0)
		refuse(reply, status, error);
	else
		answer(hub, name, reply);
}

/* --------------------------------------------------------------------- images */

static const struct {
	int error;
	unsigned status;
	const char *title, *detail;
} errors[] = {
	{-EINVAL, 400, "Bad Request", "an image's name is its SHA-256: 64 digits, lower case"},
	{-ESPIPE, 409, "Conflict", "this is not the piece that comes next"},
	{-EFBIG, 413, "Content Too Large", "no image is that large"},
	{-EBADMSG, 422, "Unprocessable Content", "the bytes haven't this SHA-256"},
	{-ENOENT, 422, "Unprocessable Content",
		"the hub has nowhere to keep an image: name a directory as 'state' in its "
		"hub.yaml"},
	{-ENOSPC, 507, "Insufficient Storage", "as many versions are kept as may be"},
};

static void refuse_piece(struct page_reply *reply, int rc)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == rc) {
			pages_refuse(reply, errors[i].status, errors[i].title,
				json_string(errors[i].detail));
			return;
		}
	pages_refuse(reply, 500, "Internal Server Error",
		json_sprintf("the image can't be written: %s", strerror(-rc)));
}

void pages_deploy_piece(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	uint64_t at = 0, size = 0;
	int rc;

	if (!number(request, "at", MFI_FILE_MAX, &at) ||
		!number(request, "size", UINT64_MAX, &size)) {
		pages_refuse(reply, 400, "Bad Request", json_string("at or size is no number"));
		return;
	}
	rc = deployed_piece(&hub->deployments, page_parameter(request->query, "image"), at, size,
		request->body);
	if (rc < 0)
		refuse_piece(reply, rc);
	else
		pages_answer(reply, json_pack("{sb}", "whole", rc));
}

/* The image that runs, for who wants to compare: its bytes. */
void pages_deploy_image(
	struct hub *hub, const struct page_request *request, struct page_reply *reply)
{
	struct mf_str name = page_parameter(request->query, "service");
	const struct service *s = hub->services;
	void *bytes = NULL;
	size_t n = 0;
	int fd, rc;

	while (s && !mf_str_is(name, s->name))
		s = s->next;
	if (!s) {
		pages_refuse(reply, 404, "Not Found", json_string("there is no such service"));
		return;
	}
	fd = fd_open_file(s->image_path);
	rc = fd < 0 ? fd : fd_read_all(fd, MFI_FILE_MAX, &bytes, &n);
	fd_close(&fd);
	if (rc < 0) {
		pages_refuse(reply, 422, "Unprocessable Content",
			json_sprintf("\"%s\": %s", s->image_path, strerror(-rc)));
		return;
	}
	reply->content_type = "application/octet-stream";
	fwrite(bytes, 1, n, reply->body);
	free(bytes);
}
