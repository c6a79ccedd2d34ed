/* hub/accelerator.c - see accelerator.h */
#include "hub/accelerator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/fd.h"
#include "wire/gemm.h"

/* Products that wait for the device. A life that would be behind more computes itself in that time. */
#define WAITING_MOST 3u
/* Its socket is closed: it has nothing left to do. */
#define END_MS 1000
/* By then one that is late has ended itself, if it can. */
#define HANGS_NS CLOCK_S
/* Its keeper waits a second before it starts it again, and each start is two lines at the most: more of them in this time were
 * forged. */
#define STARTS_NS   (8 * CLOCK_S)
#define STARTS_MOST 32u

const char *const accelerator_states[ACCELERATOR_STATES] = {
	[ACCELERATOR_STARTING] = "starting",
	[ACCELERATOR_READY] = "ready",
	[ACCELERATOR_DOWN] = "down",
	[ACCELERATOR_LOST] = "lost",
};

struct product {
	struct product *next;
	struct accelerator *accelerator;
	accelerator_done *done; /* NULL: nobody waits for it */
	void *context;
	struct areas_hold hold;
	struct mf_gemm gemm;
	uint64_t id, until_ns;
	uint64_t written; /* up to where in the output it writes */
};

struct accelerator {
	struct hub *hub;
	struct loop_source source;
	struct loop_later soon;
	int socket; /* -1: it is gone */
	pid_t pid;
	uint32_t generation; /* of the one that is ready */
	uint64_t ids;
	struct product *at_work, *first, *last; /* the others wait, as they came */
	struct accelerator_figures figures;
	char backend[16], *device, *cache; /* as configured */
	uint64_t memory;
	char told[MFA_TEXT]; /* what was last said of it that was wrong */
	uint64_t starts_ns;  /* when it was first told of a start or an end, of the last `starts` */
	unsigned starts;
};

/* ------------------------------------------------------------------------- the end */

/* Its areas are free again, and whoever waits hears of it. */
static void end(struct product *p, uint32_t status, struct mf_str body)
{
	p->accelerator->figures.waiting--;
	areas_release(&p->hold);
	if (p->done)
		p->done(p->context, status, body);
	free(p);
}

static void end_failed(struct product *p)
{
	p->accelerator->figures.failed++;
	end(p, 503, MF_STR("the accelerator failed"));
}

static struct product *next(struct accelerator *a)
{
	struct product *p = a->first;

	if (p) {
		a->first = p->next;
		if (!a->first)
			a->last = NULL;
	}
	return p;
}

/* Those that were sent, and those that waited for their turn. */
static void end_all(struct accelerator *a)
{
	struct product *p = a->at_work;

	a->at_work = NULL;
	if (p)
		end_failed(p);
	while ((p = next(a)))
		end_failed(p);
}

/* The same text again and again is said once. */
static void tell(struct accelerator *a, const char *text)
{
	if (strcmp(text, a->told) == 0)
		return;
	snprintf(a->told, sizeof(a->told), "%s", text);
	log_warn("accelerator: %s: %s; services compute without it%s", a->figures.backend, text,
		a->figures.state == ACCELERATOR_LOST ? " until the hub is started again" : "");
}

static void down(struct accelerator *a, enum accelerator_state state, const char *text)
{
	a->figures.state = state;
	snprintf(a->figures.text, sizeof(a->figures.text), "%s", text);
	tell(a, text);
	end_all(a);
}

static void lost(struct accelerator *a, const char *text)
{
	loop_remove(a->hub->loop, a->socket, &a->source);
	fd_close(&a->socket);
	down(a, ACCELERATOR_LOST, text);
}

/* ------------------------------------------------------------------------- sending */

/* Aligned for the header that lies in it. */
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * MFA_FDS)];
};

static int send_with(int socket, const struct mfa_request *r, const int fds[static MFA_FDS])
{
	struct iovec iov = {(void *)(uintptr_t)r, sizeof(*r)};
	union control control;
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int) * MFA_FDS);
	memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * MFA_FDS);
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* The inputs once more, for who may only read them. */
static int open_to_read(int fd)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

