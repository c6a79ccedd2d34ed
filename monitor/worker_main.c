/*
 * mayfly-worker: the monitor of one service, as a process of its own. It finds
 * everything it needs at fixed descriptors (abi/worker.h), gives up its rights,
 * and then, and only then, looks at the image and makes its snapshot.
 *
 * Several threads may live lives; the first also says how the start went. The
 * worker ends when the hub ends it, or is gone, or writes nonsense.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/core.h"
#include "image/image.h"
#include "monitor/core.h"
#include "monitor/jail.h"
#include "monitor/keep.h"
#include "monitor/monitor.h"
#include "monitor/ring.h"
#include "monitor/socket.h"

#define THREADS_MAX 64u
#define CPUID_MOST  16384u
#define SPARE_MOST  8u

static struct worker {
	struct ring ring;
	uint8_t *image_bytes;
	size_t image_size;
	struct image image;
	const uint8_t *data;
	size_t data_size;
	uint8_t cpuid[CPUID_MOST + 1];
	struct socket socket;
	enum mfw_backend backend;
	struct monitor *monitor; /* set once, before `go` is passed */
	pthread_barrier_t up;    /* every thread runs */
	pthread_barrier_t go;    /* and there is a monitor */
	uint64_t started;
	/* Shells are handed on between threads: a life that called keeps its own until it is answered. */
	pthread_mutex_t shells;
	struct shell *suspended[MFW_SLOTS];
	struct shell *spare[SPARE_MOST];
	unsigned spares;
	/* With areas each slot has a shell of its own, made for its first life; a slot has one at a time. Whoever does
	 * something with the shell holds the mutex: what one thread wipes, another may be told to use. */
	struct shell *bound[MFW_AREAS];
	pthread_mutex_t at_work[MFW_AREAS];
	uint64_t lives[MFW_AREAS]; /* that began there */
} worker = {.shells = PTHREAD_MUTEX_INITIALIZER};

