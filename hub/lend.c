/* hub/lend.c - see lend.h */
#include "hub/lend.h"

#include <stdio.h>
#include <string.h>

#include "hub/hub.h"
#include "hub/life.h"
#include "hub/metrics.h"
#include "hub/worker.h"
#include "sys/clock.h"
#include "wire/effects.h"

_Static_assert(MFW_BUCKETS == HISTOGRAM_BUCKETS + 1 && REFUSALS <= MFW_REFUSALS &&
		MFW_RESULTS <= MFW_COUNTED,
	"struct mfw_counts");

/* How often the counts are looked at, or more often: an idle worker ends so much too late. */
#define LOOK_NS CLOCK_S
/* A thread of a worker has no more datagrams in its hands. */
#define LOST_MOST 16u
/* Lives end by their deadline; then there is nothing to wait for. */
#define LEAVE_NS (2 * CLOCK_S)

/* --------------------------------------------------------------- give, ask back */

bool lend_is_out(const struct service *service)
{
	return service->lend && service->lend->state != LEND_HOME;
}

static uint64_t next_look(const struct service *s, uint64_t now)
{
	return now + (s->idle_ns < LOOK_NS ? s->idle_ns : LOOK_NS);
}

static bool start_worker(struct service *s)
{
	/* one that has another socket, or none, ends as soon as it may */
	if (s->worker != WORKER_NONE && s->lend->given != s->lend->input && service_quiet(s))
		worker_retire(s, "it gets another socket");
	if (s->worker == WORKER_NONE && !worker_start(s))
		return false;
	return s->worker != WORKER_ENDING && s->lend->given == s->lend->input;
}

bool lend_give(struct service *service, struct input *input)
{
	struct lend *l = service->lend;
	uint64_t now = loop_now(service->hub->loop);

	if (!l || l->input != input || l->state != LEND_HOME || service->hub->stopping ||
		service->circuit.state != CIRCUIT_CLOSED || !start_worker(service))
		return false;
	l->state = LEND_OUT;
	l->look_ns = next_look(service, now);
	service->active_ns = now;
	service->counts.cold += service->worker != WORKER_READY;
	in_udp_lend(input, service);
	link_turn(service->link, MFW_RECEIVE, ++l->turn);
	link_kick(service->link);
	service_wake_by(service, l->look_ns);
	return true;
}

void lend_ask_back(struct service *service)
{
	struct lend *l = service->lend;

	if (!l || l->state != LEND_OUT)
		return;
	l->state = LEND_BACK;
	l->asked_ns = clock_mono_ns();
	link_turn(service->link, MFW_FINISH, ++l->turn);
	link_kick(service->link);
	service_wake_by(service, l->asked_ns + service->deadline_ns + LEAVE_NS);
}

static void come_home(struct service *s)
{
	struct lend *l = s->lend;

	if (l->state != LEND_HOME && l->given)
		in_udp_take_back(l->given);
	l->state = LEND_HOME;
	service_wake_by(s, loop_now(s->hub->loop));
	hub_ended(s->hub);
}

static void forget_in(struct service *list, const struct input *input)
{
	for (struct service *s = list; s; s = s->next) {
		if (!s->lend)
			continue;
		if (s->lend->given == input) {
			lend_look(s);
			s->lend->given = NULL;
			s->lend->state = LEND_HOME;
		}
		if (s->lend->input == input)
			s->lend->input = NULL;
	}
}

void lend_forget(struct hub *hub, const struct input *input)
{
	forget_in(hub->services, input);
	forget_in(hub->leaving, input);
}

int lend_descriptor(struct service *service, struct mfw_head *head)
{
	struct lend *l = service->lend;

	if (l)
		l->given = l->input;
	if (!l || !l->input) {
		head->flags &= ~MFW_OWN_SOCKET;
		return -1;
	}
	l->turn = 0;
	memset(&l->seen, 0, sizeof(l->seen));
	head->flags |= net_is_wildcard(&l->input->address) ? MFW_WILDCARD : 0;
	head->words = l->input->words;
	head->subject_bytes = l->input->text_n;
	memcpy(head->subject, l->input->text, l->input->text_n);
	return in_udp_descriptor(l->input);
}
_Static_assert(NET_TEXT <= MFW_SUBJECT, "an address as text");

/* ------------------------------------------------------------------- counts */

/* How much more it is than `*seen`, which it becomes. What went down was a lie. */
static uint64_t more(uint64_t is, uint64_t *seen)
{
	uint64_t n = is > *seen ? is - *seen : 0;

	*seen = is;
	return n;
}

static void take_times(struct histogram *to, const struct mfw_times *is, struct mfw_times *seen)
{
	for (unsigned i = 0; i < MFW_BUCKETS; i++)
		to->bucket[i] += more(is->bucket[i], &seen->bucket[i]);
	to->sum_ns += more(is->sum_ns, &seen->sum_ns);
}

static void take_input(
	struct input_counts *to, const struct mfw_counts *is, struct mfw_counts *seen)
{
	to->bytes_in += more(is->bytes_in, &seen->bytes_in);
	to->replies += more(is->replies, &seen->replies);
	to->bytes_out += more(is->bytes_out, &seen->bytes_out);
	to->unsent += more(is->unsent, &seen->unsent);
	to->dropped += more(is->dropped, &seen->dropped);
}

static void tell_life(struct service *s, bool well)
{
	enum circuit_news news = circuit_life(&s->circuit, well, false, loop_now(s->hub->loop));

	report_circuit(&s->hub->report, s, news, "on its own socket");
}

