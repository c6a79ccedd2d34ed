/*
 * main.c - a life: one request for one operation on matrices, which lie in the input area; results are written where
 * the hub sends them from.
 */
#include <stdio.h>
#include <string.h>

#include <mayfly.h>

#include "plan.h"

#define TEXT_MOST 1536u /* of a problem: its longest strings with every character escaped */

static void refuse(const struct mf_event *ev, const struct problem *problem)
{
	char text[TEXT_MOST];
	size_t n = problem_text(problem, mf_id(ev), text, sizeof(text));

	if (problem->status == 405)
		mf_reply_header("Allow", "POST");
	mf_reply(problem->status, "application/problem+json", text, n);
}

/* How it was computed, to who asked for it. */
static void tell(const struct answer *answer)
{
	char text[64] = "classic";

	if (answer->device[0])
		mf_reply_header("Mayfly-Accelerator", answer->device);
	if (!answer->chosen)
		return;
	if (answer->levels > 0)
		snprintf(text, sizeof(text), "strassen-winograd; levels=%u", answer->levels);
	mf_reply_header("Mayfly-Algorithm", text);
	snprintf(text, sizeof(text), "%.3g", answer->bound);
	mf_reply_header("Mayfly-Error-Bound", text);
}

/* Special hardware of the hub's: mayfly.h. */
static unsigned ask_hardware(const struct mf_gemm *gemm, char *device, size_t size)
{
	struct mf_answer answer = mf_gemm(gemm);
	size_t n = answer.body.n < size ? answer.body.n : size - 1;

	if (n > 0)
		memcpy(device, answer.body.p, n);
	device[n] = '\0';
	return answer.status;
}

static struct hardware hardware_of(const struct mf_event *ev, const struct request *request)
{
	return (struct hardware){.least = (double)mf_accelerator(ev),
		.input = request->body.p,
		.input_n = ev->input_bytes > 0 ? request->body.n : 0,
		.output = request->output,
		.output_n = request->capacity,
		.gemm = ask_hardware};
}

void mf_main(const struct mf_event *ev)
{
	struct request request = {
		.method = mf_method(ev),
		.path = mf_subject(ev),
		.query = mf_query(ev),
		.body = mf_payload(ev),
	};
	struct hardware hardware;
	struct answer answer;

	bool plans = ev->source == MF_SOURCE_JOB && mf_str_is(mf_type(ev), MF_JOB_PLAN);

	request.output = mf_output(&request.capacity);
	hardware = hardware_of(ev, &request);
	if (mf_accelerator(ev) > 0)
		request.hardware = &hardware;
	if (plans)
		linalg_plan(&request, &answer);
	else
		linalg_answer(&request, &answer);
	if (answer.problem.status) {
		refuse(ev, &answer.problem);
		return;
	}
	if (plans) {
		mf_reply_output(200, "application/json", answer.bytes);
		return;
	}
	tell(&answer);
	mf_meter("flop", (uint64_t)answer.flop);
	mf_reply_output(200, "application/x-npy", answer.bytes);
}
