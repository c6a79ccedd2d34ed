/* client/c/text.c - lines that say what went wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/c/inner.h"

void text_add(char *text, const char *format, ...)
{
	size_t n = strlen(text);
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text + n, MAYFLY_TEXT - n, format, list);
	va_end(list);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void text_add_quoted(char *text, const char *words, size_t n)
{
	size_t at = strlen(text);

	while (n > 0 && is_blank(words[n - 1]))
		n--;
	for (; n > 0 && is_blank(*words); n--)
		words++;
	for (size_t i = 0; i < n && at < MAYFLY_TEXT - 1; i++)
		text[at++] = (unsigned char)words[i] < ' ' || words[i] == 0x7f ? '?' : words[i];
	text[at] = '\0';
}

const char *mayfly_error_text(enum mayfly_error error)
{
	static const char *const texts[] = {
		[MAYFLY_OK] = "all went well",
		[MAYFLY_WRONG] = "the request makes no sense",
		[MAYFLY_NO_MEMORY] = "there is no memory, or no descriptor",
		[MAYFLY_FILE] = "a file can't be read",
		[MAYFLY_UNREACHABLE] = "the hub can't be reached",
		[MAYFLY_UNTRUSTED] = "who answers isn't believed, or doesn't believe us",
		[MAYFLY_NO_HTTP] = "what answers isn't HTTP",
		[MAYFLY_DEADLINE] = "there was no answer in time",
		[MAYFLY_REFUSED] = "it was refused",
		[MAYFLY_TOO_LARGE] = "the answer is too large",
		[MAYFLY_STOPPED] = "the answer wasn't wanted any more",
		[MAYFLY_CHANGED] = "it isn't what it is said to be",
	};

	if ((unsigned)error >= sizeof(texts) / sizeof(texts[0]) || !texts[error])
		return "an error of a newer release";
	return texts[error];
}
