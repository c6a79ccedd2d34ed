/*
 * planner - plans jobs, and runs their tasks. /shout replies with its payload in capitals; of what is larger than one life it makes
 * slices, a task each (/shout), which are put together two by two (/pair), and then all. In the query, for planner and tasks:
 *
 *	slice=N     bytes of a slice, 65536 unless said
 *	burn=N      each task counts to N million first
 *	fail=I, crash=I, short=I    the I-th slice's task replies 422, crashes, or with a byte less than it was to
 *	plan=none, nonsense, cycle, huge, endless    what it does instead of a plan: a 404; what is none; one that names a task
 *	            behind it; a result of a TiB; it asks to see more again and again
 *	plan=read   it asks for the last bytes first, and the result says in a header what they were
 *	meter=N     each slice's task meters N units a byte
 *	headers=N   each task's reply has N header lines with ninety letters
 */
#include <mayfly.h>

#include "abi/job.h"
#include "base/num.h"
#include "wire/http_text.h"

static const struct mf_event *event;
static uint8_t *output;
static size_t capacity, used;

static uint64_t option(const char *name, uint64_t otherwise)
{
	uint64_t n;

	return num_parse(http_parameter(mf_query(event), name), &n) ? n : otherwise;
}

static void say(const char *format, uint64_t a, uint64_t b, uint64_t c)
{
	used += mf_format((char *)output + used, capacity - used, format, (unsigned long long)a,
		(unsigned long long)b, (unsigned long long)c);
}

/* -------------------------------------------------------------------- tasks */

static void burn(void)
{
	for (volatile uint64_t n = option("burn", 0) * 1000000; n > 0; n--)
		;
}

static void add_headers(uint64_t n)
{
	static const char ninety[] = "012345678901234567890123456789012345678901234"
				     "567890123456789012345678901234567890123456789";
	char name[24];

	for (; n > 0; n--) {
		mf_format(name, sizeof(name), "X-%llu", (unsigned long long)n);
		mf_reply_header(name, ninety);
	}
}

static void run_task(void)
{
	struct mf_str in = mf_payload(event);
	uint64_t task = option("task", UINT64_MAX);
	size_t n = in.n;

	burn();
	if (option("meter", 0))
		mf_meter("byte", option("meter", 0) * n);
	if (task == option("fail", UINT64_MAX - 1)) {
		mf_reply_problem(422, "Unprocessable", "this slice was to fail");
		return;
	}
	if (task == option("crash", UINT64_MAX - 1))
		__builtin_trap();
	if (n > capacity)
		mf_fail("the output has %zu bytes", capacity);
	for (size_t i = 0; i < n; i++)
		output[i] = in.p[i] >= 'a' && in.p[i] <= 'z' ? (uint8_t)(in.p[i] - 32) : in.p[i];
	if (task == option("short", UINT64_MAX - 1))
		n--;
	add_headers(option("headers", 0));
	mf_reply_output(200, "text/plain", n);
}

/* --------------------------------------------------------------------- plans */

static uint64_t at_least_one(uint64_t n)
{
	return n > 0 ? n : 1;
}

static uint64_t slice_size(uint64_t i, uint64_t slice, uint64_t size)
{
	return i * slice + slice <= size ? slice : size - i * slice;
}

static void plan_slice(uint64_t i, uint64_t slice, uint64_t size)
{
	uint64_t n = slice_size(i, slice, size);

	say("{\"path\":\"/shout\",\"query\":\"task=%llu&", i, 0, 0);
	used += mf_format((char *)output + used, capacity - used, "%.*s\",", (int)mf_query(event).n,
		(const char *)mf_query(event).p);
	say("\"bytes\":%llu,\"result\":%llu,\"pieces\":[[\"o0\",0,%llu,", n, n, i * slice);
	say("%llu]]},", n, 0, 0);
}

static void plan_pair(uint64_t i, uint64_t slice, uint64_t size)
{
	uint64_t first = slice_size(2 * i, slice, size),
		 second = slice_size(2 * i + 1, slice, size);

	say("{\"path\":\"/pair\",\"bytes\":%llu,\"result\":%llu,\"pieces\":[", first + second,
		first + second, 0);
	say("[\"t%llu\",0,0,%llu],", 2 * i, first, 0);
	say("[\"t%llu\",%llu,0,", 2 * i + 1, first, 0);
	say("%llu]]},", second, 0, 0);
}

