/*
 * hub/http/conn.h - one connection of an HTTP listener, and what its parts share.
 *
 *	conn.c       phases, time, reading, closing
 *	intake.c     bytes become a request
 *	upload.c     a body goes straight into a service's input area
 *	operands.c   with blobs that are here already
 *	exchange.c   a request becomes a page or an event, and gets its answer
 *	guard.c      if its client may ask for it
 *	again.c      or the answer that it got before
 *	keys.c       or who pays for it
 *	quote.c      or what it would cost
 *	blob_put.c   or is an upload to the disk cache
 *	blob_get.c   or asks for what is there
 *	job_*.c      or is for a job
 *	keep.c       an answer becomes a blob
 *	send.c       the answer goes out
 *
 * A connection has one request at work at a time; what the client sends meanwhile waits in
 * `in` up to a bound, then in the socket. An idle connection holds no memory but its struct.
 * It is freed when it is closed and nobody holds it (`holds`): its task, or whoever is
 * busy with it.
 */
#ifndef HUB_HTTP_CONN_H
#define HUB_HTTP_CONN_H

#include "hub/accept.h"
#include "hub/bytes.h"
#include "hub/http/request.h"
#include "hub/http/response.h"
#include "hub/http/sink.h"
#include "hub/in_http.h"
#include "hub/spool.h"
#include "hub/task.h"
#include "sys/log.h"
#include "sys/loop.h"

enum conn_phase {
	CONN_HANDSHAKE, /* of TLS */
	CONN_IDLE,      /* between requests */
	CONN_HEAD,      /* a part of a head came */
	CONN_BODY,      /* a part of a body is still to come */
	CONN_WAIT,      /* the head is whole, and no input area free for the body */
	CONN_SPOOL,     /* the same of one that somebody takes as it comes (sink.h) */
	CONN_WORK,      /* a task is out */
	CONN_SEND,      /* a part of the answer is still to go */
	CONN_LINGER,    /* closed to the client, which is left to read: RFC 9112, 9.6 */
	CONN_PHASES
};

struct task;
struct answers_entry;
struct chunked;
struct in_http;
struct operands;
struct problem;
struct reply;
struct service;
struct task;
struct tls;

struct conn {
	struct conn *next, *prev; /* of its phase, in the order in which they entered it */
	struct in_http *http;
	struct loop_source source;
	struct loop_later resume; /* bytes wait in `in`, and can be taken */
	int fd;                   /* -1: closed, and here only for its task */
	uint32_t events;
	uint8_t phase, minor, holds;
	bool ended;        /* the client sends no more */
	bool keep_alive;   /* after the answer at hand */
	bool unread;       /* of the request at hand the body was not read */
	bool bodiless;     /* it is HEAD */
	bool expects;      /* the client waits for 100 Continue */
	uint64_t since_ns; /* in this phase */
	size_t moved;      /* bytes of an answer, or of a body in CONN_SPOOL, since then */
	struct bytes in, out;
	size_t seen;             /* request_head: bytes of `in` that were looked at */
	size_t taken;            /* CONN_WORK: bytes of `in` that are the request at work */
	size_t head;             /* CONN_BODY: bytes of the head, at the front of `in` */
	size_t need;             /* CONN_BODY: bytes with the body, where a length was given */
	size_t most;             /* CONN_BODY: that the body may have */
	struct chunked *chunked; /* CONN_BODY: the body comes in chunks */
	struct spool spool;     /* CONN_BODY, CONN_WORK: the body lies there; areas NULL: in `in` */
	struct areas_wait wait; /* CONN_WAIT */
	struct areas_hold output; /* CONN_SEND: `rest` lies there; areas NULL: nothing does */
	struct mf_str rest;       /* of an answer, behind `out` */
	uint64_t keep_ns; /* CONN_WORK: how long the answer is kept as a blob; 0: it isn't */
	bool minimal;     /* and isn't sent */
	struct operands
		*operands;     /* CONN_WAIT to CONN_WORK: what goes there besides; NULL: nothing */
	struct sink *sink;     /* CONN_SPOOL: who takes the body */
	uint64_t to_come;      /* CONN_SPOOL: bytes of it, where a length was given */
	struct stream *stream; /* CONN_SEND: what goes behind `out`; NULL: nothing */
	struct tls *tls;       /* NULL: it is plain */
	struct task *task;     /* CONN_WORK: the event, until its end; NULL: there is none */
	struct answers_entry *entry; /* CONN_WORK: where its answer will be kept; NULL: nowhere */
	unsigned peer_n;
	char peer[NET_TEXT];
};

