/* hub/example.c - what to type to try a service. */
#include "hub/example.h"

#include <stdio.h>
#include <string.h>

#include "hub/http/access.h"
#include "hub/http/router.h"
#include "hub/input.h"
#include "hub/service.h"

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

void example_command(const struct input *input, char to[EXAMPLE_MOST])
{
	unsigned port = net_port(&input->address);
	char host[NET_TEXT], text[600];
	size_t n;

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

/* ---------------------------------------------------------------------- HTTP */

#define PATH_MOST 300

/* A path that fits the pattern: something for '+', nothing for '#'. */
static void fill_pattern(const char *pattern, char to[static PATH_MOST])
{
	size_t n = 0;

	for (const char *p = pattern; *p && n < PATH_MOST - 1; p++)
		if (*p != '#')
			to[n++] = *p == '+' ? 'x' : *p;
	to[n] = '\0';
}

static void make_url(const struct input *input, const struct route *route, const char *example,
	char *to, size_t size)
{
	bool is_path = example && example[0] == '/', is_query = example && example[0] == '?';
	bool six = input->address.any.sa_family == AF_INET6;
	char host[NET_TEXT], path[PATH_MOST];

	reach(input, host);
	six = six && strchr(host, ':') != NULL;
	fill_pattern(route->path, path);
	snprintf(to, size, "%s://%s%s%s:%u%s%s", input->ops->name, six ? "[" : "", host,
		six ? "]" : "", net_port(&input->address), is_path ? example : path,
		is_query ? example : "");
}

static const char *body_of(const char *example)
{
	return example && example[0] != '/' && example[0] != '?' ? example : NULL;
}

/* curl would call any body a form. */
static const char *type_of(const char *body)
{
	return body[0] == '{' || body[0] == '[' ? "application/json" : "text/plain";
}

/* The same with libcoap's client. */
static void example_coap(const struct input *input, const struct route *route, const char *example,
	char to[EXAMPLE_MOST])
{
	const char *method = route->method, *body = body_of(example);
	bool dtls = strcmp(input->ops->name, "coaps") == 0;
	char url[700], quoted[720], text[600], lower[16];
	size_t n = 0;

	for (; method && method[n] && n < sizeof(lower) - 1; n++)
		lower[n] = (char)mf_lower((uint8_t)method[n]);
	lower[n] = '\0';
	make_url(input, route, example, url, sizeof(url));
	quote(url, quoted, sizeof(quoted));
	quote(body ? body : "", text, sizeof(text));
	if (!method)
		strcpy(lower, body ? "post" : "get");
	snprintf(to, EXAMPLE_MOST, "%s -m %s%s%s%s%s %s",
		dtls ? "coap-client-openssl -u \"$IDENTITY\" -k \"$KEY\"" : "coap-client-notls",
		lower, body ? " -e " : "", body ? text : "", route->host ? " -U -O 3," : "",
		route->host ? route->host : "", quoted);
}

/* What it is asked with lies in files rather than in words. */
static bool takes_files(const struct route *route)
{
	return route->service && route->service->manifest.memory.input > 0 && route->method &&
		strcmp(route->method, "POST") == 0;
}

void example_request(const struct input *input, const struct route *route, const char *example,
	char to[EXAMPLE_MOST])
{
	const char *method = route->method, *body = body_of(example);
	const bool file = !body && takes_files(route);
	char url[700], quoted[720], text[600];
	size_t n;

	if (strncmp(input->ops->name, "coap", 4) == 0) {
		example_coap(input, route, example, to);
		return;
	}
	n = (size_t)snprintf(to, EXAMPLE_MOST, "curl -sS%s",
		strcmp(input->ops->name, "https") == 0 ? " -k" : "");

	make_url(input, route, example, url, sizeof(url));
	quote(url, quoted, sizeof(quoted));
	if (access_has_tokens(route->access))
		n += (size_t)snprintf(
			to + n, EXAMPLE_MOST - n, " -H \"Authorization: Bearer $TOKEN\"");
	if (method && strcmp(method, "HEAD") == 0)
		n += (size_t)snprintf(to + n, EXAMPLE_MOST - n, " -I");
	else if (method && strcmp(method, body || file ? "POST" : "GET") != 0)
		n += (size_t)snprintf(to + n, EXAMPLE_MOST - n, " -X %.32s", method);
	if (route->host)
		n += (size_t)snprintf(to + n, EXAMPLE_MOST - n, " -H 'Host: %.255s'", route->host);
	if (file)
		n += (size_t)snprintf(to + n, EXAMPLE_MOST - n, " --data-binary @FILE");
	if (body) {
		quote(body, text, sizeof(text));
		n += (size_t)snprintf(to + n, EXAMPLE_MOST - n,
			" -H 'Content-Type: %s' --data-binary %s", type_of(body), text);
	}
	if (n + strlen(quoted) + 2 < EXAMPLE_MOST)
		snprintf(to + n, EXAMPLE_MOST - n, " %s", quoted);
}

/* ---------------------------------------------------------------------- MQTT */

void example_message(const struct example_broker *broker, const char *filter, const char *example,
	char to[EXAMPLE_MOST])
{
	char topic[PATH_MOST], quoted[PATH_MOST + 8], text[600];

	fill_pattern(filter, topic);
	quote(topic, quoted, sizeof(quoted));
	quote(example ? example : "hello", text, sizeof(text));
	snprintf(to, EXAMPLE_MOST, "mosquitto_pub -h %s -p %u%s%s -t %s -m %s", broker->host,
		broker->port, broker->tls ? " --cafile FILE" : "",
		broker->named ? " -u NAME -P PASSWORD" : "", quoted, text);
}
