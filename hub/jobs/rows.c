/*
 * hub/jobs/rows.c - jobs in the database, so that a hub that was killed goes on with them: among the state of a service that there
 * can't be, ".jobs", a row by each job's id (JSON), and one by "ID.TASK" for each task that is done: its result's hash and size; or, where
 * that lies in the job's result already (place.c), since which start of the machine: what was written then is there as long as
 * it runs. Behind that what its life metered and for how many ns it ran, of a job that is paid for.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "hub/database.h"
#include "hub/jobs/job.h"
#include "sys/fd.h"
#include "sys/log.h"

#define SERVICE    ".jobs"
#define KEY_ROOM   64u
#define TASK_BYTES (BLOB_HASH + 8u)
#define PAID_BYTES 16u /* behind either: what its life metered, and how long it ran */

static struct mf_str text_of(const char *text)
{
	return mf_str_of(text, strlen(text));
}

static struct mf_str task_key(const struct job *job, uint32_t task, char key[static KEY_ROOM])
{
	int n = snprintf(key, KEY_ROOM, "%s.%08" PRIx32, job->id, task);

	return mf_str_of(key, (size_t)n);
}

/* False: it can't be written; the transaction is gone. */
static bool submit(struct store_tx *tx)
{
	bool sound = store_sound(tx);

	if (sound)
		store_submit(tx);
	else
		store_drop(tx);
	return sound;
}

/* ------------------------------------------------------------------ the job's */

static void row_done(struct store_tx *tx, int error)
{
	struct job *job = store_context(tx);

	database_done(job->jobs->hub, tx, error);
	if (error == 0 && !job->written) {
		job->written = true;
		job_changed(job);
	} else if (error < 0 && !job->written) {
		job->kept = false;
		if (job_has_ended(job))
			job_changed(job);
		else
			job_fail(job, 503, "the database can't be written");
	}
	job_release(job);
}

static void remove_tasks(struct job *job, struct store_tx *tx)
{
	char key[KEY_ROOM];

	for (uint32_t i = 0; i < job->plan.tasks_count; i++)
		store_delete(tx, job->jobs->number, task_key(job, i, key));
}

bool job_row(struct job *job)
{
	struct jobs *jobs = job->jobs;
	struct store_tx *tx = store_begin(jobs->hub->store, STORE_BATCH, row_done, job);
	const bool hook = job_has_ended(job) && job->callback && !job->calling;
	json_t *json;
	char *text;
	bool fine;

	job->calling |= hook;
	json = job_row_json(job);
	text = json_dumps(json, JSON_COMPACT);
	fine = tx && text;
	json_decref(json);
	if (fine) {
		store_put(tx, jobs->number, text_of(job->id), text_of(text),
			store_version(jobs->hub->store));
		if (job_has_ended(job))
			remove_tasks(job, tx);
		if (hook)
			job_hook(job, tx);
		job_hold(job);
		fine = submit(tx);
		if (!fine)
			job->holds--; /* the caller has it */
	} else if (tx) {
		store_drop(tx);
	}
	free(text);
	return fine;
}

void job_row_remove(struct job *job)
{
	struct jobs *jobs = job->jobs;
	struct store_tx *tx =
		store_begin(jobs->hub->store, STORE_BATCH, database_unheard, jobs->hub);

	if (!tx)
		return; /* the next start finds that it is old */
	store_delete(tx, jobs->number, text_of(job->id));
	remove_tasks(job, tx);
	(void)submit(tx);
}

/* ------------------------------------------------------------------- a task's */

static void task_done(struct store_tx *tx, int error)
{
	struct job_row_wait *wait = store_context(tx);

	database_done(wait->jobs->hub, tx, error);
	wait->done(wait);
}

static void put_le64(uint8_t *to, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(n >> 8 * i);
}

