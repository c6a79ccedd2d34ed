/*
 * hub/web/client.h - requests over HTTP and HTTPS, on the hub's loop: libcurl does the protocol, TLS and
 * names; its sockets and its timer are the loop's (libcurl's "multi_socket" interface), and nothing of it blocks:
 * names are looked up on threads of its own.
 *
 * HTTP/1.1, connections are kept and used again. No redirect is followed, no proxy asked, no cookie kept; what a
 * server sends beside its status and Retry-After is read and thrown away, up to 64 KiB, unless it is wanted. One thread.
 */
#ifndef HUB_WEB_CLIENT_H
#define HUB_WEB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define WEB_ERROR_MAX 512

struct loop;
struct web;
struct web_call;

/* Whom the hub believes, and who it is. All texts are files; each may be NULL. */
struct web_identity {
	const char *authorities;       /* whose certificates are believed; NULL: the system's */
	const char *certificate, *key; /* ours, for servers that ask */
};

struct web_request {
	const char *url;            /* hub/web/url.h has looked at it */
	const char *const *headers; /* "Name: value" */
	unsigned headers_count;
	struct mf_str body;
	const char *method; /* NULL: POST; "PUT"; "GET", without a body */
	bool stays;         /* the body isn't copied: it is there until `done`, or web_cancel */
	uint8_t *
		take; /* where the body of an answer below 300 goes, which must fit; NULL: nowhere */
	size_t take_most;
	struct web_identity identity;
	const char *user, *password; /* both or none: Basic authentication */
	uint64_t time_ns;            /* for all of it */
	bool outside; /* the hub connects to no address within this machine's networks (hub/web/inside.h) */
};

struct web_answer {
	unsigned status;   /* 0: there is none */
	uint64_t retry_ns; /* Retry-After; 0: not said */
	size_t taken;      /* bytes of the body */
	const char *error; /* without a status: why, in libcurl's words */
};
/* The call is gone then. It may ask again, and must not close the client. */
typedef void web_done(void *context, const struct web_answer *answer);

/* 0, or -errno with one line in error: libcurl can't be had. A second time is free. */
int web_load(char error[static WEB_ERROR_MAX]);

/* web_load has succeeded. -ENOMEM. */
int web_open(struct web **web, struct loop *loop);
/* Calls that are under way end without a word. */
void web_close(struct web *web);
/* The request is copied. NULL: no memory. (Its name is that of its first use: `method` says what it does.) */
struct web_call *web_post(
	struct web *web, const struct web_request *request, web_done *done, void *context);
/* Nobody waits any more. */
void web_cancel(struct web_call *call);

#endif
