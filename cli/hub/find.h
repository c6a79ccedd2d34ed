/*
 * cli/hub/find.h - which hubs live on this machine.
 */
#ifndef CLI_HUB_FIND_H
#define CLI_HUB_FIND_H

#include "cli/hub/client.h"

#define FIND_MOST 64u

struct found {
	unsigned count, denied; /* that live, and of others: they can't be asked */
	char path[FIND_MOST][CLIENT_PATH];
	char denied_path[CLIENT_PATH]; /* one of them */
};

void find_hubs(struct found *found);
/* The only one, into client->path; else says what there is. */
int find_only(struct client *client);

#endif
