/* client/c/request.c - what is asked, in libcurl's words, after a look at it: nothing of a request may end a line
 * of its head and begin another. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/version.h"
#include "client/c/inner.h"
#include "sys/pace.h"

#define LINE_MOST           8192u
#define BUFFER              131072L
#define UPLOAD_MOST         1048576u
#define UPLOAD_LEAST        16384u
#define CA_SECONDS          60L
#define SYSTEM_CERTIFICATES "/etc/ssl/certs" /* by hash: only those that are needed are read */

/* ------------------------------------------------------------------------- refusals */

static enum mayfly_error refuse(
	struct mayfly_call *call, const char *what, const char *words, const char *why)
{
	char *text = call->answer.text;

	text_add(text, "%s \"", what);
	text_add_quoted(text, words, strnlen(words, 200));
	text_add(text, "\": %s", why);
	return MAYFLY_WRONG;
}

static bool is_visible(const char *text, const char *but)
{
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr(but, *text))
			return false;
	return true;
}

/* RFC 9110, 5.5 */
static bool is_value(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

/* "Name: value" (RFC 9110, 5.1) */
static bool is_header(const char *line)
{
	size_t n = strcspn(line, ":");

	if (n == 0 || line[n] != ':')
		return false;
	for (size_t i = 0; i < n; i++)
		if (line[i] <= ' ' || line[i] >= 0x7f || strchr("\"(),/;<=>?@[\\]{}", line[i]))
			return false;
	return is_value(line + n);
}

static enum mayfly_error check(struct mayfly_call *call)
{
	const struct mayfly_request *r = &call->request;

	if (!r->path || r->path[0] != '/' || !is_visible(r->path, "#"))
		return refuse(call, "path", r->path ? r->path : "",
			"it begins with /, and has no blanks");
	if (r->method && (!r->method[0] || !is_visible(r->method, "\"(),/:;<=>?@[\\]{}")))
		return refuse(call, "method", r->method, "it is none");
	if (r->content_type && !is_value(r->content_type))
		return refuse(call, "content type", r->content_type, "it is one line");
	if (r->id && (!r->id[0] || strlen(r->id) > 255 || !is_visible(r->id, "\"\\")))
		return refuse(call, "id", r->id,
			"it has between 1 and 255 visible letters, none of them \" or \\");
	if (r->operands && !is_value(r->operands))
		return refuse(call, "operands", r->operands, "they are one line");
	for (size_t i = 0; i < r->headers_count; i++)
		if (!is_header(r->headers[i]))
			return refuse(call, "header", r->headers[i], "write it as Name: value");
	if (!pieces_size(r->pieces, r->pieces_count, &call->body_bytes)) {
		text_add(call->answer.text,
			"a piece has no memory, or they are more than can be sent");
		return MAYFLY_WRONG;
	}
	if (r->into && r->sink) {
		text_add(call->answer.text, "the answer goes into memory or to a sink, not both");
		return MAYFLY_WRONG;
	}
	return MAYFLY_OK;
}

/* --------------------------------------------------------------------------- header */

static bool add(struct mayfly_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool add(struct mayfly_call *call, const char *format, ...)
{
	struct curl_slist *longer;
	char line[LINE_MOST];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= sizeof(line))
		return false;
	longer = curl_slist_append(call->headers, line);
	explicit_bzero(line, sizeof(line));
	if (longer)
		call->headers = longer;
	return longer != NULL;
}

static bool is_one_of(const char *method, const char *const *list)
{
	while (*list && strcmp(*list, method) != 0)
		list++;
	return *list != NULL;
}

static bool needs_id(const char *method)
{
	static const char *const without[] = {
		"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", NULL}; /* RFC 9110, 9.2.2 */

	return !is_one_of(method, without);
}

static bool add_id(struct mayfly_call *call)
{
	const struct mayfly_request *r = &call->request;
	const char *id = r->id;
	uint8_t random[16];
	char text[33];

	if (!id && ((r->flags & MAYFLY_PURE) || !needs_id(r->method)))
		return true;
	if (!id) {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return false;
		for (unsigned i = 0; i < sizeof(random); i++)
			snprintf(text + 2 * (size_t)i, 3, "%02x", random[i]);
		id = text;
	}
	if (strlen(id) < sizeof(call->answer.id))
		snprintf(call->answer.id, sizeof(call->answer.id), "%s", id);
	return add(call, "Idempotency-Key: \"%s\"", id);
}

static bool add_all(struct mayfly_call *call)
{
	const struct mayfly_request *r = &call->request;
	const char *type = r->content_type ? r->content_type : "application/octet-stream";
	bool well = add(call, "Expect:"); /* a hub needs no leave for a long body */

	well = well && (r->pieces_count > 0 ? add(call, "Content-Type: %s", type) : true);
	well = well && add_id(call);
	if (r->operands)
		well = well && add(call, "Mayfly-Operands: %s", r->operands);
	if (r->keep_s)
		well = well && add(call, "Mayfly-Keep: %" PRIu64 "s", r->keep_s);
	if (r->flags & MAYFLY_MINIMAL)
		well = well && add(call, "Prefer: return=minimal");
	for (size_t i = 0; i < r->headers_count; i++)
		well = well && add(call, "%s", r->headers[i]);
	return well;
}

static enum mayfly_error add_headers(struct mayfly_call *call)
{
	struct mayfly_client *client = call->engine->client;
	char authorization[AUTHORIZATION_MOST];
	enum mayfly_error error = MAYFLY_OK;

	if (client->token_file || client->token[0]) {
		error = client_authorization(client, authorization, call->answer.text);
		if (error == MAYFLY_OK && !add(call, "%s", authorization))
			error = MAYFLY_NO_MEMORY;
		explicit_bzero(authorization, sizeof(authorization));
	}
	if (error == MAYFLY_OK && !add_all(call))
		error = MAYFLY_NO_MEMORY;
	return error;
}

/* -------------------------------------------------------------------------- options */

struct options {
	CURL *easy;
	CURLcode code; /* the first that failed */
};

#define SET(o, option, value)                                                                      \
	do {                                                                                       \
		if ((o)->code == CURLE_OK)                                                         \
			(o)->code = curl_easy_setopt((o)->easy, option, value);                    \
	} while (0)

static size_t on_body(char *to, size_t size, size_t n, void *context)
{
	struct mayfly_call *call = context;
	size_t some = cursor_read(&call->cursor, to, size * n);

	if (call->cursor.piece == call->cursor.count)
		call->answer.sent_ns = now_ns() - call->began;
	return some;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct mayfly_call *call = context;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > call->body_bytes)
		return CURL_SEEKFUNC_CANTSEEK;
	cursor_seek(&call->cursor, (uint64_t)offset);
	return CURL_SEEKFUNC_OK;
}

