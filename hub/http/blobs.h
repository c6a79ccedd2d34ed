/*
 * hub/http/blobs.h - the disk cache over HTTP: PUT, HEAD and GET of /.well-known/mayfly/blobs/HEX, on listeners where a
 * service takes blobs. docs/blobs.md says what clients see.
 */
#ifndef HUB_HTTP_BLOBS_H
#define HUB_HTTP_BLOBS_H

#include <stdint.h>

#include "base/str.h"
#include "store/blobs.h"

#define BLOBS_PATH "/.well-known/mayfly/blobs/"

struct conn;
struct request;
struct response;

/* A request by a route of the disk cache; as exchange_admit, exchange_run. */
bool blob_admit(struct conn *conn, const struct request *request, size_t *most);
void blob_run(struct conn *conn, const struct request *request);

/* Answers with n bytes of a blob from `from` on, and further header lines. *response and `lines` are copied. When the
 * bytes can't be read: 410, or the connection ends in the middle. The connection is in CONN_WORK. */
void blob_send(struct conn *conn, const struct response *response, struct mf_str lines,
	struct blob *blob, uint64_t from, uint64_t n);

/* --- what its files share */
#define BLOB_LINES 256u
/* Which blob does the path name? False: it was answered. */
bool blob_of(struct conn *conn, const struct request *request, uint8_t hash[static BLOB_HASH]);
/* `offset` is told as Upload-Offset unless it is UINT64_MAX. */
void blob_refuse(struct conn *conn, unsigned status, const char *detail, uint64_t offset);
/* What went wrong with an operation, in HTTP's words. */
void blob_refuse_error(struct conn *conn, int error, uint64_t offset);
/* A part of the hub's memory for connections. False: there is none, and it was answered. */
bool blob_hold(struct conn *conn, size_t n);
bool blob_put_admit(struct conn *conn, const struct request *request);
void blob_put_run(struct conn *conn);
void blob_get_run(struct conn *conn, const struct request *request);

/* "bytes 0-99/200" (RFC 9110, 14.4), and nothing else. Pure. -EINVAL. */
int blob_content_range(struct mf_str text, uint64_t *first, uint64_t *last, uint64_t *size);

#endif
