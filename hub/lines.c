/* hub/lines.c - see lines.h */
#include "hub/lines.h"

#include <stdbool.h>

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct mf_str lines_word(struct mf_str *line)
{
	struct mf_str found;
	size_t i = 0, end;

	while (i < line->n && is_space(line->p[i]))
		i++;
	end = i;
	while (end < line->n && !is_space(line->p[end]))
		end++;
	found = mf_str_of(line->p + i, end - i);
	*line = mf_str_of(line->p + end, line->n - end);
	return found;
}
