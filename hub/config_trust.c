/* hub/config_trust.c - `trust` of hub.yaml: whose images run. */
#include <stdlib.h>
#include <string.h>

#include "hub/config_raw.h"

int config_trust(const struct building *b, const struct raw_trust *raw, struct config_trust *trust)
{
	static const char *const answers[] = {"false", "true", NULL};
	int choice = 0;

	config_place(b, "trust", trust->place);
	if (raw->allow_unsigned)
		choice = reading_choice(b->r, "trust.allow_unsigned", raw->allow_unsigned, answers);
	trust->allow_unsigned = choice == 1;
	return choice < 0 ? choice : 0;
}

void config_trust_free(struct config_trust *trust)
{
	memset(trust, 0, sizeof(*trust));
}
