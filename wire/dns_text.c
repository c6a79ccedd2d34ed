/* wire/dns_text.c - a DNS name as text */
#include "wire/dns.h"

/* what a zone file would read as something else */
static bool special(uint8_t c)
{
	return c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' ||
		c == '$';
}

static char *put_char(char *to, uint8_t c)
{
	if (c <= ' ' || c >= 127) {
		*to++ = '\\';
		*to++ = (char)('0' + c / 100);
		*to++ = (char)('0' + c / 10 % 10);
		*to++ = (char)('0' + c % 10);
		return to;
	}
	if (special(c))
		*to++ = '\\';
	*to++ = (char)c;
	return to;
}

const char *dns_name_text(char text[static DNS_NAME_TEXT], const uint8_t *name)
{
	char *to = text;

	if (*name == 0)
		*to++ = '.';
	while (*name != 0) {
		for (unsigned left = *name++; left > 0; left--)
			to = put_char(to, *name++);
		*to++ = '.';
	}
	*to = '\0';
	return text;
}
