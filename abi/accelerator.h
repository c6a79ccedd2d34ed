/*
 * abi/accelerator.h - how the hub and mayfly-accelerator meet: a SOCK_SEQPACKET pair, one message a packet, each of one
 * size.
 *
 * The program is two processes. One keeps the other: it starts it, waits for its end, tells the hub, and starts
 * another after a while. The other has the device, and takes one product after another from the socket. Each of
 * those has a generation; what was sent to one is never done by the next.
 *
 *	keeper     MFA_GONE     generation g is dead: it writes nowhere any more. text: how it ended
 *	device     MFA_READY    generation g has a device: text is its name, memory_bytes how much of it there is
 *	           MFA_FAILED   it has none, and ends: text says why
 *	           MFA_BUSY     it prepares itself, and will be ready again: text says for what
 *	           MFA_DONE     the product with this id, and what became of it: status
 *	hub        struct mfa_request, with two descriptors: the file of the inputs, open for reading, and that of the
 *	           outputs (abi/worker.h)
 *
 * What a kind of product takes a first time, which may be a minute (kernels are compiled), no life waits for: the first
 * product of it is answered 503, and the device prepares itself with numbers of its own.
 *
 * A device that isn't done with a product after most_ns ends itself, and MFA_GONE follows.
 *
 * The program takes the hub's numbers for hostile, as they may be a life's: all are checked by wire/gemm.h, as in the
 * hub. The hub takes the program for hostile: all that it says is copied, checked, and of use for nothing but which
 * product it was, whether it was done, and what people read.
 *
 * Rule for MFA_VERSION: both of one release only; any change raises it.
 */
#ifndef ABI_ACCELERATOR_H
#define ABI_ACCELERATOR_H

#include <stdint.h>

#include "abi/guest.h"

#define MFA_VERSION 1u
#define MFA_MAGIC   0x4c454343414d664dull
#define MFA_FD      3 /* the program's end of the socket */
#define MFA_FDS     2u

struct mfa_request {
	uint64_t magic;
	uint32_t version;
	uint32_t generation;
	uint64_t id;
	uint64_t most_ns;               /* it may take */
	uint64_t input_at, input_bytes; /* the life's area within the file; multiples of MF_PAGE */
	uint64_t output_at, output_bytes;
	struct mf_gemm gemm;
};
_Static_assert(sizeof(struct mfa_request) == 176, "mfa_request");

enum mfa_kind { MFA_READY = 1, MFA_FAILED = 2, MFA_GONE = 3, MFA_DONE = 4, MFA_BUSY = 5 };

/* MFA_READY: what doesn't stand between the program and the machine. docs/security.md explains each. */
enum mfa_wall { MFA_NO_NAMESPACES = 1, MFA_NO_LANDLOCK = 2, MFA_NO_USER = 4, MFA_NO_SECCOMP = 8 };

#define MFA_TEXT 160u
struct mfa_news {
	uint64_t magic;
	uint32_t version;
	uint32_t kind; /* enum mfa_kind */
	uint32_t generation;
	uint32_t status; /* MFA_DONE: as of HTTP */
	uint64_t id;
	uint64_t took_ns; /* MFA_DONE: at the device, with its copies */
	uint64_t memory_bytes;
	uint32_t missing; /* bits of enum mfa_wall */
	uint32_t reserved;
	char text[MFA_TEXT];
};
_Static_assert(sizeof(struct mfa_news) == 216, "mfa_news");

#endif
