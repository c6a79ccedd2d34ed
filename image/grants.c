/* image/grants.c - see grants.h */
#include "image/grants.h"

#include <stdio.h>

/* Does `pattern` allow `name`? Both are parts between slashes; '+' stands for one
 * part, a last '#' for all that follow, as in MQTT 5, 4.7. */
static bool allows(const char *pattern, struct mf_str name)
{
	size_t i = 0;

	while (*pattern != '\0') {
		if (pattern[0] == '#' && pattern[1] == '\0')
			return true;
		if (*pattern == '+') {
			while (i < name.n && name.p[i] != '/')
				i++;
			pattern++;
		} else if (i < name.n && (uint8_t)*pattern == name.p[i]) {
			pattern++;
			i++;
		} else {
			return false;
		}
	}
	return i == name.n;
}

static bool any_allows(char *const *list, unsigned count, struct mf_str name)
{
	for (unsigned i = 0; i < count; i++)
		if (allows(list[i], name))
			return true;
	return false;
}

/* The manifest's list that speaks about effects of this kind; NULL: none does. */
static const char *grant_list(
	const struct manifest *m, enum mf_effect_kind kind, char *const **list, unsigned *count)
{
	switch (kind) {
	case MF_EFFECT_EMIT:
		*list = m->emits;
		*count = m->emits_count;
		return "emits";
	case MF_EFFECT_PUT:
	case MF_EFFECT_DELETE:
		*list = m->writes_count > 0 ? m->writes : m->reads;
		*count = m->writes_count > 0 ? m->writes_count : m->reads_count;
		return "writes";
	case MF_EFFECT_UPSTREAM:
		*list = m->upstream;
		*count = m->upstream_count;
		return "upstream";
	case MF_EFFECT_CALL:
		*list = m->calls;
		*count = m->calls_count;
		return "calls";
	default: return NULL;
	}
}

bool grants_allow(const struct mfi_image *note, const struct manifest *manifest,
	enum mf_effect_kind kind, struct mf_str name, const char *verb, char why[GRANTS_WHY_MAX])
{
	char *const *list = NULL;
	unsigned count = 0;
	const char *key = grant_list(manifest, kind, &list, &count);
	bool by_kind = (note->grants & MFI_GRANT(kind)) != 0 || kind == MF_EFFECT_LOG ||
		kind == MF_EFFECT_REPLY;

	if (by_kind && (key == NULL || any_allows(list, count, name)))
		return true;
	if (key != NULL)
		snprintf(why, GRANTS_WHY_MAX,
			"it may not %s \"%.*s\": this line in mayfly.yaml would allow it: "
			"%s: [\"%.*s\"]",
			verb, (int)name.n, (const char *)name.p, key, (int)name.n,
			(const char *)name.p);
	else
		snprintf(why, GRANTS_WHY_MAX,
			"its image holds no grant to %s: build it again with this version", verb);
	return false;
}