struct conn_list {
	struct conn *first, *last;
};

struct tls_context;

struct in_http {
	struct input input;
	struct acceptor acceptor;
	struct router *router;
	struct tls_context *tls; /* NULL: plain */
	struct conn_list phases[CONN_PHASES];
	struct loop_timer timer;
	struct log_rate denials;
	bool own_user; /* a Unix socket: only root and the hub's own user may change the hub */
	gid_t group;   /* whose members may look; PEER_NO_GROUP: none */
	bool stopping;
};

/* conn.c */
int conn_open(struct input *input, int fd, const struct net_address *peer);
void conn_close(struct conn *conn);
/* What is waited for follows from how the connection stands. It may be gone afterwards. */
void conn_settle(struct conn *conn);
void conn_enter(struct conn *conn, enum conn_phase phase);
/* Its stream has bytes again. It may be gone afterwards. */
void conn_stream(struct conn *conn);
/* Ends those of a listener that do nothing; the others end with their answers. */
void conn_stop_all(struct in_http *http);
void conn_close_all(struct in_http *http);
void conn_on_timer(struct loop_timer *timer);
/* struct input_ops's. */
uint64_t conn_idle_since(const struct input *input);
void conn_make_room(struct input *input);

/* intake.c: takes the next request from `in`, when it is whole and its turn. */
void intake(struct conn *conn);
/* n bytes came, in memory that may be written to. */
void intake_bytes(struct conn *conn, uint8_t *p, size_t n);

/* A request that may go on to its body is whole: the first n bytes of `in` are its head, and the body lies behind them or in
 * conn->spool. */
void intake_whole(struct conn *conn, size_t head);

/* upload.c */
/* Takes an area for the body of this request, whose head is the first `head` bytes of `in`; false: it must wait, or was
 * answered. */
bool upload_begin(
	struct conn *conn, const struct request *request, size_t head, struct service *service);
/* What of the body came with the head goes there; it may be all of it. */
void upload_length(struct conn *conn, size_t head, size_t length);
/* The body's next bytes can be received straight into *to, at most *n of them; false: they can't. */
bool upload_room(const struct conn *conn, uint8_t **to, size_t *n);
void upload_took(struct conn *conn, size_t n);
/* The connection goes, or its request was answered. */
void upload_end(struct conn *conn);

/* operands.c: blobs that are a part of the input */
/* The request's Mayfly-Operands, if it has any; `most` bytes fit. False: it was answered. */
bool operands_admit(struct conn *conn, const struct request *request, uint64_t most);
/* There is an area: those before the body have their place, and reading begins. */
void operands_begin(struct conn *conn);
/* The body is whole. True: the blobs aren't; intake_whole is called when they are. */
bool operands_wait(struct conn *conn);
void operands_drop(struct conn *conn);
/* Bytes that were received where intake_room said. */
void intake_took(struct conn *conn, size_t n);
/* Where bytes of a body may be received, at most *n; NULL: nowhere at the moment. For CONN_SPOOL, without chunks. */
uint8_t *intake_room(struct conn *conn, size_t *n);
/* Can it take any? */
bool intake_ready(const struct conn *conn);
/* Whoever took the body needs no more of it. */
void intake_drop(struct conn *conn);

