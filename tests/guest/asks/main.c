/*
 * asks - does what each line of its payload says, and replies with what came of it:
 *
 *	SERVICE PATH BODY   a call; "STATUS BODY"
 *	spin                until its time is over
 *	crash
 *	log TEXT
 *
 * Whatever a call may not change it looks at: memory, callee-saved registers by the compiler's grace, the
 * rounding of floating point, the base of FS.
 */
#include <mayfly.h>

#define ROUND_UP 0x5f80u

static struct mf_str line_of(struct mf_str *rest, uint8_t end)
{
	size_t n = 0;
	struct mf_str line;

	while (n < rest->n && rest->p[n] != end)
		n++;
	line = mf_str_of(rest->p, n);
	n += n < rest->n;
	*rest = mf_str_of(rest->p + n, rest->n - n);
	return line;
}

static const char *text_of(struct mf_str s)
{
	char *text = mf_alloc(s.n + 1);

	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return text;
}

static struct mf_answer ask(struct mf_str line)
{
	static uint64_t place;
	uint32_t rounding = ROUND_UP;
	uint64_t base = (uint64_t)(uintptr_t)&place, found;
	const char *service = text_of(line_of(&line, ' ')), *path = text_of(line_of(&line, ' '));
	struct mf_answer answer;

	__asm__ volatile("ldmxcsr %0" : : "m"(rounding));
	__asm__ volatile("wrfsbase %0" : : "r"(base));
	answer = mf_call(service, path, line.p, line.n);
	__asm__ volatile("stmxcsr %0" : "=m"(rounding));
	__asm__ volatile("rdfsbase %0" : "=r"(found));
	if ((rounding & ~0x3fu) != ROUND_UP || found != base)
		mf_fail("a call changed MXCSR to %x, FS to %lx", rounding, (unsigned long)found);
	return answer;
}

static void do_line(struct mf_str line)
{
	if (mf_str_is(line, "spin"))
		for (;;)
			__asm__ volatile("");
	if (mf_str_is(line, "crash"))
		__builtin_trap();
	if (line.n > 4 && mf_str_eq(mf_str_of(line.p, 4), MF_STR("log ")))
		mf_log("%.*s", (int)line.n - 4, (const char *)line.p + 4);
}

static bool is_call(struct mf_str line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == ' ' && i + 1 < line.n && line.p[i + 1] == '/')
			return true;
	return false;
}

void mf_main(const struct mf_event *ev)
{
	struct mf_str rest = mf_payload(ev), line;
	struct mf_answer answers[16];
	size_t count = 0, n = 0;
	char *text = mf_alloc(8192);

	while (rest.n > 0) {
		line = line_of(&rest, '\n');
		if (is_call(line) && count < 16)
			answers[count++] = ask(line);
		else
			do_line(line);
	}
	if (ev->source == MF_SOURCE_CALL) /* who asks is told by whom */
		n += mf_format(text, 8192, "hops %u peer %.*s subject %.*s: ", ev->hops,
			(int)mf_peer(ev).n, (const char *)mf_peer(ev).p, (int)mf_subject(ev).n,
			(const char *)mf_subject(ev).p);
	for (size_t i = 0; i < count; i++) /* the first answer lives as long as the last */
		n += mf_format(text + n, 8192 - n, "%u %.*s\n", answers[i].status,
			(int)answers[i].body.n, (const char *)answers[i].body.p);
	mf_reply(200, "text/plain", text, n);
}
