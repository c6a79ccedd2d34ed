/* hub/inputs.c - see inputs.h */
#include "hub/inputs.h"

#include "hub/hub.h"

bool inputs_have(const struct hub *hub, const struct input *input)
{
	const struct input *i = hub->inputs;

	while (i && i != input)
		i = i->next;
	return i != NULL;
}

void inputs_add(struct hub *hub, struct input *input)
{
	struct input **end = &hub->inputs;

	while (*end)
		end = &(*end)->next;
	input->next = NULL;
	*end = input;
}

void inputs_leave(struct hub *hub, struct input *input)
{
	struct input **at = &hub->inputs;

	while (*at != input)
		at = &(*at)->next;
	*at = input->next;
	input->ops->stop(input);
	input->next = hub->leaving_inputs;
	hub->leaving_inputs = input;
}
