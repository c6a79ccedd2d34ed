/* cli/gdb/monitor.c - see monitor.h */
#include "cli/gdb/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_json.h"

static void effects(FILE *to, const struct debug *debug, const struct image *image)
{
	uint32_t n = image->note.effects_bytes;
	uint8_t *bytes = malloc(n);
	struct mf_effects head;

	if (bytes != NULL && debug_read(debug, image_effects_at(image), bytes, n) == n) {
		memcpy(&head, bytes, sizeof(head));
		head.outcome = MF_OUTCOME_OK; /* as if it ended here */
		memcpy(bytes, &head, sizeof(head));
		fprintf(to, "%u effects, %u of %u bytes\n", head.count, head.bytes, n);
		run_print_effects(to, image->note.name, bytes, head.bytes < n ? head.bytes : n);
	}
	free(bytes);
}

static void place(FILE *to, uint64_t from, uint64_t end, const char *what)
{
	if (end > from)
		fprintf(to, "0x%010llx - 0x%010llx  %s\n", (unsigned long long)from,
			(unsigned long long)end, what);
}

static void map(FILE *to, const struct image *image)
{
	uint64_t event = MF_ADDR_WINDOW, effects_at = image_effects_at(image);
	uint64_t guard = image_guard_at(image);

	for (unsigned i = 0; i < image->segments; i++) {
		const struct image_segment *s = &image->segment[i];

		place(to, s->address, s->address + s->memory,
			s->write             ? "data and bss"
				: s->execute ? "code"
					     : "constants");
	}
	place(to, event, effects_at, "event");
	place(to, effects_at, effects_at + image->note.effects_bytes, "effects");
	place(to, image_heap_at(image), guard, "heap");
	place(to, guard, guard + MF_PAGE, "guard page");
	place(to, guard + MF_PAGE, image_window_end(image), "stack");
}

void gdb_monitor(const struct debug *debug, const struct image *image, const char *words,
	char *text, size_t size)
{
	char *all = NULL;
	size_t n;
	FILE *to = open_memstream(&all, &n);

	text[0] = '\0';
	if (to == NULL)
		return;
	if (strcmp(words, "effects") == 0)
		effects(to, debug, image);
	else if (strcmp(words, "map") == 0)
		map(to, image);
	else
		fputs("monitor effects   what the life has asked for so far\n"
		      "monitor map       what lies where in its memory\n",
			to);
	if (fclose(to) == 0)
		snprintf(text, size, "%s", all);
	free(all);
}
