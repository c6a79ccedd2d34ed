/*
 * cli/market/recompute.h - paid lives once more, on a good version: were their answers right nevertheless? Private to
 * cli/market.
 *
 * A hub keeps the events of lives that wrote something, or failed (capsules); of the others nobody can know.
 */
#ifndef CLI_MARKET_RECOMPUTE_H
#define CLI_MARKET_RECOMPUTE_H

#include "cli/hub/client.h"
#include "cli/life.h"

enum recomputed {
	RECOMPUTED_NOT,   /* its event isn't kept, or can't run here */
	RECOMPUTED_SAME,  /* the same output */
	RECOMPUTED_OTHER, /* another one, or none */
	RECOMPUTED_KINDS
};
extern const char *const recomputed_names[RECOMPUTED_KINDS];

/* A charge of the bad version. */
struct recall_row {
	uint64_t entry;
	char *account, *event; /* owned */
	int64_t at, price;
	bool taken_back;
	uint8_t output[32];
	enum recomputed recomputed;
};

/* By event; rows are sorted by it. An exit status. `life`: image, data and config of the good version. */
int recompute(struct recall_row *rows, size_t count, const char *service,
	const struct client_options *client, struct life_options *life);
/* For qsort: by event. */
int recompute_order(const void *a, const void *b);

#endif
