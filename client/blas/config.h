/*
 * client/blas/config.h - what the environment says: read once, at the first call of any routine. A variable that
 * makes no sense is said on stderr, and counts as if it weren't there. What it points to is never freed.
 */
#ifndef CLIENT_BLAS_CONFIG_H
#define CLIENT_BLAS_CONFIG_H

#include <stdbool.h>

enum mode { MODE_AUTO, MODE_LOCAL, MODE_REMOTE };

struct config {
	const char *url;   /* NULL: all is local */
	const char *local; /* the library with the local routines; NULL: it is looked for */
	const char *token, *authorities, *certificate, *key; /* files for libmayfly; NULL: none */
	const char *cache; /* the file of measured speeds; NULL: none is kept */
	enum mode mode;
	bool explain;
	unsigned verify; /* rounds */
	double tolerance; /* norm-wise relative error that fast algorithms may have; 0: classic ones only */
	double deadline;     /* seconds for one remote call at most */
	unsigned wrong_most; /* so many wrong answers, and the service isn't asked any more */
	double retry;        /* seconds until an unreachable service is tried again */
	double keep;         /* seconds for which factors stay at the service; 0: they don't */
};

/* Thread-safe after config_read. In a program with more rights than its user (AT_SECURE) nothing is read. */
extern struct config config;
void config_read(void);

#endif
