/* hub/config_trust.c - `trust` of hub.yaml: whose images run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"
#include "image/sign.h"

static const char *const answers[] = {"false", "true", NULL};

static int take_answer(const struct building *b, const char *path, const char *text, bool *to)
{
	int choice = text ? reading_choice(b->r, path, text, answers) : 0;

	*to = choice == 1;
	return choice < 0 ? choice : 0;
}

/* Names of services; '*' stands for any letters. */
static int take_patterns(const struct building *b, const char *at, const struct raw_trust_key *raw,
	struct config_trust_key *key)
{
	int rc = 0;

	key->services = calloc(raw->services_count + 1, sizeof(char *));
	if (!key->services)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->services_count && rc == 0; i++) {
		const char *text = raw->services[i];
		char path[96];

		if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-*")] != '\0') {
			snprintf(path, sizeof(path), "%s.services.%u", at, i);
			return reading_bad(b->r, path,
				"services: '%.80s' is not a service's name, in which * stands for "
				"any letters",
				text);
		}
		key->services_count = i + 1;
		rc = config_text(b, text, &key->services[i]);
	}
	return rc;
}

static int take_key(const struct building *b, unsigned i, const struct raw_trust_key *raw,
	struct config_trust_key *key)
{
	char at[64], path[80];
	int rc;

	snprintf(at, sizeof(at), "trust.keys.%u", i);
	config_place(b, at, key->place);
	key->is_text = sign_key_is_text(raw->key);
	rc = key->is_text ? config_text(b, raw->key, &key->key)
			  : config_path(b, raw->key, &key->key);
	if (rc == 0)
		rc = config_text(b, raw->name, &key->name);
	snprintf(path, sizeof(path), "%s.revoked", at);
	if (rc == 0)
		rc = take_answer(b, path, raw->revoked, &key->revoked);
	snprintf(path, sizeof(path), "%s.services", at);
	if (rc == 0)
		rc = take_patterns(b, at, raw, key);
	key->services_given = yaml_tree_has(b->r->tree, path);
	return rc;
}

int config_trust(const struct building *b, const struct raw_trust *raw, struct config_trust *trust)
{
	int rc =
		take_answer(b, "trust.allow_unsigned", raw->allow_unsigned, &trust->allow_unsigned);

	config_place(b, "trust", trust->place);
	trust->keys = calloc(raw->keys_count + 1, sizeof(*trust->keys));
	if (!trust->keys)
		return config_no_memory(b->r);
	for (unsigned i = 0; i < raw->keys_count && rc == 0; i++) {
		trust->keys_count = i + 1;
		rc = take_key(b, i, &raw->keys[i], &trust->keys[i]);
	}
	return rc;
}

void config_trust_free(struct config_trust *trust)
{
	for (unsigned i = 0; i < trust->keys_count; i++) {
		struct config_trust_key *key = &trust->keys[i];

		for (unsigned j = 0; j < key->services_count; j++)
			free(key->services[j]);
		free(key->services);
		free(key->key);
		free(key->name);
	}
	free(trust->keys);
	memset(trust, 0, sizeof(*trust));
}
