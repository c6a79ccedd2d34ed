/* hub/config_access.c - who may ask: listeners, client certificates, tokens, names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "hub/http/access.h"

#define AT 96 /* "services.4095.http.63.clients.63" */

/* "AT.KEY", where a value stands. */
static void name_key(char to[static AT], const char *at, const char *key)
{
	snprintf(to, AT, "%s.%s", at, key);
}

/* -------------------------------------------------------------------- names */

static int take_names(const struct building *b, const char *at, const char *key, char *const *names,
	unsigned count, char ***out, unsigned *out_count)
{
	char path[AT], one[AT + 16];
	int rc = 0;

	name_key(path, at, key);
	if (count == 0 && yaml_tree_has(b->r->tree, path))
		return reading_bad(b->r, path,
			"%s: an empty list lets nobody in: name somebody, or leave it out", key);
	*out = count > 0 ? calloc(count, sizeof(char *)) : NULL;
	if (count > 0 && !*out)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < count && rc == 0; i++) {
		const char *wrong = access_pattern_wrong(names[i]);

		snprintf(one, sizeof(one), "%s.%u", path, i);
		if (wrong)
			return reading_bad(b->r, one, "%s: '%.60s' %s", key, names[i], wrong);
		rc = config_text(b, names[i], &(*out)[i]);
		*out_count = i + 1;
	}
	return rc;
}

static void free_names(char **names, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

int config_access(const struct building *b, const char *at, const char *tokens,
	char *const *clients, unsigned clients_count, struct config_access *access)
{
	int rc = 0;

	access->open = tokens && strcmp(tokens, "none") == 0;
	if (tokens && !access->open)
		rc = config_path(b, tokens, &access->tokens);
	if (rc == 0)
		rc = take_names(b, at, "clients", clients, clients_count, &access->clients,
			&access->clients_count);
	return rc;
}

void config_access_free(struct config_access *access)
{
	free(access->tokens);
	free_names(access->clients, access->clients_count);
}

/* ---------------------------------------------------------------- listeners */

static int take_require(
	const struct building *b, const char *at, const char *text, struct config_listener *l)
{
	static const char *const words[] = {"false", "true", NULL};
	char path[AT];
	int choice = 1;

	name_key(path, at, "tls.require");
	if (text)
		choice = reading_choice(b->r, path, text, words);
	l->require = l->authorities && choice == 1;
	return choice < 0 ? choice : 0;
}

static int take_tls(const struct building *b, const char *at, const struct raw_tls *raw,
	struct config_listener *l)
{
	char path[AT];
	int rc = raw->certificate ? config_path(b, raw->certificate, &l->certificate) : 0;

	name_key(path, at, "tls");
	if (!raw->clients && (raw->revoked || raw->require))
		return reading_bad(b->r, path,
			"tls: '%s' says nothing without 'clients', a file with the authorities of "
			"client certificates",
			raw->revoked ? "revoked" : "require");
	if (rc == 0 && raw->key)
		rc = config_path(b, raw->key, &l->key);
	if (rc == 0 && raw->clients)
		rc = config_path(b, raw->clients, &l->authorities);
	if (rc == 0 && raw->revoked)
		rc = config_path(b, raw->revoked, &l->revoked);
	return rc < 0 ? rc : take_require(b, at, raw->require, l);
}

int config_listener(const struct building *b, const char *at, const struct raw_listener *raw,
	struct config_listener *l)
{
	char path[AT];
	int rc;

	config_place(b, at, l->place);
	name_key(path, at, "listen");
	rc = config_address(
		b, path, strcmp(at, "admin_listen") == 0 ? at : "http", raw->listen, &l->address);
	if (rc == 0)
		rc = take_tls(b, at, &raw->tls, l);
	if (rc == 0)
		rc = config_access(
			b, at, raw->tokens, raw->clients, raw->clients_count, &l->access);
	name_key(path, at, "clients");
	if (rc == 0 && l->access.clients_count > 0 && !l->access.tokens && !l->authorities)
		rc = reading_bad(b->r, path,
			"clients: nobody can be known here by name: 'tokens', or 'clients' under "
			"'tls', says by what");
	return rc;
}

int config_coap(const struct building *b, const char *at, const struct raw_coap *raw,
	struct config_listener *l)
{
	char path[AT];
	int rc;

	config_place(b, at, l->place);
	name_key(path, at, "listen");
	rc = config_address(b, path, "coap", raw->listen, &l->address);
	if (rc == 0 && raw->dtls.psk)
		rc = config_path(b, raw->dtls.psk, &l->psk);
	return rc;
}

void config_listener_free(struct config_listener *l)
{
	free(l->certificate);
	free(l->key);
	free(l->authorities);
	free(l->revoked);
	free(l->psk);
	config_access_free(&l->access);
}

/* ----------------------------------------------------- admin over the network */

/* Who gets in there commands the hub. */
static int check_network(const struct building *b, const struct config_listener *l)
{
	if (!l->certificate)
		return reading_bad(b->r, "admin_listen",
			"admin_listen: it needs 'tls: {certificate: FILE, key: FILE}': what is "
			"asked there could be read and changed on its way");
	if (!l->access.tokens && !l->require)
		return reading_bad(b->r, "admin_listen",
			"admin_listen: anybody could ask there: it needs 'tokens: FILE', or "
			"certificates of clients, 'tls: {clients: FILE}'");
	return 0;
}

int config_network(const struct building *b, const struct raw_config *raw, struct config *config)
{
	const struct raw_network *n = &raw->network;
	int rc;

	if (!yaml_tree_has(b->r->tree, "admin_listen"))
		return 0;
	rc = config_listener(b, "admin_listen", &n->at, &config->network);
	if (rc == 0)
		rc = check_network(b, &config->network);
	if (rc == 0)
		rc = take_names(b, "admin_listen", "change", n->change, n->change_count,
			&config->change, &config->change_count);
	return rc;
}

void config_network_free(struct config *config)
{
	config_listener_free(&config->network);
	free_names(config->change, config->change_count);
}
