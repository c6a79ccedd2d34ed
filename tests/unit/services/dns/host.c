/* host.c - the dns service on the host */
#include "tests/unit/services/dns/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libos/mayfly.h"

#include "services/dns/answer.h"
#include "services/dns/load.h"

#define ARENA_MAX ((size_t)64 << 20)

char host_error[1024];
char host_log[4096];
size_t host_init_bytes = 1 << 20;
size_t host_room = 32 << 10;

static jmp_buf failed;
static const struct host_file *attached;
static size_t attached_count;
static uint8_t *arena;
static size_t arena_used;
static uint8_t *reply_to;
static size_t reply_len;
static bool replied;

void mf_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(host_error, sizeof(host_error), format, args);
	va_end(args);
	longjmp(failed, 1);
}

static void add_log(const char *format, va_list args)
{
	size_t used = strlen(host_log);

	vsnprintf(host_log + used, sizeof(host_log) - used, format, args);
	used = strlen(host_log);
	if (used + 1 < sizeof(host_log))
		memcpy(host_log + used, "\n", 2);
}

void mf_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_log(format, args);
	va_end(args);
}

void mf_log_at(enum mf_level level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	add_log(format, args);
	va_end(args);
}

bool mf_data_at(size_t i, struct mf_str *name, struct mf_str *value)
{
	if (i >= attached_count)
		return false;
	*name = mf_str_of(attached[i].name, strlen(attached[i].name));
	*value = mf_str_of(attached[i].text, attached[i].n);
	return true;
}

size_t mf_init_left(void)
{
	return host_init_bytes > arena_used ? host_init_bytes - arena_used : 0;
}

void *mf_init_alloc(size_t n)
{
	if (n > mf_init_left())
		mf_fail("mf_init_alloc: full");
	void *p = arena + arena_used;
	arena_used += (n + 15) & ~(size_t)15;
	return p;
}

struct mf_str mf_payload(const struct mf_event *ev)
{
	return mf_str_of((const uint8_t *)ev + ev->payload.off, ev->payload.len);
}

uint8_t *mf_reply_room(size_t *n)
{
	if (*n > host_room)
		*n = host_room;
	return reply_to;
}

void mf_reply_sent(uint32_t status, const char *content_type, size_t n)
{
	if (status != 200 || content_type || replied)
		abort();
	replied = true;
	reply_len = n;
}

static void begin(const struct host_file *files, size_t count)
{
	if (!arena)
		arena = malloc(ARENA_MAX);
	if (!arena || host_init_bytes > ARENA_MAX)
		abort();
	attached = files;
	attached_count = count;
	arena_used = 0;
	host_error[0] = host_log[0] = '\0';
}

bool host_load(struct zones *z, const struct host_file *files, size_t count)
{
	begin(files, count);
	if (setjmp(failed))
		return false;
	load_zones(z);
	return true;
}

bool host_load_text(struct zones *z, const char *name, const char *text)
{
	struct host_file file = {name, text, strlen(text)};

	return host_load(z, &file, 1);
}

bool host_init(const struct host_file *files, size_t count)
{
	begin(files, count);
	if (setjmp(failed))
		return false;
	mf_init();
	return true;
}

size_t host_main(unsigned source, const uint8_t *query, size_t n, uint8_t reply[static 65536])
{
	struct mf_event *ev = malloc(sizeof(*ev) + n);

	if (!ev)
		abort();
	*ev = (struct mf_event){.source = (uint16_t)source};
	ev->payload.off = sizeof(*ev);
	ev->payload.len = (uint32_t)n;
	memcpy(ev + 1, query, n);
	reply_to = reply;
	reply_len = 0;
	replied = false;
	mf_main(ev);
	free(ev);
	return reply_len;
}

char *host_read(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return NULL;
	char *text = malloc(1 << 20);
	*n = text ? fread(text, 1, 1 << 20, f) : 0;
	fclose(f);
	return text;
}

static size_t put_name(uint8_t *out, const char *name)
{
	size_t n = 0;

	while (*name && strcmp(name, ".") != 0) {
		size_t len = 0;
		while (name[len] && name[len] != '.')
			len++;
		out[n++] = (uint8_t)len;
		memcpy(out + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	out[n++] = 0;
	return n;
}

size_t host_query(uint8_t out[static 512], const char *name, uint16_t type, uint16_t edns_size)
{
	static const uint8_t head[12] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	size_t n = sizeof(head);

	memcpy(out, head, n);
	n += put_name(out + n, name);
	out[n++] = (uint8_t)(type >> 8);
	out[n++] = (uint8_t)type;
	out[n++] = 0;
	out[n++] = DNS_IN;
	if (edns_size == 0)
		return n;
	const uint8_t opt[11] = {0, 0, DNS_OPT, (uint8_t)(edns_size >> 8), (uint8_t)edns_size};
	memcpy(out + n, opt, sizeof(opt));
	out[11] = 1;
	return n + sizeof(opt);
}

size_t host_allowed(const uint8_t *query, size_t n, bool tcp)
{
	struct dns_query q;

	if (tcp)
		return host_room;
	dns_query_read(&q, query, n);
	if (!q.edns || q.edns_size < DNS_UDP_MIN)
		return DNS_UDP_MIN;
	return q.edns_size < ANSWER_UDP_MAX ? q.edns_size : ANSWER_UDP_MAX;
}
