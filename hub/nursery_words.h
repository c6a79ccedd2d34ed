/*
 * hub/nursery_words.h - what hub and nursery say to each other over a SOCK_SEQPACKET pair. Private to
 * hub/nursery*.c and hub/spawn.c: both ends are one program.
 */
#ifndef HUB_NURSERY_WORDS_H
#define HUB_NURSERY_WORDS_H

#include <stdint.h>

#include "abi/image.h"
#include "abi/worker.h"

enum nursery_kind {
	NURSERY_SETTLE = 1, /* answered when it is in a user namespace, to be mapped */
	NURSERY_MAPPED = 2, /* it is; answered when all other walls stand */
	NURSERY_START = 3,  /* answered with the worker's pidfd, if there was a process at all */
	NURSERY_PROBE = 4,  /* can it start a process in this control group? */
};

/* Descriptors that may come along: those of a worker and, behind them, its control group. */
#define NURSERY_GROUP MFW_FD_END
#define NURSERY_FDS   (MFW_FD_END + 1u)

/* What has been done; a nursery never goes back. */
enum nursery_stage { NURSERY_NEW, NURSERY_SETTLING, NURSERY_BUILT };

struct nursery_request {
	uint32_t kind;
	uint32_t uid, gid; /* SETTLE: the hub's */
	uint32_t ids;      /* MAPPED: how many its namespace has */
	uint32_t given;    /* START: bit n: a descriptor comes along that the worker finds at n;
			      NURSERY_GROUP: its control group, which PROBE has alone */
	int32_t cpu;       /* as in struct spawn, as are the next */
	uint32_t descriptors;
	uint32_t reserved;
	uint64_t memory;
	char name[MFI_NAME_MAX + 1];
};

struct nursery_answer {
	int32_t err;                /* 0 or -errno */
	int32_t pid;                /* START */
	int32_t no_spaces, no_root; /* MAPPED: why there are none, 0 or -errno */
};

/* May it be done now, at this stage, which goes on then? Whoever has taken over the hub can send what he
 * likes. 0; -EPERM: what is built can't be built again; -EINVAL: out of bounds. */
int nursery_judge(const struct nursery_request *request, enum nursery_stage *stage);

/* Sends the bytes with descriptors; receives both. 0 or -errno; -EPIPE: nobody is there any more. `most`
 * waits so many ms at most, -1: for ever. Descriptors not there are -1; so are all after an error.
 * -EPROTO: there was more or less than was to come. */
int nursery_send(int socket, const void *bytes, size_t size, const int *fds, unsigned count);
int nursery_receive(int socket, void *bytes, size_t size, int *fds, unsigned count, int most);

/* The nursery itself. It has `socket` and `program`, and ends when the hub does. */
_Noreturn void nursery_main(int socket, int program);

#endif
