/* hub/admin_network.c - see admin_network.h */
#include "hub/admin_network.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/config.h"
#include "hub/http/access.h"
#include "hub/http/tls.h"
#include "hub/in_http.h"
#include "hub/pages.h"
#include "hub/rights.h"
#include "hub/setup.h"

static int bad(
	const struct config_listener *l, int err, const char *why, char error[static HUB_ERROR_MAX])
{
	char text[NET_TEXT];

	net_text(&l->address, text);
	if (why[0])
		return setup_bad(l->place, error, setup_status_of(err), "admin_listen: %s", why);
	return setup_bad(l->place, error, SETUP_FAILED, "admin_listen: can't listen on %s: %s%s",
		text, strerror(-err), err == -EADDRINUSE ? ": another program has that port" : "");
}

/* Nobody has an empty name. */
static struct config_access change_of(const struct config *config)
{
	static char *nobody[] = {(char *)(uintptr_t) ""};
	struct config_access change = config->network.access;

	change.clients = config->change_count > 0 ? config->change : nobody;
	change.clients_count = config->change_count > 0 ? config->change_count : 1;
	return change;
}

static int make_router(
	const struct config *config, struct router **router, char error[static HUB_ERROR_MAX])
{
	const struct config_listener *l = &config->network;
	struct config_access may_change = change_of(config);
	struct access *look = NULL, *change = NULL;
	struct rights rights = {0};
	int status = rights_make(&rights, l, NULL, l->place, &look, error), err;

	if (status == 0)
		status = rights_make(&rights, l, &may_change, l->place, &change, error);
	err = status == 0 ? router_open(router) : 0;
	if (status == 0 && err == 0)
		err = pages_add(*router, look, change);
	if (err < 0)
		status = bad(l, err, strerror(-err), error);
	access_drop(look);
	access_drop(change);
	rights_close(&rights);
	return status;
}

static bool is_there(const struct input *there, const struct config_listener *l)
{
	return there && net_same(&there->asked, &l->address);
}

int admin_network_make(struct hub *hub, const struct config *config, struct input *there,
	struct admin_network *n, char error[static HUB_ERROR_MAX])
{
	const struct config_listener *l = &config->network;
	const struct http_options options = {.tls = setup_tls(l)};
	char why[HTTP_ERROR_MAX] = "";
	int status, err;

	*n = (struct admin_network){0};
	if (l->address.size == 0)
		return 0;
	status = make_router(config, &n->router, error);
	if (status != 0)
		return status;
	if (is_there(there, l)) {
		err = in_http_prepare(&n->tls, &options, why);
		n->input = there;
		return err < 0 ? bad(l, err, why, error) : 0;
	}
	err = in_http_open(&n->input, hub, &l->address, &options, n->router, why);
	if (err < 0)
		return bad(l, err, why, error);
	n->opened = true;
	n->router = NULL;
	n->input->asked = l->address;
	return 0;
}

int admin_network_check(const struct config *config, char error[static HUB_ERROR_MAX])
{
	const struct config_listener *l = &config->network;
	const struct http_options options = {.tls = setup_tls(l)};
	struct admin_network n = {0};
	char why[HTTP_ERROR_MAX];
	int status, err;

	if (l->address.size == 0)
		return 0;
	status = make_router(config, &n.router, error);
	err = status == 0 ? in_http_prepare(&n.tls, &options, why) : 0;
	if (err < 0)
		status = bad(l, err, why, error);
	admin_network_drop(&n);
	return status;
}

void admin_network_take(struct admin_network *n)
{
	if (n->input && !n->opened)
		in_http_change(n->input, n->tls, n->router);
	else if (n->input)
		log_info("admin on https://%s", n->input->text);
}

void admin_network_drop(struct admin_network *n)
{
	if (n->opened)
		n->input->ops->close(n->input);
	tls_context_close(n->tls);
	router_close(n->router);
}
