/* hub/task.c - tasks, lists of them, spare ones. */
#include "hub/task.h"

#include <stdlib.h>
#include <string.h>

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
	task->slot = -1;
	task->bytes = NULL;
	task->attempt = 0;
	task->posted = false;
	task->cold = false;
	task->trial = false;
	task->id[0] = '\0';
	return task;
}

void task_put(struct task_pool *pool, struct task *task)
{
	free(task->bytes);
	task->bytes = NULL;
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

void task_make_id(char id[static TASK_ID + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[TASK_ID / 2];

	random_bytes(raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++) {
		id[2 * i] = digits[raw[i] >> 4];
		id[2 * i + 1] = digits[raw[i] & 15];
	}
	id[TASK_ID] = '\0';
}

size_t task_payload(const struct task *task, void *to, size_t size)
{
	struct mf_span span = task->head.payload;
	size_t n = span.len < size ? span.len : size;

	if (n > 0)
		memcpy(to, task->writer.base + span.off, n);
	return n;
}
