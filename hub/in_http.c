/* hub/in_http.c - listeners for HTTP. */
#include "hub/in_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "hub/http/conn.h"
#include "hub/http/tls.h"
#include "hub/hub.h"
#include "hub/peer.h"
#include "sys/fd.h"

_Static_assert(HTTP_ERROR_MAX >= TLS_ERROR_MAX, "room for TLS's errors");

static struct in_http *http_of(const struct input *input)
{
	return LOOP_OWNER(input, struct in_http, input);
}

static void http_stop(struct input *input)
{
	struct in_http *http = http_of(input);

	acceptor_take_all(&http->acceptor);
	acceptor_close(&http->acceptor);
	http->stopping = true;
	conn_stop_all(http);
}

static bool http_busy(const struct input *input)
{
	return input->counts.open > 0;
}

/* A connection whose task is still out is freed when that ends: tasks go before inputs. */
static void http_close(struct input *input)
{
	struct in_http *http = http_of(input);

	acceptor_close(&http->acceptor);
	conn_close_all(http);
	loop_timer_clear(input->hub->loop, &http->timer);
	router_close(http->router);
	tls_context_close(http->tls);
	free(http);
}

static const struct input_ops plain_ops = {.name = "http",
	.stop = http_stop,
	.busy = http_busy,
	.close = http_close,
	.idle_since = conn_idle_since,
	.make_room = conn_make_room};

static const struct input_ops tls_ops = {.name = "https",
	.stop = http_stop,
	.busy = http_busy,
	.close = http_close,
	.idle_since = conn_idle_since,
	.make_room = conn_make_room};

int in_http_prepare(struct tls_context **tls, const struct http_options *options,
	char error[static HTTP_ERROR_MAX])
{
	*tls = NULL;
	error[0] = '\0';
	if (!options || !options->tls.certificate)
		return 0;
	return tls_context_open(tls, &options->tls, error);
}

/* The address of the socket, for people too. */
static void name_it(struct input *input, int fd)
{
	struct sockaddr_un path = {0};
	socklen_t size = sizeof(path);

	if (getsockname(fd, (struct sockaddr *)&path, &size) == 0 && path.sun_family == AF_UNIX) {
		snprintf(input->text, sizeof(input->text), "unix:%.58s", path.sun_path);
		input->text_n = (unsigned)strlen(input->text);
		return;
	}
	input->address.size = sizeof(input->address.v6);
	(void)getsockname(fd, &input->address.any, &input->address.size);
	input->text_n = net_text(&input->address, input->text);
}

/* Its mode keeps others out; but that may be changed, and directories of some systems ignore it. */
static int take_own_user(struct input *input, int fd, const struct net_address *peer)
{
	struct in_http *http = http_of(input);
	uint64_t skipped;

	if (peer_rights(fd, http->group) != PEER_NONE)
		return conn_open(input, fd, peer);
	input->counts.denied[ACCESS_NOT_OURS]++;
	if (log_allowed(&http->denials, loop_now(input->hub->loop), &skipped))
		log_warn("%s: user %ld was turned away: it answers root and user %u%s; %llu more "
			 "since the last such line",
			input->text, peer_user(fd), (unsigned)geteuid(),
			http->group != PEER_NO_GROUP ? ", and shows members of admin_group" : "",
			(unsigned long long)skipped);
	return -EPERM;
}

int in_http_adopt(struct input **input, struct hub *hub, int fd, const struct http_options *options,
	struct router *router, char error[static HTTP_ERROR_MAX])
{
	struct in_http *http = calloc(1, sizeof(*http));
	int err;

	error[0] = '\0';
	if (!http)
		return -ENOMEM;
	err = in_http_prepare(&http->tls, options, error);
	http->input.ops = http->tls ? &tls_ops : &plain_ops;
	http->input.hub = hub;
	http->timer.fire = conn_on_timer;
	http->denials.burst = 1;
	http->own_user = options && options->own_user;
	http->group = options ? options->group : PEER_NO_GROUP;
	http->acceptor.take = options && options->own_user ? take_own_user : conn_open;
	name_it(&http->input, fd);
	if (err == 0)
		err = acceptor_open(&http->acceptor, &http->input, fd);
	if (err < 0) {
		tls_context_close(http->tls);
		free(http);
		return err;
	}
	http->router = router;
	turn_share(&http->input.turn, router_services(router));
	*input = &http->input;
	return 0;
}

int in_http_open(struct input **input, struct hub *hub, const struct net_address *address,
	const struct http_options *options, struct router *router,
	char error[static HTTP_ERROR_MAX])
{
	struct net_address bound = *address;
	int fd = net_bind(&bound, SOCK_STREAM), err;

	error[0] = '\0';
	if (fd < 0)
		return fd;
	err = in_http_adopt(input, hub, fd, options, router, error);
	if (err < 0)
		fd_close(&fd);
	return err;
}

void in_http_change(struct input *input, struct tls_context *tls, struct router *router)
{
	struct in_http *http = http_of(input);

	tls_context_close(http->tls);
	router_close(http->router);
	http->tls = tls;
	http->router = router;
	turn_share(&input->turn, router_services(router));
	input->ops = tls ? &tls_ops : &plain_ops;
	/* connections may have less time than before */
	(void)loop_timer_set(input->hub->loop, &http->timer, loop_now(input->hub->loop));
}

void in_http_set_group(struct input *input, gid_t group)
{
	http_of(input)->group = group;
}

const struct router *in_http_router(const struct input *input)
{
	return http_of(input)->router;
}