void job_row_task(struct job *job, uint32_t task, struct job_row_wait *wait)
{
	struct jobs *jobs = job->jobs;
	struct store_tx *tx =
		job->kept ? store_begin(jobs->hub->store, STORE_BATCH, task_done, wait) : NULL;
	uint8_t value[TASK_BYTES + PAID_BYTES];
	size_t n = TASK_BYTES;
	char key[KEY_ROOM];

	wait->jobs = jobs;
	if (tx && !job->results[task]) {
		n = JOB_BOOT;
		memcpy(value, jobs->boot, n);
	} else if (tx) {
		memcpy(value, blob_hash(job->results[task]), BLOB_HASH);
		put_le64(value + BLOB_HASH, blob_size(job->results[task]));
	}
	if (job->pay) {
		put_le64(value + n, wait->metered);
		put_le64(value + n + 8, wait->run_ns);
		n += PAID_BYTES;
	}
	if (tx)
		store_put(tx, jobs->number, task_key(job, task, key), mf_str_of(value, n),
			store_version(jobs->hub->store));
	if (!tx || !submit(tx))
		wait->done(wait); /* a hub that is killed now does it again */
}

void job_rows_forget(struct job *job)
{
	struct jobs *jobs = job->jobs;
	struct store *store = jobs->hub->store;
	struct store_tx *tx = store_begin(store, STORE_BATCH, database_unheard, jobs->hub);
	char prefix[KEY_ROOM], after[KEY_ROOM] = "";
	struct store_value v;
	int n = snprintf(prefix, sizeof(prefix), "%s.", job->id);

	while (tx &&
		store_state_next(store, jobs->number, mf_str_of(prefix, (size_t)n), text_of(after),
			&v) == 1 &&
		v.key.n < KEY_ROOM) {
		memcpy(after, v.key.p, v.key.n);
		after[v.key.n] = '\0';
		store_delete(tx, jobs->number, text_of(after));
	}
	if (tx)
		(void)submit(tx);
}

/* ---------------------------------------------------------------- at the start */

struct metered {
	uint64_t units, run_ns;
};

/* Does it lie where it belongs still? */
static bool is_placed(const struct job *job, uint32_t task, struct mf_str row)
{
	const struct jobs *jobs = job->jobs;

	return job_places(job, task) && job_place_resumed(job) && row.n == JOB_BOOT &&
		jobs->boot[0] != 0 && memcmp(row.p, jobs->boot, JOB_BOOT) == 0;
}

static uint64_t get_le64(const uint8_t *from)
{
	uint64_t n = 0;

	for (unsigned i = 8; i-- > 0;)
		n = n << 8 | from[i];
	return n;
}

/* What its life metered stands behind what its result is: the row is shortened by that. */
static void take_paid(const struct job *job, struct mf_str *row, struct metered *metered)
{
	if (!job->pay || row->n < PAID_BYTES)
		return;
	row->n -= PAID_BYTES;
	*metered = (struct metered){get_le64(row->p + row->n), get_le64(row->p + row->n + 8)};
}

/* Results of tasks that are done, by task, as far as they are still there. */
static int read_tasks(struct job *job, struct blob **found, bool *done, struct metered *metered)
{
	struct jobs *jobs = job->jobs;
	char key[KEY_ROOM];
	struct store_value v;
	int e;

	for (uint32_t i = 0; i < job->plan.tasks_count; i++) {
		e = store_state(jobs->hub->store, jobs->number, task_key(job, i, key), &v);
		if (e < 0)
			return e;
		if (v.version > 0)
			take_paid(job, &v.value, &metered[i]);
		done[i] = v.version > 0 && is_placed(job, i, v.value);
		if (v.version == 0 || v.value.n != TASK_BYTES || job_places(job, i))
			continue;
		done[i] = true;
		found[i] = blobs_find(jobs->hub->blobs, v.value.p);
		if (found[i] && blob_size(found[i]) != job->plan.tasks[i].result)
			found[i] = NULL;
	}
	return 0;
}

static void need(const struct job_bytes *bytes, bool *needed)
{
	for (uint32_t k = 0; k < bytes->count; k++)
		if (bytes->pieces[k].kind == JOB_RESULT)
			needed[bytes->pieces[k].source] = true;
}

