/*
 * hub/link.h - the hub's end of one worker (abi/worker.h): its process, the memory that
 * both see, the two rings and the slots. Knows nothing of services or events.
 *
 * The worker is hostile: every value of it is copied, then checked; -EPROTO means that it
 * wrote nonsense, and the caller closes the link. One thread only.
 */
#ifndef HUB_LINK_H
#define HUB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/worker.h"

struct link;
struct nursery;

struct link_options {
	struct nursery *nursery; /* starts it */
	const char *name;        /* of the service */
	struct mfw_head head;    /* backend, birth, threads, limits, areas; the rest is filled in */
	int image_fd, data_fd, kvm_fd, cpuid_fd, null_fd, socket_fd, kept_fd, input_fd,
		output_fd; /* borrowed; -1: none */
	int cpu;           /* as in struct spawn, as are the next */
	uint32_t descriptors;
	uint64_t memory;
	int group;
};

/* Makes the memory and starts the process. -errno. */
int link_open(struct link **link, const struct link_options *options);
/* How a process that has ended (link_process_fd is readable) did; as spawn_end. */
int link_ended(const struct link *link);
/* Kills the process if it lives, reaps it, frees everything. How it ended (spawn_end). */
int link_close(struct link *link);

/* The same for whoever can't wait until it is dead: -1, or the descriptor of a process that dies still, for
 * the caller to reap (hub/dying.h). */
int link_leave(struct link *link);

pid_t link_pid(const struct link *link);
int link_process_fd(const struct link *link); /* readable: the process has ended */
int link_wake_fd(const struct link *link);    /* an edge: something lies in the ring */
int link_words_fd(const struct link *link);   /* what it writes to standard error */

uint32_t link_slots(const struct link *link);
size_t link_event_area(const struct link *link);

/* A slot that the hub may write, or -1: all are taken. The last one returned is taken
 * first, so that a quiet service touches few pages. */
int link_slot_take(struct link *link);
void link_slot_return(struct link *link, int slot);
void *link_event(struct link *link, int slot);
/* Was the one that would be taken next never taken before? None is: false. */
bool link_slot_is_new(const struct link *link);
/* How many were ever taken; bytes of them that an event or its effects ever needed, in pages. */
unsigned link_slots_used(const struct link *link);
size_t link_used(const struct link *link);

/* Gives the slot to the worker, which hears of it at the next link_kick. */
void link_post(struct link *link, int slot, enum mfw_kind kind, size_t bytes);
void link_kick(struct link *link);
/* MFW_BIRTH for a service with areas: so much of this slot's input, and of what its worker doesn't know of its output, may
 * be other than zero. */
void link_birth(struct link *link, int slot, size_t bytes, uint64_t filled, uint64_t written);

/* The life in this slot, of a service with areas, is to end soon: nobody wants it. */
void link_stop(struct link *link, int slot);
/* MFW_WIPE: what the `lives`-th life in this slot left in its output isn't needed any more. At most once between two
 * births there: the ring has room for so many. */
void link_wipe(struct link *link, int slot, uint64_t lives);

/* MFW_RECEIVE or MFW_FINISH, about its own socket. */
void link_turn(struct link *link, enum mfw_kind kind, uint32_t turn);
/* Copies what it counts there, and what a message MFW_TOLD_... is about; nothing is checked. */
void link_counts(struct link *link, struct mfw_counts *counts);
void link_told(struct link *link, const struct mfw_message *message, struct mfw_told *told);

/* The next message: 1; none, and the worker will wake us: 0; nonsense: -EPROTO. After a
 * MFW_DEATH the slot is the hub's again, still taken. */
int link_receive(struct link *link, struct mfw_message *message);

/* Copies the effects that a message told of (message->bytes, checked). `to` has room for
 * the effects area (link_effects_area). */
size_t link_effects_area(const struct link *link);
/* Where they lie: the worker may still write there. */
const uint8_t *link_effects(struct link *link, int slot);
void link_effects_copy(struct link *link, const struct mfw_message *message, void *to);

/* A copy of what the worker says of itself, its message always terminated. -EPROTO. */
int link_status(struct link *link, struct mfw_status *status);

#endif
