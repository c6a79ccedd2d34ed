/*
 * fuzz/dns.c - a DNS query from anybody, to the dns service with its example zones: the codec
 * (wire/dns.h) and what answers by it. Each reply is read again, strictly.
 */
/* with: tests/unit/services/dns/host.c tests/unit/services/dns/message.c */
#include <stdlib.h>

#include "abi/guest.h"
#include "fuzz/lib/fuzz.h"
#include "services/dns/answer.h"
#include "tests/unit/services/dns/host.h"
#include "tests/unit/services/dns/message.h"
#include "wire/dns.h"
#include "wire/words.h"

static const char *const zone_path = "services/dns/example.test.zone";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct host_file file = {.name = "example.test.zone"};

	(void)argc, (void)argv;
	file.text = host_read(zone_path, &file.n);
	MUST(file.text != NULL); /* run it at the root of the tree */
	MUST(host_init(&file, 1));
	return 0;
}

/* What is read of names stays inside the message, and is a name. */
static void check_names(const uint8_t *bytes, size_t n)
{
	uint8_t name[DNS_NAME_MAX];
	char text[DNS_NAME_TEXT];
	size_t len;

	for (size_t at = 0; at < n && at < 512; at++) {
		size_t end = dns_name_read(bytes, n, at, name, &len);

		if (end == 0)
			continue;
		MUST(end <= n && end > at && len >= 1 && len <= DNS_NAME_MAX);
		MUST(name[len - 1] == 0);
		dns_name_text(text, name);
	}
}

/* The hub says no for the service, in DNS's words. */
static void check_refusals(const uint8_t *query, size_t n)
{
	static struct message m;
	uint8_t answer[WORDS_MOST];

	for (unsigned why = 0; why < REFUSALS; why++) {
		size_t size = words_refuse(WORDS_DNS, why, query, n, answer);

		MUST(size <= sizeof(answer));
		MUST(size == 0 ||
			(dns_is_query(query, n) && message_read(&m, answer, size) == NULL));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
	static uint8_t reply[65536];
	static struct message m;
	bool tcp = n > 0 && (input[0] & 1);
	uint8_t *query;
	size_t size;

	if (n == 0 || n > 65536)
		return 0;
	query = fuzz_copy(input + 1, --n);
	size = host_main(tcp ? MF_SOURCE_TCP : MF_SOURCE_UDP, query, n, reply);
	if (dns_is_query(query, n)) {
		MUST(message_check(&m, query, n, reply, size) == NULL);
		MUST(size <= host_allowed(query, n, tcp));
	} else {
		MUST(size == 0);
	}
	check_names(query, n);
	check_refusals(query, n < WORDS_MOST ? n : WORDS_MOST);
	free(query);
	return 0;
}
