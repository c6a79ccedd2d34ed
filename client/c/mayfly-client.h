/*
 * mayfly-client.h - libmayfly: a program asks services of a hub, over HTTP or HTTPS.
 *
 * A client knows a hub's address and how to prove who asks. A request is pieces of memory that are sent as
 * they lie there; a call is a request under way, with all that it takes to get its one answer: attempts
 * with the same id, waiting between them, a deadline for all of it. `cc x.c $(pkg-config --cflags --libs mayfly)`
 *
 * Threads: mayfly_call and mayfly_upload may be called by any threads at the same time, also on one client.
 * The functions of calls that don't block (mayfly_start to mayfly_cancel) belong, for one client, to one thread
 * at a time. Another client has nothing to do with it. Nothing is global but what libcurl has. After a fork the
 * child opens clients of its own, and leaves those of its parent alone, also their closing.
 *
 * C and C++. Members that are left zero have the default that stands beside them. Errors are values: no
 * function prints, exits, or touches signals.
 */
#ifndef MAYFLY_CLIENT_H
#define MAYFLY_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#pragma GCC visibility push(default) /* of all that the library has only this can be seen */
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define MAYFLY_TEXT      1024 /* bytes of an answer's text, its end included */
#define MAYFLY_HASH      65   /* of a blob's name: 64 digits and an end */
#define MAYFLY_NPY_HEAD  128  /* bytes that mayfly_npy_head writes */
#define MAYFLY_NPY_DIMS  4
#define MAYFLY_UNLIMITED UINT64_MAX

enum mayfly_error {
	MAYFLY_OK = 0,
	MAYFLY_WRONG,       /* the request or a setting makes no sense; nothing was sent */
	MAYFLY_NO_MEMORY,   /* or no descriptor */
	MAYFLY_FILE,        /* a file of the settings can't be read or is none of its kind */
	MAYFLY_UNREACHABLE, /* no connection, or it ended before the answer was whole */
	MAYFLY_UNTRUSTED, /* TLS: one of both doesn't believe the other; a receipt that nobody signed */
	MAYFLY_NO_HTTP,   /* what came is no HTTP answer, or none that is allowed */
	MAYFLY_DEADLINE,  /* the time was over before there was an answer */
	MAYFLY_REFUSED,   /* there is an answer, and its status is not 2xx: status, text, body */
	MAYFLY_TOO_LARGE, /* the answer is larger than `into` or `answer_most` */
	MAYFLY_STOPPED,   /* the sink wanted no more */
	MAYFLY_CHANGED,   /* a blob isn't what its name says, a receipt is of something else */
};
/* "the hub can't be reached": never NULL. */
const char *mayfly_error_text(enum mayfly_error error);
/* Of the library that is loaded: "0.1.0" */
const char *mayfly_version(void);

/* ------------------------------------------------------------------------ a client */

struct mayfly_client;

/* Texts are copied. Files are read by mayfly_open, the token again whenever the file has changed. */
struct mayfly_settings {
	const char *url; /* "https://hub.example:8443", or with a path before all others */
	const char *
		token_file; /* its first line is a bearer token, or a center's subscriber's key; https or loopback only */
	const char *authorities_file; /* PEM: whom to believe; NULL: the system's */
	const char *certificate_file; /* PEM: who asks, where the hub wants to know */
	const char *key_file;         /* its key; NULL: in the same file */
	uint64_t deadline_ms;         /* of a call, attempts and all; 0: a minute */
	uint64_t connect_ms;          /* of making a connection; 0: 10 s */
	uint64_t answer_most;         /* bytes of an answer; 0: 1 GiB */
	unsigned connections_most;    /* at once, of calls that don't block; 0: 32 */
	const char *token;            /* instead of token_file: the token itself */
};

/* MAYFLY_OK, and *client is to be closed; or why not, with a line in text. */
enum mayfly_error mayfly_open(struct mayfly_client **client, const struct mayfly_settings *settings,
	char text[MAYFLY_TEXT]);
/* Calls under way are cancelled. No thread may be in a function of this client. NULL is fine. */
void mayfly_close(struct mayfly_client *client);

/* ----------------------------------------------------------------------- a request */

/* Memory that is sent as it is, and not copied: `rows` times `bytes`, `stride` bytes from the start of one to
 * that of the next. rows 0 is one. A column-major matrix of doubles, m by n, whose columns lie lda apart:
 * {a, m * 8, n, lda * 8}. */
struct mayfly_piece {
	const void *data;
	size_t bytes;
	size_t rows;
	ptrdiff_t stride;
};

/* Takes the answer's body (of status 2xx) as it comes. offset: bytes that came before; 0 once more if the call
 * had to begin again. 0: go on; else the call ends with MAYFLY_STOPPED. It may call no function of the client. */
