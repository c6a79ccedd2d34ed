/* fuzz/lib/worker.c - see worker.h */
#include "fuzz/lib/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/lib/fuzz.h"
#include "hub/spawn.h"

struct worker_end worker_end;

static int wake_hub = -1, words = -1, death = -1, how_it_died;

static void forget(void)
{
	if (worker_end.memory)
		munmap(worker_end.memory, worker_end.bytes);
	close(wake_hub);
	close(words);
	wake_hub = words = death = -1;
	worker_end = (struct worker_end){.started = worker_end.started};
}

/* ------------------------------------------------------------- hub/spawn.h */

int spawn_worker(const struct spawn *spawn, pid_t *pid, int *pidfd)
{
	struct worker_end *w = &worker_end;

	MUST(!w->lives);
	memset(w, 0, offsetof(struct worker_end, started));
	w->bytes = (size_t)lseek(spawn->fd[MFW_FD_SHARED], 0, SEEK_END);
	w->memory = mmap(
		NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, spawn->fd[MFW_FD_SHARED], 0);
	MUST(w->memory != MAP_FAILED);
	memcpy(&w->head, w->memory, sizeof(w->head));
	MUST(w->head.magic == MFW_MAGIC && w->head.bytes == w->bytes);
	w->in = (void *)(w->memory + MFW_AT_TO_WORKER);
	w->out = (void *)(w->memory + MFW_AT_TO_HUB);
	wake_hub = fcntl(spawn->fd[MFW_FD_WAKE_HUB], F_DUPFD_CLOEXEC, 0);
	words = fcntl(spawn->fd[2], F_DUPFD_CLOEXEC, 0);
	death = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	MUST(wake_hub >= 0 && words >= 0 && death >= 0);
	fcntl(words, F_SETFL, O_NONBLOCK);
	how_it_died = 0;
	w->lives = true;
	w->started++;
	*pid = getpid();
	*pidfd = death;
	return 0;
}

int spawn_end(int pidfd)
{
	int how = how_it_died != 0 || !worker_end.lives ? how_it_died : SIGKILL;

	MUST(pidfd == death);
	forget();
	return how;
}

void spawn_collect(struct nursery *nursery)
{
	(void)nursery; /* none answers late here */
}

bool spawn_kill(int pidfd, int most_ms)
{
	(void)most_ms;
	(void)spawn_end(pidfd);
	return true;
}

int spawn_ended(int pidfd)
{
	MUST(pidfd == death);
	return how_it_died;
}

/* ---------------------------------------------------------------- its end */

bool worker_take(struct mfw_message *message)
{
	struct worker_end *w = &worker_end;
	uint32_t n = w->lives ? __atomic_load_n(&w->in->tail, __ATOMIC_ACQUIRE) - w->taken : 0;

	MUST(n <= MFW_RING || w->scribbled);
	if (n == 0 || n > MFW_RING)
		return false;
	*message = w->in->message[w->taken++ % MFW_RING];
	MUST(message->slot < w->head.slots || w->scribbled);
	return message->slot < w->head.slots;
}

bool worker_put(const struct mfw_message *message)
{
	struct worker_end *w = &worker_end;

	if (!w->lives)
		return false;
	w->out->message[w->put++ % MFW_RING] = *message;
	__atomic_store_n(&w->out->tail, w->put, __ATOMIC_SEQ_CST);
	worker_wake_hub();
	return true;
}

void worker_state(enum mfw_state state, const uint8_t snapshot[32])
{
	struct mfw_status *status;

	if (!worker_end.lives)
		return;
	status = (void *)(worker_end.memory + MFW_AT_STATUS);
	status->backend = MFW_BACKEND_PROCESS;
	memcpy(status->snapshot, snapshot, sizeof(status->snapshot));
	__atomic_store_n(&status->state, state, __ATOMIC_RELEASE);
	worker_wake_hub();
}

uint8_t *worker_event(uint32_t slot)
{
	const struct mfw_head *head = &worker_end.head;

	if (!worker_end.lives || slot >= head->slots)
		return NULL;
	return worker_end.memory + MFW_AT_SLOTS +
		slot * ((uint64_t)head->event_area + head->effects_area);
}

uint8_t *worker_effects(uint32_t slot)
{
	uint8_t *event = worker_event(slot);

	return event ? event + worker_end.head.event_area : NULL;
}

void worker_wake_hub(void)
{
	const uint64_t one = 1;

	if (worker_end.lives)
		(void)!write(wake_hub, &one, sizeof(one));
}

void worker_say(struct mf_str text)
{
	if (worker_end.lives && text.n > 0)
		(void)!write(words, text.p, text.n);
}

void worker_die(int how)
{
	const uint64_t one = 1;

	if (!worker_end.lives)
		return;
	how_it_died = how;
	worker_end.lives = false;
	munmap(worker_end.memory, worker_end.bytes);
	worker_end.memory = NULL;
	(void)!write(death, &one, sizeof(one));
}