/* Before it is connected, when the other side's address is known. */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void)context;
	(void)purpose;
	if (fd >= 0)
		pace_not(fd, &address->addr);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static void set_behaviour(struct options *o, const struct mayfly_client *client)
{
	SET(o, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(o, CURLOPT_FOLLOWLOCATION, 0L);
	SET(o, CURLOPT_PROXY, "");
	SET(o, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(o, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(o, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(o, CURLOPT_NOSIGNAL, 1L);
	SET(o, CURLOPT_QUICK_EXIT, 1L); /* what looks up a name isn't waited for */
	SET(o, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(o, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(o, CURLOPT_BUFFERSIZE, BUFFER);
	SET(o, CURLOPT_USERAGENT, "libmayfly/" MAYFLY_VERSION);
	SET(o, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms);
}

static void set_trust(struct options *o, const struct mayfly_client *client)
{
	SET(o, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(o, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(o, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(o, CURLOPT_CA_CACHE_TIMEOUT, CA_SECONDS);
	if (client->authorities || access(SYSTEM_CERTIFICATES, R_OK) == 0) {
		SET(o, CURLOPT_CAINFO, client->authorities);
		SET(o, CURLOPT_CAPATH, client->authorities ? NULL : SYSTEM_CERTIFICATES);
	}
	if (client->certificate) {
		SET(o, CURLOPT_SSLCERT, client->certificate);
		SET(o, CURLOPT_SSLKEY, client->key ? client->key : client->certificate);
		SET(o, CURLOPT_KEYPASSWD, ""); /* OpenSSL would ask at the terminal */
	}
}

static void set_body(struct options *o, struct mayfly_call *call)
{
	const struct mayfly_request *r = &call->request;
	uint64_t buffer = call->body_bytes;
	bool posts = needs_id(r->method) || strcmp(r->method, "PUT") == 0;

	if (strcmp(r->method, "HEAD") == 0)
		SET(o, CURLOPT_NOBODY, 1L);
	else
		SET(o, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->pieces_count == 0 && !posts)
		return;
	if (buffer < UPLOAD_LEAST)
		buffer = UPLOAD_LEAST;
	SET(o, CURLOPT_UPLOAD, 1L);
	SET(o, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_bytes);
	SET(o, CURLOPT_UPLOAD_BUFFERSIZE, (long)(buffer < UPLOAD_MOST ? buffer : UPLOAD_MOST));
	SET(o, CURLOPT_READFUNCTION, on_body);
	SET(o, CURLOPT_READDATA, call);
	SET(o, CURLOPT_SEEKFUNCTION, on_seek);
	SET(o, CURLOPT_SEEKDATA, call);
}

static void set_answer(struct options *o, struct mayfly_call *call)
{
	SET(o, CURLOPT_PRIVATE, call);
	SET(o, CURLOPT_ERRORBUFFER, call->error);
	SET(o, CURLOPT_HEADERFUNCTION, answer_head);
	SET(o, CURLOPT_HEADERDATA, call);
	SET(o, CURLOPT_WRITEFUNCTION, answer_body);
	SET(o, CURLOPT_WRITEDATA, call);
}

static void set_url(struct options *o, const struct mayfly_call *call)
{
	const char *base = call->engine->client->url, *path = call->request.path;
	size_t n = strlen(base) + strlen(path) + 1;
	char *url = malloc(n);

	if (!url) {
		o->code = CURLE_OUT_OF_MEMORY;
		return;
	}
	snprintf(url, n, "%s%s", base, path);
	SET(o, CURLOPT_URL, url); /* copied */
	SET(o, CURLOPT_PATH_AS_IS, 1L);
	free(url);
}

enum mayfly_error request_prepare(struct mayfly_call *call)
{
	struct options o = {call->easy, CURLE_OK};
	enum mayfly_error error;

	if (!call->request.method)
		call->request.method = "POST";
	error = check(call);
	if (error == MAYFLY_OK)
		error = add_headers(call);
	if (error != MAYFLY_OK)
		return error;
	set_behaviour(&o, call->engine->client);
	set_trust(&o, call->engine->client);
	set_url(&o, call);
	set_body(&o, call);
	set_answer(&o, call);
	SET(&o, CURLOPT_HTTPHEADER, call->headers);
	/* libcurl sends again by itself where a connection that was kept turns out to be gone */
	SET(&o, CURLOPT_FRESH_CONNECT, call->request.flags & MAYFLY_ONCE ? 1L : 0L);
	return o.code == CURLE_OK ? MAYFLY_OK : MAYFLY_NO_MEMORY;
}
