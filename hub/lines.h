/*
 * hub/lines.h - the words of a line of a file (sys/secret.h gives the lines). Pure.
 */
#ifndef HUB_LINES_H
#define HUB_LINES_H

#include "base/str.h"

/* The line's next word, empty at its end; *line is what follows it. */
struct mf_str lines_word(struct mf_str *line);

#endif
