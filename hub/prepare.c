/* hub/prepare.c - see prepare.h */
#include "hub/prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/database.h"
#include "hub/hub.h"
#include "hub/ids.h"
#include "hub/paid.h"
#include "hub/states.h"

bool prepare_is_duplicate(struct service *service, struct task *task)
{
	struct service *s = service;
	struct store_id done;
	struct ids_answer kept;
	enum ids_found found = IDS_NEW;

	if ((task->identity & TASK_CHECK) && s->hub->ids)
		found = ids_find(s->hub->ids, mf_str_of(task->id, strlen(task->id)), &done);
	if (found == IDS_NEW)
		return false;
	if (found == IDS_DONE && task->paid) {
		paid_was_done(task, done.answer);
		return true;
	}
	if (found == IDS_RUNNING) {
		service_refused(s, REFUSED_BUSY);
		task->origin->refuse(task, REFUSED_BUSY);
	} else {
		bool replies = ids_answer_read(done.answer, &kept) && !kept.empty;

		s->counts.duplicates++;
		recent_again(&s->hub->recent,
			&(struct recent_repeat){.service = s,
				.source = task->origin->source,
				.id = task->id,
				.kind = task->head.source,
				.subject = recent_subject(task)});
		(task->origin->duplicate ? task->origin->duplicate : task->origin->reply)(
			task, replies ? &kept.reply : NULL);
	}
	service_cancel(task);
	return true;
}

void prepare_strip(struct task *task)
{
	if (task->bare == 0)
		return;
	task->head.bytes = task->bare;
	task->head.state = (struct mf_span){0, 0};
	task->head.state_count = 0;
	task->bare = 0;
	free(task->seen);
	task->seen = NULL;
}

bool prepare_state(struct service *service, struct task *task)
{
	struct service *s = service;
	size_t needed = 0;
	uint64_t skipped;
	int rc;

	prepare_strip(task);
	task->bare = task->head.bytes;
	rc = states_attach(s->hub->states, database_service(s), &s->manifest, &task->writer,
		&task->seen, &needed);
	if (rc == 0)
		return true;
	prepare_strip(task);
	if (log_allowed(&s->fails, loop_now(s->hub->loop), &skipped) && rc == -E2BIG)
		log_about(LOG_WARN, s->name, task->id,
			"with its state the event has %zu bytes, its manifest's memory.event %u",
			needed, s->note.event_bytes);
	else if (rc != -E2BIG)
		log_about(
			LOG_ERROR, s->name, task->id, "its state can't be read: %s", strerror(-rc));
	service_refuse(task, rc == -E2BIG ? REFUSED_TOO_BIG : REFUSED_STORE);
	return false;
}
