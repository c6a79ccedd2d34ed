/* hub/web/client.c - see client.h; curl_multi_socket_action(3) describes how libcurl and a loop work together. */
#include "hub/web/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/version.h"
#include "hub/web/inside.h"
#include "hub/web/lib.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define LIB        web_library
#define CONNECT_MS 10000L
#define RETRY_MOST                                                                                 \
	3600L /* seconds: what an answer may ask us to wait; longer is as good as for ever */
#define ANSWER_MOST         65536u /* bytes of an answer's body that are read */
#define KEPT_MOST           16L    /* connections without a request */
#define BUFFER              16384L
#define LARGE               262144L /* of what has megabytes */
#define CA_SECONDS          60L     /* a file of authorities that changed counts after this */
#define SYSTEM_CERTIFICATES "/etc/ssl/certs"

struct web {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct web_call *calls;
};

/* One of libcurl's sockets. */
struct watched {
	struct loop_source source;
	struct web *web;
	int fd;
};

struct web_call {
	struct web_call *next, **at;
	struct web *web;
	CURL *easy;
	struct curl_slist *headers;
	web_done *done;
	void *context;
	size_t got;  /* bytes of the answer */
	bool inside; /* a connection to an address within was refused */
	uint8_t *take;
	size_t take_most, taken;
	char error[CURL_ERROR_SIZE];
};

/* ---------------------------------------------------------------------- calls */

static void free_call(struct web_call *call)
{
	*call->at = call->next;
	if (call->next)
		call->next->at = call->at;
	if (call->easy) {
		(void)LIB.curl_multi_remove_handle(call->web->multi, call->easy);
		LIB.curl_easy_cleanup(call->easy);
	}
	LIB.curl_slist_free_all(call->headers);
	free(call);
}

static void end(struct web_call *call, CURLcode code)
{
	struct web_answer answer = {0};
	web_done *done = call->done;
	void *context = call->context;
	char error[CURL_ERROR_SIZE];
	curl_off_t seconds = 0;
	long status = 0;

	(void)LIB.curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)LIB.curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds);
	/* of an answer whose body was too long the status counts, unless the body was wanted */
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status >= 200 && !call->take))
		answer.status = (unsigned)status;
	if (seconds > 0)
		answer.retry_ns = (uint64_t)(seconds < RETRY_MOST ? seconds : RETRY_MOST) * CLOCK_S;
	if (call->inside)
		snprintf(error, sizeof(error), "its address is within this machine's networks");
	else
		snprintf(error, sizeof(error), "%s",
			call->error[0] ? call->error : LIB.curl_easy_strerror(code));
	answer.error = answer.status ? NULL : error;
	answer.taken = call->taken;
	free_call(call);
	done(context, &answer);
}

/* Those that have come to their end. */
static void collect(struct web *web)
{
	const CURLMsg *message;
	int left;

	while ((message = LIB.curl_multi_info_read(web->multi, &left))) {
		CURLcode code = message->data.result;
		struct web_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)LIB.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		end(call, code);
	}
}

/* ------------------------------------------------------------------- the loop */

static void on_ready(struct loop_source *source, uint32_t events)
{
	const struct watched *w = LOOP_OWNER(source, const struct watched, source);
	struct web *web = w->web;
	int left, bits = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		bits |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		bits |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		bits |= CURL_CSELECT_ERR;
	(void)LIB.curl_multi_socket_action(web->multi, w->fd, bits, &left);
	collect(web); /* w may be gone */
}

static int watch(struct web *web, int fd, uint32_t events)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	*w = (struct watched){.source.ready = on_ready, .web = web, .fd = fd};
	if (loop_add(web->loop, fd, events, &w->source) < 0) {
		free(w);
		return -1;
	}
	(void)LIB.curl_multi_assign(web->multi, fd, w);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
	struct web *web = context;
	struct watched *w = known;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	(void)easy;
	if (what != CURL_POLL_REMOVE)
		return w ? loop_change(web->loop, fd, events, &w->source) : watch(web, fd, events);
	if (!w)
		return 0;
	loop_remove(web->loop, fd, &w->source);
	free(w);
	return 0;
}