static int send_product(struct accelerator *a, const struct product *p, uint64_t now)
{
	struct areas_files files;
	struct mfa_request r = {.magic = MFA_MAGIC,
		.version = MFA_VERSION,
		.generation = a->generation,
		.id = p->id,
		.most_ns = p->until_ns - now,
		.gemm = p->gemm};
	int fds[MFA_FDS], err;

	if (!areas_files(&p->hold, &files))
		return -ENOENT;
	r.input_at = files.input_at;
	r.input_bytes = files.input_bytes;
	r.output_at = files.output_at;
	r.output_bytes = files.output_bytes;
	fds[0] = open_to_read(files.input_fd);
	fds[1] = files.output_fd;
	if (fds[0] < 0)
		return fds[0];
	areas_written(&p->hold, p->written);
	err = send_with(a->socket, &r, fds);
	fd_close(&fds[0]);
	return err;
}

/* What its turn came too late for isn't sent. */
static void pump(struct accelerator *a)
{
	uint64_t now = loop_now(a->hub->loop);
	struct product *p;

	while (!a->at_work && a->figures.state == ACCELERATOR_READY && (p = next(a))) {
		if (p->until_ns > now && send_product(a, p, now) == 0)
			a->at_work = p;
		else
			end_failed(p);
	}
}

/* ----------------------------------------------------------------------- receiving */

static void on_ready(struct accelerator *a, const struct mfa_news *news)
{
	static const struct {
		uint32_t wall;
		const char *what;
	} walls[] = {
		{MFA_NO_NAMESPACES, "namespaces of its own"},
		{MFA_NO_USER, "a user of its own"},
		{MFA_NO_LANDLOCK, "Landlock"},
		{MFA_NO_SECCOMP, "a list of system calls"},
	};
	struct accelerator_figures *f = &a->figures;
	char without[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++)
		if (news->missing & walls[i].wall)
			n += (size_t)snprintf(without + n, sizeof(without) - n, "%s%s",
				n > 0 ? ", " : "; it is without ", walls[i].what);
	f->state = ACCELERATOR_READY;
	f->memory_bytes = news->memory_bytes;
	f->missing = news->missing;
	snprintf(f->text, sizeof(f->text), "%s", news->text);
	a->told[0] = '\0';
	if (a->generation == news->generation) /* it was busy */
		return;
	f->starts++;
	a->generation = news->generation;
	log_info("accelerator: %s: %s, %llu MiB%s", f->backend, f->text,
		(unsigned long long)(f->memory_bytes >> 20), without);
}

static bool on_done(struct accelerator *a, const struct mfa_news *news)
{
	struct product *p = a->at_work;
	struct accelerator_figures *f = &a->figures;

	if (!p || news->generation != a->generation || news->id != p->id || news->status < 200 ||
		news->status > 599)
		return false;
	a->at_work = NULL;
	f->device_ns += news->took_ns;
	if (news->status == 200)
		f->done++;
	else
		f->failed++;
	end(p, news->status,
		news->status == 200 ? mf_str_of(f->text, strlen(f->text)) : mf_str_of(NULL, 0));
	return true;
}

/* Who waits for his turn would wait long. */
static bool on_busy(struct accelerator *a, const struct mfa_news *news)
{
	struct product *p;

	if (a->figures.state != ACCELERATOR_READY)
		return false;
	a->figures.state = ACCELERATOR_STARTING;
	snprintf(a->figures.text, sizeof(a->figures.text), "%s", news->text);
	while ((p = next(a)))
		end_failed(p);
	return true;
}

/* Is it told of another device, of its failure, of its end? Not again and again. */
static bool too_often(struct accelerator *a, const struct mfa_news *news)
{
	uint64_t now = clock_mono_ns();

	if (news->kind == MFA_BUSY || news->kind == MFA_DONE ||
		(news->kind == MFA_READY && news->generation == a->generation))
		return false;
	if (now - a->starts_ns > STARTS_NS) {
		a->starts_ns = now;
		a->starts = 0;
	}
	return ++a->starts > STARTS_MOST;
}

