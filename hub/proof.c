/* hub/proof.c - see proof.h */
#include "hub/proof.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub/center.h"
#include "hub/hub.h"
#include "market/receipt.h"
#include "sys/beside.h"
#include "sys/fd.h"

#define STACK (256u << 10)

struct proof {
	struct hub *hub;
	struct proof_asked asked;
	pthread_t thread;
	struct loop_source source;
	int fd; /* the thread has ended */
	atomic_bool stop;
	const uint8_t *key;
	/* the thread's, until then: */
	char *where;
	struct ledger_verified verified;
	int e;
	char error[LEDGER_ERROR_MAX];
};

/* -------------------------------------------------------------- on its own thread */

static const char *look_at_receipt(struct mf_str text, void *context)
{
	static _Thread_local char error[RECEIPT_ERROR_MAX];
	const struct proof *a = context;
	struct receipt r;

	if (atomic_load(&a->stop))
		return "the hub ends";
	if (!a->asked.receipts)
		return NULL;
	if (receipt_read(text, &r, error) < 0)
		return error;
	return receipt_is_signed(&r, a->key) ? NULL : "it isn't signed by this center's key";
}

static void *look(void *context)
{
	struct proof *a = context;
	struct ledger *ledger = NULL;
	uint64_t one = 1;

	a->e = ledger_open(&ledger, a->where, NULL, true, a->error);
	if (a->e == 0) {
		a->e = ledger_verify(ledger, look_at_receipt, a, &a->verified);
		if (a->e < 0)
			(void)snprintf(a->error, sizeof(a->error), "%s", strerror(-a->e));
		ledger_close(ledger);
	}
	(void)!write(a->fd, &one, sizeof(one));
	return NULL;
}

/* ------------------------------------------------------------ on the loop's thread */

static void proof_free(struct proof *a)
{
	if (a->fd >= 0)
		loop_remove(a->hub->loop, a->fd, &a->source);
	fd_close(&a->fd);
	free(a->where);
	free(a);
}

static void finish(struct proof *a)
{
	(void)pthread_join(a->thread, NULL);
	a->hub->proof = NULL;
	if (atomic_load(&a->stop) && a->e == 0)
		a->e = -ECANCELED;
	a->asked.done(a->asked.context, a->e, &a->verified,
		a->e == -ECANCELED ? "the hub ends" : a->error);
	proof_free(a);
}

static void on_ended(struct loop_source *source, uint32_t events)
{
	(void)events;
	finish(LOOP_OWNER(source, struct proof, source));
}

int proof_begin(struct hub *hub, const struct proof_asked *asked)
{
	struct proof *a;
	int e;

	if (hub->proof)
		return -EBUSY;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->hub = hub;
	a->asked = *asked;
	a->source.ready = on_ended;
	a->key = till_key(hub->till);
	a->where = strdup(hub->center->ledger);
	a->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e = a->fd < 0      ? -errno
		: a->where ? loop_add(hub->loop, a->fd, EPOLLIN, &a->source)
			   : -ENOMEM;
	if (e == 0)
		e = beside_start(&a->thread, STACK, look, a);
	if (e == 0)
		hub->proof = a;
	else
		proof_free(a);
	return e;
}

void proof_close(struct hub *hub)
{
	if (!hub->proof)
		return;
	atomic_store(&hub->proof->stop, true);
	finish(hub->proof);
}
