/*
 * hub/cores.h - cores of lives that crashed, in the directory `cores` of the state directory, if
 * hub.yaml asks for them: `cores: N` keeps the newest N. Each has its event and what the life could
 * write, so they are as secret as the events: mode 0600, in a directory of mode 0700.
 *
 * The worker hands over registers and memory in the slot's effects area (abi/worker.h, struct
 * mfw_crash). It may be hostile: nothing of it is understood here, it only is written to a file, whose
 * size the hub knows beforehand.
 */
#ifndef HUB_CORES_H
#define HUB_CORES_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/image.h"
#include "abi/worker.h"

struct service;
struct task;

#define CORES_MOST      100u          /* files */
#define CORES_BYTES     (64u << 20)   /* of all */
#define CORES_AREA_MOST (1u << 20)    /* of one life's memory */
#define CORES_EVERY_NS  1000000000ull /* one a hub */
/* One a service, so that one that crashes all the time takes no other's turn. */
#define CORES_SERVICE_NS 5000000000ull

/* How large a slot's effects area must be for it: that of the effects at least. */
uint32_t cores_area(const struct mfi_image *note);

/* May a core be written now? Then its turn is taken. Times are of the last ones, 0: none. */
bool cores_turn(uint64_t now, uint64_t *hub_ns, uint64_t *service_ns);
/* In the directory of cores: for one more of `service`, with so many bytes. 0 or -errno. */
int cores_make_room(int dir, const char *service, unsigned most, uint64_t bytes);

/* A life crashed, and the worker left what struct mfw_crash says. What can't be kept is said in the
 * log and not kept. */
void cores_keep(
	struct service *service, const struct task *task, const struct mfw_message *message);

#endif