/* Lives that failed in a row open the circuit; of the order in which these ended nothing is
 * known but how many there were of each kind. */
static void tell_circuit(struct service *s, uint64_t well, uint64_t badly)
{
	if (well > 0) {
		tell_life(s, true);
		return;
	}
	for (; badly > 0 && s->circuit.most > 0 && s->circuit.state == CIRCUIT_CLOSED; badly--)
		tell_life(s, false);
}

static void take_lives(struct service *s, const struct mfw_counts *is, struct mfw_counts *seen)
{
	uint64_t well = 0, badly, replied, lives = more(is->lives, &seen->lives);

	s->counts.lives += lives;
	s->worker_lives += lives;
	replied = more(is->replied, &seen->replied);
	s->counts.replied += replied;
	badly = more(is->denied, &seen->denied);
	s->counts.denied += badly;
	for (unsigned i = 0; i < MFW_RESULTS; i++) {
		uint64_t n = more(is->results[i], &seen->results[i]);

		s->counts.results[i] += n;
		*(i == MFW_OK ? &well : &badly) += n;
	}
	s->counts.silent += well > replied ? well - replied : 0;
	for (unsigned i = 0; i < REFUSALS; i++)
		s->counts.refused[i] += more(is->refused[i], &seen->refused[i]);
	tell_circuit(s, well, badly);
}

bool lend_look(struct service *service)
{
	struct service *s = service;
	struct mfw_counts is;
	struct service_times *to;
	uint64_t came;

	if (!s->lend || !s->lend->given || !s->link)
		return false;
	link_counts(s->link, &is);
	came = more(is.events, &s->lend->seen.events);
	s->counts.accepted += came;
	s->lend->given->counts.events += came;
	take_input(&s->lend->given->counts, &is, &s->lend->seen);
	take_lives(s, &is, &s->lend->seen);
	to = metrics_times(s);
	if (to) {
		take_times(&to->queue, &is.queue, &s->lend->seen.queue);
		take_times(&to->birth, &is.birth, &s->lend->seen.birth);
		take_times(&to->run, &is.run, &s->lend->seen.run);
		take_times(&to->total, &is.total, &s->lend->seen.total);
	}
	return came > 0;
}

void lend_look_at_all(struct hub *hub)
{
	for (struct service *s = hub->services; s; s = s->next)
		if (lend_is_out(s))
			lend_look(s);
}

/* Datagrams that it had taken and not answered when it died: nobody will. */
static void count_lost(struct service *s)
{
	const struct mfw_counts *seen = &s->lend->seen;
	uint64_t ended = seen->results[MFW_OK], lost;

	for (unsigned i = 0; i < REFUSALS; i++)
		ended += seen->refused[i];
	lost = seen->events > ended ? seen->events - ended : 0;
	if (lost > LOST_MOST * s->head.threads) /* figures of a liar */
		return;
	s->counts.refused[REFUSED_FAILED] += lost;
	s->lend->given->counts.dropped += lost;
}

void lend_ended(struct service *service)
{
	if (!service->lend)
		return;
	lend_look(service);
	if (service->lend->given)
		count_lost(service);
	come_home(service);
	service->lend->given = NULL;
}

/* ----------------------------------------------------------------- messages */

static void tell(struct service *s, const struct mfw_message *m)
{
	struct report *report = &s->hub->report;
	struct task nobody = {.service = s};
	struct mfw_told told;
	char why[128];

	link_told(s->link, m, &told);
	memcpy(nobody.id, told.id, TASK_ID);
	nobody.id[strspn(nobody.id, "0123456789abcdef")] = '\0';
	switch (m->kind) {
	case MFW_TOLD_END: life_told(s, &nobody, m); break;
	case MFW_TOLD_DENIED:
		snprintf(why, sizeof(why),
			"it asks for '%s': with 'socket: worker' lives can reply",
			m->bytes < MF_EFFECT_KINDS && effect_names[m->bytes]
				? effect_names[m->bytes]
				: "?");
		report_denied(report, s, &nobody, why);
		break;
	default:
		report_log(report, s, &nobody, m->result,
			mf_str_of(told.text, m->bytes < MFW_TOLD_TEXT ? m->bytes : MFW_TOLD_TEXT));
	}
}

bool lend_message(struct service *service, const struct mfw_message *message)
{
	struct lend *l = service->lend;

	if (!l || !l->given)
		return false;
	switch (message->kind) {
	case MFW_FINISHED:
		if (l->state != LEND_BACK || message->bytes != l->turn)
			return false;
		lend_look(service);
		come_home(service);
		return true;
	case MFW_TOLD_LOG:
		if (message->result > MF_LEVEL_ERROR)
			return false;
		break;
	case MFW_TOLD_END:
		if (message->result == MFW_OK)
			return false;
		break;
	default: break;
	}
	tell(service, message);
	return true;
}

/* --------------------------------------------------------------------- time */

uint64_t lend_patience(const struct service *service, const char **wrong)
{
	const struct lend *l = service->lend;

	*wrong = l->state == LEND_BACK ? "doesn't leave its socket" : NULL;
	return l->state == LEND_BACK ? l->asked_ns + service->deadline_ns + LEAVE_NS : l->look_ns;
}

void lend_tick(struct service *service)
{
	uint64_t now = loop_now(service->hub->loop);

	service->lend->look_ns = next_look(service, now);
	if (lend_look(service))
		service->active_ns = now;
	if (service->circuit.state != CIRCUIT_CLOSED ||
		service->active_ns + service->idle_ns <= now)
		lend_ask_back(service);
}
