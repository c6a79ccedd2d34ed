/* accelerator/serve.c - see serve.h */
#include "accelerator/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "accelerator/backend.h"
#include "base/num.h"
#include "sys/clock.h"
#include "sys/fd.h"

int serve_tell(int socket, struct mfa_news *news, const char *text)
{
	size_t length = strnlen(text, MFA_TEXT - 1);
	ssize_t n;

	news->magic = MFA_MAGIC;
	news->version = MFA_VERSION;
	for (size_t i = 0; i < length; i++)
		news->text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	do {
		n = send(socket, news, sizeof(*news), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void tell_ready(const struct serve *s, const struct device *device)
{
	struct mfa_news news = {.kind = MFA_READY,
		.generation = s->generation,
		.missing = s->missing,
		.memory_bytes = device->memory};

	if (serve_tell(s->socket, &news, device->name) < 0)
		_exit(0);
}

/* ------------------------------------------------------------------------ judging */

static bool is_area(uint64_t at, uint64_t bytes, uint64_t file)
{
	return at % MF_PAGE == 0 && bytes > 0 && num_fits(at, bytes, file);
}

unsigned serve_judge(const struct mfa_request *r, uint64_t input_file, uint64_t output_file,
	struct gemm_shape *shape)
{
	if (!is_area(r->input_at, r->input_bytes, input_file) ||
		!is_area(r->output_at, r->output_bytes, output_file))
		return 400;
	return gemm_check(&r->gemm, r->input_bytes, r->output_bytes, shape) ? 422 : 0;
}

/* ---------------------------------------------------------------------- a product */

struct itimerval serve_timer(uint64_t ns)
{
	uint64_t us = ns / 1000 + (ns % 1000 > 0);

	return (struct itimerval){
		.it_value = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)}};
}

/* While it computes there is a time by which it has ended, one way or the other: SIGALRM isn't caught. */
static void set_alarm(uint64_t ns)
{
	const struct itimerval timer = serve_timer(ns);

	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static uint64_t file_size(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static void *map(int fd, uint64_t at, uint64_t bytes, int protection)
{
	void *p = mmap(NULL, bytes, protection, MAP_SHARED, fd, (off_t)at);

	return p == MAP_FAILED ? NULL : p;
}

static int compute(const struct backend *backend, const struct mfa_request *r,
	const struct gemm_shape *shape, const int fds[static MFA_FDS])
{
	const uint8_t *in = map(fds[0], r->input_at, r->input_bytes, PROT_READ);
	uint8_t *out = map(fds[1], r->output_at, r->output_bytes, PROT_READ | PROT_WRITE);
	int err = -ENOMEM;

	if (in && out)
		err = backend->gemm(
			&r->gemm, shape, in + shape->a.at, in + shape->b.at, out + shape->c.at);
	if (in)
		munmap((void *)(uintptr_t)in, r->input_bytes);
	if (out)
		munmap(out, r->output_bytes);
	return err;
}

static unsigned status_of(int err)
{
	return err == 0 ? 200 : err == -ENOMEM ? 507 : 503;
}

static unsigned answer(const struct backend *backend, const struct device *device,
	const struct mfa_request *r, const int fds[static MFA_FDS])
{
	struct gemm_shape shape;
	unsigned status = serve_judge(r, file_size(fds[0]), file_size(fds[1]), &shape);

	if (status != 0)
		return status;
	if (device->lacks[r->gemm.type])
		return 501;
	if (backend_bytes(&shape) > device->memory)
		return 507;
	set_alarm(r->most_ns);
	status = status_of(compute(backend, r, &shape, fds));
	set_alarm(0);
	return status;
}

/* ----------------------------------------------------------------------- the loop */

/* Aligned for the header that lies in it. */
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * MFA_FDS)];
};

static void take_descriptors(struct msghdr *message, int fds[static MFA_FDS])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int) * MFA_FDS))
		memcpy(fds, CMSG_DATA(c), sizeof(int) * MFA_FDS);
}

