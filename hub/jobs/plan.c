/* hub/jobs/plan.c - see plan.h. First everything is counted, then there is memory for it, then it is filled in and checked. */
#include "hub/jobs/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "hub/jobs/graph.h"
#include "wire/base64.h"
#include "wire/effects.h"

enum owned { OWN_TASKS, OWN_LITERALS, OWN_PIECES, OWN_AFTER, OWN_TEXT, OWN_BYTES };

struct reader {
	struct job_plan *plan;
	const struct job_limits *limits;
	const json_t *literals, *tasks, *result;
	struct job_piece *piece; /* the next that is free, as are these */
	uint32_t *after;
	uint8_t *text, *bytes;
	size_t pieces_count, after_count, text_count, bytes_count;
	char where[64]; /* "task 3: " */
	char *error;
};

__attribute__((format(printf, 3, 4))) static int wrong(
	const struct reader *r, int value, const char *format, ...)
{
	int n = snprintf(r->error, JOB_PLAN_ERROR, "%s", r->where);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->error + n, JOB_PLAN_ERROR - (size_t)n, format, args);
	va_end(args);
	return value;
}

/* ------------------------------------------------------------------ members */

/* Has it other members than these? */
static int only(const struct reader *r, const json_t *object, const char *const *names)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return wrong(r, -EINVAL, "it is no object");
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const char *const *name = names;

		while (*name && strcmp(*name, key) != 0)
			name++;
		if (!*name)
			return wrong(r, -EINVAL, "it has '%.32s', which plans don't have", key);
	}
	return 0;
}

static bool is_number(const json_t *json)
{
	return json_is_integer(json) && json_integer_value(json) >= 0 &&
		(uint64_t)json_integer_value(json) <= JOB_NUMBER_MOST;
}

static int number(const struct reader *r, const json_t *object, const char *key, uint64_t *to)
{
	const json_t *j = json_object_get(object, key);

	if (!is_number(j))
		return wrong(r, -EINVAL, "'%s' is no number of bytes", key);
	*to = (uint64_t)json_integer_value(j);
	return 0;
}

/* A text of at most so many bytes; absent: p NULL. */
static int text(
	struct reader *r, const json_t *object, const char *key, size_t most, struct mf_str *to)
{
	const json_t *j = json_object_get(object, key);
	size_t n = json_string_length(j);

	*to = mf_str_of(NULL, 0);
	if (!j)
		return 0;
	if (!json_is_string(j) || n > most)
		return wrong(r, -EINVAL, "'%s' is no text of at most %zu bytes", key, most);
	memcpy(r->text, json_string_value(j), n);
	*to = mf_str_of(r->text, n);
	r->text += n;
	return 0;
}

/* What may stand in a request's target, or in a header's value. */
static bool is_plain(struct mf_str s, const char *without)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e || strchr(without, s.p[i]))
			return false;
	return true;
}

/* ----------------------------------------------------------------- counting */

static int count_pieces(struct reader *r, const json_t *holder, size_t most)
{
	const json_t *pieces = json_object_get(holder, "pieces");

	if (!json_is_array(pieces))
		return wrong(r, -EINVAL, "'pieces' is no list");
	r->pieces_count += json_array_size(pieces);
	if (json_array_size(pieces) > most || r->pieces_count > JOB_PIECES_MOST)
		return wrong(
			r, -E2BIG, "too many pieces: %zu may be, %u in all", most, JOB_PIECES_MOST);
	return 0;
}

static int count_task(struct reader *r, const json_t *task)
{
	static const char *const names[] = {
		"path", "query", "type", "bytes", "pieces", "result", "after", "weight", NULL};
	const json_t *after = json_object_get(task, "after");
	int e = only(r, task, names);

	if (e < 0)
		return e;
	if (after && !json_is_array(after))
		return wrong(r, -EINVAL, "'after' is no list");
	r->after_count += json_array_size(after);
	if (r->after_count > JOB_AFTER_MOST)
		return wrong(r, -E2BIG, "too many 'after': %u may be in all", JOB_AFTER_MOST);
	r->text_count += json_string_length(json_object_get(task, "path")) +
		json_string_length(json_object_get(task, "query")) +
		json_string_length(json_object_get(task, "type"));
	return count_pieces(r, task, JOB_TASK_PIECES);
}

static int count_literals(struct reader *r)
{
	size_t n = json_array_size(r->literals);

	if (r->literals && !json_is_array(r->literals))
		return wrong(r, -EINVAL, "'literals' is no list");
	if (n > JOB_LITERALS_MOST)
		return wrong(r, -E2BIG, "%zu literals: %u may be", n, JOB_LITERALS_MOST);
	for (size_t i = 0; i < n; i++)
		r->bytes_count += BASE64_ROOM(json_string_length(json_array_get(r->literals, i)));
	if (r->bytes_count > JOB_LITERAL_BYTES + 3 * n)
		return wrong(r, -E2BIG, "literals of more than %u bytes", JOB_LITERAL_BYTES);
	return 0;
}

