/*
 * areas - an input and an output area. What to do stands in the query, or where there is none in the payload's
 * first line:
 *
 *	echo        replies with the payload, from the output area
 *	sum         replies with its size and a sum over its bytes: "3 294"
 *	fill N      replies with N bytes, each its place's last eight bits
 *	dirty N     the same of 0xaa, but replies with "dirty"
 *	scatter     writes a word into every 16th page of the output, and replies with "scattered"
 *	look        how many words of the output, and of the input behind the payload, aren't zero: "0 0"
 *	spin        never ends, having filled the output
 *	again       the same if it is the first life of its event, else as sum
 *	crash, write-input, behind-input, behind-output      end it, the first having filled the output
 *	ask N       asks the service twin to fill N bytes; replies with status and size of the answer, and as sum
 *	forge N     says that its reply has N bytes, however large the output is
 *	product N   of two square matrices of that size
 */
#include <mayfly.h>

static bool first;
static uint8_t *output;
static size_t capacity, filled;
static struct mf_str payload;

static void fill(size_t n, bool dirty)
{
	if (n > capacity)
		mf_fail("the output has %zu bytes", capacity);
	if (dirty)
		memset(output, 0xaa, n);
	for (size_t i = 0; i < n && !dirty; i++)
		output[i] = (uint8_t)i;
}

static void do_echo(uint64_t n)
{
	(void)n;
	if (payload.n > capacity)
		mf_fail("the output has %zu bytes", capacity);
	memcpy(output, payload.p, payload.n);
	mf_reply_output(200, "application/octet-stream", payload.n);
}

static void do_sum(uint64_t n)
{
	char text[64];
	uint64_t sum = 0;

	(void)n;
	for (size_t i = 0; i < payload.n; i++)
		sum += payload.p[i];
	n = mf_format(text, sizeof(text), "%zu %llu", payload.n, (unsigned long long)sum);
	mf_reply(200, "text/plain", text, n);
}

static void do_fill(uint64_t n)
{
	fill(n, false);
	mf_reply_output(200, "application/octet-stream", n);
}

static void do_dirty(uint64_t n)
{
	fill(n, true);
	mf_reply_text("dirty");
}

static void do_scatter(uint64_t n)
{
	(void)n;
	for (size_t at = 0; at < capacity; at += 16 * MF_PAGE)
		*(uint64_t *)(output + at + at / MF_PAGE % 500 * 8) = ~0ull;
	mf_reply_text("scattered");
}

/* `to` is a multiple of 8. */
static uint64_t others(const uint8_t *from, const uint8_t *to)
{
	uint64_t n = 0;

	for (; (uintptr_t)from % 8 != 0; from++)
		n += *from != 0;
	for (; from < to; from += 8)
		n += *(const uint64_t *)(const void *)from != 0;
	return n;
}

static void do_look(uint64_t n)
{
	const uint8_t *input = (const uint8_t *)MF_ADDR_INPUT;
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	char text[64];

	n = mf_format(text, sizeof(text), "%llu %llu",
		(unsigned long long)others(output, output + capacity),
		(unsigned long long)others(input + filled, input + info->input_bytes));
	mf_reply(200, "text/plain", text, n);
}

static void do_spin(uint64_t n)
{
	(void)n;
	fill(capacity, true);
	for (;;) /* no pause: under emulation it takes a thousand times as long */
		__asm__ volatile("");
}

static void do_again(uint64_t n)
{
	if (first)
		do_spin(n);
	do_sum(n);
}

static void do_crash(uint64_t n)
{
	(void)n;
	fill(capacity, true);
	__builtin_trap();
}

static void do_write_input(uint64_t n)
{
	*(volatile uint8_t *)MF_ADDR_INPUT = (uint8_t)n;
	mf_reply_text("written");
}

static void do_behind_input(uint64_t n)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;

	(void)n;
	(void)*(volatile uint8_t *)(MF_ADDR_INPUT + info->input_bytes);
	mf_reply_text("read");
}

static void do_behind_output(uint64_t n)
{
	*(volatile uint8_t *)(MF_ADDR_OUTPUT + capacity) = (uint8_t)n;
	mf_reply_text("written");
}

static void do_ask(uint64_t n)
{
	char text[32];
	size_t used = mf_format(text, sizeof(text), "fill %llu", (unsigned long long)n);
	struct mf_answer answer;

	memset(output, 0x5a, 100);
	answer = mf_call("twin", "/", text, used);
	used = mf_format((char *)output, 100, "%u %zu ", answer.status, answer.body.n);
	n = 0;
	for (size_t i = 0; i < payload.n; i++)
		n += payload.p[i];
	used += mf_format(
		(char *)output + used, 100 - used, "%zu %llu", payload.n, (unsigned long long)n);
	mf_reply_output(200, "text/plain", used);
}

static void do_forge(uint64_t n)
{
	const struct mf_info *info = (const struct mf_info *)MF_ADDR_INFO;
	struct mf_effects *effects = (struct mf_effects *)(MF_ADDR_WINDOW + info->event_bytes);

	mf_reply_output(200, NULL, 0);
	((struct mf_effect *)(void *)(effects + 1))->value = n;
}

static void do_product(uint64_t n)
{
	const double *a = (const double *)(const void *)payload.p, *b = a + n * n;
	double *c = (double *)(void *)output;

	if (payload.n != 2 * n * n * sizeof(*a) || n * n * sizeof(*c) > capacity)
		mf_fail("these aren't two matrices of %llu", (unsigned long long)n);
	for (uint64_t i = 0; i < n; i++)
		for (uint64_t k = 0; k < n; k++)
			for (uint64_t j = 0; j < n; j++)
				c[i * n + j] += a[i * n + k] * b[k * n + j];
	mf_reply_output(200, "application/octet-stream", n * n * sizeof(*c));
}

static const struct {
	const char *name;
	void (*run)(uint64_t n);
} words[] = {
	{"echo", do_echo},
	{"sum", do_sum},
	{"fill", do_fill},
	{"dirty", do_dirty},
	{"scatter", do_scatter},
	{"look", do_look},
	{"spin", do_spin},
	{"again", do_again},
	{"crash", do_crash},
	{"write-input", do_write_input},
	{"behind-input", do_behind_input},
	{"behind-output", do_behind_output},
	{"ask", do_ask},
	{"forge", do_forge},
	{"product", do_product},
};

/* "fill 100", or in a query "fill=100". */
static void run(struct mf_str line)
{
	uint64_t n = 0;
	size_t word = 0;

	while (word < line.n && line.p[word] != ' ' && line.p[word] != '=')
		word++;
	for (size_t i = word + 1; i < line.n && line.p[i] >= '0' && line.p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(line.p[i] - '0');
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (mf_str_is(mf_str_of(line.p, word), words[i].name)) {
			words[i].run(n);
			return;
		}
	mf_fail("it knows no such word");
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str line = mf_query(ev);
	size_t n = 0;

	output = mf_output(&capacity);
	payload = mf_payload(ev);
	filled = payload.n;
	first = !(ev->flags & MF_EVENT_RETRY);
	if (line.n == 0) {
		while (n < payload.n && payload.p[n] != '\n')
			n++;
		line = mf_str_of(payload.p, n);
		n += n < payload.n;
		payload = mf_str_of(payload.p + n, payload.n - n);
	}
	run(line);
}
