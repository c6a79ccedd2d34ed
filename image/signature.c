/* image/signature.c - see signature.h */
#include "image/signature.h"

#include <errno.h>
#include <sodium/utils.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/base64.h"
#include "image/image.h"

#define UNTRUSTED  "untrusted comment: "
#define TRUSTED    "trusted comment: "
#define CLAIM      "mayfly service:%s counter:%llu"
#define CLAIM_MARK "mayfly "

/* The second line, decoded. */
struct packed {
	uint8_t algorithm[2];
	uint8_t key_id[8];
	uint8_t bytes[64];
};
_Static_assert(sizeof(struct packed) == 74, "packed");

__attribute__((format(printf, 2, 3))) static int fail(char *error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, SIGNATURE_ERROR_MAX, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* The next line without its newline; false: there is none that ends. */
static bool next_line(struct mf_str *rest, struct mf_str *line)
{
	const uint8_t *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;

	if (!end)
		return false;
	*line = mf_str_of(rest->p, (size_t)(end - rest->p));
	*rest = mf_str_of(end + 1, rest->n - line->n - 1);
	return true;
}

static bool starts(struct mf_str line, const char *with)
{
	size_t n = strlen(with);

	return line.n >= n && memcmp(line.p, with, n) == 0;
}

/* Exactly `size` bytes, in the one way to write them. */
static bool decode(struct mf_str line, void *to, size_t size)
{
	const char *end;
	size_t n;

	return base64_is_plain(line.p, line.n) &&
		sodium_base642bin(to, size, (const char *)line.p, line.n, NULL, &n, &end,
			sodium_base64_VARIANT_ORIGINAL) == 0 &&
		n == size && end == (const char *)line.p + line.n;
}

/* ------------------------------------------------------------------ comment */

static bool is_shown(uint8_t c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* Of our own comments only the one way to write them counts. */
static int take_claim(struct signature *s, char *error)
{
	char again[sizeof(s->comment)], name[sizeof(s->service)] = "";
	unsigned long long counter;

	if (strncmp(s->comment, CLAIM_MARK, strlen(CLAIM_MARK)) != 0)
		return 0;
	/* NOLINTNEXTLINE(cert-err34-c): a number that doesn't fit is not written again as it was */
	if (sscanf(s->comment, "mayfly service:%63[a-z0-9-] counter:%20llu", name, &counter) == 2 &&
		counter <= INT64_MAX) {
		snprintf(again, sizeof(again), CLAIM, name, counter);
		if (strcmp(again, s->comment) == 0) {
			memcpy(s->service, name, sizeof(name));
			s->counter = counter;
			return 0;
		}
	}
	return fail(error, "its trusted comment begins as mayfly's and goes on otherwise");
}

static int take_comment(struct signature *s, struct mf_str line, char *error)
{
	size_t n = line.n - strlen(TRUSTED);
	const uint8_t *text = line.p + strlen(TRUSTED);

	if (n > SIGNATURE_COMMENT_MAX)
		return fail(error, "its trusted comment has %zu bytes, at most %d may be there", n,
			SIGNATURE_COMMENT_MAX);
	for (size_t i = 0; i < n; i++)
		if (!is_shown(text[i]))
			return fail(error, "its trusted comment holds the control character 0x%02x",
				text[i]);
	memcpy(s->comment, text, n);
	s->comment[n] = '\0';
	return take_claim(s, error);
}

void signature_claim(struct signature *s, const char *service, uint64_t counter)
{
	snprintf(s->service, sizeof(s->service), "%s", service);
	s->counter = counter;
	snprintf(s->comment, sizeof(s->comment), CLAIM, s->service, (unsigned long long)counter);
}

/* --------------------------------------------------------------------- text */

static int take_packed(struct signature *s, struct mf_str line, char *error)
{
	struct packed packed;

	if (!decode(line, &packed, sizeof(packed)))
		return fail(error, "its second line is not a minisign signature in base64");
	if (memcmp(packed.algorithm, "Ed", 2) == 0)
		return fail(error,
			"it is of minisign's legacy kind: sign again without -l, with "
			"minisign 0.10 or newer");
	if (memcmp(packed.algorithm, "ED", 2) != 0)
		return fail(error, "its algorithm is not known: it must be minisign's \"ED\"");
	memcpy(s->key_id, packed.key_id, sizeof(s->key_id));
	memcpy(s->bytes, packed.bytes, sizeof(s->bytes));
	return 0;
}

int signature_parse(
	const uint8_t *text, size_t n, struct signature *s, char error[static SIGNATURE_ERROR_MAX])
{
	struct mf_str rest = mf_str_of(text, n), line[4];
	int rc;

	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < 4; i++)
		if (!next_line(&rest, &line[i]))
			return fail(error, "it has %u whole lines, a minisign signature has 4", i);
	if (rest.n > 0)
		return fail(error, "%zu bytes are behind its fourth line", rest.n);
	if (!starts(line[0], UNTRUSTED))
		return fail(error, "its first line does not begin with \"" UNTRUSTED "\"");
	if (!starts(line[2], TRUSTED))
		return fail(error, "its third line does not begin with \"" TRUSTED "\"");
	rc = take_packed(s, line[1], error);
	if (rc == 0)
		rc = take_comment(s, line[2], error);
	if (rc == 0 && !decode(line[3], s->global, sizeof(s->global)))
		rc = fail(error, "its fourth line is not a signature in base64");
	return rc;
}

static void put_base64(char *to, const void *bytes, size_t n)
{
	sodium_bin2base64(to, sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL), bytes,
		n, sodium_base64_VARIANT_ORIGINAL);
}

