/*
 * posix: standard output and error are the log, a record a line. A line that is longer than LINE
 * becomes several; what a life leaves of one is written when it ends.
 */
#include "libos/effect/effect.h"
#include "libos/mayfly.h"
#include "libos/posix/posix.h"

#define LINE 512u

static struct line {
	size_t n;
	uint8_t text[LINE];
} lines[2]; /* of 1 and 2 */

static void put(struct line *line)
{
	effect_add(&(struct effect_order){
		.kind = MF_EFFECT_LOG,
		.status = line == &lines[0] ? MF_LEVEL_INFO : MF_LEVEL_WARN,
		.field[MF_FIELD_BODY] = mf_str_of(line->text, line->n),
	});
	line->n = 0;
}

static void add(struct line *line, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' || line->n == LINE)
			put(line);
		if (p[i] != '\n')
			line->text[line->n++] = p[i];
	}
}

long posix_write(long fd, const struct posix_iovec *from, size_t count)
{
	long written = 0;

	if (fd != 1 && fd != 2)
		return -POSIX_EBADF;
	for (size_t i = 0; i < count; i++) {
		add(&lines[fd - 1], from[i].p, from[i].n);
		written += (long)from[i].n;
	}
	return written;
}

void posix_write_rest(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (lines[i].n > 0)
			put(&lines[i]);
}
