/* market/signer.c - see signer.h */
#include "market/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium/crypto_sign.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/secret.h"
#include "sys/fd.h"
#include "sys/sandbox_rules.h"
#include "sys/secret.h"

#define KEY_MOST 4096u
#define SOCKET   3 /* in the signer */

/* Both ends are the same program: structs go over the socket as they are. */
struct question {
	uint64_t number;
	struct receipt receipt;
};
struct answer {
	uint64_t number;
	uint8_t signature[RECEIPT_SIGNATURE];
};
struct hello {
	int error; /* 0, or -errno with its line */
	uint8_t key[RECEIPT_KEY], key_id[8];
	char line[SIGNER_ERROR_MAX];
};

/* ----------------------------------------------------------- in the new process */

static const struct sandbox_rule rules[] = {
	ANY(recvfrom, "questions"),
	ANY(sendto, "answers"),
	ANY(brk, "malloc, for looking whether a string is UTF-8"),
	ANY(exit_group, "its end, when the socket closes"),
	ANY(rt_sigreturn, "a signal that was handled before it stopped"),
};

static int read_key(const char *path, struct secret_key *secret, char line[static SIGNER_ERROR_MAX])
{
	char why[SIGNATURE_ERROR_MAX];
	char *text;
	size_t n;
	int e = secret_read("sign", path, KEY_MOST, &text, &n, line);

	if (e < 0)
		return e;
	e = secret_parse(text, n, NULL, secret, why);
	secret_free(text, n);
	if (e == -ENOKEY)
		(void)snprintf(line, SIGNER_ERROR_MAX,
			"sign \"%.300s\": it has a password, which nobody can type here: mayfly "
			"keygen -W makes one without",
			path);
	else if (e < 0)
		(void)snprintf(line, SIGNER_ERROR_MAX, "sign \"%.200s\": %s", path, why);
	return e;
}

/* The C library reads the time zone's file before its first date, also where that is UTC's. */
static int give_up_rights(void)
{
	const struct receipt first = {0};
	char body[RECEIPT_MOST];
	int e = receipt_body(&first, body) < 0 ? -EINVAL : sandbox_no_privileges();

	if (e < 0 || SANDBOX_SANITIZED)
		return e;
	return sandbox_enter(rules, sizeof(rules) / sizeof(rules[0]), 0);
}

static void serve(const struct secret_key *secret)
{
	struct question q;
	struct answer a;

	for (;;) {
		ssize_t n = recv(SOCKET, &q, sizeof(q), 0);

		if (n != (ssize_t)sizeof(q))
			return;
		memcpy(q.receipt.key_id, secret->id, sizeof(q.receipt.key_id));
		if (receipt_sign(&q.receipt, secret->bytes) < 0)
			return;
		a.number = q.number;
		memcpy(a.signature, q.receipt.signature, sizeof(a.signature));
		if (send(SOCKET, &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a))
			return;
	}
}

/* Only the socket is left of what the parent had open. Whatever handled a signal there does nothing here: none comes but
 * SIGKILL, and those of a terminal go to another session. */
static int leave_parent(int fd)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	(void)setsid();
	(void)prctl(PR_SET_NAME, "mayfly-signer");
	if (fd != SOCKET && dup2(fd, SOCKET) < 0)
		return -errno;
	for (int i = 0; i < SOCKET; i++)
		close(i);
	return close_range(SOCKET + 1, ~0u, 0) < 0 ? -errno : 0;
}

static void __attribute__((noreturn)) signer_main(int fd, const char *path)
{
	struct hello hello = {0};
	struct secret_key secret;
	int e = leave_parent(fd);

	if (e == 0)
		e = read_key(path, &secret, hello.line);
	if (e == 0)
		e = give_up_rights();
	if (e == 0) {
		memcpy(hello.key, secret.bytes + 32, sizeof(hello.key)); /* the seed is before it */
		memcpy(hello.key_id, secret.id, sizeof(hello.key_id));
	} else if (hello.line[0] == '\0') {
		(void)snprintf(
			hello.line, sizeof(hello.line), "sign: the signer: %s", strerror(-e));
	}
	hello.error = e;
	if (send(SOCKET, &hello, sizeof(hello), MSG_NOSIGNAL) == (ssize_t)sizeof(hello) && e == 0)
		serve(&secret);
	sodium_memzero(&secret, sizeof(secret));
	_exit(0);
}

/* ---------------------------------------------------------------- in the parent */

static int lost(struct signer *signer, char error[static SIGNER_ERROR_MAX])
{
	(void)snprintf(error, SIGNER_ERROR_MAX, "sign: the signer ended while it started");
	signer_close(signer);
	return -EPIPE;
}

static int meet(struct signer *signer, char error[static SIGNER_ERROR_MAX])
{
	struct hello hello;
	ssize_t n = recv(signer->socket, &hello, sizeof(hello), 0);
	int e;

	if (n != (ssize_t)sizeof(hello))
		return lost(signer, error);
	if (hello.error < 0) {
		hello.line[sizeof(hello.line) - 1] = '\0';
		memcpy(error, hello.line, sizeof(hello.line));
		signer_close(signer);
		return hello.error;
	}
	memcpy(signer->key, hello.key, sizeof(signer->key));
	memcpy(signer->key_id, hello.key_id, sizeof(signer->key_id));
	e = fd_set_nonblocking(signer->socket, true);
	if (e < 0)
		return lost(signer, error);
	return 0;
}

int signer_open(struct signer *signer, const char *path, char error[static SIGNER_ERROR_MAX])
{
	int fd[2];

	*signer = (struct signer){.socket = -1, .pid = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0) {
		(void)snprintf(error, SIGNER_ERROR_MAX, "sign: %s", strerror(errno));
		return -errno;
	}
	signer->pid = fork();
	if (signer->pid == 0)
		signer_main(fd[1], path);
	close(fd[1]);
	signer->socket = fd[0];
	if (signer->pid < 0)
		return lost(signer, error);
	return meet(signer, error);
}

int signer_ask(struct signer *signer, uint64_t number, struct receipt *receipt)
{
	struct question q;
	char body[RECEIPT_MOST];

	if (signer->socket < 0)
		return -EPIPE;
	memcpy(receipt->key_id, signer->key_id, sizeof(receipt->key_id));
	if (receipt_body(receipt, body) < 0)
		return -EINVAL;   /* the signer would end */
	memset(&q, 0, sizeof(q)); /* also what lies between members */
	q.number = number;
	q.receipt = *receipt;
	if (send(signer->socket, &q, sizeof(q), MSG_NOSIGNAL) == (ssize_t)sizeof(q))
		return 0;
	return errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN : -EPIPE;
}

int signer_answer(
	struct signer *signer, uint64_t *number, uint8_t signature[static RECEIPT_SIGNATURE])
{
	struct answer a;
	ssize_t n = signer->socket < 0 ? 0 : recv(signer->socket, &a, sizeof(a), 0);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	if (n != (ssize_t)sizeof(a))
		return -EPIPE;
	*number = a.number;
	memcpy(signature, a.signature, RECEIPT_SIGNATURE);
	return 1;
}

void signer_close(struct signer *signer)
{
	fd_close(&signer->socket);
	if (signer->pid <= 0)
		return;
	(void)kill(signer->pid, SIGKILL); /* it has nothing to lose */
	while (waitpid(signer->pid, NULL, 0) < 0 && errno == EINTR)
		;
	signer->pid = -1;
}
