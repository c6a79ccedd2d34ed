/*
 * image/signature.h - the text of a minisign signature file, which is also what stands in the
 * trailer of a signed image (abi/image.h): read from hostile bytes, and written. Pure; whether the
 * signature is right is for image/sign.h.
 *
 * Format: https://jedisct1.github.io/minisign/, "Signature format"; only prehashed signatures
 * ("ED"), which minisign makes by default since 0.10.
 */
#ifndef IMAGE_SIGNATURE_H
#define IMAGE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"

struct image;

#define SIGNATURE_ERROR_MAX   256
#define SIGNATURE_COMMENT_MAX 640 /* so that the text has less than MFI_SIGNATURE_MAX bytes */
#define SIGNATURE_ID_TEXT     17

struct signature {
	uint8_t key_id[8];
	uint8_t bytes[64];                       /* Ed25519 of the content's BLAKE2b-512 */
	uint8_t global[64];                      /* Ed25519 of bytes and comment */
	char comment[SIGNATURE_COMMENT_MAX + 1]; /* trusted; printable or tab, may be UTF-8 */
	/* What the comment says, if it is one of ours: else service is "". */
	char service[MFI_NAME_MAX + 1];
	uint64_t counter;
};

/* Any minisign file. 0, or -EINVAL with one line in error that says what is wrong with it. */
int signature_parse(const uint8_t *text, size_t n, struct signature *signature,
	char error[static SIGNATURE_ERROR_MAX]);
/* The text, with the first line that images have. Its length; below MFI_SIGNATURE_MAX. */
size_t signature_write(const struct signature *signature, char text[static MFI_SIGNATURE_MAX]);
/* Writes the trusted comment of our own. */
void signature_claim(struct signature *signature, const char *service, uint64_t counter);

/* What an image carries: its text must be the one that signature_write makes, and not claim another
 * name or a lower counter than the image has. *counter: the one that counts, whoever signed.
 * As signature_parse; -ENOENT: it is not signed. */
int signature_of_image(const struct image *image, struct signature *signature, uint64_t *counter,
	char error[static SIGNATURE_ERROR_MAX]);

/* The signed image: content, text and footer. *out is malloc'ed, the caller frees it. 0 or -ENOMEM. */
int signature_attach(const void *content, size_t n, const struct signature *signature,
	uint8_t **out, size_t *out_size);

/* A key's id as minisign shows it: 16 capital hexadecimal digits, the last byte first. */
const char *signature_id(const uint8_t id[static 8], char to[static SIGNATURE_ID_TEXT]);

#endif
