/* wire/base64.c - see base64.h */
#include "wire/base64.h"

static int digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `missing` are padding. */
static bool group(const uint8_t *p, unsigned missing, uint8_t *to)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		int d = i < 4 - missing ? digit(p[i]) : 0;

		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
	}
	for (unsigned i = 0; i < 3 - missing; i++)
		to[i] = (uint8_t)(bits >> (16 - 8 * i));
	return (bits & ((1u << 8 * missing) - 1)) == 0;
}

bool base64_read(struct mf_str text, uint8_t *to, size_t *n)
{
	*n = 0;
	if (text.n % 4 != 0)
		return false;
	for (size_t i = 0; i < text.n; i += 4) {
		const uint8_t *p = text.p + i;
		unsigned missing = 0;

		if (i + 4 == text.n && p[3] == '=')
			missing = p[2] == '=' ? 2 : 1;
		if (!group(p, missing, to + *n))
			return false;
		*n += 3 - missing;
	}
	return true;
}

static char letter(uint32_t bits)
{
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return all[bits & 63];
}

size_t base64_write(struct mf_str bytes, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		uint32_t bits = (uint32_t)bytes.p[i] << 16;

		if (left > 1)
			bits |= (uint32_t)bytes.p[i + 1] << 8;
		if (left > 2)
			bits |= bytes.p[i + 2];
		to[n++] = letter(bits >> 18);
		to[n++] = letter(bits >> 12);
		to[n++] = '=';
		to[n++] = '=';
		if (left > 1)
			to[n - 2] = letter(bits >> 6);
		if (left > 2)
			to[n - 1] = letter(bits);
	}
	return n;
}
