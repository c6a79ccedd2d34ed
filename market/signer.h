/*
 * market/signer.h - the process that holds a center's secret key and signs receipts with it, so that the one that parses what
 * comes from outside never has the key. It is forked early, reads the key's file itself, and then gives up all rights:
 * two system calls on one socket, no file, no network, no new process. It signs receipts only: who asks sends the
 * content, and the text that is signed is written by the signer (market/receipt.h).
 *
 * Asking and answers don't wait: the socket is polled. Answers come in the order of the questions. It ends when the
 * socket closes, or its parent's thread.
 *
 * Whoever has got hold of the hub can have receipts signed as long as he has; he can't take the key with him.
 */
#ifndef MARKET_SIGNER_H
#define MARKET_SIGNER_H

#include <sys/types.h>

#include "market/receipt.h"

#define SIGNER_ERROR_MAX 512

struct signer {
	int socket; /* -1: there is none. Readable: signer_answer; writable: signer_ask. Whoever polls must not read it */
	pid_t pid;
	uint8_t key[RECEIPT_KEY], key_id[8]; /* the public one */
};

/* `path`: a secret key without a password, as `mayfly keygen -W` makes it, that nobody else may read. -errno with one
 * line in error. */
int signer_open(struct signer *signer, const char *path, char error[static SIGNER_ERROR_MAX]);
/* Its key_id is filled in. 0; -EAGAIN: later; -EINVAL: no receipt can be so; -EPIPE: the signer is gone. */
int signer_ask(struct signer *signer, uint64_t number, struct receipt *receipt);
/* 1; 0: none has come yet; -EPIPE: the signer is gone, with all that was asked. */
int signer_answer(
	struct signer *signer, uint64_t *number, uint8_t signature[static RECEIPT_SIGNATURE]);
/* Ends and reaps it. */
void signer_close(struct signer *signer);

#endif
