/*
 * fuzz/zone.c - a zone file that an operator attaches to the dns service: it is refused with a place and
 * a reason, or it is served, and each reply, read again strictly, is right.
 */
/* with: tests/unit/services/dns/host.c tests/unit/services/dns/message.c */
/* libfuzzer: -max_len=4096 */
#include <stdlib.h>
#include <string.h>

#include "abi/guest.h"
#include "fuzz/lib/fuzz.h"
#include "tests/unit/services/dns/host.h"
#include "tests/unit/services/dns/message.h"

static const struct {
	const char *name;
	uint16_t type, edns;
} queries[] = {
	{"t.test", DNS_SOA, 0},
	{"a.t.test", DNS_A, 1232},
	{"x.y.t.test", DNS_ANY, 512},
	{"t.test", DNS_MX, 4096},
	{".", DNS_NS, 0},
};

static void ask(void)
{
	static uint8_t reply[65536];
	static struct message m;
	uint8_t query[512];

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		size_t n = host_query(query, queries[i].name, queries[i].type, queries[i].edns);
		size_t size = host_main(MF_SOURCE_UDP, query, n, reply);

		MUST(message_check(&m, query, n, reply, size) == NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	uint8_t *text = fuzz_copy(input, n);
	struct host_file file = {"t.test.zone", text, n};

	if (host_init(&file, 1)) {
		ask();
	} else {
		MUST(strncmp(host_error, "t.test.zone:", 12) == 0 ||
			strncmp(host_error, "the zones don't fit", 19) == 0);
	}
	free(text);
	return 0;
}
