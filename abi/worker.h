/*
 * abi/worker.h - how the hub and one worker meet: descriptors at fixed numbers,
 * one piece of shared memory with two rings and a set of slots, an eventfd each
 * way.
 *
 * Each side takes the other for hostile. Whoever reads a value from shared
 * memory copies it, checks the copy and uses the copy; indices that a side
 * relies on live in its own memory (the ones here are only told to the other
 * side). A side that finds nonsense ends the relation: the hub kills the
 * worker, the worker exits.
 *
 * The shared memory, each part at a multiple of MF_PAGE:
 *
 *	struct mfw_head      written by the hub before the worker starts
 *	struct mfw_status    written by the worker
 *	struct mfw_socket    written by the worker, if it reads a socket of its own
 *	struct mfw_ring      hub to worker: MFW_BIRTH, MFW_ANSWER, MFW_DROP, MFW_WIPE, MFW_RECEIVE, MFW_FINISH
 *	struct mfw_ring      worker to hub: MFW_DEATH, MFW_SUSPENDED, MFW_FINISHED,
 *	                     MFW_TOLD_...
 *	slots × (event area, effects area), each area rounded up to MF_PAGE
 *
 * A slot belongs to the hub until its number is sent to the worker, and to the
 * worker until it comes back. The hub writes a struct mf_event with its bytes
 * at the slot's event area; the worker leaves a struct mf_effects at its effects
 * area, copied from the guest and not yet checked.
 *
 * A call: a life whose last effect is one stands still. MFW_SUSPENDED says so, the effects until then
 * lie in the slot, and the thread does something else. The hub appends the answer to the event in
 * the slot, behind all that was there, names it in mf_event.answer and answer_status, and sends
 * MFW_ANSWER; or MFW_DROP, if the life shall end there. Either comes before the event's deadline
 * is over. Each MFW_BIRTH ends in one MFW_DEATH, with as many suspensions as there are calls before.
 *
 * Waking: before it waits on its eventfd a side sets `sleeping` in the ring that
 * it consumes, then looks once more. The producer writes the eventfd only if it
 * finds `sleeping` set, and clears it. Both eventfds are EFD_NONBLOCK, so that a
 * side that fills the other's counter stops nobody: poll, then read. The hub's
 * `sleeping` is set from the start; it looks at mfw_status at each waking, so a
 * worker writes MFW_FD_WAKE_HUB once when its state is READY or FAILED.
 *
 * A socket of its own: with MFW_OWN_SOCKET the worker finds a bound UDP socket at
 * MFW_FD_SOCKET. From MFW_RECEIVE on it receives from it and sends the replies itself; the hub
 * keeps the descriptor, but doesn't read meanwhile. What happened is counted in struct mfw_socket,
 * which the hub takes for display only; some of the lives that went wrong, and of what lives
 * logged, are told by ring messages. MFW_FINISH ends that: no datagram is taken out of the
 * socket any more, those that were are answered, then comes MFW_FINISHED. What lies in the
 * socket then is for the next.
 *
 * Areas, for services with memory.input or memory.output: two memory files, each mfw_head.areas pieces of
 * MFW_AREA(input_bytes) or MFW_AREA(output_bytes). Slot i uses piece i of both, and a worker keeps one shell for it:
 * its lives see the first read-only at MF_ADDR_INPUT, the second at MF_ADDR_OUTPUT. No slot above mfw_head.areas is
 * used then. The hub writes an input before it sends MFW_BIRTH; what it may have written beyond mf_event.input_bytes,
 * `touched` says, and the worker wipes before the life. What a life left in the output the worker wipes before the next
 * one in this slot; until then it stays, for the hub to send. MFW_WIPE says that it is sent, and nobody waits: a good time
 * to wipe it, and to put the window back. What an accelerator wrote for a life (abi/accelerator.h) lies in the output's first
 * `written` bytes, and is wiped before the next.
 *
 * The hub may end the life of such a slot, when nobody wants what it computes any more: it sets the slot's bit in `stop` of
 * the ring to the worker, whose watchdog finds it within a tick; the MFW_DEATH that follows is as of one that ran too
 * long, or of one that ended just then. The bit is cleared with the next MFW_BIRTH.
 *
 * Rule for MFW_VERSION: hub and worker of one release only; any change raises it.
 */
#ifndef ABI_WORKER_H
#define ABI_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"

#define MFW_VERSION 7u
#define MFW_MAGIC   0x314b524f574d664dull

/* Descriptors of a worker besides 0 (null), 1 (null) and 2 (its last words). */
enum mfw_fd {
	MFW_FD_SHARED = 3,
	MFW_FD_WAKE_WORKER = 4, /* eventfd */
	MFW_FD_WAKE_HUB = 5,    /* eventfd */
	MFW_FD_IMAGE = 6,       /* opened for reading */
	MFW_FD_DATA = 7,        /* sealed memfd: struct mf_data_head ...; or closed */
	MFW_FD_KVM = 8,         /* /dev/kvm; or closed */
	MFW_FD_SOCKET = 9,      /* the UDP socket of a pure service; or closed */
	MFW_FD_CPUID = 10,      /* struct kvm_cpuid2, what KVM supports; or closed: ask it */
	MFW_FD_KEPT = 11,       /* memfd: a snapshot, if sealed; else room for one; or closed */
	MFW_FD_INPUT = 12,      /* sealed memory file: input areas; or closed */
	MFW_FD_OUTPUT = 13,     /* the same of output areas */
	MFW_FD_END = 14
};

