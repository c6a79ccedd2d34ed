/* hub/http/response.c - heads of answers. */
#include "hub/http/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* --------------------------------------------------------------------- names */

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{203, "Non-Authoritative Information"},
	{204, "No Content"},
	{205, "Reset Content"},
	{206, "Partial Content"},
	{300, "Multiple Choices"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{425, "Too Early"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{451, "Unavailable For Legal Reasons"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
};

const char *response_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

bool response_has_body(unsigned status)
{
	return status != 204 && status != 304;
}

/* ---------------------------------------------------------------------- head */

struct text {
	char *p;
	size_t n, room;
};

/* What doesn't fit is left out whole; all that the hub itself says does (see the unit test). */
static void put(struct text *t, const void *p, size_t n)
{
	if (n > t->room - t->n)
		return;
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

static void put_text(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

/* Digits by hand: this runs for every answer. */
static void put_number(struct text *t, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	put(t, digits + at, sizeof(digits) - at);
}

static void put_line(struct text *t, const char *name, struct mf_str value)
{
	put_text(t, name);
	put(t, value.p, value.n);
	put_text(t, "\r\n");
}

static void put_words(struct text *t, const char *name, const char *value)
{
	if (value)
		put_line(t, name, mf_str_of(value, strlen(value)));
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), made once a second. */
static const char *date(int64_t now)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static int64_t made;
	static char text[40];
	time_t seconds = (time_t)now;
	struct tm t;

	if (now == made && text[0])
		return text;
	gmtime_r(&seconds, &t);
	snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
		t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
	made = now;
	return text;
}

size_t response_head(const struct response *r, char to[static RESPONSE_HEAD_MOST])
{
	struct text t = {.p = to, .room = RESPONSE_HEAD_MOST};

	put_text(&t, "HTTP/1.1 ");
	put_number(&t, r->status);
	put_words(&t, " ", response_reason(r->status));
	put_words(&t, "Date: ", date(r->now));
	put_words(&t, "Mayfly-Event: ", r->event);
	put_words(&t, "Mayfly-Version: ", r->version);
	if (r->content_type.n > 0)
		put_line(&t, "Content-Type: ", r->content_type);
	if (response_has_body(r->status) && r->length != RESPONSE_NO_LENGTH) {
		put_text(&t, "Content-Length: ");
		put_number(&t, r->length);
		put_text(&t, "\r\n");
	}
	put_words(&t, "Allow: ", r->allow);
	put_words(&t, "Accept-Encoding: ", r->coding);
	put_words(&t, "WWW-Authenticate: ", r->authenticate);
	if (r->retry_after > 0) {
		put_text(&t, "Retry-After: ");
		put_number(&t, r->retry_after);
		put_text(&t, "\r\n");
	}
	if (r->replayed)
		put_text(&t, "Idempotency-Replayed: true\r\n");
	if (!r->keep_alive)
		put_text(&t, "Connection: close\r\n");
	else if (r->minor == 0)
		put_text(&t, "Connection: keep-alive\r\n");
	return t.n;
}
