/*
 * client/c/inner.h - what the parts of libmayfly know of each other; mayfly-client.h is all that others see.
 *
 *	client ── own ───── engine ── call ── call ...   mayfly_start and what belongs to it: one thread
 *	       └─ idle ──── engine, engine ...           mayfly_call takes one for as long as it waits
 *
 * An engine is libcurl's multi handle with an epoll descriptor and a timer of its own, so that all of it is
 * one descriptor for somebody else's loop. A call is in one of its engine's three lists and never in a
 * curl callback when its memory goes. Only the client's list of idle engines and its token are shared
 * between threads, under its mutex. Times are CLOCK_MONOTONIC in nanoseconds.
 */
#ifndef CLIENT_C_INNER_H
#define CLIENT_C_INNER_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "client/c/mayfly-client.h"

#define NEVER        UINT64_MAX
#define TOKEN_MOST   4096u
#define REFUSAL_MOST 65536u /* bytes of a refusal's body that are kept */
#define HEADS_MOST   65536u /* of an answer's header lines */

/* ------------------------------------------------------------------------ pieces.c */

/* Where a body is read next. */
struct cursor {
	const struct mayfly_piece *pieces;
	size_t count, piece, row, at;
};
/* How many bytes they are; false: memory that can't be, or more than fits. */
bool pieces_size(const struct mayfly_piece *pieces, size_t count, uint64_t *bytes);
/* From this byte on, which there is, or is just behind the last. */
void cursor_seek(struct cursor *cursor, uint64_t offset);
/* The next bytes that lie together, at most *n; NULL: it is the end. */
const void *cursor_next(struct cursor *cursor, size_t *n);
/* Copies up to n; less only at the end. */
size_t cursor_read(struct cursor *cursor, void *to, size_t n);

/* ------------------------------------------------------------------------- retry.c */

/* How an attempt ended. */
struct outcome {
	enum mayfly_error error;
	int status;       /* of MAYFLY_REFUSED */
	bool retry_after; /* it said when to come again */
	bool sent;        /* some of the request may have arrived */
};
/* May it be sent again, if it failed so, for the `attempts`-th time? */
bool retry_may(const struct outcome *outcome, unsigned flags, unsigned attempts);
/* How long to wait before; random is any number. */
uint64_t retry_pause_ns(unsigned attempts, uint64_t retry_s, uint64_t random);

/* ------------------------------------------------------------------------ client.c */

struct engine;
struct mayfly_client {
	char *url; /* without '/' at its end */
	char *token_file, *authorities, *certificate, *key;
	uint64_t deadline_ms, connect_ms, answer_most;
	unsigned connections_most;
	pthread_mutex_t mutex;
	struct engine *idle; /* under the mutex, and so are the token and what its file was */
	unsigned idle_count;
	char token[TOKEN_MOST + 2];
	struct stat token_was;
	struct engine *own;
};
/* "Authorization: Bearer ..." as of now. */
#define AUTHORIZATION_MOST (TOKEN_MOST + 32u)
enum mayfly_error client_authorization(
	struct mayfly_client *client, char to[AUTHORIZATION_MOST], char text[MAYFLY_TEXT]);

/* ------------------------------------------------------------------------ engine.c */

struct engine {
	struct mayfly_client *client;
	CURLM *multi;
	int fd, timer;      /* epoll; timerfd in it */
	uint64_t curl_when; /* libcurl wants to be called */
	/* under way or resting; ended, and nobody was told; ended */
	struct mayfly_call *calls, *fresh, *ended;
	size_t under_way, unseen;
	struct engine *next;
};
/* NULL: no memory or no descriptor. */
struct engine *engine_open(struct mayfly_client *client);
void engine_close(struct engine *engine);
/* Does what is to be done, tells who wants to know. */
void engine_work(struct engine *engine);
/* The timer is set to what comes first: after calls were added, or have come to rest. */
void engine_arm(struct engine *engine);
/* Waits for something to do, until then. */
void engine_pause(struct engine *engine, uint64_t until);
/* Of another thread: one that nobody uses, or a new one; NULL. And back. */
struct engine *engine_take(struct mayfly_client *client);
void engine_give(struct engine *engine);

uint64_t now_ns(void);

/* -------------------------------------------------------------------------- call.c */

struct mayfly_call {
	struct mayfly_call *next, **at;
	struct engine *engine;
	struct mayfly_request request; /* what it points to is the caller's */
	struct mayfly_answer answer;
	CURL *easy;
	struct curl_slist *headers;
	struct cursor cursor;
	uint64_t body_bytes;
	uint64_t deadline, rest_until; /* NEVER */
	uint64_t began;                /* this attempt */
	bool ended, running;
	enum mayfly_error broken; /* why libcurl was told to stop */
	size_t room;              /* bytes that answer.body has, if it is ours */
	char error[CURL_ERROR_SIZE];
};
/* It is in the engine's list from now on. NULL: no memory. */
struct mayfly_call *call_start(struct engine *engine, const struct mayfly_request *request);
/* Its rest is over. */
void call_again(struct mayfly_call *call);
/* libcurl has done with it. */
void call_done(struct mayfly_call *call, CURLcode code);
void call_end(struct mayfly_call *call);
void call_free(struct mayfly_call *call);
void call_hand_over(struct mayfly_call *call, struct mayfly_answer *answer);

/* ----------------------------------------------------------------------- request.c */

/* The call's easy handle and headers are made from its request. */
enum mayfly_error request_prepare(struct mayfly_call *call);

/* ------------------------------------------------------------------------ answer.c */

/* What came before is forgotten: an attempt begins. */
void answer_begin(struct mayfly_call *call);
/* For libcurl. */
size_t answer_head(char *bytes, size_t size, size_t n, void *call);
size_t answer_body(char *bytes, size_t size, size_t n, void *call);
/* Status and header lines become members. */
void answer_read_heads(struct mayfly_answer *answer);
/* What a refusal says, after what is in text. */
void answer_quote(struct mayfly_answer *answer);

/* -------------------------------------------------------------------------- text.c */

/* Appends to a text of MAYFLY_TEXT bytes; what doesn't fit is cut. */
void text_add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* At most n bytes of it, control bytes as '?', no blank at either end. */
void text_add_quoted(char *text, const char *words, size_t n);

#endif