/* 0: a request; -errno; -EPIPE: the hub has gone. */
static int receive(int socket, struct mfa_request *r, int fds[static MFA_FDS])
{
	struct iovec iov = {r, sizeof(*r)};
	union control control;
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n;

	fds[0] = fds[1] = -1;
	do {
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	take_descriptors(&message, fds);
	return (size_t)n == sizeof(*r) && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
			r->magic == MFA_MAGIC && r->version == MFA_VERSION
		? 0
		: -EPROTO;
}

/* ------------------------------------------------------------------ the first time */

/* From here on libraries take other ways: CLBlast's threshold is near 2^30 for most devices. */
#define LARGE ((double)(1u << 31))

/* A product's kind, as far as it decides which kernels it takes. */
static unsigned kind_of(const struct mf_gemm *g, const struct gemm_shape *shape)
{
	unsigned a = g->transa == 'N' ? 0 : g->transa == 'T' ? 1 : 2;
	unsigned b = g->transb == 'N' ? 0 : g->transb == 'T' ? 1 : 2;

	return ((g->type * 2u + (shape->flop >= LARGE)) * 3u + a) * 3u + b;
}

/* Is it the first of its kind? Then nobody waits for it. */
static bool is_first(
	const struct backend *backend, const struct device *device, const struct mfa_request *r)
{
	static bool known[MF_GEMM_TYPES * 18];
	struct gemm_shape shape;
	bool *is;

	if (!backend->prepare || gemm_check(&r->gemm, r->input_bytes, r->output_bytes, &shape) ||
		device->lacks[r->gemm.type] || backend_bytes(&shape) > device->memory)
		return false;
	is = &known[kind_of(&r->gemm, &shape)];
	if (*is)
		return false;
	*is = true;
	return true;
}

static void prepare(const struct serve *s, const struct backend *backend,
	const struct device *device, const struct mfa_request *r)
{
	struct mfa_news busy = {.kind = MFA_BUSY, .generation = s->generation};
	struct mfa_news done = {
		.kind = MFA_DONE, .generation = s->generation, .id = r->id, .status = 503};
	struct gemm_shape shape;

	if (serve_tell(s->socket, &busy, "it prepares itself for such products") < 0 ||
		serve_tell(s->socket, &done, "") < 0)
		_exit(0);
	if (!gemm_check(&r->gemm, r->input_bytes, r->output_bytes, &shape))
		(void)backend->prepare(&r->gemm, &shape);
	tell_ready(s, device);
}

static void take_one(const struct serve *s, const struct backend *backend,
	const struct device *device, const struct mfa_request *r, const int fds[static MFA_FDS])
{
	struct mfa_news news = {.kind = MFA_DONE, .generation = s->generation, .id = r->id};
	uint64_t since = clock_mono_ns();

	if (r->generation != s->generation) /* meant for one that is dead: nobody waits for it */
		return;
	if (is_first(backend, device, r)) {
		prepare(s, backend, device, r);
		return;
	}
	news.status = answer(backend, device, r, fds);
	news.took_ns = clock_mono_ns() - since;
	if (serve_tell(s->socket, &news, "") < 0)
		_exit(0);
}

_Noreturn void serve(const struct serve *s)
{
	const struct backend *backend = backend_find(s->backend);
	struct mfa_news failed = {.kind = MFA_FAILED, .generation = s->generation};
	struct device device = {0};
	char why[BACKEND_TEXT] = "";
	struct mfa_request request;
	int fds[MFA_FDS];

	if (!backend || backend->open(s->want, &device, why) < 0) {
		(void)serve_tell(s->socket, &failed, why);
		_exit(0);
	}
	if (s->memory > 0 && s->memory < device.memory)
		device.memory = s->memory;
	tell_ready(s, &device);
	while (receive(s->socket, &request, fds) == 0) {
		take_one(s, backend, &device, &request, fds);
		fd_close(&fds[0]);
		fd_close(&fds[1]);
	}
	_exit(0);
}
