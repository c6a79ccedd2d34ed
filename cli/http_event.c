/* cli/http_event.c - see http_event.h */
#include "cli/http_event.h"

#include <string.h>

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

/* Bytes of a method or a header's name (RFC 9110 5.6.2). */
static size_t token(const char *s)
{
	return strspn(s,
		"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

const char *http_event_line(struct http_event *event, const char *line)
{
	size_t method = token(line);
	const char *path = line + method + 1, *p;

	if (method == 0 || line[method] != ' ' || path[0] != '/')
		return "write it as 'GET /path?query'";
	for (p = path; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')
			return "a path has no spaces, no '#' and no bytes past ASCII: write %20 "
			       "and the like";
	event->method = mf_str_of(line, method);
	event->path = mf_str_of(path, strcspn(path, "?"));
	event->query =
		path[event->path.n] == '?' ? text(path + event->path.n + 1) : mf_str_of(NULL, 0);
	return NULL;
}

const char *http_event_header(struct http_event *event, const char *line)
{
	size_t n = token(line);
	struct mf_str name = mf_str_of(line, n), value;

	if (n == 0 || line[n] != ':')
		return "write it as 'Name: value'";
	line += n + 1;
	value = text(line + strspn(line, " \t"));
	while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	for (size_t i = 0; i < value.n; i++)
		if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
			return "its value has a control byte";
	if (mf_str_alike(name, MF_STR("Content-Type"))) {
		if (event->content_type.p)
			return "given twice";
		event->content_type = value;
		return NULL;
	}
	for (unsigned i = 0; i < event->headers; i++)
		if (mf_str_alike(name, event->header[i].name))
			return "given twice: write its values in one, with commas";
	if (event->headers == HTTP_HEADERS_MAX)
		return "more headers than 32";
	event->header[event->headers].name = name;
	event->header[event->headers++].value = value;
	return NULL;
}

bool http_event_passed(const struct manifest *manifest, struct mf_str name)
{
	if (mf_str_alike(name, MF_STR(MF_CLIENT))) /* here whoever types it is the hub */
		return true;
	for (unsigned i = 0; i < manifest->triggers_count; i++) {
		const struct manifest_trigger *t = &manifest->triggers[i];

		for (unsigned k = 0; t->type == TRIGGER_HTTP && k < t->headers_count; k++)
			if (mf_str_alike(text(t->headers[k]), name))
				return true;
	}
	return false;
}

bool http_event_write(
	const struct http_event *event, const struct manifest *manifest, struct event_writer *w)
{
	if (!event_span(w, &w->event->subject, event->path) ||
		!event_span(w, &w->event->method, event->method) ||
		!event_span(w, &w->event->query, event->query) ||
		!event_span(w, &w->event->content_type, event->content_type))
		return false;
	for (unsigned i = 0; i < event->headers; i++)
		if (http_event_passed(manifest, event->header[i].name) &&
			!event_attribute(w, event->header[i].name, event->header[i].value))
			return false;
	return true;
}
