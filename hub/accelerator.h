/*
 * hub/accelerator.h - special hardware that lives may ask for products of matrices (abi/guest.h, MF_ACCELERATOR): what becomes
 * of a question, and how the program that has the device is (abi/accelerator.h; docs/decisions/061).
 *
 * One product is at the device; a few wait. The operands lie in the life's areas, which are held until the program said that
 * it is done or dead: nobody else gets them while somebody might still write there, whatever became of the life.
 *
 * One thread only.
 */
#ifndef HUB_ACCELERATOR_H
#define HUB_ACCELERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/accelerator.h"
#include "base/str.h"
#include "hub/hub.h"

struct accelerator;
struct product;
struct task;

/* Of hub.yaml's `accelerator`. */
struct accelerator_settings {
	const char *backend; /* "opencl" */
	const char *device;  /* NULL: the best one */
	const char *cache;   /* a directory; NULL: none */
	uint64_t memory;     /* 0: all that the device has */
	uint64_t least;      /* additions and multiplications of a product that is worth the way */
};

/* Starts the program, with the hub's rights of now. 0, or an exit status with one line in error. */
struct config;
int accelerator_start(
	struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* Can a hub that runs go on with this configuration? A status, as above. */
int accelerator_check(
	const struct hub *hub, const struct config *config, char error[static HUB_ERROR_MAX]);
/* The same of settings, of which backend is NULL: none. */
bool accelerator_same(const struct hub *hub, const struct accelerator_settings *settings);
/* What may change while the hub runs. */
void accelerator_least(struct hub *hub, uint64_t least);

/* An accelerator whose program is at the other end of this socket, which is the hub's from now on. `pid` 0: no
 * child of ours. -errno; accelerator_close in both cases. */
int accelerator_open(
	struct hub *hub, const struct accelerator_settings *settings, int socket, pid_t pid);
void accelerator_close(struct hub *hub);

/* mf_event.accelerator for an event of this service. */
uint32_t accelerator_worth(const struct service *service);
/* May its lives ask? Fixed by its manifest. */
bool accelerator_granted(const struct service *service);

/* Whoever asked hears of it once, unless it forgets the product before. `body` is gone afterwards. */
typedef void accelerator_done(void *context, uint32_t status, struct mf_str body);

/* The task's life, which stands still in an area, asks for a product, to be done in so long. NULL: it won't be: *status says
 * why, as of HTTP, and *why does in words. */
struct product *accelerator_ask(struct task *task, struct mf_str path, struct mf_str body,
	uint64_t most_ns, accelerator_done *done, void *context, uint32_t *status,
	const char **why);
/* Nobody waits for it any more. */
void accelerator_forget(struct product *product);
/* It wasn't sent yet: it is gone, and nobody hears of it. False: it is at the device. */
bool accelerator_withdraw(struct product *product);

/* ------------------------------------------------------------------------ figures */

enum accelerator_state {
	ACCELERATOR_STARTING, /* it hasn't said yet what it has, or prepares itself for a kind of product */
	ACCELERATOR_READY,
	ACCELERATOR_DOWN, /* no device now; it is tried again */
	ACCELERATOR_LOST, /* the program is gone */
	ACCELERATOR_STATES
};
extern const char *const accelerator_states[ACCELERATOR_STATES];

struct accelerator_figures {
	enum accelerator_state state;
	const char *backend;
	char text[MFA_TEXT]; /* the device's name, or why there is none */
	uint64_t memory_bytes, least;
	uint32_t missing; /* enum mfa_wall */
	unsigned waiting; /* products, the one at work too */
	/* counts up: */
	uint64_t calls, done, busy, refused, failed, starts;
	uint64_t device_ns; /* that products took there */
};
/* NULL: the hub has none. */
const struct accelerator_figures *accelerator_figures(const struct hub *hub);

#endif
