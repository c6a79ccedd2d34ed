/*
 * hub/http/posting.h - a request that becomes a job (jobs.h), on its way: job_post.c takes its body, job_begin.c begins the job, and
 * waits for its end where the client does; nobody else includes it.
 */
#ifndef HUB_HTTP_POSTING_H
#define HUB_HTTP_POSTING_H

#include "hub/http/jobs.h"
#include "hub/http/operand_list.h"
#include "hub/http/sink.h"
#include "hub/jobs/pay.h"
#include "store/blobs.h"
#include "sys/loop.h"

struct heads;

#define POSTING_BUFFER (256u << 10) /* two of them: one fills while the other is written */

/* It outlives its connection until what is being written is, and then while the job is there that its client waits for. */
struct posting {
	struct sink sink;
	struct hub *hub;
	struct conn *conn; /* NULL: gone */
	/* the request */
	char *service, *path, *query, *type;
	char *callback; /* NULL: nobody wants to be called */
	bool planned, kept, minimal;
	uint64_t keep_ns;
	struct job_key key;
	struct operand_list
		operands; /* one at least; `blob` of the body is filled in when it is one */
	/* its body */
	struct blob_writer *writer;
	struct blob_op op;
	bool writing, whole;
	bool again; /* the job was begun by a request before */
	int error;
	unsigned at; /* the buffer that fills */
	size_t n[2];
	/* who pays for it; NULL: it costs nothing, or the job has it */
	struct job_pay *pay;
	struct heads *heads; /* while its quote is made */
	/* the job */
	struct job_watch watch;
	struct loop_timer look;
	uint8_t *bytes[2]; /* the buffers; NULL once the body is a blob */
};

/* The body is whole, or there won't be any. */
void posting_drop_buffers(struct posting *p);
void posting_free(struct posting *p);
/* The answer was given. */
void posting_finish(struct posting *p);
void posting_refuse(struct posting *p, unsigned status, const char *detail);
/* Before its body comes: it hears of its job. */
void posting_watch(struct posting *p);
/* Has its client gone away? */
bool posting_is_gone(const struct conn *c);
/* Its operands are all blobs: the job begins, or the one that it is again is told of. */
void posting_begin(struct posting *p);

#endif
