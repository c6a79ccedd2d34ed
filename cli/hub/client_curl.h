/* cli/hub/client_curl.h - what client.c and transfer.c share. */
#ifndef CLI_HUB_CLIENT_CURL_H
#define CLI_HUB_CLIENT_CURL_H

#include "cli/hub/client.h"
#include "cli/hub/curl.h"

/* The client's handle, made if there is none, with all that says whom to ask for what; NULL: no memory. */
CURL *client_handle(struct client *client, const char *page, char error[static CURL_ERROR_SIZE]);
/* It begins anew. */
void client_forget(struct client *client);
/* Why there is no answer; as client_ask. */
int client_unreachable(struct client *client, CURLcode rc, const char *error, bool *gone);
/* The hub refused: says what it says. The answer is taken. */
int client_refused(const struct client *client, long status, json_t *answer);

#endif
