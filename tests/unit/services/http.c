#include "tests/unit/services/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "image/bundle.h"
#include "libos/mayfly.h"
#include "tests/unit/libos/guest.h"

int64_t http_time_ns;

static struct http_answer answer;
static char said[4096];
static uint8_t *attached;
static size_t attached_bytes;

void mf_init(void) __attribute__((weak)); /* not every service has one */

static void run_init(void)
{
	mf_init();
}

static void run_main(void)
{
	mf_main((const struct mf_event *)MF_ADDR_WINDOW);
}

static void copy(void *to, size_t room, struct mf_str s)
{
	assert_true(s.n < room);
	memcpy(to, s.p, s.n);
	((char *)to)[s.n] = '\0';
}

static void take_effects(void)
{
	struct effects_reader reader;
	struct effect e;

	answer = (struct http_answer){.status = 204};
	said[0] = '\0';
	guest_open(&reader);
	answer.outcome = reader.outcome;
	while (effects_next(&reader, &e)) {
		if (e.kind == MF_EFFECT_LOG) {
			copy(said + strlen(said), sizeof(said) - strlen(said) - 1,
				e.field[MF_FIELD_BODY]);
			strcat(said, "\n");
			continue;
		}
		assert_int_equal(e.kind, MF_EFFECT_REPLY);
		answer.status = e.status;
		answer.n = e.field[MF_FIELD_BODY].n;
		copy(answer.type, sizeof(answer.type), e.field[MF_FIELD_TYPE]);
		copy(answer.headers, sizeof(answer.headers), e.field[MF_FIELD_META]);
		copy(answer.body, sizeof(answer.body), e.field[MF_FIELD_BODY]);
	}
}

enum mf_outcome http_init(const struct http_file *files, const char *const (*config)[2])
{
	struct bundle_item items[64];
	size_t count = 0;

	for (; files && files->name; files++)
		items[count++] =
			(struct bundle_item){MF_DATA_FILE, files->name, files->bytes, files->n};
	for (; config && (*config)[0]; config++)
		items[count++] = (struct bundle_item){
			MF_DATA_CONFIG, (*config)[0], (*config)[1], strlen((*config)[1])};
	assert_true(count <= 64);
	free(attached);
	assert_int_equal(bundle_pack(items, count, &attached, &attached_bytes), 0);
	guest_fresh(MF_SOURCE_INIT);
	guest_attach(attached, attached_bytes);
	guest_live(run_init);
	take_effects();
	return answer.outcome;
}

static struct mf_str text(const char *s)
{
	return mf_str_of(s, strlen(s));
}

static void add_headers(struct event_writer *w, const char *const *headers)
{
	for (; headers && *headers; headers++) {
		size_t n = strcspn(*headers, ":");
		struct mf_str value = text(*headers + n + 2);

		if (strncasecmp(*headers, "Content-Type:", n + 1) == 0)
			assert_true(event_span(w, &w->event->content_type, value));
	}
}

static void add_attributes(struct event_writer *w, const char *const *headers)
{
	for (; headers && *headers; headers++) {
		size_t n = strcspn(*headers, ":");

		if (strncasecmp(*headers, "Content-Type:", n + 1) != 0)
			assert_true(
				event_attribute(w, mf_str_of(*headers, n), text(*headers + n + 2)));
	}
}

const struct http_answer *http_ask(
	const char *line, const char *const *headers, const void *body, size_t n)
{
	static uint8_t init[GUEST_INIT_BYTES];
	const char *path = strchr(line, ' ') + 1;
	size_t path_n = strcspn(path, "?");
	struct event_writer w;

	/* what mf_init left there is part of every life */
	if (attached)
		memcpy(init, (void *)MF_ADDR_INIT, sizeof(init));
	w = guest_fresh(MF_SOURCE_HTTP);
	if (attached) {
		memcpy((void *)MF_ADDR_INIT, init, sizeof(init));
		guest_attach(attached, attached_bytes);
	}
	assert_true(event_span(&w, &w.event->id, MF_STR("id-1")));
	assert_true(event_span(&w, &w.event->method, mf_str_of(line, (size_t)(path - line) - 1)));
	assert_true(event_span(&w, &w.event->subject, mf_str_of(path, path_n)));
	if (path[path_n])
		assert_true(event_span(&w, &w.event->query, text(path + path_n + 1)));
	add_headers(&w, headers);
	add_attributes(&w, headers);
	assert_true(event_span(&w, &w.event->payload, mf_str_of(body, n)));
	w.event->time_ns = http_time_ns;
	guest_live(run_main);
	take_effects();
	return &answer;
}

const char *http_header(const char *name)
{
	static char value[512];
	size_t n = strlen(name);

	for (const char *line = answer.headers; *line; line = strstr(line, "\r\n") + 2) {
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			copy(value, sizeof(value),
				mf_str_of(line + n + 2, strcspn(line + n + 2, "\r")));
			return value;
		}
	}
	return NULL;
}

const char *http_log(void)
{
	return said;
}