/* A task that is done, but whose result is gone and needed, must be done again, and then what it needs is needed too. From
 * the last to the first: whoever needs a task comes behind it. */
static void judge(const struct job *job, struct blob **found, bool *done, bool *needed)
{
	const struct job_plan *plan = &job->plan;

	need(&plan->result, needed);
	for (uint32_t i = plan->tasks_count; i-- > 0;) {
		done[i] = done[i] && (found[i] || !needed[i] || job_places(job, i));
		if (!done[i])
			need(&plan->tasks[i].input, needed);
	}
}

int job_rows_resume(struct job *job)
{
	uint32_t n = job->plan.tasks_count;
	struct blob **found = calloc(n, sizeof(*found));
	bool *done = calloc(2 * (size_t)n, sizeof(*done));
	struct metered *metered = calloc(n, sizeof(*metered));
	int e = found && done && metered ? read_tasks(job, found, done, metered) : -ENOMEM;

	if (e == 0) {
		judge(job, found, done, done + n);
		for (uint32_t i = 0; i < n; i++) {
			if (!done[i])
				continue;
			if (done[n + i] && found[i]) {
				blob_pin(found[i]);
				job->results[i] = found[i];
			}
			job_run_was_done(&job->run, i);
			job_meter(job, metered[i].units, metered[i].run_ns);
		}
	}
	free(found);
	free(done);
	free(metered);
	return e;
}

static bool is_job(struct mf_str key)
{
	return key.n == TASK_ID;
}

/* The keys are listed first: what is done with a job reads others. */
static int list(struct jobs *jobs, char (**ids)[TASK_ID + 1], unsigned *count)
{
	char after[KEY_ROOM] = "";
	struct store_value v;
	unsigned room = 0;
	int e;

	for (;;) {
		e = store_state_next(
			jobs->hub->store, jobs->number, MF_STR(""), text_of(after), &v);
		if (e != 1 || v.key.n >= KEY_ROOM)
			return e < 0 ? e : 0;
		memcpy(after, v.key.p, v.key.n);
		after[v.key.n] = '\0';
		if (!is_job(v.key))
			continue;
		if (*count == room) {
			void *more = realloc(*ids, (room = 2 * room + 16) * sizeof(**ids));

			if (!more)
				return -ENOMEM;
			*ids = more;
		}
		memcpy((*ids)[(*count)++], after, TASK_ID + 1);
	}
}

static int read_job(struct jobs *jobs, const char *id)
{
	struct store_value v;
	struct job *job = job_make(jobs);
	int e = job ? store_state(jobs->hub->store, jobs->number, text_of(id), &v) : -ENOMEM;
	json_t *json = NULL;

	if (e >= 0)
		json = json_loadb((const char *)v.value.p, v.value.n, 0, NULL);
	if (json) {
		memcpy(job->id, id, TASK_ID + 1);
		if (job_row_load(job, json))
			job_add(job);
		else
			e = -EINVAL;
	}
	json_decref(json);
	if (!json || e == -EINVAL) {
		log_error("job %s: its row in the database can't be used", id);
		if (job)
			job_drop(job);
	}
	return e == -EINVAL ? 0 : e;
}

/* Zeros where the system doesn't say: what is placed isn't relied upon then. */
static void read_boot(uint8_t boot[static JOB_BOOT])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, JOB_BOOT);
	if (fd < 0 || read(fd, boot, JOB_BOOT) != JOB_BOOT)
		memset(boot, 0, JOB_BOOT);
	fd_close(&fd);
}

int jobs_rows_read(struct jobs *jobs)
{
	char(*ids)[TASK_ID + 1] = NULL;
	unsigned count = 0;
	int e;

	read_boot(jobs->boot);
	jobs->number = store_service(jobs->hub->store, MF_STR(SERVICE));
	e = jobs->number > 0 ? list(jobs, &ids, &count) : -ENOMEM;
	for (unsigned i = 0; i < count && e >= 0; i++)
		e = read_job(jobs, ids[i]);
	free(ids);
	return e < 0 ? e : 0;
}
