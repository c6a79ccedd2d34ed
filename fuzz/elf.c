/*
 * fuzz/elf.c - ELF files that somebody sends beside an image: NAME.debug, whose symbols are shown, and
 * cores, of which `mayfly run` takes the event. What is read lies inside the file; a core that is
 * written gives its event back.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/guest.h"
#include "fuzz/lib/fuzz.h"
#include "image/core.h"
#include "image/elf.h"

struct bounds {
	const uint8_t *bytes;
	size_t n;
	unsigned symbols;
};

static bool inside(const struct bounds *b, const void *p, uint64_t n)
{
	const uint8_t *at = p;

	return at >= b->bytes && n <= b->n && at + n <= b->bytes + b->n;
}

static int on_symbol(void *arg, const struct elf_symbol *symbol)
{
	struct bounds *b = arg;

	MUST(symbol->name[0] != '\0' && inside(b, symbol->name, strlen(symbol->name) + 1));
	return ++b->symbols == 10000;
}

static void try_elf(const uint8_t *bytes, size_t n)
{
	struct bounds bounds = {bytes, n, 0};
	struct elf_section section;
	struct elf elf;

	if (elf_open(&elf, bytes, n) < 0)
		return;
	for (unsigned i = 0; elf_section(&elf, i, &section); i++) {
		MUST(section.name[0] == '\0' ||
			inside(&bounds, section.name, strlen(section.name) + 1));
		MUST(section.bytes == NULL ||
			inside(&bounds, section.bytes, section.header.sh_size));
	}
	elf_symbols(&elf, on_symbol, &bounds);
}

static void try_core(const uint8_t *bytes, size_t n)
{
	const struct bounds bounds = {bytes, n, 0};
	uint8_t image[32];
	struct mf_str event = core_event(bytes, n, image);

	MUST(event.n == 0 || inside(&bounds, event.p, event.n));
}

/* A core of a life that the input describes. */
static void try_round(struct feed *feed)
{
	struct core core = {.name = "fuzzed",
		.result = feed_below(feed, MFW_RESULTS),
		.vector = feed_below(feed, 300),
		.touched = feed_64(feed)};
	uint8_t image[32] = {0}, *head;
	struct mf_str event;
	size_t size;

	core.image[0] = feed_8(feed);
	for (unsigned n = feed_below(feed, CORE_PIECES); core.pieces < n;)
		core.piece[core.pieces++] = (struct core_piece){.address = feed_32(feed) * MF_PAGE,
			.bytes = feed_8(feed) * MF_PAGE,
			.write = feed_8(feed) & 1,
			.kept = feed_8(feed) & 1};
	core.event = feed_some(feed, 4096);
	MUST(core_head(&core, &head, &size) == 0);
	MUST(size % MF_PAGE == 0);
	event = core_event(head, size, image);
	MUST(mf_str_eq(event, core.event));
	MUST(event.n == 0 || memcmp(image, core.image, sizeof(image)) == 0);
	free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	struct feed feed = {input, n};
	unsigned what = feed_below(&feed, 4);
	uint8_t *bytes = fuzz_copy(feed.p, feed.n);

	if (what == 0)
		try_round(&feed);
	else if (what == 1)
		try_core(bytes, feed.n);
	else
		try_elf(bytes, feed.n);
	free(bytes);
	return 0;
}
