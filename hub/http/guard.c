/* hub/http/guard.c - may this client ask by this route, and if not, what is it told? */
#include <stdio.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/conn.h"
#include "hub/http/problem.h"
#include "hub/http/router.h"
#include "hub/http/tls.h"
#include "hub/hub.h"
#include "hub/peer.h"
#include "sys/clock.h"

#define BEARER "Bearer realm=\"mayfly\""

static const struct {
	struct problem problem;
	const char *authenticate; /* RFC 6750, 3: where tokens are asked for */
} refusals[ACCESS_RESULTS] = {
	[ACCESS_NO_TOKEN] = {{401, 0, "a token is needed: Authorization: Bearer TOKEN"}, BEARER},
	[ACCESS_BAD_TOKEN] = {{401, 0, "this token is not known here"},
		BEARER ", error=\"invalid_token\""},
	[ACCESS_MALFORMED] = {{400, 0, "Authorization has no token, or stands there twice"},
		BEARER ", error=\"invalid_request\""},
	[ACCESS_NO_CERTIFICATE] = {{403, 0, "a client certificate is needed"}, NULL},
	[ACCESS_OLD_CERTIFICATE] = {{403, 0,
					    "the client certificate has ended, or others are "
					    "believed now: connect again"},
		NULL},
	[ACCESS_NOT_NAMED] = {{403, 0, "this client may not ask for this"},
		BEARER ", error=\"insufficient_scope\""},
	[ACCESS_NOT_OURS] = {{403, 0, "only root and the hub's own user may do this"}, NULL},
};

/* Nothing of the request is said but by which route it came: the rest is the client's own words. */
static void say(struct conn *c, const char *path, enum access_result why, const char *more)
{
	struct in_http *http = c->http;
	char user[32];
	uint64_t skipped;

	http->input.counts.denied[why]++;
	if (!log_allowed(&http->denials, loop_now(http->input.hub->loop), &skipped))
		return;
	snprintf(user, sizeof(user), "user %ld", http->own_user ? peer_user(c->fd) : -1);
	log_warn("%s: %.*s was refused%s%s: %s%s%s; %llu more since the last such line",
		http->input.text, http->own_user ? (int)sizeof(user) : (int)c->peer_n,
		http->own_user ? user : c->peer, path ? " at " : "", path ? path : "",
		access_result_names[why], more ? ": " : "", more ? more : "",
		(unsigned long long)skipped);
}

static bool refuse(struct conn *c, const struct route *route, enum access_result why)
{
	struct response r = {0};

	say(c, route->path, why, NULL);
	if (!c->http->input.own)
		recent_note(&c->http->input.hub->recent,
			&(struct recent_note){.service = route->service,
				.source = c->http->input.ops->name,
				.subject = mf_str_of(route->path, strlen(route->path)),
				.result = access_result_names[why],
				.refused = true,
				.times = 1});
	if (why != ACCESS_NOT_NAMED || access_has_tokens(route->access))
		r.authenticate = refusals[why].authenticate;
	if (why == ACCESS_OLD_CERTIFICATE)
		c->keep_alive = false;
	exchange_turn_away(c, &refusals[why].problem, &r);
	return false;
}

/* What was true at the handshake may have ended: its time, or a reload believes others. */
static bool is_believed(const struct conn *c, const struct access_certificate *certificate)
{
	return certificate && certificate->until > clock_wall_ns() / (int64_t)CLOCK_S &&
		c->http->tls &&
		memcmp(certificate->trust, tls_context_trust(c->http->tls), ACCESS_TRUST) == 0;
}

static enum access_result look(const struct conn *c, const struct route *route,
	const struct request *request, struct mf_str *who)
{
	struct access_client client = {.certificate = c->tls ? tls_certificate(c->tls) : NULL};
	unsigned next = 0;

	client.believed = is_believed(c, client.certificate);
	if (access_has_tokens(route->access)) {
		client.credentials = request_header(request, "authorization", &next);
		client.several = request_header(request, "authorization", &next).p != NULL;
	}
	return access_check(route->access, &client, who);
}

bool guard_admits(struct conn *c, const struct route *route, const struct request *request,
	struct mf_str *who)
{
	enum access_result result;

	if (route->changes && c->http->own_user && peer_rights(c->fd, PEER_NO_GROUP) != PEER_ALL)
		return refuse(c, route, ACCESS_NOT_OURS);
	result = look(c, route, request, who);
	return result == ACCESS_GRANTED || refuse(c, route, result);
}

/* By any of the listener's routes to such services. Who is told why not is told by the first of them. */
static bool admits_by_one(struct conn *c, const struct route *route, const struct request *request,
	bool (*is_such)(const struct service *, const char *), const char *name)
{
	enum access_result first = ACCESS_RESULTS, result;
	const struct route *one;
	struct mf_str who;

	for (size_t i = 0; (one = router_at(c->http->router, i)); i++) {
		if (!one->service || !is_such(one->service, name))
			continue;
		result = look(c, one, request, &who);
		if (result == ACCESS_GRANTED)
			return true;
		if (first == ACCESS_RESULTS) {
			first = result;
			route = one;
		}
	}
	return refuse(c, route, first == ACCESS_RESULTS ? ACCESS_NOT_NAMED : first);
}

static bool has_input(const struct service *service, const char *name)
{
	(void)name;
	return service->note.input_bytes > 0;
}

static bool is_named(const struct service *service, const char *name)
{
	return !name || strcmp(service->name, name) == 0;
}

bool guard_admits_blobs(struct conn *c, const struct route *route, const struct request *request)
{
	struct mf_str who;

	if (c->http->input.own)
		return guard_admits(c, route, request, &who);
	return admits_by_one(c, route, request, has_input, NULL);
}

bool guard_admits_to(struct conn *c, const struct route *route, const struct request *request,
	const char *service)
{
	return admits_by_one(c, route, request, is_named, service);
}

void guard_refused_tls(struct conn *c, const char *why)
{
	say(c, NULL, ACCESS_BAD_CERTIFICATE, why);
}
