#include "monitor/layout.h"

#include <assert.h>

static uint64_t page_up(uint64_t n)
{
	return (n + MF_PAGE - 1) & ~(uint64_t)(MF_PAGE - 1);
}

static void add(struct layout *layout, struct layout_region region)
{
	if (region.bytes == 0)
		return;
	assert(layout->regions < LAYOUT_REGIONS);
	layout->region[layout->regions++] = region;
}

/* The image's read-only segments, each at its own place in `fixed`. Returns the end of text. */
static uint64_t add_text(struct layout *layout, const struct image *image)
{
	uint64_t end = MF_ADDR_TEXT;

	for (unsigned i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];

		if (s->write)
			continue;
		add(layout,
			(struct layout_region){.address = s->address,
				.bytes = page_up(s->memory),
				.gpa = s->address,
				.execute = s->execute});
		if (end < s->address + page_up(s->memory))
			end = s->address + page_up(s->memory);
	}
	return end;
}

static void add_window(struct layout *layout)
{
	uint64_t below = layout->guard - MF_ADDR_WINDOW;
	uint64_t above = layout->window_bytes - below - MF_PAGE;
	uint64_t gpa = layout->shell_gpa;

	add(layout,
		(struct layout_region){.address = MF_ADDR_WINDOW,
			.bytes = below,
			.gpa = gpa,
			.write = true,
			.memory = LAYOUT_SHELL});
	add(layout,
		(struct layout_region){.address = layout->guard,
			.bytes = MF_PAGE,
			.gpa = gpa + below,
			.write = true,
			.supervisor = true,
			.memory = LAYOUT_SHELL});
	add(layout,
		(struct layout_region){.address = layout->guard + MF_PAGE,
			.bytes = above,
			.gpa = gpa + below + MF_PAGE,
			.write = true,
			.memory = LAYOUT_SHELL});
}

static void add_areas(struct layout *layout, const struct image *image)
{
	layout->input_bytes = image->note.input_bytes;
	layout->output_bytes = image->note.output_bytes;
	add(layout,
		(struct layout_region){.address = MF_ADDR_INPUT,
			.bytes = layout->input_bytes,
			.gpa = MF_ADDR_INPUT,
			.memory = LAYOUT_INPUT});
	add(layout,
		(struct layout_region){.address = MF_ADDR_OUTPUT,
			.bytes = layout->output_bytes,
			.gpa = MF_ADDR_OUTPUT,
			.write = true,
			.memory = LAYOUT_OUTPUT});
}

void layout_make(struct layout *layout, const struct image *image, uint64_t data_size)
{
	uint64_t end;

	*layout = (struct layout){.image = image, .fixed_gpa = MF_ADDR_GATE};
	add(layout,
		(struct layout_region){.address = MF_ADDR_GATE,
			.bytes = MF_PAGE,
			.gpa = MF_ADDR_GATE,
			.execute = true});
	add(layout,
		(struct layout_region){.address = MF_ADDR_SYSTEM,
			.bytes = MF_PAGE,
			.gpa = MF_ADDR_SYSTEM,
			.execute = true,
			.supervisor = true});
	add(layout,
		(struct layout_region){
			.address = MF_ADDR_INFO, .bytes = MF_PAGE, .gpa = MF_ADDR_INFO});
	end = add_text(layout, image);

	layout->data_at = end - MF_ADDR_GATE;
	layout->data_bytes = page_up(data_size);
	layout->init_at = layout->data_at + layout->data_bytes;
	layout->init_bytes = page_up(image->note.init_bytes);
	layout->fixed_bytes = layout->init_at + layout->init_bytes;
	add(layout,
		(struct layout_region){.address = MF_ADDR_DATA,
			.bytes = layout->data_bytes,
			.gpa = layout->fixed_gpa + layout->data_at});
	add(layout,
		(struct layout_region){.address = MF_ADDR_INIT,
			.bytes = layout->init_bytes,
			.gpa = layout->fixed_gpa + layout->init_at});

	layout->shell_gpa = 0x80000000; /* above all that fixed can reach */
	layout->window_bytes = image->note.window_bytes;
	layout->guard = image_guard_at(image);
	layout->stack_top = image_window_end(image);
	layout->tables_gpa = layout->shell_gpa + layout->window_bytes;
	layout->large = layout->window_bytes > LAYOUT_LARGE;
	add_window(layout);
	add_areas(layout, image);
}
