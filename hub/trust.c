/* hub/trust.c - see trust.h */
#include "hub/trust.h"

#include <stdio.h>
#include <string.h>

#include "hub/config.h"
#include "hub/plan.h"
#include "hub/setup.h"

void trust_open(struct trust *trust, const struct config_trust *config)
{
	*trust = (struct trust){.config = config, .print = {config->allow_unsigned}};
}

int trust_judge(const struct trust *trust, const struct image *image, const char *place,
	const char *path, bool *verified, char error[static HUB_ERROR_MAX])
{
	(void)image;
	*verified = false;
	if (trust->config->allow_unsigned)
		return 0;
	return setup_bad(place, error, SETUP_DENIED,
		"image: \"%s\": it is not signed: say trust: {allow_unsigned: true} if this hub is "
		"for development",
		path);
}

/* "echo, dns and 3 more" of what isn't verified; their number. */
static unsigned list_unverified(const struct plan *plan, char *to, size_t size)
{
	const unsigned named = 8;
	unsigned count = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < plan->config->services_count; i++) {
		const struct service *s = plan->services[i];
		size_t n = strlen(to);

		if (s->verified)
			continue;
		if (count++ < named)
			snprintf(to + n, size - n, "%s%s", n ? ", " : "", s->name);
	}
	if (count > named)
		snprintf(to + strlen(to), size - strlen(to), " and %u more", count - named);
	return count;
}

void trust_report(const struct plan *plan)
{
	char names[1024];
	unsigned count;

	if (!plan->trust.config->allow_unsigned)
		return;
	count = list_unverified(plan, names, sizeof(names));
	if (count > 0)
		log_warn("allow_unsigned: nobody vouches for the image%s of %s",
			count == 1 ? "" : "s", names);
}
