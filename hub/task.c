/* hub/task.c - tasks, lists of them, spare ones. */
#include "hub/task.h"

#include <sodium/crypto_generichash.h>
#include <stdlib.h>
#include <string.h>

#include "hub/paid.h"
#include "hub/service.h"
#include "sys/random.h"

#define SPARE_MOST 512u

void task_append(struct task_list *list, struct task *task)
{
	task->next = NULL;
	task->prev = list->last;
	if (list->last)
		list->last->next = task;
	else
		list->first = task;
	list->last = task;
	list->count++;
}

void task_prepend(struct task_list *list, struct task *task)
{
	task->prev = NULL;
	task->next = list->first;
	if (list->first)
		list->first->prev = task;
	else
		list->last = task;
	list->first = task;
	list->count++;
}

void task_unlink(struct task_list *list, struct task *task)
{
	if (task->prev)
		task->prev->next = task->next;
	else
		list->first = task->next;
	if (task->next)
		task->next->prev = task->prev;
	else
		list->last = task->prev;
	list->count--;
}

struct task *task_get(struct task_pool *pool)
{
	struct task *task = pool->spare;

	if (task) {
		pool->spare = task->next;
		pool->count--;
	} else {
		task = malloc(sizeof(*task));
		if (!task)
			return NULL;
	}
	task->slot = task->area = -1;
	task->output = (struct areas_hold){0};
	task->bytes = NULL;
	task->price = (struct pricing){0};
	task->paid = NULL;
	task->attempt = 0;
	task->named = false;
	task->life = 0;
	task->tries = 0;
	task->wall_ns = 0;
	task->subject = mf_str_of(NULL, 0);
	task->phase = TASK_WAITING;
	task->races = 0;
	task->identity = 0;
	task->seen = NULL;
	task->bare = 0;
	task->cold = false;
	task->trial = false;
	task->most_ns = 0;
	task->holds = 0;
	task->calls = NULL;
	task->id[0] = '\0';
	return task;
}

void task_put(struct task_pool *pool, struct task *task)
{
	areas_release(&task->output);
	if (task->area >= 0)
		areas_drop(task->service->areas, task->area);
	paid_free(task->paid);
	free(task->bytes);
	free(task->seen);
	task->bytes = NULL;
	task->seen = NULL;
	if (pool->count >= SPARE_MOST) {
		free(task);
		return;
	}
	task->next = pool->spare;
	pool->spare = task;
	pool->count++;
}

void task_pool_close(struct task_pool *pool)
{
	while (pool->spare) {
		struct task *task = pool->spare;

		pool->spare = task->next;
		free(task);
	}
	pool->count = 0;
}

static void write_digits(char id[static TASK_ID + 1], const uint8_t raw[static TASK_ID / 2])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < TASK_ID / 2; i++) {
		id[2 * i] = digits[raw[i] >> 4];
		id[2 * i + 1] = digits[raw[i] & 15];
	}
	id[TASK_ID] = '\0';
}

void task_make_id(char id[static TASK_ID + 1])
{
	uint8_t raw[TASK_ID / 2];

	random_bytes(raw, sizeof(raw));
	write_digits(id, raw);
}

/* Each piece with its length, so that none can pass for two. */
static void add_piece(crypto_generichash_state *state, struct mf_str piece)
{
	uint64_t n = piece.n;

	crypto_generichash_update(state, (const uint8_t *)&n, sizeof(n));
	crypto_generichash_update(state, piece.p, n);
}

void task_identity_id(char id[static TASK_ID + 1], enum mf_source source, const char *service,
	const struct mf_str *pieces, unsigned count)
{
	crypto_generichash_state state;
	uint8_t raw[TASK_ID / 2], from = (uint8_t)source;

	crypto_generichash_init(&state, NULL, 0, sizeof(raw));
	add_piece(&state, mf_str_of(&from, 1));
	add_piece(&state, mf_str_of(service, strlen(service)));
	for (unsigned i = 0; i < count; i++)
		add_piece(&state, pieces[i]);
	crypto_generichash_final(&state, raw, sizeof(raw));
	write_digits(id, raw);
}

void task_identify(struct task *task, const struct mf_str *pieces, unsigned count, unsigned flags)
{
	task_identity_id(task->id, task->head.source, task->service->name, pieces, count);
	memcpy(task->writer.base + task->head.id.off, task->id, TASK_ID);
	task->identity = TASK_IDENTITY | flags;
}

bool task_may_come_again(const struct task *task, enum refusal why)
{
	return refusal_passes(why) || (why == REFUSED_LATE && task->phase == TASK_WAITING);
}

size_t task_payload(const struct task *task, void *to, size_t size)
{
	struct mf_span span = task->head.payload;
	size_t n = span.len < size ? span.len : size;

	if (n > 0)
		memcpy(to, task->writer.base + span.off, n);
	if (task->head.input_bytes > 0) {
		n = task->head.input_bytes < size ? task->head.input_bytes : size;
		memcpy(to, areas_input(task->service->areas, task->area), n);
	}
	return n;
}