static int count_result(struct reader *r)
{
	static const char *const names[] = {"type", "headers", "bytes", "pieces", NULL};
	int e;

	(void)snprintf(r->where, sizeof(r->where), "result: ");
	e = only(r, r->result, names);
	r->text_count += json_string_length(json_object_get(r->result, "type")) +
		json_string_length(json_object_get(r->result, "headers"));
	return e < 0 ? e : count_pieces(r, r->result, JOB_PIECES_MOST);
}

static void at_task(struct reader *r, size_t i)
{
	(void)snprintf(r->where, sizeof(r->where), "task %zu: ", i);
}

static int count(struct reader *r, const json_t *json)
{
	static const char *const names[] = {"version", "literals", "tasks", "result", NULL};
	size_t n;
	int e = only(r, json, names);

	if (e < 0)
		return e;
	if (json_integer_value(json_object_get(json, "version")) != 1)
		return wrong(r, -EINVAL, "'version' is not 1");
	r->literals = json_object_get(json, "literals");
	r->tasks = json_object_get(json, "tasks");
	r->result = json_object_get(json, "result");
	n = json_array_size(r->tasks);
	if (n == 0)
		return wrong(r, -EINVAL, "it has no tasks");
	if (n > JOB_TASKS_MOST)
		return wrong(r, -E2BIG, "%zu tasks: %u may be", n, JOB_TASKS_MOST);
	e = count_literals(r);
	for (size_t i = 0; i < n && e == 0; i++) {
		at_task(r, i);
		e = count_task(r, json_array_get(r->tasks, i));
	}
	return e < 0 ? e : count_result(r);
}

/* ------------------------------------------------------------------- filling */

static int fill_literals(struct reader *r)
{
	struct mf_str *to = r->plan->owned[OWN_LITERALS];

	for (size_t i = 0; i < r->plan->literals_count; i++) {
		const json_t *j = json_array_get(r->literals, i);
		size_t n;

		if (!json_is_string(j) ||
			!base64_read(mf_str_of(json_string_value(j), json_string_length(j)),
				r->bytes, &n))
			return wrong(r, -EINVAL, "literal %zu is no base64", i);
		to[i] = mf_str_of(r->bytes, n);
		r->bytes += n;
	}
	return 0;
}

/* "t12" into kind and number. */
static bool read_source(const json_t *json, struct job_piece *piece)
{
	static const char letters[JOB_SOURCES] = {'l', 'o', 't'};
	const char *s = json_string_value(json);
	size_t n = json_string_length(json);
	uint64_t k;

	if (n < 2 || n > 8 || !num_parse(mf_str_of(s + 1, n - 1), &k))
		return false;
	piece->kind = JOB_LITERAL;
	while (piece->kind < JOB_SOURCES && letters[piece->kind] != s[0])
		piece->kind++;
	piece->source = (uint32_t)k;
	return piece->kind < JOB_SOURCES;
}

/* How many bytes the source has; false: there is none, for the i-th task. */
static bool source_size(const struct reader *r, const struct job_piece *p, size_t i, uint64_t *size)
{
	const struct job_plan *plan = r->plan;
	const uint32_t there[JOB_SOURCES] = {
		[JOB_LITERAL] = plan->literals_count,
		[JOB_OPERAND] = r->limits->operands,
		[JOB_RESULT] = (uint32_t)i,
	};

	if (p->source >= there[p->kind])
		return false;
	*size = p->kind == JOB_LITERAL   ? plan->literals[p->source].n
		: p->kind == JOB_OPERAND ? r->limits->sizes[p->source]
					 : plan->tasks[p->source].result;
	return true;
}

/* Do `rows` rows, so far apart, lie within `size`? */
static bool rows_fit(uint64_t at, uint64_t row, uint64_t rows, uint64_t stride, uint64_t size)
{
	uint64_t way;

	if (__builtin_mul_overflow(rows - 1, stride, &way) ||
		__builtin_add_overflow(way, row, &way))
		return false;
	return num_fits(at, way, size);
}