/* keep.c: answers that become blobs */
/* Mayfly-Keep and what is preferred, into the connection. False: it was answered. */
bool keep_read(struct conn *conn, const struct request *request);
/* False: the answer is to go out as it is. Else it is given when it is a blob, and what the task held of the
 * connection is given back. */
bool keep_reply(struct conn *conn, const struct task *task, const struct reply *reply);

/* exchange.c */
/* May this request go on to its body? False: it was answered. *most: what its body may have. *service: in whose input area
 * it goes; NULL: it is kept here. */
bool exchange_admit(
	struct conn *conn, const struct request *request, size_t *most, struct service **service);
void exchange_run(struct conn *conn, const struct request *request, struct mf_str body);
/* Does the service get this header? `lower` is in lower case. */
bool exchange_names(const struct route *route, const char *lower);
/* The hub's own answer: this request, and all that comes behind it, is refused. */
void exchange_refuse(struct conn *conn, unsigned status, const char *detail);
/* The same of a body in chunks that has become too large. */
void exchange_refuse_large(struct conn *conn);
/* Only this request is. */
void exchange_problem(struct conn *conn, const struct problem *problem);
/* The same before its body was waited for, with what *response says besides. */
void exchange_turn_away(
	struct conn *conn, const struct problem *problem, struct response *response);

/* guard.c */
/* May this client ask by this route? False: it was answered. *who: by which name it is known, gone
 * with the next request; p NULL: by none. */
bool guard_admits(struct conn *conn, const struct route *route, const struct request *request,
	struct mf_str *who);
/* May it ask by one of the routes whose service takes blobs, whichever? The same. */
bool guard_admits_blobs(
	struct conn *conn, const struct route *route, const struct request *request);
/* The same of the routes of a service, by its name; NULL: of any. */
bool guard_admits_to(struct conn *conn, const struct route *route, const struct request *request,
	const char *service);
/* There was no request: TLS ended since the client's certificate isn't believed. */
void guard_refused_tls(struct conn *conn, const char *why);

/* quote.c: what a request would cost, if its query has `quote` */
bool quote_wanted(const struct route *route, const struct request *request);
/* Is all that counts in its head: shapes, or blobs' names? Then *bodiless; false: it was answered. */
bool quote_admit(struct conn *conn, const struct request *request, bool *bodiless);
void quote_run(struct conn *conn, const struct route *route, const struct request *request,
	struct mf_str body);

/* again.c: requests with an Idempotency-Key */
/* `client`: by which name it is known. False: it was answered. Else its outcome must be told to one of the two below, which do
 * nothing if it had no key. */
bool again_begin(struct conn *conn, const struct route *route, const struct request *request,
	struct mf_str client, struct mf_str body);
/* An event with such a key for a service that writes: what is written is written once, whenever it is asked for
 * again. Between service_begin and service_submit. */
/* What names a request with an Idempotency-Key that becomes a job; "" if it has none. False: it was answered. */
bool again_name(struct conn *conn, const struct route *route, const struct request *request,
	struct mf_str client, char id[static TASK_ID + 1]);
void again_identify(struct conn *c, struct task *task, const struct route *route,
	const struct request *request, struct mf_str client, struct mf_str body);
/* The client is gone: if only he wanted what is computed, it ends. The connection may be gone with it. */
void exchange_gone(struct conn *conn);
void again_keep(
	struct conn *conn, const char *event, const char *version, const struct reply *reply);
void again_drop(struct conn *conn);

/* send.c */
/* `lines` of the service, and a body, which conn->output may hold: then it is sent from there; the rest of *response is the caller's to fill in but for
 * what the connection knows. */
void send_answer(
	struct conn *conn, struct response *response, struct mf_str lines, struct mf_str body);
/* The same with a body of stream->left bytes, which is sent from the stream's own memory. */
void send_stream(
	struct conn *conn, struct response *response, struct mf_str lines, struct stream *stream);
void send_continue(struct conn *conn);
/* Is a part of an answer still to go? */
bool send_waits(const struct conn *conn);
/* The socket takes more. */
void send_more(struct conn *conn);

#endif
