/*
 * monitor/monitor.h - births and deaths. A monitor holds one service: its image,
 * its snapshot and what all its shells share. A shell is a place where lives
 * happen, one at a time. Two backends stand behind it: kvm (a virtual machine)
 * and process (a gated Linux process); both run the same image file.
 *
 * Threads: one monitor may be used by several threads, each with shells of its
 * own. A shell belongs to the thread that opened it, until another uses it, which it may between two lives,
 * or while one is suspended. While a thread has shells it can't read the TSC, so clocks through the vDSO are denied
 * to it (SIGSEGV), and for good once another takes one over: use the system call. With the process backend the same goes for
 * CPUID, so open no kvm monitor then. monitor_open starts a watchdog thread,
 * takes SIGRTMIN to stop vCPUs, and has SIGPIPE ignored, once a process. With the process backend
 * the thread that opens the first monitor must outlive all shells (maker.h).
 *
 * The guest is hostile. What comes out of shell_live is a copy of the guest's
 * effects area that nothing can change any more, not otherwise checked.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"
#include "abi/worker.h"
#include "image/image.h"

#define MONITOR_ERROR_MAX 1024

struct monitor;
struct shell;

struct monitor_options {
	enum mfw_backend backend; /* auto: kvm if kvm_fd >= 0, else process */
	enum mfw_birth_mode birth;
	int kvm_fd;        /* /dev/kvm, borrowed; -1: none */
	const void *cpuid; /* struct kvm_cpuid2: what KVM supports, if it was asked before */
	size_t cpuid_bytes;
	int keep_fd;          /* see keep.h, borrowed; 0: none */
	bool keep_whole;      /* and it is sealed: keep_is_whole */
	uint64_t cpu_ns;      /* 0: what the image says */
	uint64_t deadline_ns; /* 0: what the image says */
	bool held;            /* a debugger will hold lives (debug.h) */
	/* Of an image with areas: files with so many of each (abi/worker.h), borrowed. 0: each shell
	 * has its own. */
	unsigned areas;
	int input_fd, output_fd;
};

/* How one life went. */
struct life {
	enum mfw_result result;
	uint32_t bytes;         /* of effects, head included; 0 unless it ended at the gate */
	const uint8_t *effects; /* the shell's copy, until its next life; 8-byte aligned */
	uint32_t vector;        /* crashed: exception (x86 numbers), or MONITOR_VECTOR_... */
	uint64_t address;       /* crashed: of the instruction */
	uint64_t touched;       /* page fault: the address it touched */
	uint64_t birth_ns;      /* putting back, writing the event */
	uint64_t run_ns;        /* from entering the guest to leaving it */
	bool suspended;         /* it isn't over: it called, and `effects` are those until then */
	bool stopped;           /* crashed, or (kvm) too late: these are the registers then */
	struct mfw_registers registers;
};
#define MONITOR_VECTOR_EXIT MFW_VECTOR_EXIT

/* Makes the snapshot, running mf_init if there is one. image and data (NULL, 0:
 * nothing attached) must outlive the monitor. On failure returns enum mfw_result
 * (IMAGE, INIT, BACKEND, ...) with one line in error; 0 is success. */
int monitor_open(struct monitor **monitor, const struct image *image, const uint8_t *data,
	size_t data_size, const struct monitor_options *options, char error[MONITOR_ERROR_MAX]);
void monitor_close(struct monitor *monitor); /* close its shells first */
/* Gives back what only the start needed: for whoever has an event to answer first. */
void monitor_settle(struct monitor *monitor);

enum mfw_backend monitor_backend(const struct monitor *monitor);
const uint8_t *monitor_snapshot_digest(const struct monitor *monitor); /* 32 bytes */
/* What monitor_open does once a process, and what shell_open does once a thread; for those who must
 * do it before they give up rights; the maker (maker.h) they start themselves. */
int monitor_prepare(void);
void monitor_prepare_thread(enum mfw_backend backend);
/* Is CPUID denied to gated processes: can it be here, and cheaply? Tried once. */
bool monitor_can_deny_cpuid(void);
uint64_t monitor_init_ns(const struct monitor *monitor);
size_t monitor_window_bytes(const struct monitor *monitor);
/* What mf_init logged: the effects area after it, or NULL. */
const uint8_t *monitor_init_effects(const struct monitor *monitor, uint32_t *bytes);

int shell_open(struct shell **shell, struct monitor *monitor, char error[MONITOR_ERROR_MAX]);
/* With this one of the monitor's areas, which no other shell may have. */
int shell_open_at(struct shell **shell, struct monitor *monitor, unsigned area,
	char error[MONITOR_ERROR_MAX]);
void shell_close(struct shell *shell);
/* From now on a life of it ends, as one that takes too long, when this bit is set there: by another process. */
void shell_stop_at(struct shell *shell, const uint32_t *stop, uint32_t bit);

/* One life. event is a struct mf_event and what belongs to it, `size` bytes in
 * all; it is copied. Fills *life; never fails otherwise. */
void shell_live(struct shell *shell, const void *event, size_t size, struct life *life);

/* The input of the next life, copied; its event's input_bytes must be n. -EFBIG: its image has no room for
 * so much. */
int shell_input(struct shell *shell, const void *from, size_t n);
/* The same where somebody else wrote it: this much of the area may be other than zero. */
void shell_input_filled(struct shell *shell, uint64_t bytes);
/* And this much of the output of the life before, by somebody else than it. */
void shell_output_written(struct shell *shell, uint64_t bytes);
/* What the last life left in its output area, of memory.output bytes; NULL: it has none. */
const uint8_t *shell_output(const struct shell *shell);

/* The same where calls are served. life->suspended: the life stands still until shell_answer or
 * shell_drop, and the thread is free for other shells. */
void shell_begin(struct shell *shell, const void *event, size_t size, struct life *life);
/* The life goes on: `event` is the one that it began with, the answer behind it (abi/worker.h); it may be suspended again.
 * Limits: what is left of its cpu time, and of the time since it began. */
void shell_answer(struct shell *shell, const void *event, size_t size, struct life *life);
/* It ends there. */
void shell_drop(struct shell *shell);

/* The memory that a life left, until the next: how many of n bytes could be copied. What the
 * monitor keeps from a guest isn't there. */
size_t shell_read(const struct shell *shell, uint64_t address, void *to, size_t n);
/* Its pieces by number, without its areas: false behind the last. */
struct shell_piece {
	uint64_t address, bytes;
	bool write, execute;
	const uint8_t *from; /* until the shell is used again or closed */
};
bool shell_piece(const struct shell *shell, unsigned i, struct shell_piece *piece);

/* Puts the window back, as shell_live would do first: for whoever has time between two lives. The output
 * area stays as it is until then: somebody may send from it. */
void shell_clean(struct shell *shell);
/* The same of the output area, for whoever knows that nobody does. */
void shell_clean_output(struct shell *shell);

/* A bare entry that leaves at once: the floor below which no birth goes. ns, or 0
 * where the backend has no such thing. The kvm backend enters the shell's own VM
 * at an `out` and restores nothing but registers. */
uint64_t shell_floor(struct shell *shell);

#endif