typedef int mayfly_sink(void *context, uint64_t offset, const void *bytes, size_t n);

struct mayfly_call;
/* The call has ended. From within mayfly_work or mayfly_wait; may start calls, and finish this one. */
typedef void mayfly_done(void *context, struct mayfly_call *call);

/* Nothing happens by it but an answer: it may be asked again without an id, so the hub needn't keep
 * the answer, nor hash the body. */
#define MAYFLY_PURE 1u
/* Never sent twice. It is still tried again as long as nothing could be sent. */
#define MAYFLY_ONCE 2u
/* Prefer: return=minimal. With keep_s only the name of the answer comes back. */
#define MAYFLY_MINIMAL 4u
/* No second attempt, whatever happens: for who has another way, and wants to know at once. */
#define MAYFLY_ONE_TRY 8u

/* What it points to must stay until the call has ended. */
struct mayfly_request {
	const char *method;       /* NULL: POST */
	const char *path;         /* "/linalg/multiply?transa=t", as it is sent */
	const char *content_type; /* NULL: application/octet-stream, if there are pieces */
	const struct mayfly_piece *pieces;
	size_t pieces_count;
	const char *id;       /* Idempotency-Key of POST and PATCH; NULL: a random one */
	const char *operands; /* Mayfly-Operands: "-, HASH": blobs at the hub, - is the body */
	uint64_t keep_s; /* Mayfly-Keep: the answer stays at the hub as a blob; 0: it doesn't */
	const char *const *headers; /* more of them: "Name: value" */
	size_t headers_count;
	unsigned flags;
	uint64_t deadline_ms; /* 0: the client's; MAYFLY_UNLIMITED */
	/* Where the body of a good answer goes: into memory of the caller, to a sink, or, if neither is given,
	 * into memory that mayfly_answer_free frees. */
	void *into;
	size_t into_size;
	mayfly_sink *sink;
	mayfly_done *done; /* for mayfly_start; NULL: look with mayfly_ended */
	void *context;     /* for both */
};

struct mayfly_answer {
	enum mayfly_error error;
	int status; /* of the last answer that came; 0: none did */
	unsigned attempts;
	void *body; /* `into`, or memory of the answer's own; of a refusal always that, 64 KiB at most */
	uint64_t size; /* bytes of it, or that the sink took */
	int replayed; /* an earlier attempt, or somebody with the same id, was answered with this */
	uint64_t retry_s; /* Retry-After of a refusal; 0: not said */
	/* Since the last attempt began: the last byte of the request was handed to libcurl, the first of the answer
	 * came, it ended. 0: that didn't happen. */
	uint64_t sent_ns, first_ns, whole_ns;
	char id[64];            /* the Idempotency-Key that was sent; "" if none, or longer */
	char event[40];         /* the hub's own id of it, which its lines carry */
	char blob[MAYFLY_HASH]; /* Mayfly-Blob: the name of what was kept; "" if nothing was */
	char content_type[128];
	char text
		[MAYFLY_TEXT]; /* one line: what went wrong, and what the service said of it; "" if nothing */
	void *owned;           /* the library's */
};
/* Frees what is the answer's own; it is empty then. */
void mayfly_answer_free(struct mayfly_answer *answer);
/* A header of the last answer, case ignored; NULL: it had none. The answer's. */
const char *mayfly_header(const struct mayfly_answer *answer, const char *name);
/* Of a refusal with problem details (RFC 9457): a member that is a number, or `otherwise`; one that is a text,
 * or NULL. "pivot" of a singular matrix, "argument". The answer's. */
int64_t mayfly_problem_number(
	const struct mayfly_answer *answer, const char *member, int64_t otherwise);
const char *mayfly_problem_text(const struct mayfly_answer *answer, const char *member);

/* -------------------------------------------------------------------------- calls */

/* Asks, and waits for the answer. Returns answer->error. The answer is always to be freed. */
enum mayfly_error mayfly_call(struct mayfly_client *client, const struct mayfly_request *request,
	struct mayfly_answer *answer);

/* Asks, and doesn't wait: the call goes on in mayfly_work or mayfly_wait, and is to be finished or cancelled.
 * NULL: no memory, the only way to fail here; all else is an answer. */
struct mayfly_call *mayfly_start(
	struct mayfly_client *client, const struct mayfly_request *request);
/* A descriptor for poll, epoll or an event loop, the same as long as the client is open: when it can be
 * read, mayfly_work has something to do. Only poll it. -1: there is none to be had. */
int mayfly_fd(struct mayfly_client *client);
/* Does what can be done without waiting. Returns how many calls have not ended. */
size_t mayfly_work(struct mayfly_client *client);
/* Waits until one call more has ended (or has before, and wasn't waited for), at most ms; less than 0: as long as
 * it takes. Returns how many calls have not ended. */