static void plan(uint64_t size, struct mf_str last)
{
	uint64_t slice = at_least_one(option("slice", 65536)), slices = (size + slice - 1) / slice;
	uint64_t pairs = slices / 2;

	say("{\"version\":1,\"tasks\":[", 0, 0, 0);
	for (uint64_t i = 0; i < slices; i++)
		plan_slice(i, slice, size);
	for (uint64_t i = 0; i < pairs; i++)
		plan_pair(i, slice, size);
	used--; /* the comma */
	say("],\"result\":{\"type\":\"text/plain\",\"bytes\":%llu,", size, 0, 0);
	if (last.n > 0)
		used += mf_format((char *)output + used, capacity - used,
			"\"headers\":\"Last: %.*s\\r\\n\",", (int)last.n, (const char *)last.p);
	say("\"pieces\":[", 0, 0, 0);
	for (uint64_t i = 0; i < pairs; i++) {
		uint64_t n = slice_size(2 * i, slice, size) + slice_size(2 * i + 1, slice, size);

		say("[\"t%llu\",%llu,0,", slices + i, 2 * i * slice, 0);
		say("%llu],", n, 0, 0);
	}
	if (slices % 2) {
		say("[\"t%llu\",%llu,0,", slices - 1, (slices - 1) * slice, 0);
		say("%llu],", slice_size(slices - 1, slice, size), 0, 0);
	}
	used--;
	say("]}}", 0, 0, 0);
}

static void reply_text(const char *text)
{
	mf_reply(200, "application/json", text, strlen(text));
}

static const uint8_t *extract(const uint8_t *payload, unsigned n, struct mf_job_extract *e)
{
	const struct mf_job_ask *ask = (const void *)payload;
	const uint8_t *p = payload + sizeof(*ask) + ask->operands * sizeof(uint64_t);

	for (;;) {
		memcpy(e, p, sizeof(*e));
		if (n-- == 0)
			return p + sizeof(*e);
		p += sizeof(*e) + num_align(e->bytes, 8);
	}
}

/* True: that was it. */
static bool misbehaves(struct mf_str how, const struct mf_job_ask *ask, uint64_t size)
{
	if (mf_str_is(how, "none")) {
		mf_reply_problem(404, "Not Found", "nothing is planned here");
	} else if (mf_str_is(how, "nonsense")) {
		reply_text("once upon a time");
	} else if (mf_str_is(how, "cycle")) {
		reply_text("{\"version\":1,\"tasks\":[{\"path\":\"/a\",\"bytes\":1,\"result\":1,"
			   "\"pieces\":[[\"t0\",0,0,1]]}],\"result\":{\"bytes\":1,\"pieces\":[]}}");
	} else if (mf_str_is(how, "huge")) {
		reply_text("{\"version\":1,\"tasks\":[{\"path\":\"/a\",\"bytes\":1,\"result\":1,"
			   "\"pieces\":[]}],\"result\":{\"bytes\":1099511627776,\"pieces\":[]}}");
	} else if (mf_str_is(how, "endless") || (mf_str_is(how, "read") && ask->extracts == 1)) {
		say("{\"version\":1,\"read\":[[0,%llu,3]]}", size - 3, 0, 0);
		mf_reply_output(200, "application/json", used);
	} else {
		return false;
	}
	return true;
}

static void run_plan(void)
{
	const uint8_t *payload = mf_payload(event).p;
	const struct mf_job_ask *ask = (const void *)payload;
	struct mf_str last = {NULL, 0};
	struct mf_job_extract e;
	uint64_t size;

	if (ask->magic != MF_JOB_MAGIC || ask->operands != 1)
		mf_fail("this is no question for a plan");
	memcpy(&size, payload + sizeof(*ask), sizeof(size));
	if (misbehaves(http_parameter(mf_query(event), "plan"), ask, size))
		return;
	if (ask->extracts > 1) {
		last.p = extract(payload, 1, &e);
		last.n = e.bytes;
	}
	plan(size, last);
	mf_reply_output(200, "application/json", used);
}

void mf_main(const struct mf_event *ev)
{
	event = ev;
	output = mf_output(&capacity);
	if (mf_str_is(mf_type(ev), MF_JOB_PLAN))
		run_plan();
	else
		run_task();
}
