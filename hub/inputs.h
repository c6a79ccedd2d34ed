/*
 * hub/inputs.h - the list hub->inputs, for inputs that no address to listen on brings there (input->apart).
 */
#ifndef HUB_INPUTS_H
#define HUB_INPUTS_H

#include <stdbool.h>

#include "hub/input.h"

bool inputs_have(const struct hub *hub, const struct input *input);
void inputs_add(struct hub *hub, struct input *input);
/* It stops, and is one of hub->leaving_inputs. */
void inputs_leave(struct hub *hub, struct input *input);

#endif
