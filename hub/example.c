/* hub/example.c - what to type to try a service. */
#include "hub/example.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hub/in_http.h"

/* 'text' for a shell; plain words as they are. */
static void quote(const char *text, char *to, size_t size)
{
	size_t at = 0;

	if (*text &&
		text[strspn(text,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789._/:@%+=,")] == '\0') {
		snprintf(to, size, "%s", text);
		return;
	}
	to[at++] = '\'';
	for (; *text && at + 6 < size; text++) {
		if (*text == '\'') {
			memcpy(to + at, "'\\''", 4);
			at += 4;
		} else {
			to[at++] = *text;
		}
	}
	to[at++] = '\'';
	to[at] = '\0';
}

/* A client on this machine reaches a wildcard through the loopback. */
static void reach(const struct input *input, char host[NET_TEXT])
{
	net_host(&input->address, host);
	if (net_is_wildcard(&input->address))
		strcpy(host, input->address.any.sa_family == AF_INET6 ? "::1" : "127.0.0.1");
}

/* A path that fits the pattern. */
static void fill_pattern(const char *pattern, char *to, size_t size)
{
	size_t at = 0;

	for (; *pattern && *pattern != '#' && at + 1 < size; pattern++)
		to[at++] = *pattern == '+' ? 'x' : *pattern;
	to[at] = '\0';
}

/* What asks for the first route that a service answers. */
static void http_example(const struct input *input, char to[EXAMPLE_MOST])
{
	const struct router *router = in_http_router(input);
	bool tls = strcmp(input->ops->name, "https") == 0;
	char host[NET_TEXT], path[200], url[400], quoted[500], more[300] = "", name[300] = "";
	const struct route *r = NULL;
	size_t i = 0;

	while ((r = router_at(router, i++)) && !r->service)
		;
	reach(input, host);
	fill_pattern(r ? r->path : "/", path, sizeof(path));
	snprintf(url, sizeof(url), "%s://%s%s%s:%u%s", tls ? "https" : "http",
		strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "",
		(unsigned)net_port(&input->address), path);
	quote(url, quoted, sizeof(quoted));
	if (r && r->method && strcmp(r->method, "GET") != 0)
		snprintf(more, sizeof(more), "-X %.40s ", r->method);
	if (r && r->host)
		snprintf(name, sizeof(name), "-H Host:%.255s ", r->host);
	snprintf(to, EXAMPLE_MOST, "curl %s%s%s%s", tls ? "-k " : "", more, name, quoted);
}

void example_command(const struct input *input, char to[EXAMPLE_MOST])
{
	unsigned port = net_port(&input->address);
	char host[NET_TEXT], text[600];
	size_t n;

	if (!input->service) {
		http_example(input, to);
		return;
	}
	reach(input, host);
	if (input->words == WORDS_DNS) {
		quote(input->example ? input->example : "example.test", text, sizeof(text));
		snprintf(to, EXAMPLE_MOST, "dig @%s -p %u%s %s", host, port,
			input->framing ? " +tcp" : "", text);
		return;
	}
	n = strlen(input->example ? input->example : "hello");
	quote(input->example ? input->example : "hello", text, sizeof(text));
	if (input->framing)
		snprintf(to, EXAMPLE_MOST,
			"(printf '%s\\%03zo\\%03zo'; printf %%s %s) | nc -q1 %s %u",
			input->framing == 4 ? "\\0\\0" : "", n >> 8, n & 255, text, host, port);
	else
		snprintf(to, EXAMPLE_MOST, "printf %%s %s | nc -u -w1 %s %u", text, host, port);
}
