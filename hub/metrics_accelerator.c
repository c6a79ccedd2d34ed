/* hub/metrics_accelerator.c - special hardware. */
#include "hub/accelerator.h"
#include "hub/metrics_parts.h"

void metrics_accelerator(struct metrics_text *t)
{
	static const char info[] = "mayfly_accelerator_info",
			  calls[] = "mayfly_accelerator_calls_total";
	const struct accelerator_figures *f = accelerator_figures(t->hub);

	if (!f)
		return;
	metrics_family(t, info, "gauge", "Special hardware, and how it is; always 1.");
	metrics_put(t, info);
	metrics_label(t, '{', "backend", f->backend);
	metrics_label(t, ',', "state", accelerator_states[f->state]);
	metrics_label(t, ',', "device", f->state == ACCELERATOR_READY ? f->text : "");
	metrics_number(t, 1);
	metrics_plain(t, "mayfly_accelerator_up", "gauge", "1: it is ready.",
		f->state == ACCELERATOR_READY);
	metrics_plain(t, "mayfly_accelerator_starts_total", "counter",
		"How often the program that has it became ready.", f->starts);
	metrics_plain(t, "mayfly_accelerator_memory_bytes", "gauge",
		"What products may take there.", f->memory_bytes);
	metrics_plain(t, "mayfly_accelerator_waiting", "gauge",
		"Products that wait for it, with the one at work.", f->waiting);
	metrics_family(
		t, calls, "counter", "Products that lives asked for, by what became of them.");
	metrics_by(t, calls, "result", "done", f->done);
	metrics_by(t, calls, "result", "busy", f->busy);
	metrics_by(t, calls, "result", "refused", f->refused);
	metrics_by(t, calls, "result", "failed", f->failed);
	metrics_plain_time(t, "mayfly_accelerator_seconds_total", "counter",
		"That products took there, with their way to it and back.", f->device_ns);
}