size_t mayfly_wait(struct mayfly_client *client, int64_t ms);
/* Not 0: it has, and mayfly_finish won't wait. */
int mayfly_ended(const struct mayfly_call *call);
/* Waits for it if need be, hands over its answer and frees the call. */
enum mayfly_error mayfly_finish(struct mayfly_call *call, struct mayfly_answer *answer);
/* Nobody wants the answer: the connection is closed, so the hub knows; memory isn't looked at any more. */
void mayfly_cancel(struct mayfly_call *call);

/* -------------------------------------------------------------------------- blobs */

/* Sends pieces once, as a blob at the hub that requests name by `operands`; if the hub has it nothing is sent,
 * if it has a part of it, the rest. name gets the 64 digits of its SHA-256. Blocks. The answer is to be freed. */
enum mayfly_error mayfly_upload(struct mayfly_client *client, const struct mayfly_piece *pieces,
	size_t pieces_count, uint64_t deadline_ms, char name[MAYFLY_HASH],
	struct mayfly_answer *answer);
/* The name that it would have. */
enum mayfly_error mayfly_hash(
	const struct mayfly_piece *pieces, size_t pieces_count, char name[MAYFLY_HASH]);

/* ------------------------------------------------------------------------ receipts */

/* What a center has signed for a call that was paid for. Hashes are SHA-256 as 64 digits. */
struct mayfly_receipt {
	char account[64], event[256];
	char service[64], version[64], unit[64];
	char image[MAYFLY_HASH], input[MAYFLY_HASH], output[MAYFLY_HASH];
	char snapshot[MAYFLY_HASH]; /* "": none */
	char currency[4], at[32];   /* in UTC */
	char key[17];               /* of the key that signed: what minisign shows */
	uint64_t quantity, cpu_ns, memory;
	int64_t price;   /* in millionths of the currency */
	char line[2048]; /* all of it as it is signed: to be kept, an invoice is the sum of them */
};
/* An answer's. MAYFLY_WRONG: it has none, for it cost nothing; MAYFLY_CHANGED: what it has isn't written as one. Whether it is
 * true is not looked at. */
enum mayfly_error mayfly_receipt(
	const struct mayfly_answer *answer, struct mayfly_receipt *receipt, char text[MAYFLY_TEXT]);
/* The same of a line that was kept. */
enum mayfly_error mayfly_receipt_read(
	const char *line, struct mayfly_receipt *receipt, char text[MAYFLY_TEXT]);

/* What it is held against; what is left out isn't looked at, but for the key. */
struct mayfly_expected {
	const char *key;      /* the center's public one: text as in its file; */
	const char *key_file; /* or that file, center.pub of `mayfly keygen` */
	const struct mayfly_piece
		*input; /* what was sent; with operands what those are, in their order */
	size_t input_count;
	const void *output; /* what came: answer.body */
	uint64_t output_size;
	const char *image; /* its hash, that `mayfly inspect` and a quote show */
	int has_quote;
	int64_t quote; /* what it may cost at most, in millionths */
};
/* MAYFLY_UNTRUSTED: that key didn't sign it, or not this; MAYFLY_CHANGED: something else was computed, by another image, or it
 * costs more; text says what. Looks at nothing of the receipt but its line. */
enum mayfly_error mayfly_receipt_verify(const struct mayfly_receipt *receipt,
	const struct mayfly_expected *expected, char text[MAYFLY_TEXT]);

/* --------------------------------------------------------------------- npy arrays */

/* An array as numpy.save writes it: a head, then its elements, little-endian. */
struct mayfly_npy {
	char kind;     /* 'f' floating, 'c' complex, 'i' integers */
	unsigned item; /* bytes of an element: f 4, 8; c 8, 16; i 4, 8 */
	int fortran;   /* not 0: the first index runs fastest, columns lie together */
	unsigned dimensions;
	uint64_t shape[MAYFLY_NPY_DIMS];
	uint64_t head, bytes; /* of the head, of the elements behind it; set by mayfly_npy_read */
};
/* Writes the head that goes before the elements of an array of up to two dimensions: always MAYFLY_NPY_HEAD
 * bytes. MAYFLY_WRONG: there is no such array. */
enum mayfly_error mayfly_npy_head(const struct mayfly_npy *array, void *to);
/* Reads the head that `bytes` begin with. What lies behind head + bytes is the next array. MAYFLY_WRONG: it is none,
 * or of a kind that isn't above; MAYFLY_TOO_LARGE: its elements end behind n. */
enum mayfly_error mayfly_npy_read(const void *bytes, uint64_t n, struct mayfly_npy *array);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
