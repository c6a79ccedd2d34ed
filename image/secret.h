/*
 * image/secret.h - secret keys: made, kept in files as minisign keeps them, and used. Only the
 * command line does; a hub has no secret key.
 *
 * Whoever has a struct secret_key wipes it with secret_wipe. Copies made in here, and what is
 * derived from a password, are wiped in here.
 */
#ifndef IMAGE_SECRET_H
#define IMAGE_SECRET_H

#include "image/sign.h"

#define SECRET_TEXT_MAX 512 /* of a key file */

struct secret_key {
	uint8_t id[8];
	uint8_t bytes[64]; /* seed and public half */
};

/* How hard a password is to guess: libsodium's two limits for scrypt. */
struct secret_cost {
	uint64_t operations, memory; /* memory in bytes */
};
/* 128 MiB, 0.4 s: scrypt with N = 2^17, r = 8, p = 1. */
extern const struct secret_cost secret_cost;

/* A new pair, from the kernel's random numbers. 0 or -ENOSYS. */
int secret_make(struct secret_key *secret, struct sign_key *key);
void secret_wipe(struct secret_key *secret);

/* The text of a key file, encrypted with `password`, or open if it is NULL. 0, -ENOMEM or -ENOSYS.
 * `text` is for the caller to wipe. */
int secret_write(const struct secret_key *secret, const char *password,
	const struct secret_cost *cost, char text[static SECRET_TEXT_MAX]);
/* Reads it. -ENOKEY: it is encrypted, and password is NULL; -EACCES: it is another password;
 * -EINVAL: it is no secret key; -ENOMEM: its password takes more memory than there is. With one
 * line in error. */
int secret_parse(const char *text, size_t n, const char *password, struct secret_key *secret,
	char error[static SIGNATURE_ERROR_MAX]);

/* Fills in all of *signature but its comment, which is there already. 0 or -ENOSYS. */
int secret_sign(const struct secret_key *secret, const void *content, size_t n,
	struct signature *signature);

#endif
