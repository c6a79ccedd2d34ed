/* hub/pages_accelerator.c - see pages_accelerator.h */
#include "hub/pages_accelerator.h"

#include "hub/accelerator.h"
#include "hub/pages_json.h"

json_t *pages_accelerator(const struct hub *hub)
{
	const struct accelerator_figures *f = accelerator_figures(hub);
	bool ready;
	json_t *o;

	if (!f)
		return json_null();
	ready = f->state == ACCELERATOR_READY;
	o = json_object();
	pages_set(o, "backend", json_string(f->backend));
	pages_set(o, "state", json_string(accelerator_states[f->state]));
	pages_set(o, "device", ready ? json_string(f->text) : json_null());
	pages_set(o, "why", ready || f->text[0] == '\0' ? json_null() : json_string(f->text));
	pages_set(o, "memory_bytes", pages_count(f->memory_bytes));
	pages_set(o, "least", pages_count(f->least));
	pages_set(o, "waiting", pages_count(f->waiting));
	pages_set(o, "calls", pages_count(f->calls));
	pages_set(o, "done", pages_count(f->done));
	pages_set(o, "busy", pages_count(f->busy));
	pages_set(o, "refused", pages_count(f->refused));
	pages_set(o, "failed", pages_count(f->failed));
	pages_set(o, "starts", pages_count(f->starts));
	pages_set(o, "device_s", json_real((double)f->device_ns / 1e9));
	return o;
}
