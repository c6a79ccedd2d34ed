/* hub/example.c - what to type to try a service. */
#include "hub/example.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hub/input.h"

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
