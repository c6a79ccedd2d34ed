/* hub/config_market.c - what hub.yaml says about charging. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"

/* The secret key isn't among the paths that the hub may read later: only the signer opens it. */
static int take_key(const struct building *b, const char *path, char **out)
{
	bool as_is = path[0] == '/' || b->directory[0] == '\0';

	if (asprintf(out, "%s%s%s", as_is ? "" : b->directory, as_is ? "" : "/", path) >= 0)
		return 0;
	*out = NULL;
	return config_no_memory(b->r);
}

static int take_ledger(const struct building *b, const char *text, struct config *config)
{
	struct config_market *m = &config->market;

	if (text && strncmp(text, "postgresql://", 13) == 0)
		return config_text(b, text, &m->ledger);
	if (text) {
		m->apart = true;
		return config_path(b, text, &m->ledger);
	}
	if (config->state)
		return config_text(b, config->state, &m->ledger);
	return reading_bad(b->r, "market",
		"market: what is charged is kept in a ledger: add 'state: DIRECTORY' at the top, "
		"or "
		"'ledger: DIRECTORY' here");
}

int config_market(const struct building *b, const struct raw_config *raw, struct config *config)
{
	struct config_market *m = &config->market;
	int rc;

	if (!raw->market.key) /* without `market`: the schema asks for it there */
		return 0;
	m->given = true;
	config_place(b, "market", m->place);
	rc = take_ledger(b, raw->market.ledger, config);
	if (rc == 0)
		rc = take_key(b, raw->market.key, &m->key);
	return rc;
}

void config_market_free(struct config_market *m)
{
	free(m->ledger);
	free(m->key);
	memset(m, 0, sizeof(*m));
}
