/*
 * accelerate - asks for whatever its payload says, a struct mf_gemm and what lies behind it, and replies with the status, as 8
 * letters, the body of the answer in 64 and then N bytes of its output, N standing in the query. Nothing of it is
 * checked here. A first letter of the path says more:
 *
 *	/gemm     that
 *	/twice    asks twice
 *	/other    calls the hardware for something else
 *	/worth    replies with mf_accelerator
 *	/look     how many words of the output aren't zero, asking for nothing
 */
#include <mayfly.h>

#define HEAD 72

static void look(const uint8_t *output, size_t capacity)
{
	const uint64_t *word = (const uint64_t *)(const void *)output;
	uint64_t n = 0;
	char text[24];

	for (size_t i = 0; i < capacity / 8; i++)
		n += word[i] != 0;
	mf_reply(200, "text/plain", text,
		mf_format(text, sizeof(text), "%llu", (unsigned long long)n));
}

static uint64_t number(struct mf_str s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n = n * 10 + (s.p[i] - '0');
	return n;
}

static struct mf_answer ask(const struct mf_event *ev)
{
	static struct mf_gemm gemm;
	struct mf_str payload = mf_payload(ev), path = mf_subject(ev);

	memcpy(&gemm, payload.p, payload.n < sizeof(gemm) ? payload.n : sizeof(gemm));
	if (mf_str_is(path, "/other"))
		return mf_call(MF_ACCELERATOR, "/other", &gemm, sizeof(gemm));
	if (mf_str_is(path, "/twice"))
		(void)mf_gemm(&gemm);
	return mf_gemm(&gemm);
}

void mf_main(const struct mf_event *ev)
{
	size_t capacity;
	uint8_t *output = mf_output(&capacity);
	struct mf_answer answer;
	char head[HEAD + 1] = "";
	uint64_t n = number(mf_query(ev));

	if (mf_str_is(mf_subject(ev), "/look")) {
		look(output, capacity);
		return;
	}
	if (mf_str_is(mf_subject(ev), "/worth")) {
		mf_reply(200, "text/plain", head,
			mf_format(head, sizeof(head), "%llu",
				(unsigned long long)mf_accelerator(ev)));
		return;
	}
	answer = ask(ev);
	mf_format(head, sizeof(head), "%u", answer.status);
	for (size_t i = 0; i < answer.body.n && 8 + i < HEAD; i++)
		head[8 + i] = (char)answer.body.p[i];
	memcpy(output, head, HEAD);
	mf_reply_output(200, "application/octet-stream", HEAD + n);
}