enum mfw_backend { MFW_BACKEND_AUTO = 0, MFW_BACKEND_KVM = 1, MFW_BACKEND_PROCESS = 2 };

/* mfw_head.flags */
#define MFW_OWN_SOCKET 1u
#define MFW_WILDCARD   2u /* that socket's replies must name the address that they are from */
#define MFW_CORES      4u /* of lives that crash, struct mfw_crash is wanted */

enum mfw_birth_mode { MFW_POOLED = 0, MFW_FRESH = 1 };

#define MFW_SUBJECT 64u
struct mfw_head {
	uint64_t magic;
	uint32_t version;
	uint32_t slots;      /* a power of two, at most MFW_SLOTS */
	uint64_t bytes;      /* of the shared memory */
	uint32_t event_area; /* bytes, multiples of MF_PAGE */
	uint32_t effects_area;
	uint32_t backend;
	uint32_t birth;
	uint32_t threads; /* lives that may run at once */
	uint32_t flags;
	uint64_t cpu_ns; /* limits; 0: what the image says */
	uint64_t deadline_ns;
	uint64_t idle_ns; /* life: idle; 0: die at once */
	/* for a socket of its own: */
	uint32_t words; /* enum words (wire/words.h): how to refuse */
	uint32_t subject_bytes;
	char subject[MFW_SUBJECT]; /* of its events: the address that it is bound to */
	/* The digest of the image that the hub checked: a worker runs no other, whatever became of
	 * the file since. */
	uint8_t image[32];
	uint32_t areas; /* 0: there are none */
	uint32_t reserved;
	uint64_t input_bytes, output_bytes; /* of each; multiples of MF_PAGE */
};
_Static_assert(sizeof(struct mfw_head) == 200, "mfw_head");

enum mfw_state { MFW_STARTING = 0, MFW_READY = 1, MFW_FAILED = 2 };

struct mfw_status {
	uint32_t state;   /* enum mfw_state; written last */
	uint32_t backend; /* the one that runs */
	uint32_t code;    /* enum mfw_result, when it failed */
	uint32_t reserved;
	uint64_t start_ns;    /* from exec to ready */
	uint64_t init_ns;     /* of that, mf_init */
	uint8_t snapshot[32]; /* SHA-256 of image digest, data digest */
	char message[960];    /* why it failed, one line, zero-terminated */
};
_Static_assert(sizeof(struct mfw_status) == 1024, "mfw_status");

enum mfw_kind {
	MFW_BIRTH = 1,     /* hub: a life for the event in this slot */
	MFW_ANSWER = 2,    /* hub: the answer to this slot's call lies in mf_event.answer; `bytes`
	                      is of the event with it */
	MFW_DEATH = 3,     /* worker: the life is over */
	MFW_SUSPENDED = 4, /* worker: the last effect is a call */
	MFW_RECEIVE = 5,   /* hub: the socket is yours; of this and the next, `bytes` counts up */
	MFW_FINISH = 6,    /* hub: leave it */
	MFW_FINISHED = 7,  /* worker: it is left; `bytes` is the hub's */
	/* worker: of a life on the socket; `slot` is an index into mfw_socket.told */
	MFW_TOLD_END = 8,    /* it ended badly: result, vector ... as of MFW_DEATH */
	MFW_TOLD_DENIED = 9, /* it asked for an effect that is no reply: `bytes` is its kind */
	MFW_TOLD_LOG = 10,   /* it logged, at level `result`, `bytes` of text */
	MFW_DROP = 11, /* hub: the suspended life in this slot is over: MFW_DEATH, MFW_ERR_CALL */
	MFW_WIPE =
		12, /* hub: nobody has used this slot for a while, nor its `touched`-th life's output;
	                  so many were sent. Another may be since: then it means nothing */
};

/* How a life ended, as the worker saw it. */
enum mfw_result {
	MFW_OK = 0,
	MFW_ERR_FAILED = 1,  /* the service gave up: mf_fail */
	MFW_ERR_CRASHED = 2, /* an exception, or a way out that is not the gate */
	MFW_ERR_CPU = 3,     /* ran longer than limits.cpu or limits.deadline */
	MFW_ERR_MEMORY = 4,  /* the window was too small */
	MFW_ERR_EFFECTS = 5, /* its effects are malformed */
	MFW_ERR_EVENT = 6,   /* the event doesn't fit or is malformed */
	MFW_ERR_CALL = 7,    /* it called out where calls are not served */
	MFW_ERR_BACKEND = 8, /* the machine failed: KVM, memory, descriptors */
	MFW_ERR_IMAGE = 9,   /* the image can't be loaded */
	MFW_ERR_INIT = 10,   /* mf_init failed: message */
	MFW_ERR_FULL = 11,   /* its effects don't fit their area */
	MFW_RESULTS
};

