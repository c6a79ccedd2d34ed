/*
 * monitor/core.h - what the parts of the monitor share: a service's monitor, its
 * shells, and the backend behind them. Nobody outside monitor/ includes it.
 */
#ifndef MONITOR_CORE_H
#define MONITOR_CORE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>

#include "monitor/layout.h"
#include "monitor/maker.h"
#include "monitor/monitor.h"
#include "monitor/watchdog.h"

/* One of kvm and process. All functions return 0 or -errno, unless they say otherwise. */
struct backend {
	/* Makes what a shell needs besides struct shell; `init`: for the run of mf_init, the
	 * init area is writable. On failure `error` has a line, and nothing is left behind. */
	int (*open)(struct shell *shell, bool init, char error[MONITOR_ERROR_MAX]);
	void (*close)(struct shell *shell);
	/* Runs the guest from birth to its way out and fills in result (OK: it came to the gate,
	 * operation in shell->operation), vector, address, touched. -EAGAIN: the life never
	 * began, through no fault of its own; close, open, and run it again. */
	int (*run)(struct shell *shell, struct life *life);
	/* The same for a life that came to the gate with MF_OP_CALL: it goes on behind it. No -EAGAIN. */
	int (*resume)(struct shell *shell, struct life *life);
	/* Another thread will run it from now on; NULL: that makes no difference. */
	void (*adopt)(struct shell *shell);
	/* From another thread: ends a run; is told of one that lasts, for the time being (watchdog.h; NULL: so be it). */
	void (*kill)(struct shell *shell);
	void (*lasts)(struct shell *shell);
	/* The next pages of a large window that were ever written, from offset *at on: sets *at and
	 * *bytes. False: there are no more. */
	bool (*written)(const struct shell *shell, uint64_t *at, uint64_t *bytes);
	/* The same of the output area. */
	bool (*touched)(const struct shell *shell, uint64_t *at, uint64_t *bytes);
	uint64_t (*floor)(struct shell *shell);
};
extern const struct backend backend_kvm, backend_process;

/* Once a process, before it gives up rights. */
void process_prepare(void);
/* The two halves of the process backend's run: it begins; it comes to its way out. */
int process_begin(struct shell *shell);
int process_finish(struct shell *shell, struct life *life);

struct monitor {
	const struct image *image;
	struct layout layout;
	const struct backend *backend;
	struct monitor_options options;
	enum mfw_backend which;
	bool deny_cpuid;
	bool maker; /* maker_stop when it is closed */
	uint64_t cpu_ns, deadline_ns;
	int fixed_fd; /* process: memory of layout.fixed_bytes, gate (not filled) ... init; kvm: -1 */
	uint8_t *fixed;
	uint8_t *snapshot; /* the window as every life finds it */
	bool *filled;      /* of its pages: there may be other bytes in it than zeros */
	uint8_t digest[32];
	struct shell *spent; /* the one that mf_init ran in; until monitor_settle */
	uint64_t init_ns;
	uint8_t *init_effects;
	uint32_t init_effects_bytes;
	uint8_t *inputs, *outputs; /* options.areas of each; NULL: none */
	struct kvm_host *kvm;      /* what kvm.c asked the machine once; freed by monitor_close */
};

/* One of two areas: NULL: there is none. */
struct shell_area {
	uint8_t *at;
	uint64_t bytes, offset; /* of fd */
	int fd;                 /* -1: it is in no file */
	bool own;               /* not one of the monitor's */
};
struct shell_areas {
	struct shell_area input, output;
	uint64_t filled;  /* bytes of the input that may be other than zero */
	uint64_t written; /* of the output, by an accelerator */
	bool used;        /* the output may be, where a life wrote */
};

struct shell {
	struct monitor *monitor;
	uint8_t *window;     /* host memory: window, then page tables (kvm) */
	uint8_t *effects;    /* the copy that a life's effects are handed out in */
	uint32_t event_used; /* bytes of the last event: host writes, besides the guest's */
	uint32_t operation;  /* enum mf_op of the last way out */
	bool open;           /* the backend has what it needs */
	bool dirty;          /* the window isn't the snapshot */
	bool init;
	bool calls;     /* the image may call: lives can be suspended */
	bool suspended; /* the life in it waits for an answer */
	struct shell_areas areas;
	int thread; /* that used it last */
	struct {
		uint64_t since;            /* when it began */
		uint64_t cpu_from, cpu_ns; /* of CPU: clock when it was entered, used before */
		uint64_t birth_ns, run_ns; /* before it was suspended */
	} life;
	struct watch watch;
	union {
		struct {
			int vm, vcpu;
			struct kvm_run *run;
			struct kvm_sregs sregs; /* as every life finds them */
		} kvm;
		struct {
			int window_fd;
			struct maker_made made; /* while it is open */
			_Atomic int cpu;        /* where it has to run; -1: anywhere */
		} process;
	};
};

/* The clock without the vDSO: threads that run guests can't read the TSC. */
uint64_t monitor_now(void);

/* error = "what: strerror(errno)"; returns result. */
int monitor_refuse(char error[MONITOR_ERROR_MAX], enum mfw_result result, const char *what);

/* A page to its place in the snapshot, unless it is what is there; noted in monitor->filled. Pages of
 * a large window that nobody wrote are never looked at: to look at one is to have it made. */
void monitor_keep_page(struct monitor *monitor, uint64_t at, const uint8_t *page);

/* A shell without what its backend needs: that comes with shell_start, where it is missing.
 * init: for the run of mf_init. enum mfw_result. */
int shell_make(
	struct shell **shell, struct monitor *monitor, bool init, char error[MONITOR_ERROR_MAX]);
int shell_start(struct shell *shell, char error[MONITOR_ERROR_MAX]);

/* Where a guest's bytes lie here, and (*n cut to it) how many of them in one piece; NULL: nowhere
 * that a guest may know of. */
uint8_t *shell_memory(const struct shell *shell, uint64_t address, size_t *n);
/* The region that holds the address; NULL: the guest sees none there. */
const struct layout_region *shell_region(const struct shell *shell, uint64_t address);

/* The parts of shell_live, for a life that a debugger holds (debug.h): the window is put back and
 * the event in it, false if it doesn't fit; what the guest left when it said that it is over. */
bool shell_put_event(struct shell *shell, const void *event, size_t size);
void shell_take_effects(struct shell *shell, struct life *life);

/* areas.c: the files of options.areas mapped, 0 or -errno; a shell's two, its own (`area` AREA_OWN) or of these. */
#define AREA_OWN UINT32_MAX
int monitor_map_areas(struct monitor *monitor);
void monitor_unmap_areas(struct monitor *monitor);
int shell_take_areas(struct shell *shell, unsigned area);
void shell_free_areas(struct shell *shell);
/* Before a birth: all of the output zero, and of the input what lies behind its bytes; false: so many don't fit. */
bool shell_clean_areas(struct shell *shell, uint64_t input_bytes);

/* What this thread gives up while it has shells, so that guests don't have it: the TSC (on
 * hosts that don't honour CR4.TSD, and in gated processes), and for gated processes CPUID, if
 * monitor->deny_cpuid. */
void shell_deny(const struct monitor *monitor);
void shell_allow(const struct monitor *monitor);
/* The number of this thread, asked once. */
int shell_thread(void);

#endif
