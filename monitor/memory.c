/* The memory of a shell by the guest's addresses: for whoever looks at a life from outside. */
#include <string.h>

#include "monitor/core.h"

static uint8_t *host_of(const struct shell *shell, const struct layout_region *r)
{
	const struct layout *layout = &shell->monitor->layout;

	switch (r->memory) {
	case LAYOUT_INPUT: return shell->areas.input.at;
	case LAYOUT_OUTPUT: return shell->areas.output.at;
	case LAYOUT_SHELL: return shell->window + (r->gpa - layout->shell_gpa);
	default: return shell->monitor->fixed + (r->gpa - layout->fixed_gpa);
	}
}

/* To be looked at, by whoever names an address. */
static bool is_shown(const struct layout_region *r)
{
	return !r->supervisor && r->address >= MF_ADDR_INFO;
}

/* To be kept, in a core: not what may be gigabytes. */
static bool is_piece(const struct layout_region *r)
{
	return is_shown(r) && !layout_is_area(r);
}

const struct layout_region *shell_region(const struct shell *shell, uint64_t address)
{
	const struct layout *layout = &shell->monitor->layout;

	for (unsigned i = 0; i < layout->regions; i++) {
		const struct layout_region *r = &layout->region[i];

		if (address >= r->address && address - r->address < r->bytes)
			return is_shown(r) && host_of(shell, r) != NULL ? r : NULL;
	}
	return NULL;
}

uint8_t *shell_memory(const struct shell *shell, uint64_t address, size_t *n)
{
	const struct layout_region *r = shell_region(shell, address);
	uint64_t off;

	if (r == NULL)
		return NULL;
	off = address - r->address;
	if (*n > r->bytes - off)
		*n = (size_t)(r->bytes - off);
	return host_of(shell, r) + off;
}

size_t shell_read(const struct shell *shell, uint64_t address, void *to, size_t n)
{
	size_t done = 0, piece;
	const uint8_t *from;

	while (done < n) {
		piece = n - done;
		from = shell_memory(shell, address + done, &piece);
		if (from == NULL)
			break;
		memcpy((uint8_t *)to + done, from, piece);
		done += piece;
	}
	return done;
}

bool shell_piece(const struct shell *shell, unsigned i, struct shell_piece *piece)
{
	const struct layout *layout = &shell->monitor->layout;

	for (unsigned k = 0; k < layout->regions; k++) {
		const struct layout_region *r = &layout->region[k];

		if (!is_piece(r) || i-- > 0)
			continue;
		*piece = (struct shell_piece){.address = r->address,
			.bytes = r->bytes,
			.write = r->write,
			.execute = r->execute,
			.from = host_of(shell, r)};
		return true;
	}
	return false;
}
