/* image/grants.c - see grants.h */
#include "image/grants.h"

#include <stdio.h>
#include <string.h>

#include "image/uri.h"

/* A name, as an operator may copy it into mayfly.yaml: no longer than this. */
#define QUOTED_MOST 80

/* ------------------------------------------------------------------ patterns */

/* How long the wildcard is that stands for one part: '+', or in a state key's pattern "{1}" to "{9}", a part of
 * the event's topic or path; 0: there is none. */
static size_t one_part(const char *pattern)
{
	if (*pattern == '+')
		return 1;
	return pattern[0] == '{' && pattern[1] >= '1' && pattern[1] <= '9' && pattern[2] == '}' ? 3
												: 0;
}

/* "SCHEME://...": whoever is meant by a wildcard in front means topics of the broker at hand, and not anybody on the
 * network. */
static bool is_address(struct mf_str name)
{
	size_t i = 0;

	while (i < name.n && name.p[i] != ':' && name.p[i] != '/')
		i++;
	return i > 0 && i + 2 < name.n && memcmp(name.p + i, "://", 3) == 0;
}

/* Does `pattern` allow `name`? Both are parts between slashes; '+' stands for one
 * part, a last '#' for all that follow. A wildcard in front means no name that begins with
 * '$', which are the broker's own (MQTT 5, 4.7.2), and of what is emitted no address. An address's query
 * is no part of a path: only a wildcard at the end stands for one. */
static bool allows(const char *pattern, struct mf_str name, bool emitted)
{
	bool address = emitted && is_address(name);
	size_t i = 0;

	if ((*pattern == '#' || one_part(pattern)) && ((name.n > 0 && name.p[0] == '$') || address))
		return false;
	while (*pattern != '\0') {
		if (pattern[0] == '#' && pattern[1] == '\0')
			return true;
		if (one_part(pattern)) {
			pattern += one_part(pattern);
			for (; i < name.n && name.p[i] != '/'; i++)
				if (address && name.p[i] == '?' && *pattern)
					return false;
		} else if (i < name.n && (uint8_t)*pattern == name.p[i]) {
			pattern++;
			i++;
		} else {
			return false;
		}
	}
	return i == name.n;
}

static bool any_allows(char *const *list, unsigned count, struct mf_str name, bool emitted)
{
	for (unsigned i = 0; i < count; i++)
		if (allows(list[i], name, emitted))
			return true;
	return false;
}

static bool is_rest(const char *part, size_t n)
{
	return n == 1 && part[0] == '#';
}

/* The same of an entry: "http:/#" allows addresses. */
static bool allows_addresses(const char *entry)
{
	size_t n = strcspn(entry, "/");

	return n > 1 && entry[n - 1] == ':' && entry[n] == '/';
}

bool grants_covers(const char *wide, const char *narrow)
{
	if ((*wide == '#' || one_part(wide)) && (*narrow == '$' || allows_addresses(narrow)))
		return false;
	for (;;) {
		size_t w = strcspn(wide, "/"), n = strcspn(narrow, "/");

		if (is_rest(wide, w))
			return true;
		if (is_rest(narrow, n) ||
			!(one_part(wide) || (w == n && memcmp(wide, narrow, n) == 0)))
			return false;
		if (wide[w] != narrow[n])
			return false;
		if (wide[w] == '\0')
			return true;
		wide += w + 1;
		narrow += n + 1;
	}
}

/* -------------------------------------------------------------------- grants */

const char *grants_list(const struct manifest *manifest, enum mf_effect_kind kind,
	char *const **list, unsigned *count)
{
	const struct manifest *m = manifest;

	switch (kind) {
	case MF_EFFECT_EMIT: *list = m->emits, *count = m->emits_count; return "emits";
	case MF_EFFECT_PUT:
	case MF_EFFECT_DELETE: *list = m->writes, *count = m->writes_count; return "writes";
	case MF_EFFECT_UPSTREAM: *list = m->upstream, *count = m->upstream_count; return "upstream";
	case MF_EFFECT_CALL: *list = m->calls, *count = m->calls_count; return "calls";
	default: return NULL;
	}
}

bool grants_store(const struct mfi_image *note, const struct manifest *manifest)
{
	const uint32_t written = MFI_GRANT(MF_EFFECT_EMIT) | MFI_GRANT(MF_EFFECT_PUT) |
		MFI_GRANT(MF_EFFECT_DELETE) | MFI_GRANT(MF_EFFECT_SCHEDULE) |
		MFI_GRANT(MF_EFFECT_UPSTREAM);

	return (note->grants & written) != 0 || manifest->reads_count > 0 || manifest->price.unit;
}

/* As it stands in YAML between '"'; a long one is cut, for the line that it is for has an end. */
static const char *quoted(struct mf_str name, char to[2 * QUOTED_MOST + 4])
{
	char text[QUOTED_MOST + 2];
	size_t n = strlen(uri_show(name, text, sizeof(text))), at = 0;
	bool cut = n > QUOTED_MOST;

	for (size_t i = 0; i < n - cut; i++) {
		if (text[i] == '"' || text[i] == '\\')
			to[at++] = '\\';
		to[at++] = text[i];
	}
	snprintf(to + at, 4, "%s", cut ? "..." : "");
	return to;
}

static bool has_wildcard(struct mf_str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '+' || name.p[i] == '#')
			return true;
	return false;
}

bool grants_allow(const struct mfi_image *note, const struct manifest *manifest,
	enum mf_effect_kind kind, struct mf_str name, const char *verb, char why[GRANTS_WHY_MAX])
{
	char *const *list = NULL;
	unsigned count = 0;
	const char *key = grants_list(manifest, kind, &list, &count);
	bool by_note = (note->grants & MFI_GRANT(kind)) != 0 || kind == MF_EFFECT_LOG ||
		kind == MF_EFFECT_REPLY;
	bool by_list = key == NULL ||
		(any_allows(list, count, name, kind == MF_EFFECT_EMIT) && !has_wildcard(name));
	char text[2 * QUOTED_MOST + 4];

	if (by_note && by_list)
		return true;
	if (key == NULL)
		snprintf(why, GRANTS_WHY_MAX,
			"its image holds no grant to %s: code that calls mf_%s, built again, would",
			verb, verb);
	else if (has_wildcard(name))
		snprintf(why, GRANTS_WHY_MAX,
			"it may not %s \"%s\": names have no '+' and no '#', which stand for "
			"others "
			"in mayfly.yaml's '%s'",
			verb, quoted(name, text), key);
	else if (!by_list)
		snprintf(why, GRANTS_WHY_MAX,
			"it may not %s \"%s\": this line in mayfly.yaml would allow it: %s: "
			"[\"%s\"]",
			verb, quoted(name, text), key, text);
	else
		snprintf(why, GRANTS_WHY_MAX,
			"it may not %s \"%s\": '%s' in mayfly.yaml allows it, but its code calls "
			"no "
			"mf_%s, so that its image holds no grant to",
			verb, quoted(name, text), key, verb);
	return false;
}