/* False: it makes no sense. A device may be gone before it said that it was there. */
static bool heed(struct accelerator *a, struct mfa_news *news)
{
	news->text[MFA_TEXT - 1] = '\0';
	for (char *c = news->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (news->magic != MFA_MAGIC || news->version != MFA_VERSION || too_often(a, news))
		return false;
	switch (news->kind) {
	case MFA_READY:
		if (a->figures.state == ACCELERATOR_READY)
			return false;
		on_ready(a, news);
		return true;
	case MFA_FAILED: /* its end follows, and says less; it never had anything to do */
		if (a->figures.state == ACCELERATOR_READY || a->at_work)
			return false;
		snprintf(a->figures.text, sizeof(a->figures.text), "%s", news->text);
		tell(a, news->text);
		a->figures.state = ACCELERATOR_DOWN;
		return true;
	case MFA_GONE:
		if (a->figures.state != ACCELERATOR_DOWN)
			down(a, ACCELERATOR_DOWN, news->text);
		return true;
	case MFA_BUSY: return on_busy(a, news);
	case MFA_DONE: return on_done(a, news);
	default: return false;
	}
}

static void on_news(struct loop_source *source, uint32_t events)
{
	struct accelerator *a = LOOP_OWNER(source, struct accelerator, source);
	struct mfa_news news;
	ssize_t n;

	(void)events;
	n = recv(a->socket, &news, sizeof(news), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		lost(a, "mayfly-accelerator has ended");
	else if (n != sizeof(news) || !heed(a, &news))
		lost(a, "mayfly-accelerator said something that makes no sense");
	else
		pump(a);
}

/* -------------------------------------------------------------------------- asking */

bool accelerator_granted(const struct service *s)
{
	if (!(s->note.grants & MFI_GRANT(MF_EFFECT_CALL)) || s->head.areas == 0)
		return false;
	for (unsigned i = 0; i < s->manifest.calls_count; i++)
		if (strcmp(s->manifest.calls[i], MF_ACCELERATOR) == 0)
			return true;
	return false;
}

uint32_t accelerator_worth(const struct service *s)
{
	const struct accelerator *a = s->hub->accelerator;
	uint64_t worth;

	if (!a || a->figures.state != ACCELERATOR_READY || !accelerator_granted(s))
		return 0;
	worth = a->figures.least >> 20;
	return worth == 0 ? 1 : worth < UINT32_MAX ? (uint32_t)worth : UINT32_MAX;
}

/* Even the end that it would make of itself doesn't come: nobody should wait behind that. */
static bool hangs(const struct accelerator *a)
{
	return a->at_work && loop_now(a->hub->loop) > a->at_work->until_ns + HANGS_NS;
}

/* 0, or the status that refuses it. */
static uint32_t judge(const struct accelerator *a, const struct task *task, struct mf_str path,
	struct mf_str body, struct mf_gemm *gemm, struct gemm_shape *shape, const char **why)
{
	const struct mfw_head *head = &task->service->head;

	*why = "";
	if (!mf_str_is(path, MF_ACCELERATOR_GEMM) || body.n != sizeof(*gemm)) {
		*why = "it is asked with " MF_ACCELERATOR_GEMM " and a struct mf_gemm";
		return 400;
	}
	memcpy(gemm, body.p, sizeof(*gemm));
	*why = gemm_check(gemm, head->input_bytes, head->output_bytes, shape);
	if (*why)
		return 422;
	*why = "";
	if (a->figures.state != ACCELERATOR_READY || a->figures.waiting > WAITING_MOST || hangs(a))
		return 503;
	return shape->a.dense + shape->b.dense + shape->c.dense > a->figures.memory_bytes ? 507 : 0;
}

static void append(struct accelerator *a, struct product *p)
{
	*(a->last ? &a->last->next : &a->first) = p;
	a->last = p;
	a->figures.waiting++;
}

struct product *accelerator_ask(struct task *task, struct mf_str path, struct mf_str body,
	uint64_t most_ns, accelerator_done *done, void *context, uint32_t *status, const char **why)
{
	struct accelerator *a = task->service->hub->accelerator;
	struct gemm_shape shape;
	struct mf_gemm gemm;
	struct product *p;

	a->figures.calls++;
	*status = judge(a, task, path, body, &gemm, &shape, why);
	if (*status != 0) {
		if (*status == 503)
			a->figures.busy++;
		else
			a->figures.refused++;
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		*status = 503;
		a->figures.failed++;
		return NULL;
	}
	p->accelerator = a;
	p->done = done;
	p->context = context;
	p->gemm = gemm;
	p->id = ++a->ids;
	p->until_ns = loop_now(a->hub->loop) + most_ns;
	p->written = shape.c.at + shape.c.bytes;
	areas_hold(&p->hold, task->service->areas, task->area);
	append(a, p);
	/* not at once: whoever asks isn't waiting yet */
	loop_later(a->hub->loop, &a->soon);
	return p;
}

/* Out of those that wait; false: it isn't one of them. */
static bool take_out(struct accelerator *a, const struct product *p)
{
	struct product **at = &a->first, *before = NULL;

	while (*at && *at != p) {
		before = *at;
		at = &before->next;
	}
	if (!*at)
		return false;
	*at = p->next;
	if (a->last == p)
		a->last = before;
	return true;
}

void accelerator_forget(struct product *p)
{
	p->done = NULL;
	if (take_out(p->accelerator, p))
		end(p, 503, mf_str_of(NULL, 0));
}

bool accelerator_withdraw(struct product *p)
{
	if (!take_out(p->accelerator, p))
		return false;
	p->accelerator->figures.busy++;
	p->done = NULL;
	end(p, 503, mf_str_of(NULL, 0));
	return true;
}

static void on_soon(struct loop_later *later)
{
	pump(LOOP_OWNER(later, struct accelerator, soon));
}

/* -------------------------------------------------------------------- open, close */

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

bool accelerator_same(const struct hub *hub, const struct accelerator_settings *s)
{
	const struct accelerator *a = hub->accelerator;

	if (!a || !s->backend)
		return !a == !s->backend;
	return same_text(a->backend, s->backend) && same_text(a->device, s->device) &&
		same_text(a->cache, s->cache) && a->memory == s->memory;
}

void accelerator_least(struct hub *hub, uint64_t least)
{
	if (hub->accelerator)
		hub->accelerator->figures.least = least;
}

int accelerator_open(struct hub *hub, const struct accelerator_settings *s, int socket, pid_t pid)
{
	struct accelerator *a = calloc(1, sizeof(*a));

	if (!a) {
		close(socket);
		return -ENOMEM;
	}
	hub->accelerator = a;
	a->hub = hub;
	a->socket = socket;
	a->pid = pid;
	a->memory = s->memory;
	a->source.ready = on_news;
	a->soon.run = on_soon;
	snprintf(a->backend, sizeof(a->backend), "%s", s->backend);
	a->device = s->device ? strdup(s->device) : NULL;
	a->cache = s->cache ? strdup(s->cache) : NULL;
	a->figures.backend = a->backend;
	a->figures.least = s->least;
	if ((s->device && !a->device) || (s->cache && !a->cache))
		return -ENOMEM;
	return loop_add(hub->loop, socket, EPOLLIN, &a->source);
}

static void reap(pid_t pid)
{
	for (unsigned ms = 0; ms < END_MS; ms += 10) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		(void)poll(NULL, 0, 10);
	}
}

void accelerator_close(struct hub *hub)
{
	struct accelerator *a = hub->accelerator;

	if (!a)
		return;
	if (a->socket >= 0)
		loop_remove(hub->loop, a->socket, &a->source);
	fd_close(&a->socket);
	if (a->pid > 0)
		reap(a->pid);
	end_all(a);
	loop_later_cancel(hub->loop, &a->soon);
	free(a->device);
	free(a->cache);
	free(a);
	hub->accelerator = NULL;
}

const struct accelerator_figures *accelerator_figures(const struct hub *hub)
{
	return hub->accelerator ? &hub->accelerator->figures : NULL;
}
