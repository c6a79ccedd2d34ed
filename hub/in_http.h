/*
 * hub/in_http.h - an address where HTTP/1.1 (RFC 9110, 9112) is spoken. Several services
 * share it: a router says who answers which request. Also the admin socket, which is the
 * same on a Unix socket, with the hub's own pages as routes.
 */
#ifndef HUB_IN_HTTP_H
#define HUB_IN_HTTP_H

#include "hub/http/router.h"
#include "hub/http/tls.h"
#include "hub/input.h"

#define HTTP_ERROR_MAX 512

struct http_options {
	struct tls_files tls; /* certificate NULL: TLS isn't spoken */
	bool own_user;        /* a Unix socket: only root and the hub's own user are let in, and: */
	gid_t group;          /* whose members may look; PEER_NO_GROUP: none */
};

/* Binds, listens and routes by `router`, which is the input's from then on. -errno with one
 * line in error where errno alone doesn't say enough (certificates), else an empty one. */
int in_http_open(struct input **input, struct hub *hub, const struct net_address *address,
	const struct http_options *options, struct router *router,
	char error[static HTTP_ERROR_MAX]);
/* The same on a listening socket that somebody else made: a Unix socket, or one that was
 * handed over at the start. The descriptor is the input's from then on, when it succeeds. */
int in_http_adopt(struct input **input, struct hub *hub, int fd, const struct http_options *options,
	struct router *router, char error[static HTTP_ERROR_MAX]);

/* What in_http_change takes: the certificate that `options` names, *tls NULL if it names none. The
 * caller closes it (hub/http/tls.h) if it isn't used. -errno as in_http_open. */
int in_http_prepare(struct tls_context **tls, const struct http_options *options,
	char error[static HTTP_ERROR_MAX]);
/* Other routes from the next request on, another certificate from the next connection on. Both
 * are the input's then; the old ones are closed. */
void in_http_change(struct input *input, struct tls_context *tls, struct router *router);
/* Of a Unix socket: another group from the next connection on. */
void in_http_set_group(struct input *input, gid_t group);

/* By what its requests are routed now. */
const struct router *in_http_router(const struct input *input);

#endif
