/*
 * init-data - mf_init reads the attached file `numbers`, one decimal number a line,
 * into the init area; a life replies with the sum, or, if the payload is "write",
 * tries to change them.
 */
#include <mayfly.h>

static uint64_t *numbers;
static size_t count;

static bool next_line(struct mf_str *left, struct mf_str *line)
{
	size_t n = 0;

	if (left->n == 0)
		return false;
	while (n < left->n && left->p[n] != '\n')
		n++;
	*line = mf_str_of(left->p, n);
	n += n < left->n;
	*left = mf_str_of(left->p + n, left->n - n);
	return true;
}

static uint64_t parse(struct mf_str line, size_t number)
{
	uint64_t value = 0;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			mf_fail("numbers:%zu:%zu: not a digit: \"%c\"", number, i + 1, line.p[i]);
		value = value * 10 + (uint64_t)(line.p[i] - '0');
	}
	return value;
}

void mf_init(void)
{
	struct mf_str left = mf_data("numbers"), line;

	if (left.p == NULL)
		mf_fail("no file \"numbers\" is attached");
	while (next_line(&left, &line)) {
		uint64_t *number = mf_init_alloc(16);

		if (numbers == NULL)
			numbers = number;
		*number = parse(line, ++count);
	}
	mf_log("read %zu numbers, %zu bytes left", count, mf_init_left());
}

void mf_main(const struct mf_event *ev)
{
	char text[24];
	uint64_t sum = 0;
	size_t n;

	if (mf_str_is(mf_payload(ev), "write"))
		numbers[0] = 0;
	for (size_t i = 0; i < count; i++)
		sum += numbers[2 * i];
	n = mf_format(text, sizeof(text), "%llu", (unsigned long long)sum);
	mf_reply_bytes(text, n);
}
