#include "client/blas/service.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "client/blas/config.h"
#include "client/blas/say.h"
#include "client/c/mayfly-client.h"
#include "sys/library.h"

#define AT_ONCE    8u /* calls under way */
#define CONNECT_MS 2000

/* What is used of libmayfly. */
#define FUNCTIONS(X) X(mayfly_open) X(mayfly_call) X(mayfly_answer_free) X(mayfly_error_text)

static struct functions {
#define X(name) __typeof__(name) *name;
	FUNCTIONS(X)
#undef X
} lib;

static const struct library libmayfly = {
	.name = "libmayfly",
	.file = "libmayfly.so.0",
	.package = "mayfly",
	.functions =
		(const struct library_function[]){
#define X(name) {#name, offsetof(struct functions, name)},
			FUNCTIONS(X)
#undef X
				{0}},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mayfly_client
	*client; /* of this process; opened once, closed never: threads may be in it */
static void *library;
static bool loaded, failed;
static _Atomic unsigned under_way;

static struct mayfly_client *open_client(char *why, size_t n)
{
	struct mayfly_settings settings = {.url = config.url,
		.token_file = config.token,
		.authorities_file = config.authorities,
		.certificate_file = config.certificate,
		.key_file = config.key,
		.connect_ms = CONNECT_MS,
		.answer_most = MAYFLY_UNLIMITED};
	char text[MAYFLY_TEXT] = "";
	int error;

	pthread_mutex_lock(&lock);
	if (!loaded && !failed) {
		error = library_load(&libmayfly, &lib, &library, why, n);
		if (error == -ENOENT)
			snprintf(why, n, "libmayfly.so.0 isn't beside libmayfly-blas.so");
		loaded = error == 0;
		failed = !loaded;
	}
	if (loaded && client == NULL && lib.mayfly_open(&client, &settings, text) != MAYFLY_OK) {
		client = NULL;
		snprintf(why, n, "%s", text);
	}
	pthread_mutex_unlock(&lock);
	return client;
}

void service_forget(void)
{
	/* not closed: what it would say on its connections would be said for the parent */
	client = NULL;
	atomic_store(&under_way, 0);
	pthread_mutex_init(&lock, NULL);
}

void ask_number(char to[static 60], const char *name, double value)
{
	char *plus;

	snprintf(to, 60, "%s%.17g", name, value);
	plus = strchr(to, '+');
	if (plus != NULL)
		memmove(plus, plus + 1, strlen(plus));
}

/* ---------------------------------------------------------------------- operands */

struct message {
	uint8_t heads[3][NPY_WRITTEN];
	struct mayfly_piece pieces[6];
	size_t count;
};

static void put(struct message *message, const struct expected *operand)
{
	const struct matrix *m = &operand->m;
	uint64_t shape[2] = {(uint64_t)m->rows, (uint64_t)m->cols};
	size_t size = m->type == 'i' ? 4 : type_size(m->type);
	uint8_t *head = message->heads[message->count / 2];

	npy_write(npy_type_of(m->type), !operand->flat, operand->flat ? 1 : 2, shape, head);
	message->pieces[message->count++] = (struct mayfly_piece){head, NPY_WRITTEN, 1, 0};
	if (m->ld == m->rows || m->cols <= 1) /* columns without gaps are one piece */
		message->pieces[message->count++] = (struct mayfly_piece){
			m->data, (size_t)(m->rows * (operand->flat ? 1 : m->cols)) * size, 1, 0};
	else
		message->pieces[message->count++] = (struct mayfly_piece){m->data,
			(size_t)m->rows * size, (size_t)m->cols, (ptrdiff_t)((size_t)m->ld * size)};
}

/* ------------------------------------------------------------------------ answers */

struct listener {
	struct reader reader;
	const struct ask *ask;
	double began, first;
};

static int hear(void *context, uint64_t offset, const void *bytes, size_t n)
{
	struct listener *listener = context;

	if (offset == 0) { /* also the second attempt's */
		listener->first = say_now();
		reader_begin(&listener->reader, listener->ask->result, listener->ask->results);
	}
	return !reader_take(&listener->reader, bytes, n);
}

static enum outcome refused(const struct mayfly_answer *answer)
{
	switch (answer->status) {
	case 429:
	case 503: return ASK_BUSY;
	case 404:
	case 405:
	case 415: return ASK_LACKS;
	case 413:
	case 507: return ASK_LARGE;
	case 401:
	case 403:
	case 500:
	case 502:
	case 504: return ASK_AWAY;
	default: return ASK_REFUSED;
	}
}

static enum outcome outcome_of(
	const struct mayfly_answer *answer, struct listener *listener, char *why, size_t n)
{
	snprintf(why, n, "%.*s", (int)n - 1, answer->text);
	switch (answer->error) {
	case MAYFLY_OK:
		if (reader_whole(&listener->reader))
			return ASK_DONE;
		snprintf(why, n, "%s", listener->reader.wrong);
		return ASK_WRONG;
	case MAYFLY_STOPPED:
		snprintf(why, n, "%s",
			listener->reader.wrong != NULL ? listener->reader.wrong : "stopped");
		return ASK_WRONG;
	case MAYFLY_REFUSED: return refused(answer);
	case MAYFLY_TOO_LARGE: return ASK_WRONG;
	default:
		if (why[0] == '\0')
			snprintf(why, n, "%s", lib.mayfly_error_text(answer->error));
		return ASK_AWAY;
	}
}

static enum outcome call(struct mayfly_client *with, const struct ask *ask, struct told *told)
{
	struct message message = {.count = 0};
	struct listener listener = {.ask = ask, .began = say_now()};
	struct mayfly_answer answer = {0};
	struct mayfly_request request = {.content_type = "application/x-npy",
		.pieces = message.pieces,
		.flags = MAYFLY_PURE | MAYFLY_ONE_TRY,
		.deadline_ms = (uint64_t)(ask->deadline * 1e3) + 1,
		.sink = hear,
		.context = &listener};
	enum outcome outcome;
	char path[256];

	snprintf(path, sizeof(path), "/linalg/%s%s%s", op_names[ask->op], ask->query[0] ? "?" : "",
		ask->query);
	request.path = path;
	for (unsigned i = 0; i < ask->operands; i++)
		put(&message, &ask->operand[i]);
	request.pieces_count = message.count;
	reader_begin(&listener.reader, ask->result, ask->results);
	(void)lib.mayfly_call(with, &request, &answer);
	told->trip.whole = say_now() - listener.began;
	told->trip.first = listener.first > 0 ? listener.first - listener.began : told->trip.whole;
	told->trip.sent = (double)answer.sent_ns * 1e-9;
	outcome = outcome_of(&answer, &listener, told->text, sizeof(told->text));
	snprintf(told->event, sizeof(told->event), "%s", answer.event);
	lib.mayfly_answer_free(&answer);
	return outcome;
}

enum outcome service_ask(const struct ask *ask, struct told *told)
{
	enum outcome outcome = ASK_BUSY;
	struct mayfly_client *with;

	*told = (struct told){.text = "as many calls as may be are under way"};
	with = open_client(told->text, sizeof(told->text));
	if (with == NULL)
		return ASK_AWAY;
	if (atomic_fetch_add(&under_way, 1) < AT_ONCE)
		outcome = call(with, ask, told);
	atomic_fetch_sub(&under_way, 1);
	return outcome;
}