/* One line for the hub, by one `write`: what stdio makes of it the jail needn't allow. */
static void say(const char *what, const char *why)
{
	char line[MONITOR_ERROR_MAX + 128];
	int n = snprintf(line, sizeof(line), "mayfly-worker: %s: %s\n", what, why);

	(void)!write(STDERR_FILENO, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

_Noreturn static void last_words(const char *what, int err)
{
	say(what, strerror(err));
	_exit(2);
}

/* Tells the hub how the start went. */
static void report(enum mfw_state state, enum mfw_result code, const char *message)
{
	struct mfw_status *status = worker.ring.status;

	status->code = code;
	status->start_ns = monitor_now() - worker.started;
	if (worker.monitor != NULL) {
		status->backend = monitor_backend(worker.monitor);
		status->init_ns = monitor_init_ns(worker.monitor);
		memcpy(status->snapshot, monitor_snapshot_digest(worker.monitor), 32);
	}
	snprintf(status->message, sizeof(status->message), "%s", message);
	__atomic_store_n(&status->state, state, __ATOMIC_RELEASE);
	ring_tell(&worker.ring);
}

_Noreturn static void fail(enum mfw_result code, const char *message)
{
	report(MFW_FAILED, code, message);
	_exit(1);
}

/* What the hub makes a core of. Returns how many bytes. */
static uint32_t leave_remains(const struct shell *shell, const struct life *life, uint8_t *area)
{
	const struct image *image = &worker.image;
	uint64_t room = worker.ring.head.effects_area;
	uint64_t high = core_high_bytes(image), low = core_low_bytes(image, room);
	struct mfw_crash crash = {.registers = life->registers};

	if (room < MF_PAGE + high)
		return 0;
	memset(area, 0, MF_PAGE);
	memcpy(area, &crash, sizeof(crash));
	shell_read(shell, image_guard_at(image) + MF_PAGE, area + MF_PAGE, (size_t)high);
	shell_read(shell, MF_ADDR_WINDOW, area + MF_PAGE + high, (size_t)low);
	return (uint32_t)(MF_PAGE + high + low);
}

/* ------------------------------------------------------------------ shells */

static void store_shell(uint32_t slot, struct shell *shell)
{
	struct shell *before;

	pthread_mutex_lock(&worker.shells);
	before = worker.suspended[slot];
	worker.suspended[slot] = shell;
	pthread_mutex_unlock(&worker.shells);
	if (before != NULL)
		last_words("the hub's slot", EPROTO);
}

/* The one that waits in this slot, which it leaves; NULL: none does. */
static struct shell *take_suspended(uint32_t slot)
{
	struct shell *shell;

	pthread_mutex_lock(&worker.shells);
	shell = worker.suspended[slot];
	worker.suspended[slot] = NULL;
	pthread_mutex_unlock(&worker.shells);
	return shell;
}

/* One for the next life. NULL: there is no machine, or no memory, for another. */
static struct shell *take_spare(void)
{
	char error[MONITOR_ERROR_MAX];
	struct shell *shell = NULL;

	pthread_mutex_lock(&worker.shells);
	if (worker.spares > 0)
		shell = worker.spare[--worker.spares];
	pthread_mutex_unlock(&worker.shells);
	if (shell == NULL && shell_open(&shell, worker.monitor, error) != 0)
		return NULL;
	return shell;
}

static void put_spare(struct shell *shell)
{
	shell_clean(shell);
	pthread_mutex_lock(&worker.shells);
	if (worker.spares < SPARE_MOST) {
		worker.spare[worker.spares++] = shell;
		shell = NULL;
	}
	pthread_mutex_unlock(&worker.shells);
	if (shell != NULL)
		shell_close(shell);
}

static bool has_areas(void)
{
	return worker.ring.head.areas > 0;
}

/* Makes the one whose areas are this slot's. */
static int bind(uint32_t slot, char error[MONITOR_ERROR_MAX])
{
	struct shell *shell;
	int rc = shell_open_at(&shell, worker.monitor, slot, error);

	if (rc != 0)
		return rc;
	shell_stop_at(shell, ring_stop(&worker.ring, slot), 1u << slot % 32);
	worker.bound[slot] = shell;
	return 0;
}

/* That one; NULL: there is no machine, or no memory, for it. */
static struct shell *bound_to(uint32_t slot)
{
	char error[MONITOR_ERROR_MAX];

	if (worker.bound[slot] == NULL)
		(void)bind(slot, error);
	return worker.bound[slot];
}

/* ------------------------------------------------------------------- lives */

static void tell(const struct mfw_message *message)
{
	if (ring_put(&worker.ring, message) < 0)
		last_words("the hub's ring", EPROTO);
}

/* What became of it; its effects lie in the slot. */
static struct mfw_message message_of(
	const struct shell *shell, uint32_t slot, const struct life *life)
{
	struct mfw_message m = {
		.slot = slot,
		.kind = life->suspended ? MFW_SUSPENDED : MFW_DEATH,
		.result = (uint16_t)life->result,
		.vector = life->vector,
		.address = life->address,
		.touched = life->touched,
		.birth_ns = life->birth_ns,
		.run_ns = life->run_ns,
	};

	if (life->bytes > 0 && life->bytes <= worker.ring.head.effects_area) {
		memcpy(ring_effects(&worker.ring, slot), life->effects, life->bytes);
		m.bytes = life->bytes;
	}
	if (life->result == MFW_ERR_CRASHED && life->stopped &&
		(worker.ring.head.flags & MFW_CORES))
		m.bytes = leave_remains(shell, life, ring_effects(&worker.ring, slot));
	return m;
}

static struct shell *ended(struct shell *shell, uint32_t slot, struct life *life);

/* The life waits for its answer, which may come as soon as the hub knows. Returns this thread's next shell. Without
 * one the life ends here: it can't be let wait. */
static struct shell *suspend(struct shell *shell, uint32_t slot, struct life *life)
{
	struct shell *next = has_areas() ? NULL : take_spare();
	struct mfw_message m;

	if (next == NULL && !has_areas()) {
		shell_drop(shell);
		*life = (struct life){.result = MFW_ERR_BACKEND};
		return ended(shell, slot, life);
	}
	m = message_of(shell, slot, life);
	store_shell(slot, shell);
	tell(&m);
	return next;
}

static struct shell *ended(struct shell *shell, uint32_t slot, struct life *life)
{
	struct mfw_message m;

	if (life->suspended)
		return suspend(shell, slot, life);
	if (life->result == MFW_ERR_BACKEND && maker_gone()) /* another worker will have one */
		last_words("the process that makes gated ones", ESRCH);
	m = message_of(shell, slot, life);
	tell(&m);
	return has_areas() ? NULL : shell;
}

/* It goes on in the shell where it stands still. */
static struct shell *go_on(struct shell *shell, const struct mfw_message *m)
{
	struct shell *waiting = take_suspended(m->slot);
	struct life life = {.result = MFW_ERR_CALL};

	if (waiting == NULL)
		last_words("the hub's answer", EPROTO);
	if (m->kind == MFW_ANSWER) {
		if (shell != NULL)
			put_spare(shell);
		shell = waiting;
		shell_answer(shell, ring_event(&worker.ring, m->slot), m->bytes, &life);
	} else {
		shell_drop(waiting);
		if (has_areas())
			shell = waiting;
		else
			put_spare(waiting);
	}
	return ended(shell, m->slot, &life);
}

static struct shell *no_machine(uint32_t slot)
{
	const struct mfw_message m = {.slot = slot, .kind = MFW_DEATH, .result = MFW_ERR_BACKEND};

	if (maker_gone()) /* another worker will have one */
		last_words("the process that makes gated ones", ESRCH);
	tell(&m);
	return NULL;
}

/* Threads don't keep the order of what they took: a life that began since has wiped it, or is at it. */
static void wipe(const struct mfw_message *m)
{
	struct shell *shell;

	if (m->slot >= worker.ring.head.areas)
		last_words("the hub's slot", EPROTO);
	if (pthread_mutex_trylock(&worker.at_work[m->slot]) != 0)
		return;
	shell = worker.bound[m->slot];
	if (shell != NULL && !shell->suspended && worker.lives[m->slot] == m->touched) {
		shell_clean(shell);
		shell_clean_output(shell);
	}
	pthread_mutex_unlock(&worker.at_work[m->slot]);
}

/* In the slot's own shell, which stays as it is until its next life, or until nobody has used it for a while. */
static void serve_bound(const struct mfw_message *m)
{
	struct shell *shell;
	struct life life;

	if (m->slot >= worker.ring.head.areas)
		last_words("the hub's slot", EPROTO);
	pthread_mutex_lock(&worker.at_work[m->slot]);
	worker.lives[m->slot] += m->kind == MFW_BIRTH;
	shell = bound_to(m->slot);
	if (shell == NULL) {
		(void)no_machine(m->slot);
	} else if (m->kind == MFW_BIRTH) {
		shell_input_filled(shell, m->touched);
		shell_output_written(shell, m->written);
		shell_begin(shell, ring_event(&worker.ring, m->slot), m->bytes, &life);
		(void)ended(shell, m->slot, &life);
	} else {
		(void)go_on(NULL, m);
	}
	pthread_mutex_unlock(&worker.at_work[m->slot]);
}

/* Does what the hub says; returns this thread's shell from now on. */
static struct shell *serve(struct shell *shell, const struct mfw_message *m)
{
	struct life life;

	if (m->kind == MFW_WIPE) {
		wipe(m);
		return shell;
	}
	if (has_areas()) {
		serve_bound(m);
		return NULL;
	}
	if (m->kind != MFW_BIRTH)
		return go_on(shell, m);
	shell_begin(shell, ring_event(&worker.ring, m->slot), m->bytes, &life);
	return ended(shell, m->slot, &life);
}

/* After an event; first: this thread made the monitor, and settles it then. */
static void rest(struct shell *shell, bool first)
{
	if (shell != NULL)
		shell_clean(shell);
	if (first)
		monitor_settle(worker.monitor);
}

static void live(struct shell *shell, bool first)
{
	struct mfw_message message;

	for (;;) {
		if (ring_take(&worker.ring, &message) < 0)
			last_words("the hub's message", EPROTO);
		shell = serve(shell, &message);
		rest(shell, first);
	}
}

/* One message of the hub, if there is one. */
static bool heed(struct shell **shell)
{
	struct mfw_message message;
	int n = ring_take_now(&worker.ring, &message);

	if (n < 0)
		last_words("the hub's message", EPROTO);
	if (n == 0)
		return false;
	if (message.kind == MFW_RECEIVE || message.kind == MFW_FINISH)
		socket_heed(&worker.socket, &message);
	else
		*shell = serve(*shell, &message);
	return true;
}

/* With a socket of its own: by turns what the hub sends and what comes there. */
static void live_on_socket(struct shell *shell, bool first)
{
	struct receiver *receiver = receiver_open(&worker.socket);

	if (receiver == NULL)
		last_words("memory for datagrams", ENOMEM);
	for (;;) {
		bool heard = heed(&shell);

		if (receiver_round(receiver, shell) || heard)
			continue;
		rest(shell, first);
		receiver_wait(receiver);
	}
}

static bool owns_socket(void)
{
	return (worker.ring.head.flags & MFW_OWN_SOCKET) != 0;
}

static void live_as_told(struct shell *shell, bool first)
{
	if (owns_socket())
		live_on_socket(shell, first);
	else
		live(shell, first);
}

static void *thread(void *unused)
{
	char error[MONITOR_ERROR_MAX];
	struct shell *shell = NULL;

	(void)unused;
	monitor_prepare_thread(worker.backend);
	pthread_barrier_wait(&worker.up);
	pthread_barrier_wait(&worker.go);
	if (has_areas() || shell_open(&shell, worker.monitor, error) == 0)
		live_as_told(shell, false);
	/* the others go on; this one can't even end, which takes system calls of its own */
	say("a thread has no shell", error);
	while (poll(NULL, 0, -1) <= 0)
		;
	return NULL;
}

/* Threads can't be started in the jail, so they are before, and wait. */
static void start_threads(void)
{
	unsigned n = worker.ring.head.threads;
	pthread_t id;

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	if (n < 1)
		n = 1;
	for (unsigned i = 0; i < MFW_AREAS; i++)
		pthread_mutex_init(&worker.at_work[i], NULL);
	pthread_barrier_init(&worker.up, NULL, n);
	pthread_barrier_init(&worker.go, NULL, n);
	for (unsigned i = 1; i < n; i++)
		if (pthread_create(&id, NULL, thread, NULL) != 0)
			last_words("a thread", EAGAIN);
	pthread_barrier_wait(&worker.up);
}

/* The whole of a descriptor, mapped; false: it isn't there or is empty. */
static bool map(int fd, const uint8_t **at, size_t *size)
{
	struct stat stat;
	void *p;

	if (fstat(fd, &stat) < 0 || stat.st_size == 0)
		return false;
	p = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	*at = p;
	*size = (size_t)stat.st_size;
	return true;
}

/* The file may change under a mapping, and what was checked must be what is used. */
static void copy_image(void)
{
	const uint8_t *file;

	if (!map(MFW_FD_IMAGE, &file, &worker.image_size) ||
		worker.image_size > MFI_FILE_MAX + MFI_TRAILER_MAX)
		last_words("the image", EINVAL);
	worker.image_bytes = malloc(worker.image_size);
	if (worker.image_bytes == NULL)
		last_words("the image", ENOMEM);
	memcpy(worker.image_bytes, file, worker.image_size);
	munmap((void *)(uintptr_t)file, worker.image_size);
}

/* What the hub asked KVM once for all its workers. */
static void take_cpuid(struct monitor_options *options)
{
	ssize_t n = pread(MFW_FD_CPUID, worker.cpuid, sizeof(worker.cpuid), 0);

	if (n <= 0) /* closed: it didn't */
		return;
	options->cpuid = worker.cpuid;
	options->cpuid_bytes = (size_t)n;
	close(MFW_FD_CPUID);
}

static enum mfw_backend choose(void)
{
	enum mfw_backend backend = worker.ring.head.backend;

	if (backend == MFW_BACKEND_AUTO)
		backend = fcntl(MFW_FD_KVM, F_GETFD) >= 0 ? MFW_BACKEND_KVM : MFW_BACKEND_PROCESS;
	return backend;
}

/* What can't be done in the jail any more. */
static void prepare(void)
{
	int rc = worker.backend == MFW_BACKEND_PROCESS ? maker_start() : 0;

	if (rc < 0)
		last_words("the process that makes gated ones", -rc);
	if (monitor_prepare() < 0)
		last_words("the watchdog thread", EAGAIN);
	start_threads();
	monitor_prepare_thread(worker.backend);
}

/* This thread's shell; NULL where slots have theirs, of which the first must be possible. */
static struct shell *open_first(void)
{
	char error[MONITOR_ERROR_MAX];
	struct shell *shell = NULL;
	int rc = has_areas() ? bind(0, error) : shell_open(&shell, worker.monitor, error);

	if (rc != 0)
		fail(MFW_ERR_BACKEND, error);
	return shell;
}

int main(void)
{
	struct monitor_options options = {.kvm_fd = MFW_FD_KVM};
	char error[MONITOR_ERROR_MAX];
	struct shell *shell;
	int rc;

	worker.started = monitor_now();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "mayfly-worker"); /* run by descriptor it has a number's name */
	if (ring_open(&worker.ring, MFW_FD_SHARED, MFW_FD_WAKE_WORKER, MFW_FD_WAKE_HUB) < 0)
		last_words(
			"mayfly-worker is started by mayflyd, which gives it descriptors 3 to 13",
			EINVAL);
	copy_image();
	if (!map(MFW_FD_DATA, &worker.data, &worker.data_size))
		worker.data_size = 0;
	options.backend = worker.backend = choose();
	if (worker.backend == MFW_BACKEND_KVM)
		take_cpuid(&options);
	options.keep_fd = fcntl(MFW_FD_KEPT, F_GETFD) >= 0 ? MFW_FD_KEPT : 0;
	options.keep_whole = options.keep_fd > 0 && keep_is_whole(options.keep_fd);
	options.birth = worker.ring.head.birth;
	options.cpu_ns = worker.ring.head.cpu_ns;
	options.deadline_ns = worker.ring.head.deadline_ns;
	options.areas = worker.ring.head.areas;
	options.input_fd = MFW_FD_INPUT;
	options.output_fd = MFW_FD_OUTPUT;
	rc = jail_prepare();
	if (rc < 0)
		last_words("privileges can't be given up", -rc);
	prepare();
	rc = jail_enter(worker.backend, owns_socket());
	if (rc < 0)
		fail(MFW_ERR_BACKEND, "seccomp can't be entered; a worker doesn't run without it");

	if (image_parse(&worker.image, worker.image_bytes, worker.image_size, error) < 0)
		fail(MFW_ERR_IMAGE, error);
	if (memcmp(worker.image.digest, worker.ring.head.image, sizeof(worker.image.digest)) != 0)
		fail(MFW_ERR_IMAGE, "its image changed on disk: reload the hub to use it");
	if (worker.image.note.event_bytes > worker.ring.head.event_area ||
		worker.image.note.effects_bytes > worker.ring.head.effects_area)
		fail(MFW_ERR_IMAGE, "the image's event and effects don't fit the slots");
	if (worker.ring.head.areas > 0 &&
		(worker.image.note.input_bytes != worker.ring.head.input_bytes ||
			worker.image.note.output_bytes != worker.ring.head.output_bytes))
		fail(MFW_ERR_IMAGE, "the image's areas aren't as large as the hub's");
	rc = monitor_open(
		&worker.monitor, &worker.image, worker.data, worker.data_size, &options, error);
	if (rc != 0)
		fail((enum mfw_result)rc, error);
	shell = open_first();
	socket_init(&worker.socket, &worker.ring, &worker.image.note);
	report(MFW_READY, MFW_OK, "");
	pthread_barrier_wait(&worker.go);
	live_as_told(shell, true);
}