size_t signature_write(const struct signature *s, char text[static MFI_SIGNATURE_MAX])
{
	struct packed packed = {.algorithm = "ED"};
	char first[sodium_base64_ENCODED_LEN(sizeof(packed), sodium_base64_VARIANT_ORIGINAL)];
	char second[sodium_base64_ENCODED_LEN(64, sodium_base64_VARIANT_ORIGINAL)];
	int n;

	memcpy(packed.key_id, s->key_id, sizeof(packed.key_id));
	memcpy(packed.bytes, s->bytes, sizeof(packed.bytes));
	put_base64(first, &packed, sizeof(packed));
	put_base64(second, s->global, sizeof(s->global));
	n = snprintf(text, MFI_SIGNATURE_MAX, "%s\n%s\n" TRUSTED "%s\n%s\n", MFI_SIGNATURE_FIRST,
		first, s->comment, second);
	return (size_t)n;
}
_Static_assert(
	sizeof(MFI_SIGNATURE_FIRST) + 101 + sizeof(TRUSTED) + SIGNATURE_COMMENT_MAX + 1 + 89 <
		MFI_SIGNATURE_MAX,
	"the longest text fits");

/* -------------------------------------------------------------------- image */

int signature_of_image(const struct image *image, struct signature *s, uint64_t *counter,
	char error[static SIGNATURE_ERROR_MAX])
{
	char text[MFI_SIGNATURE_MAX];
	int rc;

	*counter = image->note.counter;
	if (image->signature.n == 0) {
		fail(error, "it is not signed");
		return -ENOENT;
	}
	rc = signature_parse(image->signature.p, image->signature.n, s, error);
	if (rc < 0)
		return rc;
	if (signature_write(s, text) != image->signature.n ||
		memcmp(text, image->signature.p, image->signature.n) != 0)
		return fail(error, "its signature is not written as mayfly sign writes it");
	if (s->service[0] == '\0')
		return 0;
	if (strcmp(s->service, image->note.name) != 0)
		return fail(error, "its signature is for %s, the image is %s", s->service,
			image->note.name);
	if (s->counter < image->note.counter)
		return fail(error, "its signature says counter %llu, the image itself %llu",
			(unsigned long long)s->counter, (unsigned long long)image->note.counter);
	*counter = s->counter;
	return 0;
}

int signature_attach(
	const void *content, size_t n, const struct signature *s, uint8_t **out, size_t *out_size)
{
	struct mfi_footer footer = {0};
	char text[MFI_SIGNATURE_MAX];
	size_t length = signature_write(s, text);

	footer.text_bytes = (uint32_t)length;
	memcpy(footer.magic, MFI_FOOTER_MAGIC, sizeof(footer.magic));
	*out_size = n + length + sizeof(footer);
	*out = malloc(*out_size);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, content, n);
	memcpy(*out + n, text, length);
	memcpy(*out + n + length, &footer, sizeof(footer));
	return 0;
}

const char *signature_id(const uint8_t id[static 8], char to[static SIGNATURE_ID_TEXT])
{
	for (unsigned i = 0; i < 8; i++)
		snprintf(to + 2 * i, 3, "%02X", id[7 - i]);
	return to;
}