struct mfw_message {
	uint32_t slot;
	uint16_t kind;
	uint16_t result;   /* enum mfw_result */
	uint32_t bytes;    /* of the event, or of the effects */
	uint32_t vector;   /* of the exception, when it crashed */
	uint64_t address;  /* instruction */
	uint64_t touched;  /* address that it touched; MFW_BIRTH: see above, of areas; MFW_WIPE */
	uint64_t birth_ns; /* from taking the message to entering the guest */
	uint64_t run_ns;   /* in the guest */
	uint64_t written;  /* MFW_BIRTH: see above, of areas */
	uint64_t reserved;
};
_Static_assert(sizeof(struct mfw_message) == 64, "mfw_message");

/* A guest's registers as an exception found them. */
struct mfw_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, cs, ss, fs_base, gs_base;
};
_Static_assert(sizeof(struct mfw_registers) == 176, "mfw_registers");

/* With MFW_CORES, in the effects area of a life that crashed, if its registers are known:
 * mfw_message.bytes says how much of the area is used. Behind it, from MF_PAGE on, lies memory of
 * the window, as much as fits: image/core.h says which. */
struct mfw_crash {
	struct mfw_registers registers;
};

/* mfw_message.vector where there was no exception: it left in a way that isn't the gate */
#define MFW_VECTOR_EXIT 256u

/* Room for what all slots may bring, and for what comes without one. */
#define MFW_SLOTS 128u
#define MFW_RING  256u
struct mfw_ring {
	uint32_t head; /* consumer: how many it has taken */
	uint32_t pad0[15];
	uint32_t tail; /* producer: how many it has put */
	uint32_t pad1[15];
	uint32_t sleeping;
	uint32_t pad2[15];
	uint32_t
		stop[MFW_SLOTS / 32]; /* hub: a bit for each slot; only of the ring to the worker */
	uint32_t pad3[16 - MFW_SLOTS / 32];
	struct mfw_message message[MFW_RING];
};
_Static_assert(sizeof(struct mfw_ring) == 256 + 64 * MFW_RING, "mfw_ring");
_Static_assert(offsetof(struct mfw_ring, tail) == 64, "mfw_ring.tail");

/* Counts up from zero, of the worker's own socket. Buckets as of base/histogram.h. */
#define MFW_BUCKETS  21u
#define MFW_REFUSALS 16u /* by enum refusal (wire/words.h) */
#define MFW_COUNTED  16u /* by enum mfw_result */
struct mfw_times {
	uint64_t bucket[MFW_BUCKETS];
	uint64_t sum_ns;
};
struct mfw_counts {
	uint64_t events, bytes_in; /* datagrams */
	uint64_t replies, bytes_out, unsent, dropped;
	uint64_t lives, replied, denied;
	uint64_t results[MFW_COUNTED], refused[MFW_REFUSALS];
	struct mfw_times queue, birth, run, total;
};

#define MFW_TOLD      16u
#define MFW_TOLD_TEXT 472u
struct mfw_told {
	char id[32]; /* of the event */
	uint64_t reserved;
	char text[MFW_TOLD_TEXT];
};
struct mfw_socket {
	struct mfw_counts counts;
	struct mfw_told told[MFW_TOLD];
};
_Static_assert(sizeof(struct mfw_told) == 512, "mfw_told");
_Static_assert(offsetof(struct mfw_socket, told) == sizeof(struct mfw_counts), "mfw_socket");

/* At the start of what lies at MFW_FD_KEPT; the pages follow from MF_PAGE on. */
struct mfw_kept {
	uint64_t magic;
	uint32_t version, reserved;
	uint64_t window_bytes, init_bytes;
	uint8_t digest[32]; /* as mfw_status.snapshot */
};
_Static_assert(sizeof(struct mfw_kept) == 64, "mfw_kept");

/* What an area of so many bytes takes of its file. */
#define MFW_AREA_ALIGN (2ull << 20)
#define MFW_AREA(n)    (((uint64_t)(n) + MFW_AREA_ALIGN - 1) / MFW_AREA_ALIGN * MFW_AREA_ALIGN)
/* Of one service there are at most so many, one for each thread and some. */
#define MFW_AREAS 66u

#define MFW_ROUND(n)     (((uint64_t)(n) + MF_PAGE - 1) / MF_PAGE * MF_PAGE)
#define MFW_AT_HEAD      0ull
#define MFW_AT_STATUS    ((uint64_t)MF_PAGE)
#define MFW_AT_SOCKET    (MFW_AT_STATUS + MFW_ROUND(sizeof(struct mfw_status)))
#define MFW_AT_TO_WORKER (MFW_AT_SOCKET + MFW_ROUND(sizeof(struct mfw_socket)))
#define MFW_AT_TO_HUB    (MFW_AT_TO_WORKER + MFW_ROUND(sizeof(struct mfw_ring)))
#define MFW_AT_SLOTS     (MFW_AT_TO_HUB + MFW_ROUND(sizeof(struct mfw_ring)))

#endif