/* For the i-th task, into `bytes` bytes. */
static int fill_piece(struct reader *r, const json_t *json, size_t i, uint64_t bytes, size_t k)
{
	size_t n = json_array_size(json);
	struct job_piece *p = r->piece++;
	uint64_t v[7] = {0, 0, 0, 0, 1, 0, 0}, size;

	if (n != 4 && n != 7)
		return wrong(r, -EINVAL, "piece %zu has neither 4 members nor 7", k);
	for (size_t m = 1; m < n; m++) {
		if (!is_number(json_array_get(json, m)))
			return wrong(r, -EINVAL, "piece %zu: member %zu is no number", k, m);
		v[m] = (uint64_t)json_integer_value(json_array_get(json, m));
	}
	*p = (struct job_piece){.to = v[1],
		.from = v[2],
		.row = v[3],
		.rows = v[4],
		.from_stride = v[5],
		.to_stride = v[6]};
	if (!read_source(json_array_get(json, 0), p))
		return wrong(r, -EINVAL, "piece %zu has no source such as \"t0\"", k);
	if (!source_size(r, p, i, &size))
		return wrong(r, -EINVAL, "piece %zu: there is no such source before it", k);
	if (p->row == 0 || p->rows == 0 || p->rows > JOB_ROWS_MOST)
		return wrong(r, -EINVAL, "piece %zu has no rows, or too many", k);
	if (p->rows > 1 && p->to_stride < p->row)
		return wrong(r, -EINVAL, "piece %zu: its rows overlap", k);
	if (!rows_fit(p->from, p->row, p->rows, p->from_stride, size))
		return wrong(r, -EINVAL, "piece %zu lies outside of its source's %llu bytes", k,
			(unsigned long long)size);
	if (!rows_fit(p->to, p->row, p->rows, p->to_stride, bytes))
		return wrong(r, -EINVAL, "piece %zu lies outside of its target's %llu bytes", k,
			(unsigned long long)bytes);
	return 0;
}

static int fill_bytes(struct reader *r, const json_t *holder, size_t i, struct job_bytes *to)
{
	const json_t *pieces = json_object_get(holder, "pieces");
	int e = number(r, holder, "bytes", &to->bytes);

	to->pieces = r->piece;
	to->count = (uint32_t)json_array_size(pieces);
	for (size_t k = 0; k < to->count && e == 0; k++)
		e = fill_piece(r, json_array_get(pieces, k), i, to->bytes, k);
	return e;
}

static int fill_after(struct reader *r, const json_t *list, size_t i, struct job_task *t)
{
	t->after = r->after;
	t->after_count = (uint32_t)json_array_size(list);
	for (size_t k = 0; k < t->after_count; k++) {
		const json_t *j = json_array_get(list, k);

		if (!is_number(j) || (uint64_t)json_integer_value(j) >= i)
			return wrong(r, -EINVAL, "'after' names what is no task before it");
		*r->after++ = (uint32_t)json_integer_value(j);
	}
	return 0;
}

static int fill_weight(struct reader *r, const json_t *task, struct job_task *t)
{
	const json_t *j = json_object_get(task, "weight");
	double w = json_number_value(j);

	if (j && (!json_is_number(j) || !(w >= 0 && w <= 1e30)))
		return wrong(r, -EINVAL, "'weight' is no number that a task can have");
	t->weight = j ? w : (double)(t->input.bytes + t->result);
	if (t->weight < 1e-9)
		t->weight = 1e-9;
	r->plan->weight += t->weight;
	return 0;
}

/* The i-th task's path and so on. */
static int fill_words(struct reader *r, const json_t *task, struct job_task *t)
{
	int e = text(r, task, "path", JOB_PATH_MOST, &t->path);

	if (e == 0)
		e = text(r, task, "query", JOB_QUERY_MOST, &t->query);
	if (e == 0)
		e = text(r, task, "type", JOB_TYPE_MOST, &t->type);
	if (e < 0)
		return e;
	if (t->path.n == 0 || t->path.p[0] != '/' || !is_plain(t->path, " ?#"))
		return wrong(r, -EINVAL, "'path' is no path");
	if (!is_plain(t->query, " #") || !is_plain(t->type, ""))
		return wrong(r, -EINVAL, "'query' or 'type' has bytes that can't be there");
	return 0;
}

static int fill_task(struct reader *r, const json_t *json, size_t i)
{
	struct job_task *t = &r->plan->tasks[i];
	const struct job_limits *limits = r->limits;
	int e = fill_words(r, json, t);

	if (e == 0)
		e = fill_bytes(r, json, i, &t->input);
	if (e == 0)
		e = number(r, json, "result", &t->result);
	if (e == 0)
		e = fill_after(r, json_object_get(json, "after"), i, t);
	if (e < 0)
		return e;
	if (t->input.bytes > limits->input_most)
		return wrong(r, -E2BIG, "its input has %llu bytes: %llu may be (memory.input)",
			(unsigned long long)t->input.bytes, (unsigned long long)limits->input_most);
	if (t->result > limits->result_most)
		return wrong(r, -E2BIG, "its result has %llu bytes: %llu may be (memory.output)",
			(unsigned long long)t->result, (unsigned long long)limits->result_most);
	return fill_weight(r, json, t);
}

