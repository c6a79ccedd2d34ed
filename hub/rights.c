/* hub/rights.c - see rights.h */
#include "hub/rights.h"

#include <stdlib.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/bearers.h"
#include "hub/setup.h"

struct rights_file {
	struct rights_file *next;
	struct bearers *tokens;
};

static int read_file(struct rights *rights, const char *path, const char *place,
	struct bearers **tokens, char error[static HUB_ERROR_MAX])
{
	char why[BEARERS_ERROR_MAX];
	struct rights_file *f = rights->files;
	int err;

	while (f && strcmp(bearers_path(f->tokens), path) != 0)
		f = f->next;
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return setup_bad(place, error, SETUP_FAILED, "no memory");
		err = bearers_read(&f->tokens, path, why);
		if (err < 0) {
			free(f);
			return setup_bad(place, error, setup_status_of(err), "%s", why);
		}
		f->next = rights->files;
		rights->files = f;
	}
	*tokens = f->tokens;
	return 0;
}

/* What an entry says takes the place of what its listener says. */
static const struct config_access *names_of(
	const struct config_listener *listener, const struct config_access *entry)
{
	bool says = entry && (entry->open || entry->clients_count > 0);

	return says ? entry : &listener->access;
}

static const char *tokens_of(
	const struct config_listener *listener, const struct config_access *entry)
{
	bool says = entry && (entry->open || entry->tokens);

	return says ? entry->tokens : listener->access.tokens;
}

int rights_make(struct rights *rights, const struct config_listener *listener,
	const struct config_access *entry, const char *place, struct access **access,
	char error[static HUB_ERROR_MAX])
{
	const struct config_access *names = names_of(listener, entry);
	const char *path = tokens_of(listener, entry);
	struct access_rules rules = {.certificate = listener->require,
		.clients = (const char *const *)names->clients,
		.clients_count = names->clients_count};
	char where[NET_TEXT];
	int status = 0;

	*access = NULL;
	if (rules.clients_count > 0 && !path && !listener->authorities) {
		net_text(&listener->address, where);
		return setup_bad(place, error, SETUP_USAGE,
			"clients: nobody can be known by name on %s: 'tokens' here or there, or "
			"'clients' under its 'tls', says by what",
			where);
	}
	if (path)
		status = read_file(rights, path, place, &rules.tokens, error);
	if (status != 0 || !(rules.tokens || rules.certificate || rules.clients_count > 0))
		return status;
	if (access_make(access, &rules) < 0)
		return setup_bad(place, error, SETUP_FAILED, "no memory");
	return 0;
}

void rights_close(struct rights *rights)
{
	for (struct rights_file *f = rights->files, *next; f; f = next) {
		next = f->next;
		bearers_drop(f->tokens);
		free(f);
	}
	rights->files = NULL;
}