static int on_wait(CURLM *multi, long ms, void *context)
{
	struct web *web = context;

	(void)multi;
	if (ms < 0) {
		loop_timer_clear(web->loop, &web->timer);
		return 0;
	}
	return loop_timer_set(
		       web->loop, &web->timer, loop_now(web->loop) + (uint64_t)ms * CLOCK_MS) == 0
		? 0
		: -1;
}

static void on_timer(struct loop_timer *timer)
{
	struct web *web = LOOP_OWNER(timer, struct web, timer);
	int left;

	(void)LIB.curl_multi_socket_action(web->multi, CURL_SOCKET_TIMEOUT, 0, &left);
	collect(web);
}

/* -------------------------------------------------------------------- requests */

static size_t on_answer(char *bytes, size_t size, size_t n, void *context)
{
	struct web_call *call = context;
	long status = 0;

	n *= size;
	if (call->take)
		(void)LIB.curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300) {
		if (n > call->take_most - call->taken)
			return 0;
		memcpy(call->take + call->taken, bytes, n);
		call->taken += n;
		return n;
	}
	call->got += n;
	return call->got <= ANSWER_MOST ? n : 0;
}

/* What a name stands for is known here, and connected to: no time for it to stand for something else. */
static curl_socket_t open_outside(void *context, curlsocktype what, struct curl_sockaddr *address)
{
	struct web_call *call = context;

	(void)what;
	if (address_is_inside(&address->addr)) {
		call->inside = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

struct options {
	CURL *easy;
	CURLcode code; /* the first that failed */
};

#define SET(o, option, value)                                                                      \
	do {                                                                                       \
		if ((o)->code == CURLE_OK)                                                         \
			(o)->code = LIB.curl_easy_setopt((o)->easy, option, value);                \
	} while (0)

static void set_behaviour(struct options *o)
{
	SET(o, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(o, CURLOPT_FOLLOWLOCATION, 0L);
	SET(o, CURLOPT_PROXY, "");
	SET(o, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(o, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(o, CURLOPT_NOSIGNAL, 1L);
	SET(o, CURLOPT_QUICK_EXIT, 1L);
	SET(o, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(o, CURLOPT_BUFFERSIZE, BUFFER);
	SET(o, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER);
	SET(o, CURLOPT_USERAGENT, "mayfly/" MAYFLY_VERSION);
	SET(o, CURLOPT_WRITEFUNCTION, on_answer);
}

/* The system's authorities lie in a directory, of which only those that are needed are read; the one file
 * that has all of them takes a hundredth of a second. */
static void set_trust(struct options *o, const struct web_identity *identity)
{
	const char *file = identity->authorities;

	SET(o, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(o, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(o, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(o, CURLOPT_CA_CACHE_TIMEOUT, CA_SECONDS);
	if (file || access(SYSTEM_CERTIFICATES, R_OK) == 0) {
		SET(o, CURLOPT_CAINFO, file);
		SET(o, CURLOPT_CAPATH, file ? NULL : SYSTEM_CERTIFICATES);
	}
	if (identity->certificate) {
		SET(o, CURLOPT_SSLCERT, identity->certificate);
		SET(o, CURLOPT_SSLKEY, identity->key);
	}
}

static void set_body(struct options *o, const struct web_request *r)
{
	const char *body = r->body.n > 0 ? (const char *)r->body.p : "";

	if (r->take || r->stays)
		SET(o, CURLOPT_BUFFERSIZE, LARGE);
	if (r->method && strcmp(r->method, "GET") == 0) {
		SET(o, CURLOPT_HTTPGET, 1L);
		return;
	}
	SET(o, CURLOPT_POST, 1L);
	SET(o, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
	if (r->stays) {
		SET(o, CURLOPT_UPLOAD_BUFFERSIZE, LARGE);
		SET(o, CURLOPT_POSTFIELDS, body);
	} else {
		SET(o, CURLOPT_COPYPOSTFIELDS, body);
	}
	if (r->method)
		SET(o, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_request(struct options *o, const struct web_request *r)
{
	SET(o, CURLOPT_URL, r->url);
	set_body(o, r);
	SET(o, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(o, CURLOPT_TIMEOUT_MS, (long)(r->time_ns / CLOCK_MS));
	if (r->user) {
		SET(o, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(o, CURLOPT_USERNAME, r->user);
		SET(o, CURLOPT_PASSWORD, r->password);
	}
}

/* Nor is a connection used that somebody else's request made. */
static void set_outside(struct options *o, struct web_call *call)
{
	SET(o, CURLOPT_OPENSOCKETFUNCTION, open_outside);
	SET(o, CURLOPT_OPENSOCKETDATA, call);
	SET(o, CURLOPT_FRESH_CONNECT, 1L);
	SET(o, CURLOPT_FORBID_REUSE, 1L);
}

static bool add_header(struct web_call *call, const char *line)
{
	struct curl_slist *longer = LIB.curl_slist_append(call->headers, line);

	if (longer)
		call->headers = longer;
	return longer != NULL;
}

/* Without waiting for leave to send a long body, and no type but what the request says. */
static bool set_headers(struct web_call *call, const struct web_request *r)
{
	bool well = add_header(call, "Expect:") && add_header(call, "Accept:");

	for (unsigned i = 0; i < r->headers_count && well; i++)
		well = add_header(call, r->headers[i]);
	return well;
}

static bool prepare(struct web_call *call, const struct web_request *request)
{
	struct options o = {call->easy, CURLE_OK};

	set_behaviour(&o);
	set_trust(&o, &request->identity);
	set_request(&o, request);
	if (request->outside)
		set_outside(&o, call);
	SET(&o, CURLOPT_WRITEDATA, call);
	SET(&o, CURLOPT_PRIVATE, call);
	SET(&o, CURLOPT_ERRORBUFFER, call->error);
	if (!set_headers(call, request))
		return false;
	SET(&o, CURLOPT_HTTPHEADER, call->headers);
	return o.code == CURLE_OK;
}

struct web_call *web_post(
	struct web *web, const struct web_request *request, web_done *done, void *context)
{
	struct web_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	*call = (struct web_call){
		.next = web->calls,
		.at = &web->calls,
		.web = web,
		.easy = LIB.curl_easy_init(),
		.done = done,
		.context = context,
		.take = request->take,
		.take_most = request->take_most,
	};
	if (call->next)
		call->next->at = &call->next;
	web->calls = call;
	if (call->easy && prepare(call, request) &&
		LIB.curl_multi_add_handle(web->multi, call->easy) == CURLM_OK)
		return call;
	free_call(call);
	return NULL;
}

void web_cancel(struct web_call *call)
{
	free_call(call);
}

/* --------------------------------------------------------------- open and close */

int web_open(struct web **out, struct loop *loop)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return -ENOMEM;
	web->loop = loop;
	web->timer.fire = on_timer;
	web->multi = LIB.curl_multi_init();
	if (!web->multi) {
		free(web);
		return -ENOMEM;
	}
	(void)LIB.curl_multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)LIB.curl_multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web);
	(void)LIB.curl_multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, on_wait);
	(void)LIB.curl_multi_setopt(web->multi, CURLMOPT_TIMERDATA, web);
	(void)LIB.curl_multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, KEPT_MOST);
	*out = web;
	return 0;
}

void web_close(struct web *web)
{
	if (!web)
		return;
	for (struct web_call *call = web->calls, *next; call; call = next) {
		next = call->next;
		free_call(call);
	}
	(void)LIB.curl_multi_cleanup(web->multi);
	loop_timer_clear(web->loop, &web->timer);
	free(web);
}