static int fill_result(struct reader *r)
{
	struct job_plan *plan = r->plan;
	int e = text(r, r->result, "type", JOB_TYPE_MOST, &plan->type);

	if (e == 0)
		e = text(r, r->result, "headers", JOB_HEADERS_MOST, &plan->headers);
	if (e == 0 && !is_plain(plan->type, ""))
		return wrong(r, -EINVAL, "'type' has bytes that can't be there");
	if (e == 0 && effects_headers(plan->headers))
		return wrong(r, -EINVAL, "%s", effects_headers(plan->headers));
	return e < 0 ? e : fill_bytes(r, r->result, plan->tasks_count, &plan->result);
}

/* Who needs what: see plan.h. */
static void find_final(struct job_plan *plan)
{
	const struct job_bytes *result = &plan->result;

	for (uint32_t i = 0; i < result->count; i++)
		if (result->pieces[i].kind == JOB_RESULT)
			plan->places = plan->tasks[result->pieces[i].source].final = true;
	for (uint32_t i = 0; i < result->count; i++)
		plan->places = plan->places && result->pieces[i].kind != JOB_OPERAND;
	for (uint32_t i = 0; i < plan->tasks_count; i++)
		for (uint32_t k = 0; k < plan->tasks[i].input.count; k++) {
			const struct job_piece *p = &plan->tasks[i].input.pieces[k];

			if (p->kind == JOB_RESULT && plan->tasks[p->source].final)
				plan->places = false;
		}
}

static int fill(struct reader *r)
{
	int e = fill_literals(r);

	for (size_t i = 0; i < r->plan->tasks_count && e == 0; i++) {
		at_task(r, i);
		e = fill_task(r, json_array_get(r->tasks, i), i);
	}
	(void)snprintf(r->where, sizeof(r->where), "result: ");
	if (e == 0)
		e = fill_result(r);
	r->where[0] = '\0';
	return e;
}

/* ---------------------------------------------------------------------- whole */

static bool reserve(struct reader *r)
{
	struct job_plan *plan = r->plan;
	const size_t sizes[] = {
		[OWN_TASKS] = plan->tasks_count * sizeof(*plan->tasks),
		[OWN_LITERALS] = plan->literals_count * sizeof(*plan->literals),
		[OWN_PIECES] = r->pieces_count * sizeof(*r->piece),
		[OWN_AFTER] = r->after_count * sizeof(*r->after),
		[OWN_TEXT] = r->text_count,
		[OWN_BYTES] = r->bytes_count,
	};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		plan->owned[i] = calloc(1, sizes[i] + 1);
		if (!plan->owned[i])
			return false;
	}
	plan->tasks = plan->owned[OWN_TASKS];
	plan->literals = plan->owned[OWN_LITERALS];
	r->piece = plan->owned[OWN_PIECES];
	r->after = plan->owned[OWN_AFTER];
	r->text = plan->owned[OWN_TEXT];
	r->bytes = plan->owned[OWN_BYTES];
	return true;
}

static int check_cache(const struct reader *r)
{
	uint64_t peak = job_plan_peak(r->plan, r->limits->threads);

	if (peak <= r->limits->cache_most)
		return 0;
	return wrong(r, -ENOSPC,
		"its results take up to %llu bytes at once: the disk cache has %llu for them "
		"(limits.blobs)",
		(unsigned long long)peak, (unsigned long long)r->limits->cache_most);
}

int job_plan_read(struct job_plan *plan, const json_t *json, const struct job_limits *limits,
	char error[static JOB_PLAN_ERROR])
{
	struct reader r = {.plan = plan, .limits = limits, .error = error};
	int e;

	*plan = (struct job_plan){0};
	e = count(&r, json);
	if (e < 0)
		return e;
	r.where[0] = '\0';
	plan->tasks_count = (uint32_t)json_array_size(r.tasks);
	plan->literals_count = (uint32_t)json_array_size(r.literals);
	e = reserve(&r) ? fill(&r) : wrong(&r, -ENOMEM, "no memory");
	if (e == 0) {
		find_final(plan);
		e = check_cache(&r);
	}
	if (e < 0)
		job_plan_free(plan);
	return e;
}

void job_plan_free(struct job_plan *plan)
{
	for (unsigned i = 0; i < sizeof(plan->owned) / sizeof(*plan->owned); i++)
		free(plan->owned[i]);
	*plan = (struct job_plan){0};
}
