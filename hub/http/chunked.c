/* hub/http/chunked.c - bodies in chunks. */
#include "hub/http/chunked.h"

#include <string.h>

/* Sizes and extensions between two pieces of data: extensions are not used by anybody, and
 * whoever sends long ones means no good. */
#define FRAMING_MOST 512u
#define TRAILER_MOST 4096u

static struct chunked *chunked_of(llhttp_t *parser)
{
	return (struct chunked *)(void *)((char *)parser - offsetof(struct chunked, parser));
}

static int refuse(struct chunked *d, const char *wrong)
{
	d->state = CHUNKED_WRONG;
	d->wrong = wrong;
	return -1;
}

static int add_framing(struct chunked *d, size_t n)
{
	d->framing += n;
	return d->framing > FRAMING_MOST ? refuse(d, "a chunk's size line is too long") : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
	struct chunked *d = chunked_of(parser);

	if (add_framing(d, (size_t)(at - d->last)) < 0)
		return -1;
	memmove(d->to + d->out, at, n);
	d->out += n;
	d->last = at + n;
	d->framing = 0;
	return 0;
}

/* The last one has no data: what follows is no longer for llhttp, which takes more than it
 * should in trailers. */
static int on_chunk(llhttp_t *parser)
{
	return parser->content_length == 0 ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {.on_body = on_body, .on_chunk_header = on_chunk};

void chunked_open(struct chunked *chunked)
{
	static const char head[] = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

	memset(chunked, 0, sizeof(*chunked));
	llhttp_init(&chunked->parser, HTTP_REQUEST, &settings);
	llhttp_execute(&chunked->parser, head, sizeof(head) - 1);
}

static size_t take_data(struct chunked *d, uint8_t *p, size_t n)
{
	llhttp_errno_t error;
	size_t used = n;

	d->last = (const char *)p;
	error = llhttp_execute(&d->parser, (const char *)p, n);
	if (error == HPE_PAUSED) {
		used = (size_t)(llhttp_get_error_pos(&d->parser) - (const char *)p);
		d->state = CHUNKED_TRAILER;
	} else if (error != HPE_OK && d->state != CHUNKED_WRONG) {
		refuse(d, "the chunks are malformed");
	}
	if (d->state != CHUNKED_WRONG)
		add_framing(d, (size_t)((const char *)p + used - d->last));
	return used;
}

/* NULL, or what is wrong with one more byte of the trailer. */
static const char *take_trailer_byte(struct chunked *d, uint8_t c)
{
	if (++d->trailer > TRAILER_MOST)
		return "the trailer is too long";
	if (d->cr) {
		d->cr = false;
		if (c != '\n')
			return "a carriage return stands alone in the trailer";
		if (d->line == 0)
			d->state = CHUNKED_DONE;
		d->line = 0;
		return NULL;
	}
	if (c == '\n' || c == '\0' || (d->line == 0 && (c == ' ' || c == '\t')))
		return "a line of the trailer is malformed";
	d->cr = c == '\r';
	d->line += !d->cr;
	return NULL;
}

static size_t take_trailer(struct chunked *d, const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n && d->state == CHUNKED_TRAILER) {
		const char *wrong = take_trailer_byte(d, p[at++]);

		if (wrong)
			refuse(d, wrong);
	}
	return at;
}

size_t chunked_take(struct chunked *chunked, uint8_t *p, size_t n, size_t *out)
{
	size_t used = 0;

	chunked->to = p;
	chunked->out = 0;
	if (chunked->state == CHUNKED_DATA)
		used = take_data(chunked, p, n);
	if (chunked->state == CHUNKED_TRAILER)
		used += take_trailer(chunked, p + used, n - used);
	*out = chunked->out;
	return used;
}
