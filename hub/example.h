/*
 * hub/example.h - a command to copy that sends an event to an input. Pure.
 */
#ifndef HUB_EXAMPLE_H
#define HUB_EXAMPLE_H

struct input;

#define EXAMPLE_MOST 1024

/* Whatever the manifest says, it is quoted so that a shell takes it as text. */
void example_command(const struct input *input, char to[EXAMPLE_MOST]);

#endif
