/* type.c - see type.h. Types are those that IANA has registered. */
#include "type.h"

#define UTF8 "; charset=utf-8"

static const struct {
	const char *ending, *type;
} types[] = {
	{"avif", "image/avif"},
	{"css", "text/css" UTF8},
	{"csv", "text/csv" UTF8},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"htm", "text/html" UTF8},
	{"html", "text/html" UTF8},
	{"ico", "image/vnd.microsoft.icon"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript" UTF8},
	{"json", "application/json"},
	{"map", "application/json"},
	{"md", "text/markdown" UTF8},
	{"mjs", "text/javascript" UTF8},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"ogg", "audio/ogg"},
	{"otf", "font/otf"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"ttf", "font/ttf"},
	{"txt", "text/plain" UTF8},
	{"wasm", "application/wasm"},
	{"wav", "audio/wav"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xml", "text/xml" UTF8},
	{"zip", "application/zip"},
};

/* Is `s` this ending, in any case? */
static bool is(struct mf_str s, const char *ending)
{
	size_t i = 0;

	for (; i < s.n; i++)
		if (ending[i] == '\0' || mf_lower(s.p[i]) != (uint8_t)ending[i])
			return false;
	return ending[i] == '\0';
}

const char *type_of(struct mf_str name)
{
	size_t at = name.n;

	while (at > 0 && name.p[at - 1] != '.' && name.p[at - 1] != '/')
		at--;
	for (size_t i = 0; at > 0 && name.p[at - 1] == '.' && i < sizeof(types) / sizeof(types[0]);
		i++)
		if (is(mf_str_of(name.p + at, name.n - at), types[i].ending))
			return types[i].type;
	return "application/octet-stream";
}
