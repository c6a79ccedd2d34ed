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
#define FUNCTIONS(X)                                                                               \
	X(mayfly_open) X(mayfly_call) X(mayfly_answer_free) X(mayfly_error_text) X(mayfly_hash)

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
static atomic_bool keeps_nothing; /* the hub has no disk cache */

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

static enum outcome refused(const struct mayfly_answer *answer, const struct ask *ask)
{
	if (ask->blob != NULL && (answer->status == 404 || answer->status == 501))
		return ASK_GONE;
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
	case MAYFLY_REFUSED: return refused(answer, listener->ask);
	case MAYFLY_TOO_LARGE: return ASK_WRONG;
	default:
		if (why[0] == '\0')
			snprintf(why, n, "%s", lib.mayfly_error_text(answer->error));
		return ASK_AWAY;
	}
}

/* Of those that are sent. */
static void put_operands(struct message *message, const struct ask *ask)
{
	for (unsigned i = ask->blob != NULL ? ask->operands - 1 : 0; i < ask->operands; i++)
		put(message, &ask->operand[i]);
}

bool service_name(const struct ask *ask, char name[static FACTOR_NAME])
{
	struct message message = {.count = 0};
	char text[MAYFLY_TEXT];

	_Static_assert(FACTOR_NAME == MAYFLY_HASH, "names of blobs");
	if (open_client(text, sizeof(text)) == NULL)
		return false;
	for (unsigned i = 0; i + 1 < ask->operands; i++)
		put(&message, &ask->operand[i]);
	return lib.mayfly_hash(message.pieces, message.count, name) == MAYFLY_OK;
}

static enum outcome call(
	struct mayfly_client *with, const struct ask *ask, uint64_t keep_s, struct told *told)
{
	struct message message = {.count = 0};
	struct listener listener = {.ask = ask, .began = say_now()};
	struct mayfly_answer answer = {0};
	struct mayfly_request request = {.content_type = "application/x-npy",
		.pieces = message.pieces,
		.keep_s = keep_s,
		.flags = MAYFLY_PURE | MAYFLY_ONE_TRY,
		.deadline_ms = (uint64_t)(ask->deadline * 1e3) + 1,
		.sink = hear,
		.context = &listener};
	enum outcome outcome;
	char path[256], operands[FACTOR_NAME + 8];

	snprintf(path, sizeof(path), "/linalg/%s%s%s", op_names[ask->op], ask->query[0] ? "?" : "",
		ask->query);
	request.path = path;
	if (ask->blob != NULL) {
		snprintf(operands, sizeof(operands), "%s, -", ask->blob);
		request.operands = operands;
	}
	put_operands(&message, ask);
	request.pieces_count = message.count;
	reader_begin(&listener.reader, ask->result, ask->results);
	(void)lib.mayfly_call(with, &request, &answer);
	told->trip.whole = say_now() - listener.began;
	told->trip.first = listener.first > 0 ? listener.first - listener.began : told->trip.whole;
	told->trip.sent = (double)answer.sent_ns * 1e-9;
	outcome = outcome_of(&answer, &listener, told->text, sizeof(told->text));
	snprintf(told->event, sizeof(told->event), "%s", answer.event);
	snprintf(told->blob, sizeof(told->blob), "%s", answer.blob);
	if (keep_s > 0 && answer.status == 501)
		atomic_store(&keeps_nothing, true);
	lib.mayfly_answer_free(&answer);
	return outcome;
}

/* Where nothing can be kept that is said before anything is computed; once, and never asked for again. */
static enum outcome ask_once_or_twice(
	struct mayfly_client *with, const struct ask *ask, struct told *told)
{
	uint64_t keep_s = atomic_load(&keeps_nothing) ? 0 : ask->keep_s;
	enum outcome outcome = call(with, ask, keep_s, told);

	if (keep_s > 0 && outcome != ASK_DONE && atomic_load(&keeps_nothing))
		outcome = call(with, ask, 0, told);
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
		outcome = ask_once_or_twice(with, ask, told);
	atomic_fetch_sub(&under_way, 1);
	return outcome;
}
